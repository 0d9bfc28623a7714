/** One job, kept current by the event stream: itself, its map, its timeline and its failures. */
import { BASE, get, Problem, sentence } from "../../api/client";
import { Feed, type FeedState } from "../../api/feed";
import type { Failure, JobMap, JobView, MapEvent, Timeline } from "../../api/types";
import { Cells } from "./cells";

const BETWEEN = 10_000; // milliseconds between two questions for what no event brings
type Draw = (changed: [rendition: number, number: number][] | null) => void;

export class WatchedJob {
  job = $state.raw<JobView | null>(null);
  cells = new Cells();
  shape = $state(0); // counts what changes the map as a whole
  steps = $state(0); // counts all changes of the map
  timeline = $state.raw<Timeline | null>(null);
  failures = $state.raw<Failure[]>([]);
  error = $state("");
  missing = $state(false);
  feed = $state<FeedState>("connecting");
  draw: Draw = () => {};

  private stream: Feed | null = null;
  private asked = 0;

  constructor(readonly id: string) {}

  open(): () => void {
    void this.load();
    this.stream = new Feed(`${BASE}/events?job=${encodeURIComponent(this.id)}`, {
      on: { job: (job) => this.changed(job as JobView), map: (event) => this.mapped(event as MapEvent) },
      ask: () => this.load(),
      state: (state) => (this.feed = state),
    });
    const timer = setInterval(() => {
      if (!document.hidden && this.job && !this.ended) void this.details();
    }, BETWEEN);
    return () => {
      this.stream?.close();
      clearInterval(timer);
    };
  }

  get ended(): boolean {
    return this.job !== null && ["done", "failed", "cancelled"].includes(this.job.state);
  }

  changed(job: JobView): void {
    const [before, was] = [this.ended, this.job?.state];
    this.job = job;
    if (was !== undefined && (before !== this.ended || was !== job.state)) void this.details();
  }

  async load(): Promise<void> {
    try {
      const [job, map] = await Promise.all([this.ask<JobView>(""), this.ask<JobMap>("/map")]);
      [this.job, this.error, this.missing] = [job, "", false];
      this.cells = new Cells(map);
      this.shape += 1;
      this.steps += 1;
      await this.details();
    } catch (error) {
      this.missing = error instanceof Problem && error.status === 404;
      this.error = sentence(error);
    }
  }

  private async details(): Promise<void> {
    const turn = ++this.asked;
    const [timeline, failures] = await Promise.all([
      this.ask<Timeline>("/timeline"),
      this.ask<{ failures: Failure[] }>("/failures"),
    ]).catch((error: unknown) => {
      this.error = sentence(error);
      return [null, null] as const;
    });
    if (turn !== this.asked || !timeline) return;
    [this.timeline, this.failures] = [timeline, failures.failures];
  }

  private mapped(event: MapEvent): void {
    const changed = this.cells.apply(event);
    if (changed === null) this.shape += 1;
    else this.draw(changed);
    this.steps += 1;
  }

  private ask<T>(what: string): Promise<T> {
    return get<T>(`/jobs/${encodeURIComponent(this.id)}${what}`);
  }
}
