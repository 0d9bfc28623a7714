/** The jobs that the page shows: a page of them at a time, kept current by the event stream. */
import { BASE, get, sentence } from "../../api/client";
import { Feed, type FeedState } from "../../api/feed";
import type { JobState, JobSummary, JobsEvent } from "../../api/types";
import { append, merge, type Wanted } from "./merge";

const PAGE = 200;

export class JobList {
  jobs = $state.raw<JobSummary[]>([]);
  more = $state(false);
  loaded = $state(false);
  error = $state("");
  feed = $state<FeedState>("connecting");
  wanted = $state.raw<Wanted>({ states: [], text: "" });

  private next: string | null = null;
  private asking = false;
  private turn = 0; // answers to older questions are dropped
  private stream: Feed | null = null;

  open(): () => void {
    this.stream = new Feed(`${BASE}/events`, {
      on: { jobs: (event) => this.changed(event as JobsEvent) },
      ask: () => this.load(),
      state: (state) => (this.feed = state),
    });
    return () => this.stream?.close();
  }

  want(states: JobState[], text: string): void {
    this.wanted = { states, text };
    void this.load();
  }

  async load(): Promise<void> {
    const turn = ++this.turn;
    try {
      const size = Math.min(1000, Math.max(PAGE, this.jobs.length));
      const found = await this.ask(size, null);
      if (turn !== this.turn) return;
      [this.jobs, this.next, this.error] = [found.jobs, found.next, ""];
    } catch (error) {
      if (turn === this.turn) this.error = sentence(error);
    }
    this.more = this.next !== null;
    this.loaded = true;
  }

  async further(): Promise<void> {
    if (this.asking || this.next === null) return;
    this.asking = true;
    const turn = this.turn;
    try {
      const found = await this.ask(PAGE, this.next);
      if (turn !== this.turn) return;
      [this.jobs, this.next] = [append(this.jobs, found.jobs), found.next];
      this.more = this.next !== null;
    } catch (error) {
      this.error = sentence(error);
    } finally {
      this.asking = false;
    }
  }

  private ask(limit: number, after: string | null): Promise<{ jobs: JobSummary[]; next: string | null }> {
    return get("/jobs", { limit, after, state: this.wanted.states, text: this.wanted.text });
  }

  private changed(event: JobsEvent): void {
    this.jobs = merge(this.jobs, event, this.wanted, !this.more);
  }
}
