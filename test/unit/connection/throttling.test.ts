// Calls to a server that refuses them as too many: over HTTP, by a status.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpHttpError } from "../../../src/core/errors.ts";
import { settled } from "../../support/manual-clock.ts";
import { rejection } from "../fakes.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;

beforeEach(() => {
  hidden.backend = backend = new Backend();
});

type Connected = ReturnType<typeof connect>;

async function ready(config: object = {}): Promise<Connected> {
  const connected = connect({ ...HTTP, ...config });
  await connected.connection.connect();
  return connected;
}

function ask({ connection }: Connected, options: object = {}, method = "tools/call") {
  return connection.request(method, { name: "t" }, options);
}

const busy =
  (status = 429, retryAfterMs?: number) =>
  (sent: Sent) =>
    sent.fail(new McpHttpError("busy", { status, retryAfterMs }));

/** What befalls the next calls, first come first served; then all is well. */
function script(...faults: ((sent: Sent) => void)[]): void {
  backend.script = (sent) => {
    if (sent.method === "ping") return {};
    const fault = faults.shift();
    if (fault === undefined) return { content: [] };
    fault(sent);
    return undefined;
  };
}

describe("a token bucket of 20 calls a second before the server", () => {
  /** Each answer takes 4 ms. */
  function limit({ clock }: Connected, status: number): { refused: number; executed: number } {
    const seen = { refused: 0, executed: 0 };
    let tokens = 5;
    let at = clock.now();
    backend.script = (sent) => {
      if (sent.method !== "tools/call") return {};
      tokens = Math.min(5, tokens + (clock.now() - at) / 50);
      at = clock.now();
      const isTaken = tokens >= 1;
      if (isTaken) tokens -= 1;
      seen[isTaken ? "executed" : "refused"] += 1;
      clock.setTimer(() => (isTaken ? sent.reply({ content: [] }) : busy(status)(sent)), 4);
      return undefined;
    };
    return seen;
  }

  test.each([
    ["429", 429, {}],
    ["503, which the user knows to mean the same", 503, { throttleStatuses: [429, 503] }],
    ["429, and the letter of the specification", 429, { strict: true }],
  ])("%s: 200 calls, 8 at a time, all succeed, once each", async (_name, status, config) => {
    const connected = await ready(config);
    const seen = limit(connected, status);
    let asked = 0;
    let succeeded = 0;
    const work = async (): Promise<void> => {
      while (asked++ < 200) {
        await ask(connected);
        succeeded += 1;
      }
    };
    const workers = watch(Promise.all(Array.from({ length: 8 }, work)));
    for (let n = 0; n < 200 && workers.value === undefined; n++) await connected.clock.run(100);
    expect([workers.error, succeeded, seen.executed]).toEqual([undefined, 200, 200]);
    expect(seen.refused).toBeLessThanOrEqual(50);
    const { counts, quirks, throttle } = connected.connection;
    expect(counts).toMatchObject({ succeeded: 200, failed: 0, replays: 0, queued: 0, inFlight: 0 });
    expect(quirks.counts).toEqual({ "rate-limited": seen.refused });
    expect(connected.warnings).toEqual([expect.stringContaining(`HTTP ${status}`)]);
    expect(throttle?.inFlight).toBeGreaterThanOrEqual(1);
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });
});

describe("a refused call", () => {
  test("waits as long as its own time allows, and longer than the queue's limit", async () => {
    const connected = await ready({ timeouts: { queueMs: 1_000 } });
    script(...Array.from({ length: 12 }, () => busy()));
    const call = watch(ask(connected));
    await connected.clock.run(60_000);
    expect(call.value).toEqual({ content: [] });
    expect(backend.count("tools/call")).toBe(13);
    await connected.connection.close(0);
  });

  test("is the caller's to see when the next pause is longer than its time", async () => {
    const connected = await ready();
    backend.script = (sent) => {
      busy()(sent);
    };
    const call = watch(ask(connected, { totalTimeoutMs: 20_000 }));
    await connected.clock.run(20_000);
    expect(call.error).toMatchObject({ code: "HTTP_ERROR", status: 429 });
    expect(connected.connection.counts).toMatchObject({ failed: 1, inFlight: 0, queued: 0 });
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });

  test("whose turn does not come in its time was not sent, and says why", async () => {
    const connected = await ready({ limits: { inFlight: 2 }, timeouts: { queueMs: 1_000 } });
    script(() => {}, busy());
    void watch(ask(connected));
    const refused = watch(ask(connected, { totalTimeoutMs: 20_000 }));
    const behind = watch(ask(connected, { totalTimeoutMs: 20_000 }));
    await connected.clock.run(19_999);
    expect([refused, behind]).toEqual([{}, {}]);
    await connected.clock.run(1);
    for (const { error } of [refused, behind]) {
      expect(error).toMatchObject({ code: "TIMEOUT", limit: "total", sent: "no" });
      expect(String(error)).toContain("refuses calls as too many");
    }
    expect(connected.connection.counts).toMatchObject({ failed: 2, inFlight: 1, queued: 0 });
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });

  test.each<[string, (connected: Connected, controller: AbortController) => unknown, object]>([
    ["aborted", (_, controller) => controller.abort(new Error("enough")), { message: "enough" }],
    ["closed", ({ connection }) => connection.close(0), { code: "CLOSED", sent: "no" }],
  ])("ends at once when it is %s", async (_name, end, error) => {
    const connected = await ready({ limits: { inFlight: 1 } });
    const controller = new AbortController();
    script(busy(429, 10_000));
    const call = watch(ask(connected, { signal: controller.signal }));
    const behind = watch(ask(connected));
    await connected.clock.run(1_000);
    expect([call, connected.connection.counts.queued]).toEqual([{}, 2]);
    void end(connected, controller);
    await settled();
    expect(call.error).toMatchObject(error);
    await connected.clock.run(12_000);
    expect(behind.value ?? behind.error).toBeDefined();
    expect(connected.connection.counts).toMatchObject({ inFlight: 0, queued: 0 });
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });

  test("gives its place back once, however its wait ends", async () => {
    const connected = await ready({ limits: { inFlight: 1, queued: 5 } });
    for (let round = 0; round < 3; round++) {
      script(busy(429, 10_000));
      const call = watch(ask(connected, { totalTimeoutMs: 10_500 }));
      await connected.clock.run(12_000);
      expect("value" in call || "error" in call).toBe(true);
    }
    script(
      () => {},
      () => {},
    );
    await connected.clock.run(60_000);
    void watch(ask(connected));
    void watch(ask(connected));
    await connected.clock.run(6_000);
    expect(connected.connection.counts).toMatchObject({ inFlight: 1, queued: 1 });
    await connected.connection.close(0);
  });

  test("is final when the server wants a longer wait than anybody has", async () => {
    const connected = await ready();
    script(busy(429, 31_000));
    expect(await rejection(ask(connected))).toMatchObject({ code: "HTTP_ERROR", status: 429 });
    await connected.connection.close(0);
  });

  test('with replay "never" is final', async () => {
    const connected = await ready();
    script(busy());
    expect(await rejection(ask(connected, { replay: "never" }))).toMatchObject({ status: 429 });
    await connected.connection.close(0);
  });
});

test("nothing is sent before the time that the server names, upkeep included", async () => {
  const connected = await ready();
  script(busy(429, 10_000));
  const calls = [watch(ask(connected))];
  await settled();
  calls.push(watch(ask(connected)), watch(ask(connected, {}, "tools/list")));
  await connected.clock.run(9_999);
  expect([backend.count("tools/call"), backend.count("tools/list")]).toEqual([1, 0]);
  await connected.clock.run(2_000);
  expect(calls.map(({ value }) => value)).toEqual(calls.map(() => ({ content: [] })));
  await connected.connection.close(0);
  expect(connected.clock.armedCount).toBe(0);
});

test("upkeep that was refused waits for the time, not for calls that take theirs", async () => {
  const connected = await ready({ limits: { inFlight: 1 } });
  script(() => {}, busy(429, 5_000));
  const long = watch(ask(connected));
  await settled();
  const listing = watch(ask(connected, {}, "tools/list"));
  await connected.clock.run(6_000);
  expect([long, listing.value]).toEqual([{}, { content: [] }]);
  await connected.connection.close(0);
});

test("503 that nobody vouches for may be a server that is going: its outcome is unknown, and no limit is made of it", async () => {
  const connected = await ready();
  script(busy(503, 5_000));
  expect(await rejection(ask(connected))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(connected.connection.throttle).toBeUndefined();
  expect(await ask(connected)).toEqual({ content: [] });
  await connected.connection.close(0);
});

test("a lost answer after a refusal is a lost answer", async () => {
  const connected = await ready();
  script(busy(), (sent) => sent.fail(lost()));
  const call = watch(ask(connected));
  await connected.clock.run(1_000);
  expect(call.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(backend.count("tools/call")).toBe(2);
  await connected.connection.close(0);
});
