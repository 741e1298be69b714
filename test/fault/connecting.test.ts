// Many servers at once: so many attempts at a time, and one that hangs holds up nobody for long.

import { expect, test } from "vitest";
import { gate, poolOf, serve, TestClock } from "./support.ts";
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
