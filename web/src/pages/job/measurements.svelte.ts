/** What was measured of a job's renditions, or is being measured; kept current by the event stream. */
import { BASE, get, post, sentence } from "../../api/client";
import { Feed } from "../../api/feed";
import type { Curve, Measurement } from "../../api/types";

const ENDED = ["done", "failed", "cancelled"];

export class Measurements {
  list = $state.raw<Measurement[]>([]);
  curves = $state.raw<Record<string, Curve>>({}); // by rendition
  error = $state("");

  private stream: Feed | null = null;
  private watched = ""; // the job that measures, whose events are heard
  private over = false;

  constructor(private readonly job: string) {}

  open(): () => void {
    void this.load();
    return () => {
      this.over = true;
      this.stream?.close();
    };
  }

  of(rendition: string): Measurement | undefined {
    return this.list.find((each) => each.rendition === rendition);
  }

  /** Raises what the server says when it refuses. */
  async measure(rendition: string): Promise<void> {
    await post<Measurement>(this.path, { rendition });
    await this.load();
  }

  async load(): Promise<void> {
    try {
      this.list = (await get<{ measurements: Measurement[] }>(this.path)).measurements;
      this.error = "";
      await Promise.all(this.list.filter((each) => each.state === "done").map((each) => this.fetch(each.rendition)));
    } catch (error) {
      this.error = sentence(error);
    }
    this.watch();
  }

  private async fetch(rendition: string): Promise<void> {
    if (this.curves[rendition]) return;
    const found = await get<Curve>(`${this.path}/${encodeURIComponent(rendition)}`);
    this.curves = { ...this.curves, [rendition]: found };
  }

  /** One at a time: what is told of it is a reason to ask for all. */
  private watch(): void {
    const running = this.list.find((each) => !ENDED.includes(each.state))?.job ?? "";
    if (this.over || running === this.watched) return;
    this.stream?.close();
    this.watched = running;
    this.stream = running
      ? new Feed(`${BASE}/events?job=${encodeURIComponent(running)}`, {
          on: { job: () => void this.load() },
          ask: () => this.load(),
          state: (state) => state === "live" && void this.load(),
        })
      : null;
  }

  private get path(): string {
    return `/jobs/${encodeURIComponent(this.job)}/quality`;
  }
}
