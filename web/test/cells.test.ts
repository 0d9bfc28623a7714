import { expect, test } from "vitest";
import { Cells } from "../src/pages/job/cells";

const map = () =>
  new Cells({
    chunks: 4,
    renditions: ["720p", "240p"],
    cells: { "720p": "dlq.", "240p": "dx" },
    workers: [{ id: "a", name: "Ann" }],
    at: { "720p": { 1: [0, 0.5] } },
  });

test("what a map does not tell is not cut yet", () => {
  const cells = map();
  expect([0, 1, 2, 3].map((number) => cells.letter(1, number)).join("")).toBe("dx..");
  expect(cells.leased(0, 1)).toEqual([0, 0.5]);
  expect(cells.tally()).toMatchObject({ d: 2, l: 1, q: 1, x: 1, ".": 3 });
});

test("an event changes its cells and brings new workers", () => {
  const cells = map();
  const changed = cells.apply({
    chunks: 4,
    cells: [
      ["720p", 1, "d", null, 1],
      ["240p", 2, "l", 1, 0.25],
      ["gone", 0, "d", null, 1],
    ],
    workers: [{ id: "b", name: "Bob" }],
  });
  expect(changed).toEqual([
    [0, 1],
    [1, 2],
  ]);
  expect([cells.leased(0, 1), cells.leased(1, 2), cells.workers.length]).toEqual([null, [1, 0.25], 2]);
});

test("the map has another shape when the number of chunks was an estimate", () => {
  const cells = map();
  expect(cells.apply({ chunks: 6, cells: [["720p", 5, "p", null, 0]], workers: [] })).toBeNull();
  expect(cells.letter(0, 5)).toBe("p");
  expect(cells.apply({ chunks: 3, cells: [], workers: [] })).toBeNull();
  expect(cells.letter(0, 5)).toBe(".");
});
