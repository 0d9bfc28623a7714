/** The event stream, with a fall-back: where it cannot be had, the page asks, once in ten seconds at most. */

export type FeedState = "connecting" | "live" | "asking";

/** What a browser's EventSource offers, so that tests can be the server. */
export interface Source {
  readonly readyState: number;
  addEventListener(kind: string, call: (event: { data: string }) => void): void;
  close(): void;
}

export interface Surroundings {
  open(url: string): Source;
  later(call: () => void, milliseconds: number): unknown;
  never(timer: unknown): void;
}

export const PAUSE = 10_000; // milliseconds between two questions, and between two tries to connect
const CLOSED = 2;

const BROWSER: Surroundings = {
  open: (url) => new EventSource(url) as unknown as Source,
  later: (call, milliseconds) => setTimeout(call, milliseconds),
  never: (timer) => clearTimeout(timer as number),
};

export interface Wishes {
  /** What to do with each kind of event. */
  on: Record<string, (data: unknown) => void>;
  /** Ask for everything: changes may have been missed. */
  ask: () => Promise<void>;
  /** Told how things stand. */
  state?: (state: FeedState) => void;
}

export class Feed {
  private source: Source | null = null;
  private timer: unknown = null;
  private over = false;
  private missed = false; // whether changes may have been missed since the stream was last heard

  constructor(
    private readonly url: string,
    private readonly wishes: Wishes,
    private readonly around: Surroundings = BROWSER,
  ) {
    this.tell("connecting");
    this.connect();
  }

  close(): void {
    this.over = true;
    this.source?.close();
    this.around.never(this.timer);
  }

  private connect(): void {
    const source = (this.source = this.around.open(this.url));
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    source.addEventListener("resync", () => void this.ask());
    for (const [kind, call] of Object.entries(this.wishes.on)) {
      source.addEventListener(kind, (event) => call(JSON.parse(event.data)));
    }
  }

  private opened(): void {
    this.around.never(this.timer);
    this.timer = null;
    this.tell("live");
    if (this.missed) void this.ask();
    this.missed = false;
  }

  private failed(source: Source): void {
    if (this.over || source !== this.source) return;
    this.tell("connecting");
    // The browser tries again by itself, and tells the server what it has heard last; unless it was turned away.
    if (source.readyState === CLOSED) this.missed = true;
    if (this.timer === null) this.timer = this.around.later(() => this.wait(), PAUSE);
  }

  private wait(): void {
    this.timer = null;
    if (this.over) return;
    this.tell("asking");
    void this.ask().finally(() => {
      if (this.over) return;
      this.timer = this.around.later(() => this.wait(), PAUSE);
      if (this.source?.readyState === CLOSED) this.connect();
    });
  }

  private async ask(): Promise<void> {
    await this.wishes.ask().catch(() => {});
  }

  private tell(state: FeedState): void {
    if (!this.over) this.wishes.state?.(state);
  }
}
