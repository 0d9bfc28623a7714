import { expect, test } from "vitest";
import { search } from "../src/api/query";
import { en } from "../src/i18n/en";
import { es } from "../src/i18n/es";

test("both languages say all, and not the same", () => {
  const flat = (given: object): string[] =>
    Object.values(given).flatMap((each: unknown) => (typeof each === "object" && each ? flat(each) : [String(each)]));
  expect(flat(es).length).toBe(flat(en).length);
  expect(flat(es).filter((word) => word.trim() === "")).toEqual([]);
});

test("queries leave out what is empty", () => {
  expect(search({ a: 1, b: "", c: null, d: ["x", "y z"], e: 0 })).toBe("?a=1&d=x&d=y+z&e=0");
  expect(search({})).toBe("");
});
