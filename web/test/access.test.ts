import { expect, test } from "vitest";
import { trial, within } from "../src/pages/settings/access";

test("nobody gives a token more than they have", () => {
  expect(within("viewer")).toEqual(["viewer"]);
  expect(within("admin")).toEqual(["viewer", "submitter", "admin"]);
});

test("a token is tried with a line", () => {
  expect(trial("https://fallow.example", "fallow_x")).toBe(
    'curl -H "Authorization: Bearer fallow_x" https://fallow.example/api/v1/me',
  );
});
