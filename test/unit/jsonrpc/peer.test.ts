import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  McpClosedError,
  McpConnectionError,
  McpError,
  McpResponseError,
  McpTimeoutError,
} from "../../../src/core/errors.ts";
import { Peer } from "../../../src/jsonrpc/peer.ts";
import type { PeerRequest } from "../../../src/jsonrpc/pending.ts";
import { createMemoryPair } from "../../../src/transport/memory/memory.ts";
import type { JsonRpcMessage } from "../../../src/jsonrpc/messages.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { CountingSignal, FakeHttp, rejection, repairLog } from "../fakes.ts";

const LIMITS = { silenceMs: 100, totalMs: 1_000 };

let clock: ManualClock;
let transport: FakeHttp;
let strays: string[];
let onClose: ReturnType<typeof vi.fn<(reason: McpError) => void>>;
let peer: Peer;

beforeEach(async () => {
  clock = new ManualClock();
  transport = new FakeHttp();
  strays = [];
  onClose = vi.fn();
  const onStray = (what: string): void => void strays.push(what);
  peer = new Peer({ server: "s", clock, quirks: repairLog(), transport, onStray, onClose });
  await transport.start(peer, new AbortController().signal);
});

function request(options: Partial<PeerRequest> = {}): Promise<object> {
  const promise = peer.request({
    method: "tools/call",
    limits: LIMITS,
    cancel: "notify",
    ...options,
  });
  promise.catch(() => {});
  return promise;
}

const cancelled = (): unknown[] =>
  transport.of("notifications/cancelled").map((sent) => sent.params["requestId"]);

describe("correlation (1.3, 1.4, 1.7, 1.9)", () => {
  test("answers find their request, in any order, on any stream (3.17, fault 37)", async () => {
    const [a, b] = [request(), request()];
    const [one, two] = transport.sent;
    two?.reply({ n: 2 });
    // The first answer comes on the second request's stream.
    two?.deliver({ jsonrpc: "2.0", id: one?.id ?? 0, result: { n: 1 } });
    expect(await a).toEqual({ n: 1 });
    expect(await b).toEqual({ n: 2 });
    expect(one?.closed).toBe(true);
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test('"1" is not 1', async () => {
    const number = request({ id: 1 });
    const text = request({ id: "1" });
    transport.push({ jsonrpc: "2.0", id: "1", result: { is: "text" } });
    expect(await text).toEqual({ is: "text" });
    expect(peer.pendingCount).toBe(1);
    transport.push({ jsonrpc: "2.0", id: 1, result: { is: "number" } });
    expect(await number).toEqual({ is: "number" });
    expect(strays).toEqual([]);
  });

  test("ids of its own are never used twice", async () => {
    const ids = new Set<unknown>();
    for (let i = 0; i < 100; i++) {
      void request();
      ids.add(peer.allocateId());
    }
    for (const sent of transport.of("tools/call")) ids.add(sent.id);
    expect(ids.size).toBe(200);
  });

  test("an id in use is refused locally, and may be used again once its call is over", async () => {
    const first = request({ id: "mine" });
    const error = await rejection(request({ id: "mine" }));
    expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no", method: "tools/call" });
    expect(transport.sent).toHaveLength(1);
    transport.last("tools/call").reply({ ok: 1 });
    expect(await first).toEqual({ ok: 1 });
    const again = request({ id: "mine" });
    transport.last("tools/call").reply({ ok: 2 });
    expect(await again).toEqual({ ok: 2 });
  });

  test.each<[string | number]>([["mine"], [1], [900]])(
    "the id %j of a call that was given up is refused until its answer has come",
    async (id) => {
      const controller = new AbortController();
      const first = request({ id, signal: controller.signal });
      controller.abort(new Error("enough"));
      await rejection(first);
      const sent = transport.sent.length;
      const error = await rejection(request({ id }));
      expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no", path: "requestId" });
      expect(transport.sent).toHaveLength(sent);
      transport.push({ jsonrpc: "2.0", id, result: { late: true } });
      const again = request({ id });
      transport.last("tools/call").reply({ ok: 2 });
      expect(await again).toEqual({ ok: 2 });
    },
  );

  test("a caller's id that the counter will reach does not make a later call fail", async () => {
    const next = peer.allocateId();
    if (typeof next !== "number") throw new Error("not a counter");
    const mine = request({ id: next + 1 });
    const own = request();
    for (const sent of transport.sent) sent.reply({ id: sent.id });
    expect(await mine).toEqual({ id: next + 1 });
    await expect(own).resolves.toBeTypeOf("object");
  });

  test.each([Number.MAX_SAFE_INTEGER, 1e300, -5])(
    "a caller's id of %d breaks no counter",
    async (id) => {
      const mine = request({ id });
      const own = [request(), request(), request()];
      for (const sent of transport.sent) sent.reply({ id: sent.id });
      await expect(Promise.all([mine, ...own])).resolves.toHaveLength(4);
      const ids = transport.sent.map((sent) => sent.id);
      expect(new Set(ids).size).toBe(4);
    },
  );

  test("a second answer and a foreign one are reported, and harm nobody (faults 12, 13)", async () => {
    const answer = request();
    const sent = transport.last("tools/call");
    sent.reply({ first: true });
    sent.reply({ second: true });
    sent.replyError(-1);
    transport.push({ jsonrpc: "2.0", id: "foreign", result: {} });
    expect(await answer).toEqual({ first: true });
    expect(strays).toHaveLength(3);
  });

  test("an answer after the abort is a stray (1.9)", async () => {
    const controller = new AbortController();
    const call = request({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await rejection(call);
    transport.last("tools/call").reply({});
    expect(strays).toHaveLength(1);
  });

  test("a batch is taken apart: answers, notifications and requests (1.10)", async () => {
    const [a, b] = [request(), request()];
    const [one, two] = transport.sent;
    transport.push([
      { jsonrpc: "2.0", id: two?.id ?? 0, result: { n: 2 } },
      { jsonrpc: "2.0", method: "notifications/unknown" },
      { jsonrpc: "2.0", id: "q", method: "nonsense" },
      { jsonrpc: "2.0", id: one?.id ?? 0, error: { code: 5, message: "no" } },
    ]);
    expect(await b).toEqual({ n: 2 });
    expect(await rejection(a)).toMatchObject({ rpcCode: 5 });
    await settled();
    expect(transport.responses).toMatchObject([{ id: "q", error: { code: -32601 } }]);
  });
});

describe("errors of the server (1.8, 1.16)", () => {
  test("come as they are: code, message, data", async () => {
    const call = request();
    transport.last("tools/call").replyError(-32002, "no such\u001b[0m thing", { uri: "x" });
    const error = await rejection(call);
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      server: "s",
      method: "tools/call",
      rpcCode: -32002,
      rpcMessage: "no such\u001b[0m thing",
      data: { uri: "x" },
      sent: "yes",
    });
    expect((error as Error).message).not.toContain("\u001b");
  });

  test("without a message: still an error with its code", async () => {
    const call = request();
    const { id } = transport.last("tools/call");
    transport.push({ jsonrpc: "2.0", id, error: { code: -7 } } as unknown as JsonRpcMessage);
    expect(await rejection(call)).toMatchObject({ rpcCode: -7, rpcMessage: "" });
  });

  test.each([null, undefined])("with id %j: belongs to the exchange it came on", async (id) => {
    const [a, b] = [request(), request()];
    const [one, two] = transport.sent;
    two?.deliver({
      jsonrpc: "2.0",
      ...(id === undefined ? {} : { id }),
      error: { code: -32700, message: "unreadable" },
    });
    expect(await rejection(b)).toMatchObject({ rpcCode: -32700 });
    one?.reply({});
    await a;
    expect(strays).toEqual([]);
  });

  test("with no id and on no exchange: reported, and nobody's call fails", async () => {
    const call = request();
    transport.push({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "unreadable" } });
    expect(strays).toHaveLength(1);
    transport.last("tools/call").reply({});
    await call;
  });
});

describe("progress (8.19, 8.22)", () => {
  const report = (progressToken: unknown, progress: number): void =>
    transport.push({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken, progress, total: 10, message: "m" },
    });

  test("goes by token to its own call, and keeps it alive", async () => {
    const [onA, onB] = [vi.fn(), vi.fn()];
    const a = request({ onProgress: onA });
    void request({ onProgress: onB });
    const [one] = transport.sent;
    const meta = one?.params["_meta"] as { progressToken: unknown } | undefined;
    const progressToken = meta?.progressToken;
    for (let n = 1; n <= 5; n++) {
      clock.advance(90);
      report(progressToken, n);
    }
    expect(onA.mock.calls.map(([progress]) => progress)).toEqual(
      [1, 2, 3, 4, 5].map((progress) => ({ progress, total: 10, message: "m" })),
    );
    expect(onB).not.toHaveBeenCalled();
    one?.reply({});
    await a;
  });

  test("is not asked for unless somebody listens, and leaves the caller's _meta alone", async () => {
    void request({ params: { a: 1, _meta: { own: true } } });
    expect(transport.last("tools/call").params).toEqual({ a: 1, _meta: { own: true } });
    const params = { a: 1, _meta: { own: true } };
    void request({ params, onProgress: () => {} });
    const sent = transport.last("tools/call");
    expect(sent.params).toEqual({ a: 1, _meta: { own: true, progressToken: sent.id } });
    expect(params).toEqual({ a: 1, _meta: { own: true } });
  });

  test("for unknown and finished tokens, of the wrong type, or malformed: no effect", async () => {
    const onProgress = vi.fn();
    const call = request({ id: 7, onProgress });
    report("7.0", 1);
    report("unknown", 1);
    report(undefined, 1);
    report(7, "much" as unknown as number);
    transport.push({ jsonrpc: "2.0", method: "notifications/progress" });
    expect(onProgress).not.toHaveBeenCalled();
    transport.last("tools/call").reply({});
    await call;
    report(7, 2);
    expect(onProgress).not.toHaveBeenCalled();
  });

  test("a callback that throws is reported and the call goes on (fault 61)", async () => {
    const call = request({
      id: 1,
      onProgress: () => {
        throw new Error("callback");
      },
    });
    report(1, 1);
    expect(strays).toHaveLength(1);
    transport.last("tools/call").reply({ ok: true });
    expect(await call).toEqual({ ok: true });
  });

  test("says that the server has it: a loss afterwards is no longer unknown", async () => {
    const call = request({ id: 1 });
    report(1, 1);
    transport.last("tools/call").fail(new McpConnectionError("CONNECTION_LOST", "lost"));
    expect(await rejection(call)).toMatchObject({ sent: "yes" });
  });

  test("a watcher outlives its call and ends when told (8.20)", () => {
    const onProgress = vi.fn();
    const stop = peer.watchProgress("task", onProgress);
    report("task", 1);
    stop();
    report("task", 2);
    expect(onProgress.mock.calls).toEqual([[{ progress: 1, total: 10, message: "m" }]]);
  });

  test("any message on the call's own stream is a sign of life, on another it is not", async () => {
    const call = request();
    const note: JsonRpcMessage = { jsonrpc: "2.0", method: "notifications/message", params: {} };
    clock.advance(99);
    transport.last("tools/call").deliver(note);
    clock.advance(99);
    expect(peer.pendingCount).toBe(1);
    transport.push(note);
    clock.advance(1);
    expect(await rejection(call)).toBeInstanceOf(McpTimeoutError);
  });
});

describe("giving up (8.22, 8.23, 8.25)", () => {
  test("a timeout tells the server, closes the stream, and says what is known", async () => {
    const call = request();
    const sent = transport.last("tools/call");
    clock.advance(100);
    const error = await rejection(call);
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "silence", timeoutMs: 100, sent: "unknown", server: "s" });
    expect(cancelled()).toEqual([sent.id]);
    expect(sent.closed).toBe(true);
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("what was not written yet is not cancelled on the wire, only taken back", async () => {
    transport.writes = false;
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = request({ signal: controller.signal });
    controller.abort(reason);
    expect(await rejection(aborted)).toBe(reason);
    const timedOut = request();
    clock.advance(100);
    expect(await rejection(timedOut)).toMatchObject({ code: "TIMEOUT", sent: "no" });
    expect(cancelled()).toEqual([]);
    expect(transport.of("tools/call").map((sent) => sent.closed)).toEqual([true, true]);
  });

  test("written later, aborted then: cancelled on the wire", async () => {
    transport.writes = false;
    const controller = new AbortController();
    const call = request({ signal: controller.signal });
    transport.last("tools/call").exchange.onWritten?.();
    controller.abort();
    await rejection(call);
    expect(cancelled()).toHaveLength(1);
  });

  test("initialize is never cancelled, whatever ends it (2.11)", async () => {
    const controller = new AbortController();
    const one = request({ method: "initialize", cancel: "close", signal: controller.signal });
    controller.abort(new Error("enough"));
    await rejection(one);
    const two = request({ method: "initialize", cancel: "close" });
    clock.advance(100);
    await rejection(two);
    expect(cancelled()).toEqual([]);
    expect(transport.of("initialize").every((sent) => sent.closed)).toBe(true);
  });

  test("an aborted signal sends nothing at all", async () => {
    const reason = new Error("before");
    expect(await rejection(request({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(transport.sent).toEqual([]);
  });

  test("an abort after the answer is a no-op, and leaves no listener", async () => {
    const counting = new CountingSignal();
    const call = request({ signal: counting.signal });
    transport.last("tools/call").reply({});
    await call;
    expect(counting.listenerCount).toBe(0);
    counting.controller.abort();
    expect(cancelled()).toEqual([]);
  });

  test("time that the server spends waiting for our answer is no silence", async () => {
    let answer: (result: object) => void = () => {};
    peer.handlers = {
      onRequest: () => new Promise((resolve) => (answer = resolve)),
      onNotification: () => {},
    };
    const call = request();
    transport.ask("q", "elicitation/create");
    clock.advance(500);
    expect(peer.pendingCount).toBe(1);
    answer({});
    await settled();
    clock.advance(100);
    expect(await rejection(call)).toMatchObject({ limit: "silence" });
  });

  test("a person who needs almost the whole limit leaves the server its own", async () => {
    let answer: (result: object) => void = () => {};
    peer.handlers = {
      onRequest: () => new Promise((resolve) => (answer = resolve)),
      onNotification: () => {},
    };
    const call = request();
    transport.ask("q", "elicitation/create");
    clock.advance(95);
    answer({});
    await settled();
    clock.advance(50);
    expect(peer.pendingCount).toBe(1);
    transport.last("tools/call").reply({ ok: true });
    expect(await call).toEqual({ ok: true });
  });
});

describe("a finisher looks at the end before the caller", () => {
  const finisher = {
    onResult: (result: object): object | Promise<object> =>
      "later" in result ? Promise.resolve({ ...result, seen: true }) : { ...result, seen: true },
    onError: (cause: unknown): Promise<object> =>
      cause instanceof McpResponseError && cause.rpcCode === -32020
        ? Promise.resolve({ mended: true })
        : Promise.reject(cause as Error),
  };

  test.each([
    ["at once", {}],
    ["later", { later: 1 }],
  ])("what it makes of a result, %s, is what the caller gets", async (_when, result) => {
    const call = request({ finisher });
    transport.sent[0]?.reply(result);
    expect(await call).toEqual({ ...result, seen: true });
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("an error may become a result", async () => {
    const call = request({ finisher });
    transport.sent[0]?.replyError(-32020, "Header mismatch");
    expect(await call).toEqual({ mended: true });
  });

  test("errors, timeouts, aborts and the end of the peer pass through it", async () => {
    const seen: unknown[] = [];
    const watching = {
      ...finisher,
      onError(cause: unknown): Promise<object> {
        seen.push(cause);
        return Promise.reject(cause as Error);
      },
    };
    const controller = new AbortController();
    const answered = request({ finisher: watching });
    const aborted = request({ finisher: watching, signal: controller.signal });
    const late = request({ finisher: watching });
    transport.sent[0]?.replyError(-32000, "no");
    const reason = new Error("enough");
    controller.abort(reason);
    clock.advance(LIMITS.silenceMs);
    const closed = request({ finisher: watching });
    peer.close(new McpClosedError("over"));
    const errors = [];
    for (const call of [answered, aborted, late, closed]) errors.push(await rejection(call));
    expect(errors).toEqual(seen);
    expect(errors[0]).toBeInstanceOf(McpResponseError);
    expect(errors[1]).toBe(reason);
    expect(errors[2]).toBeInstanceOf(McpTimeoutError);
    expect(errors[3]).toBeInstanceOf(McpClosedError);
  });
});

describe("failures of the transport", () => {
  const lost = (): McpConnectionError =>
    new McpConnectionError("CONNECTION_LOST", "reset", { server: "s", retryable: true });

  test.each([
    ["nothing written", "no", (): void => {}],
    ["written", "unknown", (): void => transport.last("tools/call").exchange.onWritten?.()],
    ["a head came", "yes", (): void => void transport.last("tools/call").head()],
  ])("%s: sent is %j", async (_, sent, before) => {
    transport.writes = false;
    const call = request();
    before();
    transport.last("tools/call").fail(lost());
    expect(await rejection(call)).toMatchObject({ sent, method: "tools/call" });
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("parameters that JSON cannot say: the caller's mistake, nothing sent, peer unharmed", async () => {
    const cycle: { self?: object } = {};
    cycle.self = cycle;
    for (const params of [cycle, { big: 1n }]) {
      const error = await rejection(request({ params }));
      expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no", method: "tools/call" });
    }
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("a notification that JSON cannot say rejects with an error of this package", async () => {
    const error = await rejection(peer.notify("notifications/x", { big: 1n }));
    expect(error).toBeInstanceOf(McpError);
    expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
  });

  test("a notification resolves when it was taken and rejects when it was not", async () => {
    await expect(peer.notify("notifications/x", { a: 1 })).resolves.toBeUndefined();
    vi.spyOn(transport, "send").mockImplementation((_, exchange) => {
      exchange.onFailed(lost());
      return { close() {} };
    });
    expect(await rejection(peer.notify("notifications/x"))).toMatchObject({
      code: "CONNECTION_LOST",
    });
  });
});

describe("close", () => {
  test("every call rejects with its own copy and its own knowledge; nothing is sent any more", async () => {
    const written = request();
    const answered = request();
    transport.last("tools/call").head();
    transport.writes = false;
    const queued = request({ method: "tools/list" });
    peer.close(new McpClosedError("over", { server: "s" }));
    const errors = await Promise.all([written, answered, queued].map(rejection));
    expect(errors.map((error) => (error as McpError).sent)).toEqual(["unknown", "yes", "no"]);
    expect(errors.map((error) => (error as McpError).method)).toEqual([
      "tools/call",
      "tools/call",
      "tools/list",
    ]);
    expect(new Set(errors).size).toBe(3);
    expect(transport.sent.every((sent) => sent.closed)).toBe(true);
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);

    const count = transport.sent.length;
    expect(await rejection(request())).toMatchObject({ code: "CLOSED", sent: "no" });
    expect(await rejection(peer.notify("notifications/x"))).toMatchObject({ code: "CLOSED" });
    expect(transport.sent).toHaveLength(count);
  });

  test("the channel's end is told once, and not after our own close", async () => {
    const reason = new McpConnectionError("CONNECTION_LOST", "exit");
    const call = request();
    transport.sink.onClose(reason);
    transport.sink.onClose(reason);
    expect(await rejection(call)).toMatchObject({ code: "CONNECTION_LOST", sent: "unknown" });
    expect(onClose).toHaveBeenCalledTimes(1);

    const other = new Peer({
      server: "s",
      clock,
      quirks: repairLog(),
      transport,
      onStray: () => {},
      onClose,
    });
    other.close(new McpClosedError("over"));
    other.onClose(reason);
    expect(onClose).toHaveBeenCalledTimes(1);
  });

  test("handlers at work are aborted and what they return is not sent", async () => {
    let aborted: unknown;
    peer.handlers = {
      onRequest: (_, __, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            aborted = signal.reason;
            resolve({});
          });
        }),
      onNotification: () => {},
    };
    transport.ask(1, "sampling/createMessage");
    const reason = new McpClosedError("over");
    peer.close(reason);
    await settled();
    expect(aborted).toBe(reason);
    expect(transport.responses).toEqual([]);
    expect(peer.inbound.activeCount).toBe(0);
  });
});

test("over the memory transport: both directions, and a loss that ends every call", async () => {
  const { client, server } = createMemoryPair();
  const over = new Peer({
    server: "m",
    clock,
    quirks: repairLog(),
    transport: client,
    onStray: () => {},
    onClose,
  });
  await client.start(over, new AbortController().signal);
  const seen: JsonRpcMessage[] = [];
  server.onMessage((message) => {
    seen.push(message);
    if ("method" in message && "id" in message && message.method === "echo") {
      server.send({ jsonrpc: "2.0", id: message.id, result: { params: message.params } });
    }
  });
  const echo = { method: "echo", limits: LIMITS, cancel: "notify" } as const;
  expect(await over.request({ ...echo, params: { a: [1] } })).toEqual({ params: { a: [1] } });
  server.send({ jsonrpc: "2.0", id: "q", method: "unknown" });
  const calls = [1, 2, 3].map(() =>
    over.request({ ...echo, method: "never" }).catch((e: McpError) => e),
  );
  await settled();
  expect(seen).toContainEqual(
    expect.objectContaining({ id: "q", error: expect.objectContaining({ code: -32601 }) }),
  );
  server.close();
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "unknown", method: "never" });
  }
  expect(onClose).toHaveBeenCalledTimes(1);
  expect(clock.armedCount).toBe(0);
});
