import { beforeEach, expect, test, vi } from "vitest";
import { begun, fingerprint, forget, remember } from "../src/uploads/begun";
import { Pace } from "../src/uploads/pace";

const upload = (job: string) => ({ fingerprint: `${job}.mov:5:7`, job, name: `${job}.mov`, size: 5, url: "/u" });

beforeEach(() => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
});

test("uploads that were begun are known after a reload, until they end", () => {
  remember(upload("a"));
  remember(upload("b"));
  remember({ ...upload("a"), url: "/later" });
  expect(begun().map((each) => each.url)).toEqual(["/u", "/later"]);
  forget("b");
  expect(begun().map((each) => each.job)).toEqual(["a"]);
});

test("what somebody else has written there is no upload", () => {
  localStorage.setItem("fallow.uploads", "nonsense");
  expect(begun()).toEqual([]);
  localStorage.setItem("fallow.uploads", '[null, 5, {"job": 1}]');
  expect(begun()).toEqual([]);
});

test("files of one name in two folders are two", () => {
  const file = { name: "a.mov", size: 5, lastModified: 7 };
  expect(fingerprint(file, "x/a.mov")).not.toBe(fingerprint(file, "y/a.mov"));
});

test("speed is that of late, and a pause does not count", () => {
  const pace = new Pace();
  expect([pace.speed, pace.left(100)]).toEqual([0, null]);
  for (let second = 0; second <= 20; second += 1) pace.note(second < 10 ? 0 : (second - 10) * 5, second * 1000);
  expect(pace.speed).toBeCloseTo(5);
  expect(pace.left(100)).toBeCloseTo(10);
  pace.restart();
  expect(pace.speed).toBe(0);
});
