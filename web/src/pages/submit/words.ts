/** What a profile's keys mean, in words. */
import type { Profile } from "../../api/types";
import type { Messages } from "../../i18n/index.svelte";

export function size(profile: Profile): string {
  return profile.width && profile.height ? `${profile.width} × ${profile.height}` : "";
}

export function quality(profile: Profile, say: Messages): string {
  const most = profile.maxrate_kbps ? say.atMost(rate(profile.maxrate_kbps)) : "";
  if (profile.bitrate_kbps) return [rate(profile.bitrate_kbps), most].filter(Boolean).join(", ");
  if (profile.crf !== null && profile.crf !== undefined) return [`CRF ${profile.crf}`, most].filter(Boolean).join(", ");
  return most;
}

export function rate(kbps: number): string {
  return kbps >= 1000 ? `${Math.round(kbps / 100) / 10} Mb/s` : `${kbps} kb/s`;
}

/** The number that is typed, or null for none. */
export function typed(text: string): number | null {
  return text.trim() === "" || Number.isNaN(Number(text)) ? null : Number(text);
}
