/** Numbers, sizes and times as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** 1234567 -> "1.23 MB". */
export function bytes(count: number | null, language = "en"): string {
  if (count === null) return "–";
  let power = 0;
  while (Math.abs(count) >= 999.5 && power < UNITS.length - 1) {
    count /= 1000;
    power += 1;
  }
  return `${significant(count, language)} ${UNITS[power]}`;
}

/** 3725 -> "1 h 02 min"; 65 -> "1 min 05 s"; 4.21 -> "4.2 s". */
export function span(seconds: number | null, language = "en"): string {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${decimal(seconds, 1, language)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** A time that somebody has set: 604800 -> "7 days"; 5400 -> "90 minutes". */
export function lasting(seconds: number, language = "en"): string {
  const units: [number, "day" | "hour" | "minute"][] = [
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  const found = units.find(([length]) => seconds >= length && seconds % length === 0);
  if (!found) return span(seconds, language);
  return numbers(language, { style: "unit", unit: found[1], unitDisplay: "long" }).format(seconds / found[0]);
}

/** A place in a video: 3725.4 -> "1:02:05"; 65 -> "1:05". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** How long ago, in the words of the language. */
export function ago(then: number, now: number, language = "en"): string {
  const words = kept(`ago ${language}`, () => new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" }));
  const seconds = Math.min(0, then - now);
  if (seconds > -60) return words.format(Math.round(seconds), "second");
  if (seconds > -3600) return words.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return words.format(Math.round(seconds / 3600), "hour");
  return words.format(Math.round(seconds / 86400), "day");
}

/** A date with its time. */
export function moment(seconds: number, language = "en"): string {
  const shape = { dateStyle: "medium", timeStyle: "short" } as const;
  return kept(`moment ${language}`, () => new Intl.DateTimeFormat(language, shape)).format(seconds * 1000);
}

/** A share as a percentage that is 100 only when all is done. */
export function percent(share: number): string {
  const held = Math.max(0, Math.min(1, share));
  return `${held >= 1 ? 100 : Math.min(99, Math.floor(held * 100))}%`;
}

export function count(value: number, language = "en"): string {
  return numbers(language).format(value);
}

/** Joules as energy: watt hours from 3600 J on. What a model has reckoned is never shown as if it were measured. */
export function energy(joules: number | null, language = "en", knownBy: readonly string[] = []): string {
  if (joules === null) return "–";
  if (knownBy.includes("model")) return `≈ ${energy(joules, language)}`;
  if (joules < 3600) return `${significant(joules, language)} J`;
  if (joules < 3.6e6) return `${significant(joules / 3600, language)} Wh`;
  return `${significant(joules / 3.6e6, language)} kWh`;
}

/** The same, and how it is known: rapl, battery, meter, model. */
export function energyKnownBy(joules: number | null, language: string, knownBy: readonly string[]): string {
  const told = energy(joules, language, knownBy);
  return knownBy.length ? `${told} (${knownBy.join(", ")})` : told;
}

export function decimal(value: number, digits: number, language = "en"): string {
  const shape = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return numbers(language, shape).format(value);
}

function significant(value: number, language: string): string {
  return numbers(language, { maximumSignificantDigits: 3 }).format(value);
}

const two = (value: number): string => String(value).padStart(2, "0");

/** To make what formats costs more than to format with it a hundred times. */
const made = new Map<string, unknown>();

function kept<T>(key: string, make: () => T): T {
  const found = (made.get(key) as T | undefined) ?? make();
  made.set(key, found);
  return found;
}

function numbers(language: string, shape: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  return kept(`${language} ${JSON.stringify(shape)}`, () => new Intl.NumberFormat(language, shape));
}
