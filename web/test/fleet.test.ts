import { expect, test } from "vitest";
import type { WorkerView } from "../src/api/types";
import { command, loopback, system } from "../src/pages/fleet/commands";
import { QUIET, qr } from "../src/pages/fleet/qr";
import { chosen, fact, merge, Mine, speed, tally } from "../src/pages/fleet/workers";

const URL = "https://fallow.example";

function worker(id: string, more: Partial<WorkerView> = {}): WorkerView {
  return {
    id,
    name: id,
    state: "idle",
    standing: "active",
    machine: {},
    device_class: "pc",
    arch: "x86",
    local: false,
    seen: 0,
    registered: 0,
    fps: 0,
    calibrated_fps: null,
    joules_per_minute: null,
    known_by: [],
    frames: 0,
    wall_seconds: 0,
    tasks: 0,
    failed: 0,
    trust: null,
    reason: "",
    leases: 0,
    task: null,
    ...more,
  };
}
const task = { job: "j", job_name: "Talk.mov", kind: "video", rendition: "720p", number: 1, frames: 9, done_frames: 1, fps: 20 };
const ids = (workers: WorkerView[]): string => workers.map((one) => one.id).join(" ");

test("what an event tells replaces what was known", () => {
  const before = merge(new Map(), [worker("a"), worker("b")], []);
  const after = merge(before, [worker("b", { fps: 9 }), worker("c")], ["a"]);
  expect([...after.keys()]).toEqual(["b", "c"]);
  expect(after.get("b")?.fps).toBe(9);
  expect([...before.keys()]).toEqual(["a", "b"]);
});

test("an event that is older than what was changed here does not undo it", () => {
  const mine = new Mine();
  mine.keep(worker("a", { standing: "draining" }), 1000);
  const before = worker("a"), other = worker("b"), after = worker("a", { standing: "draining", fps: 9 });
  expect(mine.newer([before, other], 2000)).toEqual([other]);
  expect(mine.newer([after], 2000)).toEqual([after]);
  expect(mine.newer([before], 2000)).toEqual([before]); // somebody else changed it back
  mine.keep(after, 3000);
  expect(mine.newer([before], 20_000)).toEqual([before]); // it never came: what is told counts
});

test("workers are found by name, machine and what they are at", () => {
  const all = [worker("a", { name: "Ann’s phone", arch: "arm" }), worker("b", { task, state: "working" })];
  const find = (text: string): string => ids(chosen(all, { state: "all", text, order: "name" }));
  expect([find("PHONE"), find(" talk"), find("arm"), find("nothing")]).toEqual(["a", "b", "a", ""]);
  expect(ids(chosen(all, { state: "working", text: "", order: "name" }))).toBe("b");
});

test("they come in the order that is asked for, and never jump where that is the same", () => {
  const all = [
    worker("b10", { fps: 5, trust: 0.5, seen: 3 }),
    worker("b9", { fps: 5, trust: null, seen: 1 }),
    worker("a", { fps: 1, trust: 0.9, seen: 2 }),
  ];
  const by = (order: "name" | "speed" | "trust" | "seen"): string => ids(chosen(all, { state: "all", text: "", order }));
  expect([by("name"), by("speed"), by("trust"), by("seen")]).toEqual(["a b9 b10", "b9 b10 a", "b10 a b9", "b10 a b9"]);
});

test("how many there are, and how quick they are together", () => {
  const all = [worker("a", { state: "working", task }), worker("b", { state: "working", task }), worker("c")];
  expect([tally(all).working, tally(all).lost, speed(all)]).toEqual([2, 0, 40]);
});

test("a machine tells what it likes", () => {
  const odd = worker("a", { machine: { cores: 8, encoders: ["x", "y"], host: null } });
  expect([fact(odd, "cores"), fact(odd, "encoders"), fact(odd, "host"), fact(odd, "none")]).toEqual(["8", "x, y", "", ""]);
});

test("every command fetches the agent and starts it with the token", () => {
  for (const kind of ["unix", "windows", "android"] as const) {
    const line = command(kind, URL, "T-_1");
    expect(line).toContain(`curl -fO ${URL}/fallow-worker.pyz && python3 fallow-worker.pyz ${URL} --token T-_1`);
  }
});

test("a device is known by its browser", () => {
  expect(system("Mozilla/5.0 (Linux; Android 14; Pixel 8)")).toBe("android");
  expect(system("Mozilla/5.0 (Windows NT 10.0; Win64; x64)")).toBe("windows");
  expect(system("Mozilla/5.0 (Macintosh; Intel Mac OS X)")).toBe("unix");
});

test("addresses that only this machine reaches", () => {
  for (const url of ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"]) expect(loopback(url)).toBe(true);
  for (const url of [URL, "http://localhost.example", "http://192.168.1.2:8000"]) expect(loopback(url)).toBe(false);
});

test("a code has a quiet edge and three corners", () => {
  const { size, path } = qr(`${URL}/#/join/abcdefghijklmnopqrstuvwxyz`);
  expect(size).toBeGreaterThan(21 + 2 * QUIET - 1);
  for (const [x, y] of [[QUIET, QUIET], [size - QUIET - 7, QUIET], [QUIET, size - QUIET - 7]]) {
    expect(path).toContain(`M${x} ${y}h7v1h-7z`);
  }
});
