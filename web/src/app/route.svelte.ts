/** The address that is shown, as state. */
import { parse, type Route } from "./router";

let current = $state.raw<Route>(parse(location.hash));
addEventListener("hashchange", () => (current = parse(location.hash)));

export const route = (): Route => current;

export function go(address: string): void {
  location.hash = address;
}

/** Another address of the same page, which is no step to go back to. */
export function replace(address: string): void {
  history.replaceState(null, "", address);
  current = parse(location.hash);
}
