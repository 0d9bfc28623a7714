/** The page's words in the language that was chosen, else the browser's. A key that a catalogue lacks is a type error. */
import { keep, kept } from "../app/kept";
import { en } from "./en";
import { es } from "./es";

export type Same<T> = {
  [K in keyof T]: T[K] extends (...given: infer G) => string
    ? (...given: G) => string
    : T[K] extends string
      ? string
      : Same<T[K]>;
};
export type Messages = Same<typeof en>;
export type Language = "en" | "es";

export const LANGUAGES: Record<Language, string> = { en: "English", es: "Español" };
const CATALOGUES: Record<Language, Messages> = { en, es };

let current = $state<Language>(chosen(kept("language")) ?? chosen(navigator.language.slice(0, 2)) ?? "en");
document.documentElement.lang = current;

/** All messages: `say().jobs`. */
export const say = (): Messages => CATALOGUES[current];
export const language = (): Language => current;

/** The words of one page, which are loaded with it: `const words = inLanguages(en, es)`, then `words().title`. */
export const inLanguages =
  <T>(en: T, es: Same<T>): (() => Same<T>) =>
  () =>
    (current === "es" ? es : en) as Same<T>;

export function setLanguage(wanted: Language): void {
  current = wanted;
  keep("language", wanted);
  document.documentElement.lang = wanted;
}

function chosen(word: string | null): Language | undefined {
  return (Object.keys(CATALOGUES) as Language[]).find((name) => name === word);
}
