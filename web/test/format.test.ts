import { expect, test } from "vitest";
import { ago, bytes, clock, energy, energyKnownBy, lasting, percent, span } from "../src/format";

test("sizes have three digits", () => {
  expect([0, 999, 999.6, 1000, 1234567, 3.21e12].map((size) => bytes(size))).toEqual([
    "0 B",
    "999 B",
    "1 kB",
    "1 kB",
    "1.23 MB",
    "3.21 TB",
  ]);
  expect(bytes(null)).toBe("–");
  expect(bytes(1234567, "es")).toBe("1,23 MB");
});

test("times have the two units that matter", () => {
  expect([0.04, 9.9, 9.96, 59.4, 60, 3599, 3600, 90000, 300000].map((seconds) => span(seconds))).toEqual([
    "0.0 s",
    "9.9 s",
    "10 s",
    "59 s",
    "1 min 00 s",
    "59 min 59 s",
    "1 h 00 min",
    "25 h 00 min",
    "3 d 11 h",
  ]);
  expect(span(Infinity)).toBe("–");
});

test("places in a video", () => expect([clock(5), clock(65.9), clock(3725)]).toEqual(["0:05", "1:05", "1:02:05"]));

test("only what is done is 100%", () => expect([percent(0.9999), percent(1), percent(-1)]).toEqual(["99%", "100%", "0%"]));

test("energy that a model has reckoned is not shown as measured", () => {
  expect([energy(10, "en", ["model", "rapl"]), energy(10, "en", ["rapl"])]).toEqual(["≈ 10 J", "10 J"]);
  expect(energyKnownBy(10, "en", ["model"])).toBe("≈ 10 J (model)");
});
test("energy", () => expect([energy(10), energy(7200), energy(7.2e6)]).toEqual(["10 J", "2 Wh", "2 kWh"]));

test("the past, even when clocks differ", () => {
  expect(ago(100, 40)).toBe("now");
  expect(ago(0, 7200)).toBe("2 hr. ago");
});

test("times that were set are whole", () => {
  expect([604_800, 86_400, 7200, 60, 5400, 0.5].map((seconds) => lasting(seconds))).toEqual([
    "7 days",
    "1 day",
    "2 hours",
    "1 minute",
    "90 minutes",
    "0.5 s",
  ]);
  expect(lasting(604_800, "es")).toBe("7 días");
});
