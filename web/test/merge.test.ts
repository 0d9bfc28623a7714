import { expect, test } from "vitest";
import type { JobState, JobSummary } from "../src/api/types";
import { append, merge } from "../src/pages/jobs/merge";

const job = (id: string, created: number, state: JobState = "encoding", name = id): JobSummary =>
  ({ id, created, state, name }) as JobSummary;
const all = { states: [], text: "" };
const ids = (list: JobSummary[]): string => list.map((each) => each.id).join("");

test("new jobs come first, changed ones stay where they are, gone ones go", () => {
  const list = [job("c", 3), job("b", 2), job("a", 1)];
  const now = merge(list, { jobs: [job("d", 4), job("b", 2, "done")], gone: ["a"] }, all, true);
  expect(ids(now)).toBe("dcb");
  expect(now[2]?.state).toBe("done");
});

test("what does not fit the filter any more leaves the list, and what never did does not enter", () => {
  const wanted = { states: ["encoding" as const], text: "talk" };
  const list = [job("b", 2, "encoding", "Talk.mov")];
  const event = { jobs: [job("b", 2, "done", "Talk.mov"), job("c", 3, "encoding", "film")], gone: [] };
  expect(merge(list, event, wanted, true)).toEqual([]);
});

test("a job from further down waits for its page", () => {
  expect(ids(merge([job("c", 3)], { jobs: [job("a", 1)], gone: [] }, all, false))).toBe("c");
  expect(ids(append([job("c", 3), job("b", 2)], [job("b", 2), job("a", 1)]))).toBe("cba");
});
