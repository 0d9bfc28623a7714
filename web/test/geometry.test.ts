import { expect, test } from "vitest";
import { corner, layout, moved, placeAt } from "../src/pages/job/geometry";

test("few chunks have large cells, and 10,000 in four renditions still fit", () => {
  expect(layout(1000, 12, 3, 500).cell).toBe(30);
  const large = layout(1000, 10_000, 4, 500);
  expect(large.height).toBeLessThanOrEqual(560);
  expect(large.cell).toBe(3);
});

test("no cell is cut off at the right edge", () => {
  for (const width of [328, 640, 1111]) {
    const made = layout(width, 5000, 2, 400);
    expect(made.columns * made.cell).toBeLessThanOrEqual(width);
  }
});

test("each cell is found where it is drawn", () => {
  for (const [chunks, renditions] of [
    [1, 1],
    [777, 3],
    [10_000, 2],
  ] as const) {
    const made = layout(610, chunks, renditions, 400);
    for (let rendition = 0; rendition < renditions; rendition += 1) {
      for (const number of [0, made.columns - 1, made.columns, chunks - 1].filter((each) => each < chunks)) {
        const { x, y } = corner(made, { rendition, number });
        expect(placeAt(made, x + 1, y + 1)).toEqual({ rendition, number });
      }
    }
  }
});

test("beside the cells there is nothing", () => {
  const made = layout(300, 5, 2, 400);
  for (const [x, y] of [
    [-1, 30],
    [5, 2],
    [200, 30],
    [5, 1000],
  ] as const) {
    expect(placeAt(made, x, y)).toBeNull();
  }
});

test("arrow keys reach every cell and leave none", () => {
  const made = layout(100, 10, 2, 1000); // three columns: 0 1 2 / 3 4 5 / 6 7 8 / 9
  expect(made.columns).toBe(3);
  expect(moved(made, { rendition: 0, number: 8 }, "ArrowDown")).toEqual({ rendition: 1, number: 2 });
  expect(moved(made, { rendition: 1, number: 2 }, "ArrowUp")).toEqual({ rendition: 0, number: 8 });
  expect(moved(made, { rendition: 1, number: 0 }, "ArrowUp")).toEqual({ rendition: 0, number: 9 });
  expect(moved(made, { rendition: 0, number: 9 }, "ArrowRight")).toEqual({ rendition: 0, number: 9 });
  expect(moved(made, { rendition: 1, number: 9 }, "ArrowDown")).toEqual({ rendition: 1, number: 9 });
  expect(moved(made, { rendition: 0, number: 4 }, "x")).toBeNull();
});
