/** What a profile's keys mean, in words. */
import type { Profile } from "../../api/types";
import { decimal } from "../../format";
import type { Messages } from "../../i18n/index.svelte";

export function size(profile: Profile): string {
  return profile.width && profile.height ? `${profile.width} × ${profile.height}` : "";
}

/** What a profile is for. Those that come with Fallow are described in all languages. */
export function purpose(profile: Profile, say: Messages): string {
  const told = profile.description ?? "";
  return profile.source === "built-in" ? say.purpose(profile.name, told) : told;
}

export function quality(profile: Profile, say: Messages, language = "en"): string {
  const most = profile.maxrate_kbps ? say.atMost(rate(profile.maxrate_kbps, language)) : "";
  if (profile.bitrate_kbps) return [rate(profile.bitrate_kbps, language), most].filter(Boolean).join(", ");
  if (profile.crf !== null && profile.crf !== undefined) return [`CRF ${profile.crf}`, most].filter(Boolean).join(", ");
  return most;
}

export function rate(kbps: number, language = "en"): string {
  if (kbps < 1000) return `${kbps} kb/s`;
  return `${decimal(kbps / 1000, kbps % 1000 < 50 ? 0 : 1, language)} Mb/s`;
}

/** The number that is typed, or null for none. */
export function typed(text: string): number | null {
  return text.trim() === "" || Number.isNaN(Number(text)) ? null : Number(text);
}
