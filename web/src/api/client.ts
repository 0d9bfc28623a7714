/** Calls of the API. What the server refuses is a Problem, whose message is the server's sentence. */
import { language, say } from "../i18n/index.svelte";
import { search, type Query } from "./query";

export { search, type Query };

export const BASE = "/api/v1";

export class Problem extends Error {
  /** `status` is 0 when the server was not reached. */
  constructor(
    message: string,
    readonly status: number,
    readonly kind: string,
  ) {
    super(message);
  }
}

let onLoginNeeded = (): void => {};

/** What is done when the server asks who this is. */
export function whenLoginIsNeeded(call: () => void): void {
  onLoginNeeded = call;
}

export const get = <T>(path: string, query: Query = {}): Promise<T> => send<T>("GET", path + search(query));
export const post = <T>(path: string, body?: unknown): Promise<T> => send<T>("POST", path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> => send<T>("PATCH", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => send<T>("PUT", path, body);
export const remove = (path: string): Promise<void> => send<void>("DELETE", path);

/** The sentence of an answer that is no success. */
export async function problem(answer: Response): Promise<Problem> {
  const told: unknown = await answer.json().catch(() => null);
  const [title, kind] = [word(told, "title"), word(told, "kind")];
  return new Problem(title || say().serverFailed(answer.status), answer.status, kind);
}

/** What to show for anything that was thrown. */
export function sentence(error: unknown): string {
  return error instanceof Problem ? error.message : say().unexpected(String(error));
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", "Accept-Language": language() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options: RequestInit = { method, headers, credentials: "same-origin", cache: "no-cache" };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(BASE + path, options).catch(() => {
    throw new Problem(say().notReached, 0, "retryable");
  });
  if (!answer.ok) {
    const found = await problem(answer);
    if (answer.status === 401 && path !== "/login") onLoginNeeded();
    throw found;
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

function word(told: unknown, key: string): string {
  const found = typeof told === "object" && told !== null ? (told as Record<string, unknown>)[key] : undefined;
  return typeof found === "string" ? found : "";
}
