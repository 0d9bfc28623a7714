/** The list of workers: what changes in it, what is shown of it, and in which order. */
import type { WorkerView } from "../../api/types";
import { decimal } from "../../format";

export type State = WorkerView["state"];
export const STATES: State[] = ["working", "idle", "paused", "draining", "banned", "lost"];
export type Order = "name" | "speed" | "trust" | "seen";
export const ORDERS: Order[] = ["name", "speed", "trust", "seen"];

export interface Wanted {
  state: State | "all";
  text: string;
  order: Order;
}

/** The workers by id, with what an event tells. */
export function merge(
  workers: Map<string, WorkerView>,
  changed: WorkerView[],
  gone: string[],
): Map<string, WorkerView> {
  const now = new Map(workers);
  for (const worker of changed) now.set(worker.id, worker);
  for (const id of gone) now.delete(id);
  return now;
}

/** What somebody changed here, until the event stream has it too: an event may be older than the answer to a change. */
export class Mine {
  private readonly kept = new Map<string, { worker: WorkerView; until: number }>();

  constructor(private readonly patience = 10_000) {}

  keep(worker: WorkerView, now = Date.now()): void {
    this.kept.set(worker.id, { worker, until: now + this.patience });
  }

  /** Without the workers as they were before they were changed here. */
  newer(workers: WorkerView[], now = Date.now()): WorkerView[] {
    return workers.filter((worker) => {
      const mine = this.kept.get(worker.id);
      if (!mine) return true;
      const same = mine.worker.standing === worker.standing && mine.worker.name === worker.name;
      if (!same && now < mine.until) return false;
      this.kept.delete(worker.id);
      return true;
    });
  }
}

/** Places of names in a language's order. To compare places costs a tenth of comparing names, which hardly change. */
class Places {
  private places = new Map<string, number>();

  constructor(readonly language: string) {}

  of(workers: WorkerView[]): Map<string, number> {
    if (workers.some((worker) => !this.places.has(worker.name))) {
      const order = new Intl.Collator(this.language, { numeric: true, sensitivity: "base" });
      const names = [...new Set(workers.map((worker) => worker.name))].sort(order.compare);
      let place = 0; // names that are the same in this order share one
      this.places = new Map(
        names.map((name, at) => [name, at && order.compare(names[at - 1]!, name) ? ++place : place]),
      );
    }
    return this.places;
  }
}

let places = new Places("en");

export function chosen(workers: Iterable<WorkerView>, wanted: Wanted, language = "en"): WorkerView[] {
  const all = [...workers];
  if (places.language !== language) places = new Places(language);
  const at = places.of(all);
  const by: Record<Order, (a: WorkerView, b: WorkerView) => number> = {
    name: () => 0,
    speed: (a, b) => (b.fps || b.calibrated_fps || 0) - (a.fps || a.calibrated_fps || 0),
    trust: (a, b) => (a.trust ?? 2) - (b.trust ?? 2),
    seen: (a, b) => b.seen - a.seen,
  };
  const text = wanted.text.trim().toLowerCase();
  return all
    .filter((worker) => wanted.state === "all" || worker.state === wanted.state)
    .filter((worker) => text === "" || searched(worker).includes(text))
    .sort((a, b) => by[wanted.order](a, b) || at.get(a.name)! - at.get(b.name)! || (a.id < b.id ? -1 : 1));
}

/** How many there are of each state. */
export function tally(workers: Iterable<WorkerView>): Record<State, number> {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<State, number>;
  for (const worker of workers) counts[worker.state] += 1;
  return counts;
}

/** Frames per second of all that is being encoded now. */
export function speed(workers: Iterable<WorkerView>): number {
  let sum = 0;
  for (const worker of workers) sum += worker.task?.fps ?? 0;
  return sum;
}

/** Frames per second of what it delivered, or by its trials, marked. */
export function speedOf(worker: WorkerView, language: string): string {
  const fps = worker.fps || worker.calibrated_fps || 0;
  return fps ? `${worker.fps ? "" : "≈ "}${decimal(fps, fps < 9.95 ? 1 : 0, language)} fps` : "–";
}

/** A fact of its machine, as far as it tells. */
export function fact(worker: WorkerView, name: string): string {
  const told = worker.machine[name];
  if (Array.isArray(told)) return told.join(", ");
  return typeof told === "string" || typeof told === "number" ? String(told) : "";
}

function searched(worker: WorkerView): string {
  const words = [worker.name, worker.id, worker.device_class, worker.arch, worker.task?.job_name ?? ""];
  return [...words, fact(worker, "system"), fact(worker, "host")].join(" ").toLowerCase();
}
