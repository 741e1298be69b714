// When a connection that is ready is looked after without a call.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { LOOK_MS } from "../../../src/core/sleep-watch.ts";
import type { ManualClock } from "../../support/manual-clock.ts";
import { settled } from "../../support/manual-clock.ts";
import { initializeResult } from "../fakes.ts";
import { Backend, connect, HTTP, lost, refused, STDIO, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({
  backend: undefined as Backend | undefined,
  refreshCount: 0,
}));
const refresh = (): void => {
  hidden.refreshCount += 1;
};
vi.mock("../../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend && Object.assign(hidden.backend.http(), { refresh }),
}));

const HOUR_MS = 3_600_000;
const EACH_MS = 5_000;
const CHECKED = { healthCheckIntervalMs: EACH_MS };

let backend: Backend;
let hangs: boolean;

beforeEach(() => {
  hidden.backend = backend = new Backend();
  hidden.refreshCount = 0;
  hangs = false;
  backend.initialize = (sent) => sent.head().reply(initializeResult());
  backend.script = (sent) => {
    if (sent.method === "tools/call") return { content: [] };
    return hangs ? (null as unknown as undefined) : {};
  };
});

const pings = (): number => backend.count("ping");
const SLEEPS = [
  ["the monotonic clock went on", (clock: ManualClock) => clock.jump(HOUR_MS)],
  ["only the wall clock went on", (clock: ManualClock) => clock.sleep(HOUR_MS)],
] as const;

describe("regularly, if asked for", () => {
  test.each([
    ["HTTP", HTTP],
    ["a child", STDIO],
  ])("%s: never without the option", async (_, config) => {
    const { clock, connection } = connect(config);
    await connection.connect();
    await clock.run(HOUR_MS);
    expect(pings()).toBe(0);
    expect(clock.holdingCount).toBe(0);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test.each([
    ["HTTP", HTTP],
    ["a child", STDIO],
  ])("%s: once in each interval, with no timer that holds the process", async (_, config) => {
    const { clock, connection } = connect({ ...config, ...CHECKED });
    await connection.connect();
    for (let round = 1; round <= 10; round++) {
      await clock.run(EACH_MS);
      expect(pings()).toBe(round);
      expect(clock.holdingCount).toBe(0);
    }
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("a call under way is itself the sign of life: none is asked for until it has ended", async () => {
    const { clock, connection } = connect({ ...HTTP, ...CHECKED });
    await connection.connect();
    backend.script = (sent) => (sent.method === "ping" ? {} : undefined);
    const call = watch(connection.request("tools/call", { name: "t" }, { timeoutMs: HOUR_MS }));
    await clock.run(10 * EACH_MS);
    expect(pings()).toBe(0);
    backend.https[0]?.last("tools/call").head().reply({ content: [] });
    await clock.run(EACH_MS);
    expect(call.value).toBeDefined();
    expect(pings()).toBe(1);
    await connection.close(0);
  });

  test("a ping that takes long is not asked for a second time meanwhile", async () => {
    hangs = true;
    const { clock, connection } = connect({ ...HTTP, ...CHECKED });
    await connection.connect();
    await clock.run(3 * EACH_MS);
    expect(pings()).toBe(1);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("a child that hangs is started again; checks go on with the next", async () => {
    const { clock, connection, states } = connect({ ...STDIO, ...CHECKED });
    await connection.connect();
    hangs = true;
    await clock.run(EACH_MS);
    hangs = false;
    await clock.run(70_000);
    expect(states).toEqual(["connecting", "ready", "backoff", "connecting", "ready"]);
    expect(backend.duplexes.map(({ closeCount }) => closeCount)).toEqual([1, 0]);
    const before = pings();
    await clock.run(EACH_MS);
    expect(pings()).toBe(before + 1);
    expect(connection.counts.reconnects).toBe(1);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("while it is away nobody checks: reconnecting is enough, and then checks begin anew", async () => {
    const { clock, connection } = connect({ ...STDIO, ...CHECKED });
    await connection.connect();
    backend.start = () => refused();
    backend.duplexes[0]?.sink.onClose(lost());
    await clock.run(10 * EACH_MS);
    expect(connection.state).toBe("backoff");
    expect(pings()).toBe(0);
    backend.start = () => undefined;
    await clock.run(200_000);
    expect(connection.state).toBe("ready");
    expect(pings()).toBeGreaterThan(0);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });
});

describe("after a sleep (fault 59)", () => {
  test.each(SLEEPS)("%s: one check for a server that nobody calls", async (_, pass) => {
    const { clock, connection, states } = connect(HTTP);
    await connection.connect();
    pass(clock);
    await clock.run(LOOK_MS + 1_000);
    expect([hidden.refreshCount, pings()]).toEqual([1, 1]);
    await clock.run(HOUR_MS);
    expect([hidden.refreshCount, pings()]).toEqual([1, 1]);
    expect(states).toEqual(["connecting", "ready"]);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test.each(SLEEPS)("%s: one check for a server that is called at once", async (_, pass) => {
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    pass(clock);
    const calls = Array.from({ length: 10 }, () => connection.request("tools/call", {}, {}));
    await Promise.all(calls);
    expect([hidden.refreshCount, pings()]).toEqual([1, 1]);
    await clock.run(HOUR_MS);
    // The call's own check was the one.
    expect([hidden.refreshCount, pings()]).toEqual([1, 1]);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test.each(SLEEPS)("%s: a notification does not go over a dead link either", async (_, pass) => {
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    pass(clock);
    await connection.notify("notifications/x");
    expect([hidden.refreshCount, pings()]).toEqual([1, 1]);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("a regular check that is late finds the sleep first, and asks over new sockets", async () => {
    // Due before the next look.
    const { clock, connection } = connect({ ...HTTP, healthCheckIntervalMs: 2_000 });
    await connection.connect();
    clock.jump(HOUR_MS);
    const refreshes: number[] = [];
    backend.script = () => (refreshes.push(hidden.refreshCount), {});
    await clock.run(1_500);
    expect(refreshes).toEqual([1]);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("a child's pipes outlive a sleep: it is not asked unless the option says so", async () => {
    const { clock, connection } = connect(STDIO);
    await connection.connect();
    clock.jump(HOUR_MS);
    await clock.run(HOUR_MS);
    expect(pings()).toBe(0);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("calls under way go on, and the next one has the connection checked", async () => {
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    backend.script = (sent) => (sent.method === "ping" ? {} : undefined);
    const first = watch(connection.request("tools/call", {}, { timeoutMs: 2 * HOUR_MS }));
    await settled();
    clock.sleep(HOUR_MS);
    const second = watch(connection.request("tools/call", {}, {}));
    await settled();
    expect(pings()).toBe(1);
    const [fake] = backend.https;
    for (const sent of fake?.of("tools/call") ?? []) sent.head().reply({ content: [] });
    await settled();
    expect(first.value).toBeDefined();
    expect(second.value).toBeDefined();
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test.each(SLEEPS)("%s: a server that is closed hears nothing any more", async (_, pass) => {
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    await connection.close(0);
    pass(clock);
    await clock.run(HOUR_MS);
    expect([hidden.refreshCount, pings(), clock.armedCount]).toEqual([0, 0, 0]);
  });
});
