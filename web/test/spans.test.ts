import { expect, test } from "vitest";
import type { Span } from "../src/api/types";
import { follow, middle } from "../src/pages/job/lock";
import { arrange, step } from "../src/pages/job/spans";

const span = (worker: number, from: number, to: number | null): Span => [worker, "video", "720p", 0, from, to, ""];

test("a worker that does two things at a time has two lanes", () => {
  const made = arrange([span(0, 0, 10), span(1, 2, 4), span(0, 5, 15), span(0, 10, 12)], 2, 0);
  expect(made.lanes).toEqual([0, 0, 1]);
  expect(made.bars.map((bar) => bar.lane)).toEqual([0, 1, 0, 2]);
  expect([made.begin, made.end]).toEqual([0, 15]);
});

test("what runs reaches to now", () => expect(arrange([span(0, 5, null)], 1, 9).end).toBe(9));

test("an empty timeline has an end", () => expect(arrange([], 0, 9)).toMatchObject({ begin: 9, end: 9 }));

test("an axis has few, round marks", () => {
  expect([step(10, 6), step(100, 6), step(5000, 6), step(1e7, 6)]).toEqual([2, 30, 900, 1728000]);
});

test("a video that is a little behind hurries, one that is far behind jumps", () => {
  expect(follow(10, 10.001, 0.04)).toEqual({ rate: 1, jump: null });
  expect(follow(10, 9.95, 0.04).rate).toBeCloseTo(1.1);
  expect(follow(10, 9.8, 0.04)).toEqual({ rate: 1.25, jump: null });
  expect(follow(10, 9, 0.04)).toEqual({ rate: 1, jump: 10 });
});

test("the middle of a frame, whichever side its time was rounded to", () => {
  const frame = 1 / 30;
  for (const number of [0, 1, 7, 1799]) {
    for (const off of [-1e-6, 0, 1e-6, frame * 0.9]) {
      expect(Math.floor(middle(number * frame + off, frame) / frame)).toBe(number);
    }
  }
});
