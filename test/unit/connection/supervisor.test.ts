import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpAuthError, McpConnectionError, McpHttpError } from "../../../src/core/errors.ts";
import type { Link } from "../../../src/connection/link.ts";
import { settled } from "../../support/manual-clock.ts";
import { CountingSignal, FakeDuplex, initializeResult, rejection } from "../fakes.ts";
import { Backend, HTTP, lost, refused, STDIO, supervise, watch } from "./harness.ts";

/** No crash is one too many. */
const STDIO_FOREVER = { ...STDIO, reconnect: { crashLimit: 1_000 } };

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;

beforeEach(() => {
  hidden.backend = backend = new Backend();
});

/** Ends the channel as a process that dies does. */
const crash = (): void => backend.duplexes.at(-1)?.sink.onClose(lost());
const NEVER = 300_000;

describe("attempts", () => {
  test("however many ask, in whatever way, there is one at a time", async () => {
    const { supervisor, states } = supervise(STDIO);
    const asked = [
      ...Array.from({ length: 50 }, () => supervisor.ready(NEVER)),
      ...Array.from({ length: 50 }, () => supervisor.connect()),
    ];
    const links = new Set(await Promise.all(asked));
    expect(links.size).toBe(1);
    expect(backend.duplexes).toHaveLength(1);
    expect(backend.count("initialize")).toBe(1);
    expect(states).toEqual(["connecting", "ready"]);
    await supervisor.close();
  });

  test("connect() reports the first failure, ready() waits through it", async () => {
    let failures = 1;
    backend.start = () => (failures-- > 0 ? refused() : undefined);
    const { clock, supervisor, states } = supervise(STDIO);
    const waiting = watch(supervisor.ready(NEVER));
    expect(await rejection(supervisor.connect())).toMatchObject({ code: "CONNECTION_FAILED" });
    expect(clock.dueIn).toContain(250);
    await clock.run(250);
    expect(waiting.value).toBe(supervisor.link);
    expect(states).toEqual(["connecting", "backoff", "connecting", "ready"]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a failed attempt takes its transport down", async () => {
    backend.initialize = (sent) => sent.fail(refused());
    const { clock, supervisor } = supervise(STDIO);
    await rejection(supervisor.connect());
    expect(backend.duplexes.map((transport) => transport.closeCount)).toEqual([1]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test.each([
    ["not worth retrying", refused(false)],
    ["a status", new McpHttpError("no", { status: 403 })],
  ])("at first %s is failed: told to all, fast, until connect() (fault 38)", async (_, error) => {
    backend.start = () => error;
    const { clock, supervisor, states } = supervise(STDIO);
    // For a call that was not sent, whether it waited for the attempt or came later.
    const { code, message } = error;
    for (let call = 0; call < 2; call++) {
      const told = await rejection(supervisor.ready(NEVER));
      expect(told).toMatchObject({ code, message, sent: "no" });
    }
    expect(states).toEqual(["connecting", "failed"]);
    expect(clock.armedCount).toBe(0);
    backend.start = () => undefined;
    await clock.run(600_000);
    expect(supervisor.state).toBe("failed");
    await supervisor.connect();
    expect(supervisor.state).toBe("ready");
    await supervisor.close();
  });

  test("once it has worked, a bad answer may be a deployment: tried again", async () => {
    const { clock, supervisor, states } = supervise(STDIO);
    await supervisor.connect();
    let failures = 2;
    backend.start = () => (failures-- > 0 ? new McpHttpError("no", { status: 404 }) : undefined);
    crash();
    await clock.run(2_000);
    expect(states.at(-1)).toBe("ready");
    await supervisor.close();
  });

  test("authorization is asked for, not tried for (fault 64)", async () => {
    const error = new McpAuthError("AUTH_REQUIRED", "401", { status: 401 });
    backend.start = () => error;
    const { clock, supervisor, states } = supervise(STDIO);
    expect(await rejection(supervisor.connect())).toBe(error);
    expect(states).toEqual(["connecting", "auth-required"]);
    expect(clock.armedCount).toBe(0);
  });

  test("connect() from inside the news of a failure gets the new attempt's outcome", async () => {
    const errors = [refused(false)];
    backend.start = () => errors.shift();
    let second: Promise<Link> | undefined;
    const { supervisor } = supervise(STDIO, {
      events: {
        onState: (next) => {
          if (next === "failed") second = supervisor.connect();
        },
      },
    });
    await rejection(supervisor.connect());
    expect(await second).toBe(supervisor.currentLink);
    await supervisor.close();
  });

  test("a handshake that never ends is ended by its limit, and tried again", async () => {
    backend.initialize = () => {};
    const { clock, supervisor } = supervise(STDIO);
    const waiting = watch(supervisor.connect());
    // A child process has a minute: it may have to be downloaded first (fault 49).
    await clock.run(59_999);
    expect(waiting.error).toBeUndefined();
    await clock.run(1);
    expect(waiting.error).toMatchObject({ code: "TIMEOUT" });
    expect(supervisor.state).toBe("backoff");
    expect(backend.duplexes[0]?.closeCount).toBe(1);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });
});

describe("the budget", () => {
  test("callers wait 30 s in all, then fail; attempts go on, at most 120 s apart", async () => {
    backend.start = () => refused();
    const { clock, supervisor } = supervise(STDIO);
    const early = watch(supervisor.ready(NEVER));
    await clock.run(20_000);
    const late = watch(supervisor.ready(NEVER));
    await clock.run(9_999);
    expect([early, late]).toEqual([{}, {}]);
    await clock.run(1);
    for (const { error } of [early, late]) {
      expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    }
    expect(early.error).not.toBe(late.error);

    const times: number[] = [];
    backend.start = () => {
      times.push(clock.now());
      return refused();
    };
    await clock.run(3_600_000);
    const gaps = times.slice(1).map((time, n) => time - (times[n] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(120_000 * 1.2);
    expect(gaps.length).toBeGreaterThan(25);
    // Nobody waits: nothing holds the process.
    expect(clock.holdingCount).toBe(0);

    backend.start = () => undefined;
    await clock.run(150_000);
    expect(supervisor.state).toBe("ready");
    await supervisor.close();
  });

  test("while callers wait the delays stay at 5 s at most", async () => {
    const times: number[] = [];
    const { clock, supervisor } = supervise(STDIO);
    backend.start = () => {
      times.push(clock.now());
      return refused();
    };
    const waiting = watch(supervisor.ready(NEVER));
    await clock.run(29_000);
    expect(waiting).toEqual({});
    const gaps = times.slice(1).map((time, n) => Math.round(time - (times[n] ?? 0)));
    expect(gaps.slice(0, 7)).toEqual([250, 400, 640, 1_024, 1_638, 2_621, 4_194]);
    expect(Math.max(...gaps)).toBe(5_000);
    await supervisor.close();
  });

  test("after it a caller starts an attempt of its own, but not right after the last", async () => {
    backend.start = () => refused();
    const { clock, supervisor } = supervise(STDIO);
    watch(supervisor.ready(NEVER));
    await clock.run(200_000);
    await clock.run(Math.max(0, (clock.dueIn[0] ?? 0) - 2_000));
    backend.start = () => undefined;
    const [a, b] = [supervisor.ready(NEVER), supervisor.ready(NEVER)];
    expect(await a).toBe(await b);

    backend.start = () => refused();
    crash();
    watch(supervisor.ready(NEVER));
    await clock.run(200_000);
    const attempts = backend.duplexes.length;
    await clock.run(clock.dueIn[0] ?? 0);
    expect(backend.duplexes.length).toBe(attempts + 1);
    await rejection(supervisor.ready(NEVER));
    expect(backend.duplexes.length).toBe(attempts + 1);
    await supervisor.close();
  });

  test("a caller's own limit and signal come first, and leave nothing behind", async () => {
    backend.start = () => refused();
    const { clock, supervisor } = supervise(STDIO);
    const counting = new CountingSignal();
    const short = watch(supervisor.ready(1_000));
    const aborted = watch(supervisor.ready(NEVER, counting.signal));
    await clock.run(1_000);
    expect(short.error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
    const reason = new Error("enough");
    counting.controller.abort(reason);
    await settled();
    expect(aborted.error).toBe(reason);
    expect(counting.listenerCount).toBe(0);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("each outage has a budget of its own", async () => {
    const { clock, supervisor } = supervise(STDIO);
    await supervisor.connect();
    for (let outage = 0; outage < 3; outage++) {
      backend.start = () => refused();
      crash();
      const waiting = watch(supervisor.ready(NEVER));
      await clock.run(25_000);
      expect(waiting).toEqual({});
      backend.start = () => undefined;
      await clock.run(7_000);
      expect(waiting.value).toBe(supervisor.link);
      await clock.run(180_000);
    }
    await supervisor.close();
  });
});

describe("losing a link", () => {
  test("the first reconnect is at once, within the jitter (fault 60)", async () => {
    for (const [random, wait] of [
      [0, 0],
      [0.99, 99],
    ] as const) {
      const { clock, supervisor, states } = supervise(STDIO);
      await supervisor.connect();
      clock.nextRandom = random;
      crash();
      expect(clock.dueIn).toEqual([wait]);
      await clock.run(wait);
      expect(states).toEqual(["connecting", "ready", "backoff", "connecting", "ready"]);
      await supervisor.close();
    }
  });

  test("the fifth crash in three minutes is failed; connect() forgives (fault 40)", async () => {
    const { clock, supervisor, states } = supervise(STDIO);
    await supervisor.connect();
    for (let n = 1; n < 5; n++) {
      crash();
      await clock.run(10_000);
      expect(supervisor.state).toBe("ready");
    }
    crash();
    await settled();
    expect(states.at(-1)).toBe("failed");
    expect(supervisor.counts.crashes).toBe(5);
    const error = await rejection(supervisor.ready(NEVER));
    expect((error as Error).message).toContain("5 times");
    await clock.run(600_000);
    expect(supervisor.state).toBe("failed");
    await supervisor.connect();
    crash();
    await clock.run(10_000);
    expect(supervisor.state).toBe("ready");
    await supervisor.close();
  });

  test("a link that is lost as soon as it is made is not made again at once, again and again", async () => {
    const { clock, supervisor, states } = supervise(STDIO_FOREVER);
    await supervisor.connect();
    crash();
    await clock.run(200);
    expect(states.filter((name) => name === "ready")).toHaveLength(2);
    const waits: number[] = [];
    for (let n = 0; n < 4; n++) {
      crash();
      waits.push(clock.dueIn[0] ?? 0);
      await clock.run(10_000 - 5_001);
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[0]).toBeGreaterThan(100);
    await clock.run(5_000);
    crash();
    expect(clock.dueIn[0]).toBeLessThanOrEqual(100);
    await supervisor.close();
  });

  test("a process that dies in the handshake counts as a crash too", async () => {
    backend.initialize = () => crash();
    const { clock, supervisor } = supervise(STDIO);
    watch(supervisor.ready(NEVER));
    await clock.run(60_000);
    expect(supervisor.state).toBe("failed");
    expect(backend.duplexes).toHaveLength(5);
    expect(backend.duplexes.every((transport) => transport.closeCount > 0)).toBe(true);
  });

  test("a transport of the user's own is not made anew", async () => {
    const transport = new FakeDuplex();
    transport.script = (sent) => sent.reply(initializeResult());
    const { clock, supervisor, states } = supervise({ transport });
    await supervisor.connect();
    transport.sink.onClose(lost());
    await settled();
    expect(states).toEqual(["connecting", "ready", "failed"]);
    expect(clock.armedCount).toBe(0);
    expect(transport.closeCount).toBe(1);
  });

  test("a link that dies while its session is set up is not given to anyone", async () => {
    let isFirst = true;
    const { clock, supervisor } = supervise(STDIO, {
      events: {
        onSession: async () => {
          if (isFirst) crash();
          isFirst = false;
        },
      },
    });
    const waiting = watch(supervisor.ready(NEVER));
    await clock.run(1_000);
    expect(backend.duplexes).toHaveLength(2);
    expect(waiting.value?.transport).toBe(backend.duplexes[1]);
    await supervisor.close();
  });

  test("calls that find the server unreachable report it once; the session survives", async () => {
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    for (let n = 0; n < 10; n++) supervisor.reportUnreachable(link, refused());
    expect(states.at(-1)).toBe("backoff");
    await clock.run(100);
    expect(states).toEqual(["connecting", "ready", "backoff", "connecting", "ready"]);
    expect(supervisor.link).toBe(link);
    expect([backend.https.length, backend.count("initialize"), backend.count("ping")]).toEqual([
      1, 1, 1,
    ]);
    await supervisor.close();
  });
});

describe("renewal (3.9, 3.10, fault 15)", () => {
  const gone = (): McpHttpError => new McpHttpError("gone", { status: 404 });

  beforeEach(() => {
    let n = 0;
    backend.initialize = (sent) =>
      sent.head(200, { "mcp-session-id": `s${(n += 1)}` }).reply(initializeResult());
  });

  test("a hundred reports are one initialize; callers wait for it", async () => {
    const sessions: boolean[] = [];
    const { supervisor, states } = supervise(HTTP, {
      events: { onSession: async (_, renewed) => void sessions.push(renewed) },
    });
    const { session } = await supervisor.connect();
    backend.forgotten = gone();
    for (let n = 0; n < 100; n++) supervisor.reportUnknownSession(session, gone());
    expect(supervisor.link).toBeUndefined();
    const link = await supervisor.ready(NEVER);
    expect(link.session).not.toBe(session);
    // A report about the old session, too late, renews nothing.
    supervisor.reportUnknownSession(session, gone());
    await settled();
    expect(backend.count("initialize")).toBe(2);
    expect(sessions).toEqual([false, true]);
    expect(states).toEqual(["connecting", "ready"]);
    await supervisor.close();
    const [transport] = backend.https;
    expect(transport?.ended.map((headers) => headers.at(-1))).toEqual(["s2"]);
  });

  test("one that fails is an outage like any other, over the same transport", async () => {
    const { clock, supervisor, states } = supervise(HTTP);
    const { session } = await supervisor.connect();
    const { initialize } = backend;
    let failures = 2;
    backend.initialize = (sent) => (failures-- > 0 ? sent.fail(refused()) : initialize(sent));
    backend.script = (sent) => {
      if (sent.method === "ping") sent.fail(gone());
    };
    supervisor.reportUnknownSession(session, gone());
    const waiting = watch(supervisor.ready(NEVER));
    await clock.run(5_000);
    expect(waiting.value).toBe(supervisor.link);
    expect(backend.https).toHaveLength(1);
    expect(states).toContain("backoff");
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("the session is given to callers only once it is set up", async () => {
    let setUp: () => void = () => {};
    const { supervisor } = supervise(HTTP, {
      events: {
        onSession: (_, renewed) =>
          renewed ? new Promise((done) => (setUp = done)) : Promise.resolve(),
      },
    });
    const { session } = await supervisor.connect();
    backend.forgotten = gone();
    supervisor.reportUnknownSession(session, gone());
    const waiting = watch(supervisor.ready(NEVER));
    await settled();
    expect(waiting).toEqual({});
    setUp();
    await settled();
    expect(waiting.value).toBe(supervisor.link);
    await supervisor.close();
  });
});

describe("ending (fault 55)", () => {
  test("while connecting: callers are told, the transport closed, no timer left", async () => {
    backend.initialize = () => {};
    const { clock, supervisor, states } = supervise(STDIO);
    const [a, b] = [watch(supervisor.ready(NEVER)), watch(supervisor.connect())];
    await settled();
    await supervisor.close();
    for (const { error } of [a, b]) expect(error).toMatchObject({ code: "CLOSED" });
    expect(states).toEqual(["connecting", "closed"]);
    expect(backend.duplexes[0]?.closeCount).toBeGreaterThan(0);
    expect(clock.armedCount).toBe(0);
  });

  test("while the change stream opens: no timer left, and the session is ended", async () => {
    backend.initialize = (sent) =>
      sent.head(200, { "mcp-session-id": "s1" }).reply(initializeResult());
    backend.opensStreams = false;
    const { clock, supervisor } = supervise({ ...HTTP, listen: true });
    const waiting = watch(supervisor.connect());
    await settled();
    const transport = backend.https[0];
    if (transport === undefined) throw new Error("no transport");
    expect(transport.listens).toHaveLength(1);
    await supervisor.close();
    expect(waiting.value ?? waiting.error).toBeDefined();
    expect(clock.armedCount).toBe(0);
    expect(transport.ended).toHaveLength(1);
  });

  test("in backoff, renewing, ready, idle: settles, and nothing is left", async () => {
    const idle = supervise(STDIO);
    await idle.supervisor.close();
    expect(idle.states).toEqual(["closed"]);

    const ready = supervise(STDIO);
    await ready.supervisor.connect();
    await ready.supervisor.close();
    await ready.supervisor.close();
    expect(backend.duplexes.at(-1)?.closeCount).toBe(1);

    const waiting = supervise(STDIO);
    await waiting.supervisor.connect();
    backend.start = () => refused();
    crash();
    const outcome = watch(waiting.supervisor.ready(NEVER));
    await waiting.supervisor.close();
    expect(outcome.error).toMatchObject({ code: "CLOSED" });

    backend = hidden.backend = new Backend();
    backend.initialize = (sent) =>
      sent.head(200, { "mcp-session-id": "s" }).reply(initializeResult());
    const renewing = supervise(HTTP);
    const { session } = await renewing.supervisor.connect();
    backend.initialize = () => {};
    backend.forgotten = new McpHttpError("gone", { status: 404 });
    renewing.supervisor.reportUnknownSession(session, new McpHttpError("gone", { status: 404 }));
    const held = watch(renewing.supervisor.ready(NEVER));
    await settled();
    await renewing.supervisor.close();
    expect(held.error).toMatchObject({ code: "CLOSED" });
    expect(backend.https[0]?.closeCount).toBe(1);

    for (const { clock } of [idle, ready, waiting, renewing]) expect(clock.armedCount).toBe(0);
  });

  test("after drain and after close nobody gets in", async () => {
    const { supervisor, states } = supervise(STDIO);
    await supervisor.connect();
    supervisor.drain();
    supervisor.drain();
    for (const refusal of [supervisor.ready(NEVER), supervisor.connect()]) {
      expect(await rejection(refusal)).toMatchObject({ code: "CLOSED" });
    }
    expect(backend.duplexes[0]?.closeCount).toBe(0);
    await supervisor.close();
    expect(backend.duplexes[0]?.closeCount).toBe(1);
    expect(await rejection(supervisor.ready(NEVER))).toMatchObject({ code: "CLOSED" });
    expect(states).toEqual(["connecting", "ready", "draining", "closed"]);
  });

  test("a link lost while draining is not made again", async () => {
    const { clock, supervisor, states } = supervise(STDIO);
    await supervisor.connect();
    supervisor.drain();
    crash();
    await clock.run(600_000);
    await supervisor.close();
    expect(backend.duplexes).toHaveLength(1);
    expect(states).toEqual(["connecting", "ready", "draining", "closed"]);
    expect(clock.armedCount).toBe(0);
  });

  test("an hour of sleep is one reconnect, not one per missed timer (fault 59)", async () => {
    const { clock, supervisor } = supervise(STDIO);
    await supervisor.connect();
    backend.start = () => new McpConnectionError("CONNECTION_FAILED", "x", { retryable: true });
    crash();
    await clock.run(10_000);
    const attempts = backend.duplexes.length;
    backend.start = () => undefined;
    clock.jump(3_600_000);
    await clock.run(0);
    expect(backend.duplexes.length).toBe(attempts + 1);
    expect(supervisor.state).toBe("ready");
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });
});
