/** The list of jobs as events change it: newest first, only those that are wanted. */
import type { JobState, JobSummary, JobsEvent } from "../../api/types";

export interface Wanted {
  states: JobState[]; // none: all
  text: string;
}

export function fits(job: JobSummary, wanted: Wanted): boolean {
  const named = job.name.toLowerCase().includes(wanted.text.toLowerCase()) || job.id === wanted.text;
  return named && (wanted.states.length === 0 || wanted.states.includes(job.state));
}

/** `whole`: the list holds all that there are; else nothing older than its last job may come in between. */
export function merge(list: JobSummary[], event: JobsEvent, wanted: Wanted, whole: boolean): JobSummary[] {
  const changed = new Map(event.jobs.map((job) => [job.id, job]));
  const gone = new Set(event.gone);
  const kept: JobSummary[] = [];
  for (const job of list) {
    const now = changed.get(job.id) ?? job;
    changed.delete(job.id);
    if (!gone.has(job.id) && fits(now, wanted)) kept.push(now);
  }
  const oldest = whole ? -Infinity : (list.at(-1)?.created ?? -Infinity);
  const fresh = [...changed.values()].filter((job) => !gone.has(job.id) && job.created >= oldest && fits(job, wanted));
  if (fresh.length === 0) return kept;
  return [...kept, ...fresh].sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
}

/** A further page, without what events have brought already. */
export function append(list: JobSummary[], page: JobSummary[]): JobSummary[] {
  const known = new Set(list.map((job) => job.id));
  return [...list, ...page.filter((job) => !known.has(job.id))];
}
