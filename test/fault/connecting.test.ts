// When attempts to connect are made: so many at a time, and at once where a port opens that somebody waits for.

import { expect, test } from "vitest";
import { gate, nextEvent, poolOf, serve, TestClock } from "./support.ts";
import type { Gate } from "./support.ts";
import { until } from "../support/processes.ts";
import type { TestHttpServer } from "../support/http-server.ts";

/** How long an attempt keeps its place, however long it takes. */
const isPatience = (delayMs: number): boolean => delayMs === 1_500;

/** Servers that answer `initialize` when they are told to. */
async function heldServers(
  count: number,
): Promise<{ servers: Record<string, TestHttpServer>; held: Gate[]; begun: string[] }> {
  const held: Gate[] = [];
  const begun: string[] = [];
  const servers: Record<string, TestHttpServer> = {};
  for (let n = 0; n < count; n++) {
    const name = `s${n}`;
    servers[name] = await serve({
      onRequest: async ({ body }) => {
        if (body?.method !== "initialize") return;
        const own = gate();
        begun.push(name);
        held.push(own);
        await own.opened;
      },
    });
  }
  return { servers, held, begun };
}

test("a pool connects `maxConnecting` servers at a time, as added, and all of them", async () => {
  const { servers, held, begun } = await heldServers(10);
  const names = Object.keys(servers);
  const clock = new TestClock();
  clock.holds = isPatience;
  const pool = poolOf(servers, { maxConnecting: 3, clock, protocol: "legacy" });
  const connecting = pool.connect();
  for (let done = 0; done < names.length; done += 1) {
    await until(() => begun.length === Math.min(done + 3, names.length), "the next attempt");
    expect(held).toHaveLength(Math.min(3, names.length - done));
    held.shift()?.open();
  }
  expect(begun.toSorted()).toEqual(names.toSorted());
  const { connected } = await connecting;
  expect(connected).toEqual(names);
});

test("one that hangs gives its place up after a moment, and connects whenever it answers", async () => {
  const { servers, held, begun } = await heldServers(2);
  const clock = new TestClock();
  clock.holds = isPatience;
  const pool = poolOf(servers, { maxConnecting: 1, clock, protocol: "legacy" });
  const connecting = pool.connect();
  await until(() => begun.length === 1, "the first attempt");
  clock.release();
  await until(() => begun.length === 2, "the second attempt");
  const [hanging, other] = held;
  other?.open();
  await until(() => pool.status()[1]?.state === "ready", "the second server");
  expect(pool.status()[0]?.state).toBe("connecting");
  hanging?.open();
  expect((await connecting).connected).toEqual(["s0", "s1"]);
});

test("a server that is removed while it waits for its turn is never asked", async () => {
  const { servers, held, begun } = await heldServers(2);
  const pool = poolOf(servers, { maxConnecting: 1, protocol: "legacy" });
  const connecting = pool.connect();
  await until(() => begun.length === 1, "the first attempt");
  await pool.removeClient("s1");
  held[0]?.open();
  const { connected, failed } = await connecting;
  expect(connected).toEqual(["s0"]);
  expect(failed["s1"]).toMatchObject({ code: "CLOSED" });
  expect(servers["s1"]?.requests).toEqual([]);
});

/** The pace of attempts: 250 ms at first, 20 % more or less. A knock comes sooner, and stands for itself. */
const isPace = (delayMs: number): boolean => delayMs >= 200;

test("fault 1: who waits is served as soon as the port is open, whenever the next attempt is due", async () => {
  const server = await serve();
  const clock = new TestClock();
  const pool = poolOf({ s: server }, { clock, protocol: "legacy", reconnect: { jitterMs: 0 } });
  await pool.connect();
  clock.holds = isPace;
  await server.stop();
  const down = nextEvent(pool, "server.disconnected");
  const calls = Array.from({ length: 8 }, () => pool.call("s", "tools/list"));
  await down;
  await until(() => pool.status()[0]?.state === "backoff", "the first attempt to fail");
  server.forgetSessions();
  await server.listen();
  const results = await Promise.all(calls);
  expect(results).toHaveLength(8);
  expect(server.initializeCount).toBe(2);
  expect(pool.status()[0]).toMatchObject({ state: "ready" });
});

test("nobody knocks for nobody, and nothing of it outlives the pool", async () => {
  const server = await serve();
  const clock = new TestClock();
  const pool = poolOf({ s: server }, { clock, protocol: "legacy", reconnect: { jitterMs: 0 } });
  await pool.connect();
  clock.holds = isPace;
  await server.stop();
  const abort = new AbortController();
  const call = pool.call("s", "tools/list", {}, { signal: abort.signal });
  await until(() => pool.status()[0]?.state === "backoff", "the first attempt to fail");
  abort.abort(new Error("not any more"));
  await expect(call).rejects.toThrow("not any more");
  await until(() => clock.armed.every(isPace), "the last knock");
  const again = pool.call("s", "tools/list");
  expect(clock.armed.some((delayMs) => !isPace(delayMs))).toBe(true);
  const refused = expect(again).rejects.toMatchObject({ code: "CLOSED", sent: "no" });
  await pool.closeAll({ drainMs: 0 });
  await refused;
  expect(clock.armed.filter((delayMs) => !isPace(delayMs))).toEqual([]);
});
