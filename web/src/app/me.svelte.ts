/** Who uses the page, and what they may do. Who is nobody is asked to log in, and comes back to where they were. */
import { get, post, Problem, whenLoginIsNeeded } from "../api/client";
import type { Me, Role } from "../api/types";
import { go } from "./route.svelte";
import { parse, to, type Page } from "./router";

export type Standing = "asking" | "known" | "nobody" | "unreached";

/** Pages for who is nobody yet. */
export const OPEN: Page[] = ["login", "setup", "join"];

const RANKS: Role[] = ["viewer", "submitter", "admin"];

let current = $state.raw<Me | null>(null);
let standing = $state<Standing>("asking");

export const me = (): Me | null => current;
export const known = (): Standing => standing;

/** Whether who uses the page has this role, or one that may do more. */
export const may = (role: Role): boolean => current !== null && RANKS.indexOf(current.role) >= RANKS.indexOf(role);

/** Asks the server who this is. */
export async function ask(): Promise<void> {
  if (standing !== "known") standing = "asking";
  try {
    welcome(await get<Me>("/me"));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) standing = "unreached";
  }
}

export function welcome(somebody: Me): void {
  current = somebody;
  standing = "known";
}

export async function logOut(): Promise<void> {
  await post<void>("/logout");
  go(to("login"));
  forget();
}

function forget(): void {
  current = null;
  standing = "nobody";
}

/** To the login, and back; from pages that are for everybody, nowhere. */
export function askToLogIn(): void {
  if (!OPEN.includes(parse(location.hash).page)) go(to("login", "", { back: location.hash }));
}

whenLoginIsNeeded(forget);
