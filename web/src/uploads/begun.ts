/** Uploads that were begun in this browser and have not ended, so that a reload can go on with them. */
import { keep, kept } from "../app/kept";

export interface Begun {
  fingerprint: string;
  job: string;
  name: string;
  size: number;
  url: string; // "": not known yet
}

const MOST = 500;

/** What tells one file of this device from another. */
export function fingerprint(file: { name: string; size: number; lastModified: number }, path = ""): string {
  return [path || file.name, file.size, file.lastModified].join(":");
}

export function begun(): Begun[] {
  try {
    const told: unknown = JSON.parse(kept("uploads") ?? "[]");
    return Array.isArray(told) ? told.filter(sound) : [];
  } catch {
    return [];
  }
}

export function remember(upload: Begun): void {
  const others = begun().filter((each) => each.job !== upload.job);
  keep("uploads", JSON.stringify([...others, upload].slice(-MOST)));
}

export function forget(job: string): void {
  keep("uploads", JSON.stringify(begun().filter((each) => each.job !== job)));
}

function sound(told: unknown): told is Begun {
  const each = told as Begun | null;
  return typeof each?.job === "string" && typeof each.fingerprint === "string" && typeof each.url === "string";
}
