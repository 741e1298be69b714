import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpHttpError } from "../../../src/core/errors.ts";
import { settled } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost, refused, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;
/** What befalls the next calls, first come first served; then all is well. */
let faults: ((sent: Sent) => object | void)[];

const CALL = { name: "t" };
const hangs = (): void => {};

beforeEach(() => {
  hidden.backend = backend = new Backend();
  faults = [];
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    const fault = faults.shift();
    return fault === undefined ? { content: [] } : fault(sent);
  };
});

type Connected = ReturnType<typeof connect>;

/** With one place, and so many who may wait for it. */
async function ready(queued: number, config: object = {}): Promise<Connected> {
  const connected = connect({ ...HTTP, limits: { inFlight: 1, queued }, ...config });
  await connected.connection.connect();
  return connected;
}

function ask(
  { connection }: Connected,
  options: Parameters<Connected["connection"]["request"]>[2] = {},
) {
  return connection.request("tools/call", CALL, options);
}

function calls(): Sent[] {
  return backend.https.flatMap((transport) => transport.of("tools/call"));
}

describe("the queue (fault 52)", () => {
  test("full: an error at once that says so, and that nothing was sent", async () => {
    const connected = await ready(1);
    faults = [hangs];
    const first = watch(ask(connected));
    const second = watch(ask(connected));
    await settled();
    const error = await rejection(ask(connected));
    expect(error).toMatchObject({
      name: "McpOverloadedError",
      code: "OVERLOADED",
      sent: "no",
      retryable: true,
      server: "s",
      method: "tools/call",
    });
    expect(connected.connection.counts).toMatchObject({
      calls: 3,
      failed: 1,
      inFlight: 1,
      queued: 1,
    });
    expect(calls().length).toBe(1);
    calls()[0]?.reply({ content: [] });
    await settled();
    expect([first.value, second.value]).toEqual([{ content: [] }, { content: [] }]);
    expect(connected.connection.counts).toMatchObject({ succeeded: 2, inFlight: 0, queued: 0 });
    await connected.connection.close(0);
  });

  test("limits.queued 0: whoever finds no place is turned away", async () => {
    const connected = await ready(0);
    faults = [hangs];
    watch(ask(connected));
    await settled();
    expect(await rejection(ask(connected))).toMatchObject({ code: "OVERLOADED", sent: "no" });
    await connected.connection.close(0);
  });

  test.each([
    ["queueMs is the shorter", 2_000, 5_000, 2_000, { code: "OVERLOADED", sent: "no" }],
    [
      "the call's own limit is the shorter",
      5_000,
      2_000,
      2_000,
      { code: "TIMEOUT", limit: "total", timeoutMs: 2_000, sent: "no" },
    ],
  ])(
    "waits no longer than either limit: %s",
    async (_name, queueMs, totalTimeoutMs, afterMs, error) => {
      const connected = await ready(9, { timeouts: { queueMs } });
      faults = [hangs];
      watch(ask(connected));
      const waiting = watch(ask(connected, { totalTimeoutMs }));
      await connected.clock.run(afterMs - 1);
      expect(waiting).toEqual({});
      await connected.clock.run(1);
      expect(waiting.error).toMatchObject({ ...error, server: "s", method: "tools/call" });
      expect([calls().length, connected.connection.counts.queued]).toEqual([1, 0]);
      await connected.connection.close(0);
      expect(connected.clock.armedCount).toBe(0);
    },
  );

  test("an abort while waiting: its reason at once, and nothing is left on the signal", async () => {
    const connected = await ready(9);
    faults = [hangs];
    watch(ask(connected));
    const counting = new CountingSignal();
    const waiting = watch(ask(connected, { signal: counting.signal }));
    const behind = watch(ask(connected));
    await settled();
    expect(connected.connection.counts.queued).toBe(2);
    const reason = new Error("enough");
    counting.controller.abort(reason);
    await settled();
    expect([waiting.error, counting.listenerCount]).toEqual([reason, 0]);
    calls()[0]?.reply({});
    await settled();
    expect([behind.value, calls().length]).toEqual([{ content: [] }, 2]);
    await connected.connection.close(0);
  });

  test("who was aborted before is told the reason, be the queue full or not", async () => {
    const connected = await ready(0);
    faults = [hangs];
    watch(ask(connected));
    await settled();
    const reason = new Error("enough");
    const call = ask(connected, { signal: AbortSignal.abort(reason) });
    expect(await rejection(call)).toBe(reason);
    await connected.connection.close(0);
  });

  test("closing: who waits is told at once that it is closed, what is under way may end", async () => {
    const connected = await ready(3);
    faults = [hangs];
    const inside = watch(ask(connected));
    const waiting = [1, 2, 3].map(() => watch(ask(connected)));
    await settled();
    const closing = watch(connected.connection.close(5_000));
    await settled();
    for (const { error } of waiting) expect(error).toMatchObject({ code: "CLOSED", sent: "no" });
    expect([inside, closing]).toEqual([{}, {}]);
    calls()[0]?.reply({ content: [] });
    await settled();
    expect(inside.value).toBeDefined();
    expect("value" in closing).toBe(true);
    expect(connected.clock.armedCount).toBe(0);
    expect(connected.connection.counts).toMatchObject({ inFlight: 0, queued: 0, failed: 3 });
    expect(calls().length).toBe(1);
  });
});

describe("a place", () => {
  test("is held while the connection is made, and given back while a busy server is waited for", async () => {
    backend.start = () => refused();
    const connected = connect({ ...HTTP, limits: { inFlight: 1, queued: 9 } });
    const first = watch(ask(connected));
    const second = watch(ask(connected));
    await connected.clock.run(3_000);
    expect(connected.connection.counts).toMatchObject({ inFlight: 1, queued: 1 });
    backend.start = () => undefined;
    faults = [(sent) => sent.fail(new McpHttpError("busy", { status: 429, retryAfterMs: 20_000 }))];
    await connected.clock.run(15_000);
    expect(connected.connection.counts).toMatchObject({ inFlight: 0, queued: 2 });
    expect(calls().length).toBe(1);
    await connected.clock.run(20_000);
    expect([first.value, second.value]).toEqual([{ content: [] }, { content: [] }]);
    expect(calls().length).toBe(3);
    await connected.connection.close(0);
  });

  /** Each ends its call in another way; afterwards there must be a place. */
  const ENDINGS: [string, () => void, (connected: Connected) => Promise<unknown>][] = [
    ["a result", () => {}, ask],
    ["an error of the server", () => (faults = [(sent) => sent.replyError(-32_602)]), ask],
    ["a lost answer", () => (faults = [(sent) => sent.fail(lost())]), ask],
    [
      "a status",
      () => (faults = [(sent) => sent.fail(new McpHttpError("x", { status: 500 }))]),
      ask,
    ],
    [
      "silence",
      () => (faults = [hangs]),
      async (connected) => {
        const call = ask(connected, { timeoutMs: 1_000 });
        call.catch(() => {});
        await connected.clock.run(1_000);
        return call;
      },
    ],
    [
      "an abort on the way",
      () => (faults = [hangs]),
      async (connected) => {
        const controller = new AbortController();
        const call = ask(connected, { signal: controller.signal });
        await settled();
        controller.abort(new Error("enough"));
        return call;
      },
    ],
    [
      "an abort before",
      () => {},
      (connected) => ask(connected, { signal: AbortSignal.abort(new Error("enough")) }),
    ],
    [
      "parameters that JSON cannot say",
      () => {},
      ({ connection }) => connection.request("tools/call", { name: "t", big: 1n }, {}),
    ],
    [
      "parameters that throw when they are read",
      () => {},
      async ({ connection }) => {
        const params = {
          get name(): string {
            throw new Error("no name");
          },
        };
        return connection.request("tools/call", params, { meta: { trace: "1" } });
      },
    ],
    ["a replay", () => (faults = [(sent) => sent.fail(lost())]), replayed],
  ];

  async function replayed(connected: Connected): Promise<unknown> {
    const call = ask(connected, { replay: "always" });
    call.catch(() => {});
    await connected.clock.run(1_000);
    return call;
  }

  test.each(ENDINGS)("is given back once after %s", async (_name, arrange, run) => {
    const connected = await ready(0);
    for (let round = 0; round < 3; round++) {
      arrange();
      await run(connected).catch(() => {});
      await settled();
      expect(connected.connection.counts).toMatchObject({ inFlight: 0, queued: 0 });
    }
    // One place: not none, and not two.
    faults = [hangs];
    const inside = watch(ask(connected));
    await settled();
    expect(inside).toEqual({});
    expect(await rejection(ask(connected))).toMatchObject({ code: "OVERLOADED" });
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });
});

describe("one deadline (8.22)", () => {
  test("over the queue, the connection, the call and its replay", async () => {
    backend.start = () => refused();
    const connected = connect({ ...HTTP, limits: { inFlight: 1, queued: 9 } });
    const first = watch(ask(connected, { totalTimeoutMs: 3_000 }));
    const call = watch(ask(connected, { totalTimeoutMs: 10_000, replay: "always" }));
    await connected.clock.run(2_999);
    expect([first, connected.connection.counts.queued]).toEqual([{}, 1]);
    await connected.clock.run(1);
    expect([first.error, connected.connection.counts.queued]).toMatchObject([{ sent: "no" }, 0]);
    await connected.clock.run(3_000);
    faults = [(sent) => sent.fail(lost()), hangs];
    backend.start = () => undefined;
    await connected.clock.run(3_999);
    expect(call).toEqual({});
    expect(calls().length).toBe(2);
    await connected.clock.run(1);
    expect(call.error).toMatchObject({ code: expect.stringMatching(/TIMEOUT|OUTCOME_UNKNOWN/) });
    expect(call.error).not.toMatchObject({ sent: "no" });
    await connected.connection.close(0);
    expect(connected.clock.armedCount).toBe(0);
  });

  test("a Retry-After beyond what the queue has left of it is surfaced at once", async () => {
    const connected = await ready(9);
    faults = [
      hangs,
      (sent) => sent.fail(new McpHttpError("busy", { status: 429, retryAfterMs: 4_000 })),
    ];
    watch(ask(connected));
    const call = watch(ask(connected, { totalTimeoutMs: 6_000 }));
    await connected.clock.run(3_000);
    calls()[0]?.reply({});
    await settled();
    expect(call.error).toMatchObject({ status: 429, retryAfterMs: 4_000 });
    expect(calls().length).toBe(2);
    await connected.connection.close(0);
  });

  test("a place that comes free when it is too late is of no use: nothing is sent", async () => {
    const connected = await ready(9);
    faults = [hangs];
    watch(ask(connected));
    const call = watch(ask(connected, { totalTimeoutMs: 6_000 }));
    const behind = watch(ask(connected));
    await settled();
    // This process was busy: no timer was served.
    connected.clock.jump(6_001);
    calls()[0]?.reply({});
    await settled();
    expect(call.error).toMatchObject({ code: "TIMEOUT", limit: "total", sent: "no" });
    expect(behind.value).toBeDefined();
    expect(calls().length).toBe(2);
    await connected.connection.close(0);
  });
});

describe("the breaker", () => {
  const BREAKER = { failures: 2, openMs: 1_000, maxOpenMs: 5_000 };

  async function opened(config: object = {}): Promise<Connected> {
    const connected = await ready(99, { limits: { inFlight: 4, queued: 9 }, ...config });
    for (let n = 0; n < BREAKER.failures; n++) {
      faults = [(sent) => sent.fail(lost())];
      await rejection(ask(connected));
      connected.clock.advance(1);
    }
    expect(connected.connection.circuit).toBe("open");
    return connected;
  }

  test("open: callers wait, unsent, while pings look for the server; its answer lets all of them go", async () => {
    const connected = await opened({ breaker: BREAKER });
    backend.forgotten = new McpHttpError("bad gateway", { status: 502 });
    const waiting = Array.from({ length: 4 }, () => watch(ask(connected)));
    await connected.clock.run(5_000);
    expect(waiting).toEqual([{}, {}, {}, {}]);
    expect(calls().length).toBe(2);
    expect(connected.connection.circuit).toBe("open");
    expect(backend.count("ping")).toBeGreaterThan(2);
    backend.forgotten = undefined;
    await connected.clock.run(BREAKER.maxOpenMs);
    for (const { value } of waiting) expect(value).toEqual({ content: [] });
    expect(connected.connection.circuit).toBe("closed");
    await connected.connection.close(0);
  });

  test("callers that have waited for the whole budget are told why, and later ones at once", async () => {
    const connected = await opened({ breaker: BREAKER, reconnect: { budgetMs: 3_000 } });
    backend.forgotten = new McpHttpError("bad gateway", { status: 502 });
    const waiting = watch(ask(connected));
    await connected.clock.run(4_000);
    const refusal = {
      name: "McpCircuitOpenError",
      code: "CIRCUIT_OPEN",
      sent: "no",
      retryable: true,
      server: "s",
      method: "tools/call",
    };
    expect(waiting.error).toMatchObject(refusal);
    const later = watch(ask(connected));
    await connected.clock.run(1_000);
    expect(later.error).toMatchObject(refusal);
    expect(calls().length).toBe(2);
    await connected.connection.close(0);
  });

  test("half-open while a ping is under way; no caller's call is risked", async () => {
    const connected = await opened({ breaker: BREAKER });
    const pings: Sent[] = [];
    for (const transport of backend.https) {
      const answer = transport.script;
      transport.script = (sent) => (sent.method === "ping" ? void pings.push(sent) : answer(sent));
    }
    const waiting = watch(ask(connected));
    await connected.clock.run(200);
    expect([pings.length, connected.connection.circuit]).toEqual([1, "half-open"]);
    expect([waiting, calls().length]).toEqual([{}, 2]);
    pings[0]?.head().reply({});
    await settled();
    expect([waiting.value, connected.connection.circuit]).toEqual([{ content: [] }, "closed"]);
    await connected.connection.close(0);
  });

  test("calls in the queue wait on when it opens", async () => {
    const connected = await ready(9, { breaker: { ...BREAKER, failures: 1 } });
    faults = [hangs];
    const first = watch(ask(connected));
    const waiting = Array.from({ length: 9 }, () => watch(ask(connected)));
    await settled();
    calls()[0]?.fail(lost());
    await settled();
    await settled();
    expect(first.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(connected.connection.circuit).toBe("open");
    expect(waiting.every((call) => Object.keys(call).length === 0)).toBe(true);
    await connected.clock.run(1_000);
    for (const { value } of waiting) expect(value).toEqual({ content: [] });
    expect(connected.connection.counts).toMatchObject({ inFlight: 0, queued: 0 });
    await connected.connection.close(0);
  });

  test("an abort is told as what it is, whatever the breaker says", async () => {
    const connected = await opened({ breaker: BREAKER });
    const reason = new Error("enough");
    const call = ask(connected, { signal: AbortSignal.abort(reason) });
    expect(await rejection(call)).toBe(reason);
    await connected.connection.close(0);
  });

  test("connect() closes it", async () => {
    const connected = await opened({ breaker: BREAKER });
    await connected.connection.connect();
    expect(connected.connection.circuit).toBe("closed");
    expect(await ask(connected)).toEqual({ content: [] });
    await connected.connection.close(0);
  });
});

test("the retry budget counts what was asked of the server, not what was turned away", async () => {
  const connected = await ready(0, {
    retryBudget: { share: 0.5, perSecond: 0 },
    breaker: { failures: 1_000 },
  });
  faults = [hangs];
  const inside = watch(ask(connected, { replay: "always" }));
  await settled();
  for (let n = 0; n < 10; n++) expect(await rejection(ask(connected))).toBeDefined();
  calls()[0]?.fail(lost());
  await connected.clock.run(5_000);
  // Half of one call is no retry.
  expect([inside.error, calls().length]).toMatchObject([{ code: "OUTCOME_UNKNOWN" }, 1]);
  await connected.connection.close(0);
});

test("a wait that there is no time for is no replay: neither counted nor spoken of", async () => {
  const connected = await ready(0);
  faults = [(sent) => sent.fail(new McpHttpError("busy", { status: 503, retryAfterMs: 20_000 }))];
  const error = await rejection(ask(connected, { replay: "always", totalTimeoutMs: 5_000 }));
  expect(calls().length).toBe(1);
  expect(connected.connection.counts.replays).toBe(0);
  expect((error as Error).message).not.toContain("repeated, as it may be");
  await connected.connection.close(0);
});

test("what was refused with 429 did not run: of a call that is lost afterwards nothing else is said", async () => {
  const connected = await ready(0);
  faults = [
    (sent) => sent.fail(new McpHttpError("busy", { status: 429 })),
    (sent) => sent.fail(lost()),
  ];
  const call = watch(ask(connected));
  await connected.clock.run(1_000);
  expect(calls().length).toBe(2);
  expect(call.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect((call.error as Error).message).toContain("it may have run once");
  await connected.connection.close(0);
});

test("a 429 takes nothing away from what is allowed after a loss", async () => {
  const connected = await ready(0);
  faults = [
    (sent) => sent.fail(new McpHttpError("busy", { status: 429 })),
    (sent) => sent.fail(lost()),
  ];
  const call = watch(ask(connected, { replay: "always" }));
  await connected.clock.run(2_000);
  expect([call.value, calls().length]).toEqual([{ content: [] }, 3]);
  expect(connected.connection.counts.replays).toBe(1);
  await connected.connection.close(0);
});
