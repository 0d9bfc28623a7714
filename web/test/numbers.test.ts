import { expect, test } from "vitest";
import { families, filled, period, RANGES, total } from "../src/pages/numbers/series";

test("a span ends now and begins at a multiple of its step", () => {
  const found = period("hour", 10_000.5);
  expect(found).toEqual({ since: 6420, until: 10_020, step: 60 });
  expect(period("hour", 10_019).since).toBe(found.since);
});

test("no span has more steps than the server tells", () => {
  for (const { seconds, step } of Object.values(RANGES)) {
    expect(seconds % step).toBe(0);
    expect(seconds / step).toBeLessThanOrEqual(1000);
  }
});

test("where nothing was delivered there is nothing", () => {
  const series = filled(
    [
      [120, 600, 30, 5000],
      [999, 1, 1, 1], // outside
    ],
    { since: 60, until: 240, step: 60 },
  );
  expect(series.times).toEqual([60, 120, 180]);
  expect(series.frames).toEqual([0, 10, 0]);
  expect(series.minutes).toEqual([0, 0.5, 0]);
  expect(total(series.bytes)).toBe(5000);
});

test("families of processors share the frames", () => {
  const device = { device_class: "pc", workers: 1, wall_seconds: 1, cpu_seconds: 1, joules: null, known_by: [] };
  const found = families([
    { ...device, arch: "arm", frames: 100 },
    { ...device, arch: "x86", frames: 250 },
    { ...device, arch: "arm64", frames: 50 },
  ]);
  expect(found).toEqual([
    { arch: "x86", frames: 250, share: 0.625 },
    { arch: "arm", frames: 150, share: 0.375 },
  ]);
  expect(families([])).toEqual([]);
});
