/** What is typed on a device so that it joins: one line each, which fetches the agent and starts it. */

export type System = "unix" | "windows" | "android";
export const SYSTEMS: System[] = ["unix", "windows", "android"];

/** `url` is the platform, as the device reaches it. */
export function command(system: System, url: string, token: string): string {
  const run = `curl -fO ${url}/fallow-worker.pyz && python3 fallow-worker.pyz ${url} --token ${token}`;
  if (system === "windows") return `wsl sh -c "${run}"`;
  if (system === "android") return `pkg install -y python ffmpeg && ${run}`;
  return run;
}

/** What this device most likely is. */
export function system(agent: string): System {
  if (/android/i.test(agent)) return "android";
  return /windows/i.test(agent) ? "windows" : "unix";
}

/** Whether only the platform's own machine reaches this address. */
export function loopback(url: string): boolean {
  return /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:\d+)?(\/|$)/.test(url);
}
