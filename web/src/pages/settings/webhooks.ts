/** What the API tells of webhooks and their calls. */

export const EVENTS = ["job.done", "job.failed", "job.cancelled"] as const;
export type HookEvent = (typeof EVENTS)[number];

export interface Webhook {
  id: string;
  owner: string;
  url: string;
  events: HookEvent[];
  created: number;
  failing: number | null;
  stopped: string;
}

export interface HookCall {
  id: string;
  job: string;
  event: HookEvent;
  state: "waiting" | "delivered" | "given-up";
  created: number;
  attempt: number;
  due: number | null;
  status: number | null;
  error: string;
}

export interface Trial {
  delivered: boolean;
  status: number | null;
  error: string;
  seconds: number;
}

/** How a webhook does, for its badge. */
export function health(hook: Webhook): "works" | "failing" | "stopped" {
  if (hook.stopped) return "stopped";
  return hook.failing === null ? "works" : "failing";
}

/** Where it leads, without what may be secret in it, for headings and labels. */
export function place(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
