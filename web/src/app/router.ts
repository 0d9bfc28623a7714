/** Addresses of pages: `#/jobs/ID?tab=map`. Pure, so that tests need no browser. */

export type Page = "jobs" | "job" | "submit" | "fleet" | "numbers" | "settings" | "login" | "setup" | "missing";

export interface Route {
  page: Page;
  id: string; // of the job, "" elsewhere
  query: URLSearchParams;
}

const PLAIN: Page[] = ["jobs", "submit", "fleet", "numbers", "settings", "login", "setup"];

/** What an address means; the list of jobs is what an empty one means. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const [first = "", second = "", ...more] = path.split("/");
  if (first === "") return { page: "jobs", id: "", query };
  if (first === "jobs" && second !== "" && more.length === 0) return { page: "job", id: decode(second), query };
  const page = PLAIN.find((name) => name === first && second === "");
  return { page: page ?? "missing", id: "", query };
}

/** The address of a page. */
export function to(page: Page, id = "", query: Record<string, string> = {}): string {
  const path = page === "job" ? `jobs/${encodeURIComponent(id)}` : page;
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
