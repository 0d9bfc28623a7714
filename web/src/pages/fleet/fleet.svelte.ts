/** The workers of the platform, kept current by the event stream. */
import { BASE, get, patch, remove, sentence } from "../../api/client";
import { Feed, type FeedState } from "../../api/feed";
import type { WorkersEvent, WorkerView } from "../../api/types";
import { merge, Mine } from "./workers";

export type Change = { name?: string; standing?: WorkerView["standing"] };

export class Fleet {
  workers = $state.raw<Map<string, WorkerView>>(new Map());
  loaded = $state(false);
  error = $state("");
  feed = $state<FeedState>("connecting");
  private readonly mine = new Mine();

  /** Begins to listen; returns what ends that. */
  open(): () => void {
    const stream = new Feed(`${BASE}/events`, {
      on: { workers: (event) => this.changed(event as WorkersEvent) },
      ask: () => this.load(),
      state: (state) => (this.feed = state),
    });
    void this.load();
    return () => stream.close();
  }

  async load(): Promise<void> {
    try {
      const found = await get<{ workers: WorkerView[] }>("/workers");
      this.workers = merge(new Map(), found.workers, []);
      this.error = "";
    } catch (error) {
      this.error = sentence(error);
    }
    this.loaded = true;
  }

  async change(worker: string, change: Change): Promise<void> {
    const now = await patch<WorkerView>(`/workers/${encodeURIComponent(worker)}`, change);
    this.mine.keep(now);
    this.workers = merge(this.workers, [now], []);
  }

  async forget(worker: string): Promise<void> {
    await remove(`/workers/${encodeURIComponent(worker)}`);
    this.workers = merge(this.workers, [], [worker]);
  }

  private changed(event: WorkersEvent): void {
    this.workers = merge(this.workers, this.mine.newer(event.workers), event.gone);
  }
}
