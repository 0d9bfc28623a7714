import { expect, test } from "vitest";
import { parse, to } from "../src/app/router";

test("an empty address is the list of jobs", () => {
  expect(parse("").page).toBe("jobs");
  expect(parse("#/").page).toBe("jobs");
});

test("an address leads back to where it was made", () => {
  const id = "a b/ü?";
  const found = parse(to("job", id, { tab: "map", none: "" }));
  expect([found.page, found.id, found.query.toString()]).toEqual(["job", id, "tab=map"]);
});

test("what no page has is missing", () => {
  for (const hash of ["#/nowhere", "#/jobs/a/b", "#/fleet/x"]) expect(parse(hash).page).toBe("missing");
  expect(parse("#/jobs/%E0%A4%A").id).toBe("%E0%A4%A");
});

test("links that are given to somebody carry a token", () => {
  expect([parse("#/setup/abc").page, parse("#/setup/abc").id]).toEqual(["setup", "abc"]);
  const found = parse(to("join", "a/b-_"));
  expect([found.page, found.id]).toEqual(["join", "a/b-_"]);
  expect(parse("#/setup").page).toBe("missing");
});
