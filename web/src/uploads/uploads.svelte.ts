/** Uploads under way: a few at a time, each can be paused, and goes on after a lost connection or a reload. */
import type { Upload as Tus } from "tus-js-client";
import { BASE, get, post, Problem, sentence } from "../api/client";
import type { JobView } from "../api/types";
import { say } from "../i18n/index.svelte";
import { begun, fingerprint, forget, remember } from "./begun";
import { Pace } from "./pace";
import { keepSource } from "./sources";

export type UploadState = "waiting" | "running" | "paused" | "done" | "failed";

const AT_ONCE = 3;
const PIECE = 8 << 20; // bytes of a PATCH; small enough for proxies, and for a lost one to cost little
const RETRIES = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000, 60_000, 60_000];

export class Upload {
  state = $state<UploadState>("waiting");
  sent = $state(0);
  speed = $state(0);
  eta = $state<number | null>(null);
  error = $state("");
  private tus: Tus | null = null;
  private pace = new Pace();

  constructor(
    readonly job: string,
    readonly file: File,
    readonly print: string,
    private url: string,
    private readonly next: () => void,
  ) {}

  async start(): Promise<void> {
    this.state = "running";
    this.error = "";
    this.pace.restart();
    try {
      this.tus ??= await this.made();
      if (this.state === "running") this.tus.start();
    } catch (error) {
      this.fail(error);
    }
  }

  async pause(): Promise<void> {
    this.state = "paused";
    [this.speed, this.eta] = [0, null];
    await this.tus?.abort();
    this.next();
  }

  wait(): void {
    this.state = "waiting";
  }

  /** Ends it for good; its job is somebody else's business. */
  async drop(): Promise<void> {
    this.state = "failed";
    await this.tus?.abort();
    forget(this.job);
    this.next();
  }

  private async made(): Promise<Tus> {
    const { Upload: Client } = await import("tus-js-client");
    return new Client(this.file, {
      endpoint: `${BASE}/uploads`,
      uploadUrl: this.url || null,
      metadata: { job: this.job, filename: this.file.name },
      chunkSize: PIECE,
      retryDelays: RETRIES,
      storeFingerprintForResuming: false, // begun.ts keeps more than that
      onUploadUrlAvailable: () => this.keep(),
      onProgress: (sent) => this.progress(sent),
      onShouldRetry: (error) => !refused(error.originalResponse?.getStatus() ?? 0),
      onSuccess: () => this.end(),
      onError: (error) => this.fail(error),
    });
  }

  private keep(): void {
    this.url = this.tus?.url ?? this.url;
    remember({ fingerprint: this.print, job: this.job, name: this.file.name, size: this.file.size, url: this.url });
  }

  private progress(sent: number): void {
    this.sent = sent;
    this.pace.note(sent, performance.now());
    [this.speed, this.eta] = [this.pace.speed, this.pace.left(this.file.size)];
  }

  private end(): void {
    this.sent = this.file.size;
    this.state = "done";
    forget(this.job);
    this.next();
  }

  private fail(error: unknown): void {
    if (this.state !== "running") return;
    this.error = told(error);
    this.state = "failed";
    [this.speed, this.eta] = [0, null];
    this.next();
  }
}

let uploads = $state.raw<Upload[]>([]);

export const shown = (): Upload[] => uploads;
export const underWay = (): boolean => uploads.some((each) => ["running", "waiting"].includes(each.state));

/** Sends a job's source. */
export function send(job: string, file: File, path = "", url = ""): void {
  const print = fingerprint(file, path);
  keepSource(job, file);
  remember({ fingerprint: print, job, name: file.name, size: file.size, url });
  uploads = [...uploads.filter((each) => each.job !== job), new Upload(job, file, print, url, admit)];
  admit();
}

/** Goes on with a file whose upload was begun before the page was loaded; null when it was not, or is done. */
export async function resume(file: File, path = ""): Promise<string | null> {
  const print = fingerprint(file, path);
  const known = begun().find((each) => each.fingerprint === print);
  if (!known || uploads.some((each) => each.job === known.job)) return null;
  const job = await get<JobView>(`/jobs/${encodeURIComponent(known.job)}`).catch((error: unknown) => {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  });
  if (job?.state !== "uploading") {
    forget(known.job);
    return null;
  }
  send(known.job, file, path, known.url);
  return known.job;
}

/** Uploads of which only the name is known, until their file is chosen again. */
export function interrupted(): { job: string; name: string; size: number }[] {
  return begun().filter((each) => !uploads.some((upload) => upload.job === each.job));
}

export async function giveUp(job: string): Promise<void> {
  await uploads.find((each) => each.job === job)?.drop();
  forget(job);
  uploads = uploads.filter((each) => each.job !== job);
  await post(`/jobs/${encodeURIComponent(job)}/cancel`);
}

export function clearDone(): void {
  uploads = uploads.filter((each) => each.state !== "done");
}

function admit(): void {
  const running = uploads.filter((each) => each.state === "running").length;
  for (const each of uploads.filter((upload) => upload.state === "waiting").slice(0, Math.max(0, AT_ONCE - running))) {
    void each.start();
  }
}

/** Statuses that no second try changes. */
function refused(status: number): boolean {
  return status >= 400 && status < 500 && status !== 409 && status !== 423 && status !== 429;
}

/** The server's sentence, when it had one. */
function told(error: unknown): string {
  const answer = (error as { originalResponse?: { getBody(): string } | null }).originalResponse;
  try {
    const title: unknown = JSON.parse(answer?.getBody() ?? "").title;
    if (typeof title === "string") return title;
  } catch {
    // no sentence
  }
  return error instanceof Problem ? sentence(error) : say().uploadBroke;
}

addEventListener("beforeunload", (event) => {
  if (underWay()) event.preventDefault();
});
