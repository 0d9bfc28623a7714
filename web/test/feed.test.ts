import { expect, test, vi } from "vitest";
import { Feed, PAUSE, type FeedState, type Source } from "../src/api/feed";

class Server implements Source {
  readyState = 0;
  calls: Record<string, ((event: { data: string }) => void)[]> = {};
  closed = false;
  addEventListener(kind: string, call: (event: { data: string }) => void): void {
    (this.calls[kind] ??= []).push(call);
  }
  close(): void {
    this.closed = true;
  }
  send(kind: string, data: unknown = null): void {
    for (const call of this.calls[kind] ?? []) call({ data: JSON.stringify(data) });
  }
  break(readyState: number): void {
    this.readyState = readyState;
    this.send("error");
  }
}

function begun() {
  vi.useFakeTimers();
  const servers: Server[] = [];
  const states: FeedState[] = [];
  const jobs: unknown[] = [];
  const ask = vi.fn(() => Promise.resolve());
  const around = {
    open: () => servers[servers.push(new Server()) - 1]!,
    later: (call: () => void, milliseconds: number) => setTimeout(call, milliseconds),
    never: (timer: unknown) => clearTimeout(timer as number),
  };
  const wishes = { on: { jobs: (data: unknown) => void jobs.push(data) }, ask, state: (s: FeedState) => void states.push(s) };
  return { feed: new Feed("/events", wishes, around), servers, states, jobs, ask };
}

test("events are told as they come", () => {
  const { servers, states, jobs } = begun();
  servers[0]!.send("open");
  servers[0]!.send("jobs", { jobs: [], gone: ["a"] });
  expect([states, jobs]).toEqual([["connecting", "live"], [{ jobs: [], gone: ["a"] }]]);
});

test("a connection that the browser mends by itself asks for nothing", async () => {
  const { servers, ask } = begun();
  servers[0]!.send("open");
  servers[0]!.break(0);
  await vi.advanceTimersByTimeAsync(PAUSE / 2);
  servers[0]!.send("open");
  await vi.advanceTimersByTimeAsync(PAUSE * 3);
  expect(ask).not.toHaveBeenCalled();
});

test("without a stream the page asks once in ten seconds, and tries to connect again", async () => {
  const { servers, ask, states } = begun();
  servers[0]!.break(2);
  servers[0]!.break(2);
  await vi.advanceTimersByTimeAsync(PAUSE * 3 + 1);
  expect(ask).toHaveBeenCalledTimes(3);
  expect(servers.length).toBe(2);
  expect(states.at(-1)).toBe("asking");
  servers[1]!.send("open");
  await vi.advanceTimersByTimeAsync(PAUSE * 3);
  expect(ask).toHaveBeenCalledTimes(4); // once for what was missed
  expect(states.at(-1)).toBe("live");
});

test("who missed too much asks for all of it", () => {
  const { servers, ask } = begun();
  servers[0]!.send("open");
  servers[0]!.send("resync");
  expect(ask).toHaveBeenCalledTimes(1);
});

test("a closed feed is silent", async () => {
  const { feed, servers, ask } = begun();
  servers[0]!.break(2);
  feed.close();
  await vi.advanceTimersByTimeAsync(PAUSE * 3);
  expect([servers[0]!.closed, ask.mock.calls.length]).toEqual([true, 0]);
});
