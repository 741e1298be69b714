import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpConnectionError, McpHttpError } from "../../../src/core/errors.ts";
import type { Tool } from "../../../src/spec/types.ts";
import { settled } from "../../support/manual-clock.ts";
import { initializeResult, rejection } from "../fakes.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost, refused, STDIO, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;
/** How often the server ran the tool. */
let executed: number;
/** What befalls the next calls, first come first served; then all is well. */
let faults: ((sent: Sent) => void)[];

const CALL = { name: "t" };
const READ_ONLY: Tool = { name: "t", inputSchema: {}, annotations: { readOnlyHint: true } };
/** The server has forgotten the session, and says so to whoever asks. */
function forget(sent: Sent): void {
  backend.forgotten = new McpHttpError("gone", { status: 404 });
  sent.fail(backend.forgotten);
}

beforeEach(() => {
  hidden.backend = backend = new Backend();
  executed = 0;
  faults = [];
  let sessions = 0;
  backend.initialize = (sent) =>
    sent
      .head(200, { "mcp-session-id": `s${(sessions += 1)}` })
      .reply(initializeResult({ resources: { subscribe: true }, logging: {} }));
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    const fault = faults.shift();
    if (fault !== undefined) return fault(sent);
    executed += 1;
    return { content: [], run: executed };
  };
});

describe("calls", () => {
  test("class U, lost after it was sent: outcome unknown, never twice (fault 6)", async () => {
    faults = [
      (sent) => {
        executed += 1;
        sent.fail(lost());
      },
    ];
    const { connection } = connect(HTTP);
    const error = await rejection(connection.request("tools/call", CALL, {}));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", sent: "unknown", method: "tools/call" });
    expect((error as Error).message).toContain("may have run once");
    expect(executed).toBe(1);
    await connection.close(0);
  });

  test.each([
    ["class R on a trusted server (fault 7)", { ...HTTP, trusted: true }, {}, READ_ONLY],
    ['replay: "always"', HTTP, { replay: "always" as const }, undefined],
  ])("%s: one result, run twice at most", async (_, config, options, tool) => {
    faults = [(sent) => sent.fail(lost())];
    const { clock, connection } = connect(config);
    const outcome = watch(connection.request("tools/call", CALL, options, { tool }));
    await clock.run(30_000);
    expect(outcome.value).toMatchObject({ run: 1 });
    expect(backend.count("tools/call")).toBe(2);
    expect(connection.counts.replays).toBe(1);
    const [first, second] = backend.https[0]?.of("tools/call") ?? [];
    expect(first?.id).not.toBe(second?.id);
    await connection.close(0);
  });

  test("the annotations of a server that is not trusted count for nothing (8.6)", async () => {
    faults = [(sent) => sent.fail(lost())];
    const { connection } = connect(HTTP);
    const call = connection.request("tools/call", CALL, {}, { tool: READ_ONLY });
    expect(await rejection(call)).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await connection.close(0);
  });

  test("a session forgotten under 100 calls: one initialize, 100 results (fault 15)", async () => {
    const { clock, connection, sessions } = connect(HTTP);
    await connection.connect();
    faults = Array.from({ length: 100 }, () => forget);
    const calls = Array.from({ length: 100 }, () =>
      watch(connection.request("tools/call", CALL, {})),
    );
    await clock.run(1_000);
    expect(calls.filter((call) => call.value !== undefined)).toHaveLength(100);
    expect([backend.count("initialize"), executed]).toEqual([2, 100]);
    expect(sessions).toEqual([false, true]);
    await connection.close(0);
  });

  test("forgotten again after the renewal: renewed again, and run once", async () => {
    faults = [forget, forget];
    const { clock, connection } = connect(HTTP);
    const outcome = watch(connection.request("tools/call", CALL, {}));
    await clock.run(60_000);
    expect(outcome.value).toBeDefined();
    expect([backend.count("initialize"), executed]).toEqual([3, 1]);
    await connection.close(0);
  });

  test("the caller's id is for the first attempt alone (1.3)", async () => {
    faults = [forget];
    const { clock, connection } = connect(HTTP);
    const outcome = watch(connection.request("tools/call", CALL, { requestId: "mine" }));
    await clock.run(1_000);
    expect(outcome.value).toBeDefined();
    const ids = backend.https[0]?.of("tools/call").map((sent) => sent.id);
    expect(ids?.[0]).toBe("mine");
    expect(ids?.[1]).not.toBe("mine");
    await connection.close(0);
  });

  test.each([1_000, 0, 30_000])(
    "429 with Retry-After %d ms: not asked again earlier, and 25 to 400 ms later (fault 18)",
    async (afterMs) => {
      faults = [
        (sent) => sent.fail(new McpHttpError("busy", { status: 429, retryAfterMs: afterMs })),
      ];
      const { clock, connection } = connect(HTTP);
      const outcome = watch(connection.request("tools/call", CALL, {}));
      await clock.run(afterMs + 24);
      expect(backend.count("tools/call")).toBe(1);
      await clock.run(376);
      expect(outcome.value).toBeDefined();
      await connection.close(0);
    },
  );

  test("a Retry-After beyond the call's own limit is surfaced at once", async () => {
    faults = [(sent) => sent.fail(new McpHttpError("busy", { status: 429, retryAfterMs: 20_000 }))];
    const { connection } = connect(HTTP);
    const call = connection.request("tools/call", CALL, { totalTimeoutMs: 5_000 });
    expect(await rejection(call)).toMatchObject({ status: 429, retryAfterMs: 20_000 });
    await connection.close(0);
  });

  test("an abort while waiting for a connection or for a replay: its reason, no timer", async () => {
    backend.start = () => refused();
    const { clock, connection } = connect(STDIO);
    const controller = new AbortController();
    const reason = new Error("enough");
    const outcome = watch(connection.request("tools/call", CALL, { signal: controller.signal }));
    await clock.run(1_000);
    controller.abort(reason);
    await settled();
    expect(outcome.error).toBe(reason);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);

    faults = [(sent) => sent.fail(new McpHttpError("busy", { status: 429, retryAfterMs: 20_000 }))];
    const other = connect(HTTP);
    backend.start = () => undefined;
    const again = new AbortController();
    const replaying = watch(other.connection.request("tools/call", CALL, { signal: again.signal }));
    await other.clock.run(1_000);
    again.abort(reason);
    await settled();
    expect(replaying.error).toBe(reason);
    await other.connection.close(0);
    expect(other.clock.armedCount).toBe(0);
  });

  test("one deadline over waiting, sending and replaying (8.22)", async () => {
    backend.start = () => refused();
    const { clock, connection } = connect(STDIO);
    const outcome = watch(connection.request("tools/call", CALL, { totalTimeoutMs: 10_000 }));
    await clock.run(8_000);
    backend.start = () => undefined;
    faults = [() => {}];
    await clock.run(1_999);
    expect(outcome).toEqual({});
    await clock.run(1);
    expect(outcome.error).toMatchObject({ sent: expect.stringMatching(/no|unknown/) });
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });

  test("a task that was created is not created again when its poll cannot be sent", async () => {
    const tasks = { requests: { tools: { call: {} } } };
    backend.initialize = (sent) => sent.head().reply(initializeResult({ tasks }));
    const task = { taskId: "t1", status: "working", pollInterval: 50, ttl: null };
    backend.script = (sent) => {
      const transport = backend.https[0];
      if (transport === undefined) return;
      if (sent.method === "tools/call") {
        executed += 1;
        // The server cannot be reached any more from here on.
        transport.writes = false;
        return { task };
      }
      transport.writes = true;
      if (sent.method === "tasks/get") return sent.fail(refused());
      return {};
    };
    const { clock, connection } = connect(HTTP);
    const tool: Tool = { name: "t", inputSchema: {}, execution: { taskSupport: "required" } };
    const outcome = watch(
      connection.request("tools/call", CALL, { totalTimeoutMs: 20_000 }, { tool }),
    );
    await clock.run(60_000);
    expect(executed).toBe(1);
    expect(outcome.error).toBeDefined();
    await connection.close(0);
  });
});

describe("standing orders", () => {
  test("subscriptions and the level hold in the next session, before any call in it", async () => {
    const { clock, connection } = connect(HTTP);
    await connection.subscribe("file:///a");
    await connection.subscribe("file:///a");
    await connection.setLogLevel("error");
    faults = [forget];
    const outcome = watch(connection.request("tools/call", CALL, {}));
    await clock.run(1_000);
    expect(outcome.value).toBeDefined();
    const methods = backend.https[0]?.sent.map((sent) => sent.method) ?? [];
    expect(methods.slice(methods.lastIndexOf("initialize"))).toEqual([
      "initialize",
      "notifications/initialized",
      "logging/setLevel",
      "resources/subscribe",
      "tools/call",
    ]);
    await connection.close(0);
  });

  test("two who subscribe at once to what the server refuses are both told", async () => {
    backend.script = (sent) =>
      sent.method === "resources/subscribe" ? sent.replyError(-32002, "no such resource") : {};
    const { connection } = connect(HTTP);
    await connection.connect();
    const both = [watch(connection.subscribe("x:a")), watch(connection.subscribe("x:a"))];
    await settled();
    for (const { error } of both) expect(error).toMatchObject({ rpcCode: -32002 });
    await connection.close(0);
  });

  test("what the server did not declare is not asked of it (2.12, 8.12, 8.17)", async () => {
    backend.initialize = (sent) => sent.head().reply(initializeResult({ resources: {} }));
    const { connection } = connect(HTTP);
    expect(await rejection(connection.subscribe("x:a"))).toMatchObject({
      code: "UNSUPPORTED",
      capability: "resources.subscribe",
    });
    expect(await rejection(connection.setLogLevel("info"))).toMatchObject({ code: "UNSUPPORTED" });
    expect(backend.count("resources/subscribe") + backend.count("logging/setLevel")).toBe(0);
    await connection.close(0);
  });

  test("a subscription that failed is not made again in the next session", async () => {
    const { script } = backend;
    backend.script = (sent) =>
      sent.method === "resources/subscribe" ? sent.replyError(-32002) : script(sent);
    const { clock, connection } = connect(HTTP);
    await rejection(connection.subscribe("x:a"));
    faults = [forget];
    watch(connection.request("tools/call", CALL, {}));
    await clock.run(1_000);
    expect([backend.count("initialize"), backend.count("resources/subscribe")]).toEqual([2, 1]);
    await connection.close(0);
  });
});

describe("closing (fault 54)", () => {
  test("calls in flight may end; then all is closed at once, without waiting further", async () => {
    faults = [() => {}];
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    const call = watch(connection.request("tools/call", CALL, {}));
    await settled();
    const closing = watch(connection.close(5_000));
    await settled();
    expect(await rejection(connection.request("tools/call", CALL, {}))).toMatchObject({
      code: "CLOSED",
      sent: "no",
    });
    expect(closing).toEqual({});
    backend.https[0]?.last("tools/call").reply({ content: [] });
    await settled();
    expect(call.value).toBeDefined();
    expect("value" in closing).toBe(true);
    expect(clock.armedCount).toBe(0);
    expect(backend.https[0]?.ended).toHaveLength(1);
  });

  test("those that do not end in time are told that it is closed, and what is known", async () => {
    faults = [() => {}];
    const { clock, connection } = connect(HTTP);
    await connection.connect();
    const call = watch(connection.request("tools/call", CALL, {}));
    await settled();
    const closing = watch(connection.close(5_000));
    await clock.run(4_999);
    expect(call).toEqual({});
    await clock.run(1);
    expect(call.error).toMatchObject({ code: "CLOSED", sent: "unknown", method: "tools/call" });
    expect("value" in closing).toBe(true);
    expect(clock.armedCount).toBe(0);
  });
});

test("counts: every call ends as succeeded or failed; latency is of answers only", async () => {
  faults = [(sent) => sent.replyError(-1), (sent) => sent.fail(lost())];
  const { clock, connection } = connect(HTTP);
  expect(connection.latencyMs).toBeUndefined();
  for (let n = 0; n < 2; n++) await rejection(connection.request("tools/call", CALL, {}));
  expect(connection.latencyMs).toBeUndefined();
  await connection.request("tools/call", CALL, {});
  faults = [() => {}];
  const pending = watch(connection.request("tools/call", CALL, {}));
  await settled();
  expect(connection.counts).toMatchObject({ calls: 4, succeeded: 1, failed: 2, inFlight: 1 });
  expect(connection.latencyMs).toBe(0);
  await connection.close(0);
  await settled();
  expect(pending.error).toBeInstanceOf(Error);
  expect(connection.counts).toMatchObject({ calls: 4, succeeded: 1, failed: 3, inFlight: 0 });
  expect(clock.armedCount).toBe(0);
});

test("a failure that is no connection's is not replayed, whatever the option", async () => {
  faults = [
    (sent) => sent.fail(new McpConnectionError("CONNECTION_FAILED", "bad", { sent: "no" })),
  ];
  const { connection } = connect(HTTP);
  await connection.connect();
  backend.https.forEach((transport) => (transport.writes = false));
  const call = connection.request("tools/call", CALL, { replay: "always" });
  expect(await rejection(call)).toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
  expect(backend.count("tools/call")).toBe(1);
  await connection.close(0);
});
