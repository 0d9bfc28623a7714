/** What ran where, as bars of a timeline: which line each is in, and where it is in a window of time. */
import type { Span } from "../../api/types";

export interface Bar {
  span: Span;
  lane: number;
  begin: number;
  end: number;
}

export interface Lanes {
  bars: Bar[];
  lanes: number[]; // the worker of each lane
  begin: number;
  end: number;
}

/** Workers that do several things at a time have several lanes. Running spans reach to `now`. */
export function arrange(spans: Span[], workers: number, now: number): Lanes {
  const mine: Bar[][] = Array.from({ length: workers }, () => []);
  for (const span of spans) mine[span[0]]?.push({ span, lane: 0, begin: span[4], end: Math.max(span[4], span[5] ?? now) });
  const bars: Bar[] = [];
  const lanes: number[] = [];
  for (const [worker, each] of mine.entries()) {
    const ends: number[] = []; // of the last bar in each lane of this worker
    for (const bar of each.sort((a, b) => a.begin - b.begin)) {
      let free = ends.findIndex((end) => end <= bar.begin + 0.001);
      if (free < 0) free = ends.push(0) - 1;
      ends[free] = bar.end;
      bars.push({ ...bar, lane: lanes.length + free });
    }
    lanes.push(...ends.map(() => worker));
  }
  const begin = Math.min(...bars.map((bar) => bar.begin), Infinity);
  const end = Math.max(...bars.map((bar) => bar.end), -Infinity);
  return { bars, lanes, begin: Number.isFinite(begin) ? begin : now, end: Number.isFinite(end) ? end : now };
}

/** Round steps for an axis of so many seconds with about so many marks. */
export function step(seconds: number, marks: number): number {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  return steps.find((each) => seconds / each <= marks) ?? 86400 * Math.ceil(seconds / 86400 / marks);
}
