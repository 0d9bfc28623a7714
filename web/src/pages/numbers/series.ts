/** What the statistics' rows mean for charts: spans of time, gaps that are filled, shares. */

export interface Statistics {
  since: number;
  until: number;
  step: number;
  throughput: [at: number, frames: number, seconds: number, bytes: number][];
  devices: DeviceShare[];
  profiles: Pace[];
  failures: { cause: string; count: number }[];
}

export interface DeviceShare {
  device_class: string;
  arch: string;
  workers: number;
  frames: number;
  wall_seconds: number;
  cpu_seconds: number;
  joules: number | null;
  known_by: string[];
}

export interface Pace {
  profile: string;
  device_class: string;
  minutes: number;
  seconds_per_minute: number;
  joules_per_minute: number | null;
  known_by: string[];
}

export type Range = "hour" | "day" | "week" | "month";
export const RANGES: Record<Range, { seconds: number; step: number }> = {
  hour: { seconds: 3600, step: 60 },
  day: { seconds: 86_400, step: 900 },
  week: { seconds: 7 * 86_400, step: 7200 },
  month: { seconds: 30 * 86_400, step: 28_800 },
};

export interface Period {
  since: number;
  until: number;
  step: number;
}

/** The span that ends now; it begins at a multiple of its step, so that a row stays the same row a moment later. */
export function period(range: Range, now: number): Period {
  const { seconds, step } = RANGES[range];
  const until = Math.ceil(now / step) * step;
  return { since: until - seconds, until, step };
}

export interface Series {
  times: number[];
  frames: number[]; // a second
  minutes: number[]; // of video, in a step
  bytes: number[]; // in a step
}

/** A point for each step; nothing was delivered where there is no row. */
export function filled(rows: Statistics["throughput"], span: Period): Series {
  const steps = Math.round((span.until - span.since) / span.step);
  const nothing = (): number[] => new Array<number>(steps).fill(0);
  const series: Series = { times: [], frames: nothing(), minutes: nothing(), bytes: nothing() };
  for (let at = 0; at < steps; at += 1) series.times.push(span.since + at * span.step);
  for (const [time, frames, seconds, bytes] of rows) {
    const at = Math.round((time - span.since) / span.step);
    if (at < 0 || at >= steps) continue;
    series.frames[at] = frames / span.step;
    series.minutes[at] = seconds / 60;
    series.bytes[at] = bytes;
  }
  return series;
}

/** How much of all frames each family of processors has made, the largest share first. */
export function families(devices: DeviceShare[]): { arch: string; frames: number; share: number }[] {
  const frames = new Map<string, number>();
  for (const device of devices) {
    const family = device.arch.startsWith("arm") ? "arm" : device.arch;
    frames.set(family, (frames.get(family) ?? 0) + device.frames);
  }
  const all = [...frames.values()].reduce((sum, one) => sum + one, 0);
  return [...frames]
    .map(([arch, made]) => ({ arch, frames: made, share: all ? made / all : 0 }))
    .sort((a, b) => b.frames - a.frames);
}

export const total = (numbers: number[]): number => numbers.reduce((sum, one) => sum + one, 0);
