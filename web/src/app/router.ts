/** Addresses of pages: `#/jobs/ID?tab=map`. Pure, so that tests need no browser. */

export type Page =
  | "jobs"
  | "job"
  | "submit"
  | "fleet"
  | "numbers"
  | "settings"
  | "login"
  | "setup"
  | "join"
  | "missing";

export interface Route {
  page: Page;
  id: string; // of the job, or the token of a link that was given to somebody; "" elsewhere
  query: URLSearchParams;
}

const PLAIN: Page[] = ["jobs", "submit", "fleet", "numbers", "settings", "login"];
/** What they are called in an address, and that a word follows. */
const WITH_WORD: Partial<Record<string, Page>> = { jobs: "job", setup: "setup", join: "join" };

/** What an address means; the list of jobs is what an empty one means. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [first = "", second = "", ...more] = path.split("/");
  if (first === "") return { page: "jobs", id: "", query };
  const named = WITH_WORD[first];
  if (named && second !== "" && more.length === 0) return { page: named, id: decode(second), query };
  const page = PLAIN.find((name) => name === first && second === "");
  return { page: page ?? "missing", id: "", query };
}

/** The address of a page. */
export function to(page: Page, id = "", query: Record<string, string> = {}): string {
  const path = id === "" ? page : `${page === "job" ? "jobs" : page}/${encodeURIComponent(id)}`;
  const told = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return `#/${path}${told.size ? `?${told}` : ""}`;
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
