import { expect, test } from "vitest";
import { health, place, type Webhook } from "../src/pages/settings/webhooks";

const hook: Webhook = {
  id: "h",
  owner: "anna",
  url: "https://example.com:8443/told?key=secret",
  events: ["job.done"],
  created: 1,
  failing: null,
  stopped: "",
};

test("how a webhook does is told in a word", () => {
  expect(health(hook)).toBe("works");
  expect(health({ ...hook, failing: 1 })).toBe("failing");
  expect(health({ ...hook, failing: 1, stopped: "It wants no more." })).toBe("stopped");
});

test("a webhook is named without what may be secret in its URL", () => {
  expect(place(hook.url)).toBe("example.com:8443");
  expect(place("nonsense")).toBe("nonsense");
});
