/** Light, dark, or as the system says. */
import { keep, kept } from "./kept";

export type Theme = "system" | "light" | "dark";
export const THEMES: Theme[] = ["system", "light", "dark"];

let current = $state<Theme>(THEMES.find((theme) => theme === kept("theme")) ?? "system");
show();

export const theme = (): Theme => current;

export function setTheme(wanted: Theme): void {
  current = wanted;
  keep("theme", wanted === "system" ? null : wanted);
  show();
}

/** Calls back whenever colours may have changed; returns what ends that. For canvases, which know no CSS. */
export function onColours(call: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const attribute = new MutationObserver(call);
  attribute.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", call);
  return () => {
    attribute.disconnect();
    system.removeEventListener("change", call);
  };
}

function show(): void {
  if (current === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current;
}
