import { beforeEach, describe, expect, test } from "vitest";
import { McpClientPool } from "../../../src/index.ts";
import type {
  Interceptor,
  InterceptorNext,
  JsonObject,
  McpError,
  PoolRequest,
} from "../../../src/index.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { CountingSignal, FakeDuplex, initializeResult, rejection } from "../fakes.ts";
import type { Script, Sent } from "../fakes.ts";
import { watch } from "./harness.ts";

const TOOLS = [
  { name: "a", description: "", inputSchema: { type: "object" } },
  {
    name: "b",
    description: "",
    inputSchema: { type: "object" },
    annotations: { readOnlyHint: true },
  },
];
const DONE = { content: [{ type: "text", text: "done" }] };
const CALL = "tools/call";

let fake: FakeDuplex;
let clock: ManualClock;
let pool: McpClientPool;
/** What the server does with anything but `initialize` and `tools/list`; by default it is done at once. */
let serve: Script;

beforeEach(async () => {
  fake = new FakeDuplex();
  clock = new ManualClock();
  serve = () => DONE;
  fake.script = (sent) => {
    if (sent.method === "initialize") return initializeResult({ tools: {}, prompts: {} });
    if (sent.method === "tools/list") return { tools: TOOLS };
    return serve(sent);
  };
  pool = new McpClientPool({
    clock,
    servers: { s: { transport: fake, protocol: "legacy", trusted: true } },
  });
  await pool.connect();
});

const executed = (): number => fake.of(CALL).length;
/** Answers by hand. */
const byHand = (): void => undefined;

/** Waits until told. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe("the chain", () => {
  test("none: nothing is added to a request", async () => {
    pool.use((request, next) => next(request))();
    await pool.callTool("s__a", { x: 1 });
    expect(fake.last(CALL).params).toMatchObject({ name: "a", arguments: { x: 1 } });
  });

  test("the first one added is the outermost; each sees what the one before made of it", async () => {
    const seen: string[] = [];
    const mark =
      (name: string): Interceptor =>
      async (request, next) => {
        const args = request.params?.["arguments"] as { trail: string };
        seen.push(`${name} sees ${args.trail}`);
        const params = { ...request.params, arguments: { trail: `${args.trail}${name}` } };
        const result = await next({ ...request, params });
        seen.push(`${name} is back`);
        return result;
      };
    pool.use(mark("1"));
    pool.use(mark("2"));
    expect(await pool.callTool("s__a", { trail: "" })).toMatchObject(DONE);
    expect(seen).toEqual(["1 sees ", "2 sees 1", "2 is back", "1 is back"]);
    expect(fake.last(CALL).params["arguments"]).toEqual({ trail: "12" });
  });

  test("what it is told of a request, of every method", async () => {
    const seen: PoolRequest[] = [];
    pool.use((request, next) => {
      seen.push(request);
      return next(request);
    });
    const options = { timeoutMs: 7_000 };
    await pool.callTool("s__b", { x: 1 }, options);
    await pool.call("s", CALL, { name: "b" });
    serve = () => ({ prompts: [] });
    await pool.listPrompts("s");
    await pool.listTools("s");
    expect(seen.map(({ method }) => method)).toEqual([CALL, CALL, "prompts/list", "tools/list"]);
    expect(seen.every(({ server }) => server === "s")).toBe(true);
    const [named, raw] = seen;
    expect(named?.tool).toMatchObject({ name: "b", annotations: { readOnlyHint: true } });
    expect(named?.params).toEqual({ name: "b", arguments: { x: 1 } });
    expect(named?.options).toMatchObject(options);
    expect(raw?.tool).toBeUndefined();
  });

  test("added and removed while a request is under way: that one goes on as it began", async () => {
    const { opened, open } = gate();
    const seen: string[] = [];
    const remove = pool.use(async (request, next) => {
      seen.push("old");
      await opened;
      return next(request);
    });
    const call = pool.callTool("s__a");
    await settled();
    pool.use((request, next) => {
      seen.push("new");
      return next(request);
    });
    remove();
    remove();
    open();
    await call;
    expect(seen).toEqual(["old"]);
    await pool.callTool("s__a");
    expect(seen).toEqual(["old", "new"]);
  });

  test("one function added twice runs twice, and is removed once", async () => {
    let runs = 0;
    const count: Interceptor = (request, next) => {
      runs += 1;
      return next(request);
    };
    const remove = pool.use(count);
    pool.use(count);
    await pool.callTool("s__a");
    expect(runs).toBe(2);
    remove();
    remove();
    await pool.callTool("s__a");
    expect(runs).toBe(3);
  });
});

describe("answers and failures", () => {
  test("it may answer itself: nothing is sent", async () => {
    pool.use(() => DONE as JsonObject);
    expect(await pool.callTool("s__a")).toEqual(DONE);
    expect(executed()).toBe(0);
    expect(pool.status()[0]?.counts.calls).toBe(1);
  });

  test("it may change the result, and see a failure and answer in its place", async () => {
    pool.use(async (request, next) => {
      try {
        return { ...(await next(request)), extra: 1 };
      } catch (error) {
        return { caught: (error as McpError).code };
      }
    });
    expect(await pool.callTool("s__a")).toMatchObject({ extra: 1 });
    serve = (sent) => sent.replyError(-32000);
    expect(await pool.callTool("s__a")).toEqual({ caught: "RESPONSE_ERROR" });
  });

  test.each([
    ["an error", new Error("mine")],
    ["no error at all", "just text"],
    ["undefined", undefined],
  ])("what it throws is what the caller gets: %s", async (_, thrown) => {
    pool.use(() => {
      throw thrown;
    });
    expect(await rejection(pool.callTool("s__a"))).toBe(thrown);
    expect(executed()).toBe(0);
  });

  test("what it throws after the call has run, too; the call counts as done", async () => {
    pool.use(async (request, next) => {
      await next(request);
      throw new RangeError("afterwards");
    });
    expect(await rejection(pool.callTool("s__a"))).toBeInstanceOf(RangeError);
    expect([executed(), pool.status()[0]?.counts.inFlight]).toEqual([1, 0]);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["an array", []],
    ["text", "done"],
  ])("a result that is none is a mistake that is named: %s", async (_, result) => {
    pool.use(async (request, next) => {
      await next(request);
      return result as unknown as JsonObject;
    });
    const error = await rejection(pool.callTool("s__a"));
    expect(error).toMatchObject({ code: "INVALID_CONFIG", server: "s", method: CALL, path: "use" });
  });

  test.each<[string, (request: PoolRequest) => unknown]>([
    ["no request", () => undefined],
    ["null", () => null],
    ["a request without options", ({ server, method }) => ({ server, method })],
    ["another server", (request) => ({ ...request, server: "t" })],
    ["another method", (request) => ({ ...request, method: "tools/list" })],
    ["params that are text", (request) => ({ ...request, params: "x" })],
    ["params that are an array", (request) => ({ ...request, params: [] })],
    ["options that are null", (request) => ({ ...request, options: null })],
  ])("next() with %s sends nothing, and says so", async (_, make) => {
    pool.use((request, next) => next(make(request) as PoolRequest));
    const error = await rejection(pool.callTool("s__a"));
    expect(error).toMatchObject({ code: "INVALID_CONFIG", server: "s", method: CALL, path: "use" });
    expect(executed()).toBe(0);
  });

  test("each next() is a call of its own, with an id of its own (1.3)", async () => {
    let runs = 0;
    serve = () => ({ content: [], run: (runs += 1) });
    pool.use(async (request, next) => {
      await next(request);
      return next(request);
    });
    expect(await pool.callTool("s__a", {}, { requestId: "mine" })).toMatchObject({ run: 2 });
    const ids = fake.of(CALL).map(({ id }) => id);
    expect(ids[0]).toBe("mine");
    expect(new Set(ids).size).toBe(2);
  });

  test("two next() at once never share an id either (1.3)", async () => {
    pool.use(async (request, next) => {
      const [first] = await Promise.all([next(request), next(request)]);
      return first;
    });
    await pool.callTool("s__a", {}, { requestId: "mine" });
    const ids = fake.of(CALL).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect(ids).toContain("mine");
  });

  test("another tool's name: nothing that is believed of the first holds for it", async () => {
    pool.use((request, next) => next({ ...request, params: { ...request.params, name: "a" } }));
    serve = byHand;
    const call = watch(pool.callTool("s__b"));
    await settled();
    expect(fake.last(CALL).params["name"]).toBe("a");
    // Class R by the hints of `b`; `a` has none: its outcome is unknown, and it is not repeated.
    const { McpConnectionError } = await import("../../../src/index.ts");
    fake.sink.onClose(new McpConnectionError("CONNECTION_LOST", "gone", { retryable: true }));
    await settled();
    expect(call.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(executed()).toBe(1);
  });

  test("a next() that nobody waits for does not end the process", async () => {
    const strays: unknown[] = [];
    const onStray = (reason: unknown): void => void strays.push(reason);
    process.on("unhandledRejection", onStray);
    try {
      serve = (sent) => sent.replyError(-32000);
      pool.use((request, next) => {
        void next(request);
        return DONE as JsonObject;
      });
      expect(await pool.callTool("s__a")).toEqual(DONE);
      await settled();
      await settled();
      expect(executed()).toBe(1);
      expect(strays).toEqual([]);
    } finally {
      process.off("unhandledRejection", onStray);
    }
  });
});

describe("limits, aborts, the end", () => {
  test("the limits begin with next(): a person may take a day", async () => {
    const { opened, open } = gate();
    pool.use(async (request, next) => {
      await opened;
      return next(request);
    });
    const call = watch(pool.callTool("s__a", {}, { timeoutMs: 1_000, totalTimeoutMs: 1_000 }));
    await clock.run(86_400_000);
    open();
    await settled();
    expect(call.value).toEqual(DONE);
  });

  test("changed limits are those that hold", async () => {
    serve = byHand;
    pool.use((request, next) => {
      return next({ ...request, options: { ...request.options, timeoutMs: 50 } });
    });
    const call = watch(pool.callTool("s__a"));
    await clock.run(50);
    expect(call.error).toMatchObject({ code: "TIMEOUT", timeoutMs: 50 });
  });

  test("an abort ends the waiting at once, with its own reason; nothing is sent afterwards", async () => {
    const { opened, open } = gate();
    const returned: Promise<unknown>[] = [];
    pool.use(async (request, next) => {
      await opened;
      const result = next(request);
      returned.push(result);
      return result;
    });
    const signal = new CountingSignal();
    const call = rejection(pool.callTool("s__a", {}, { signal: signal.signal }));
    await settled();
    signal.controller.abort("enough");
    expect(await call).toBe("enough");
    expect(signal.listenerCount).toBe(0);
    open();
    await settled();
    expect(await rejection(returned[0] ?? Promise.resolve())).toBe("enough");
    expect(executed()).toBe(0);
  });

  test("nothing is sent after an abort, even if the interceptor gives options without the signal", async () => {
    const { opened, open } = gate();
    pool.use(async (request, next) => {
      await opened;
      return next({ ...request, options: { timeoutMs: 5_000 } });
    });
    const abort = new AbortController();
    const call = rejection(pool.callTool("s__a", {}, { signal: abort.signal }));
    await settled();
    abort.abort("no");
    expect(await call).toBe("no");
    open();
    await settled();
    // The caller was told that it is over: it must not run now.
    expect(executed()).toBe(0);
  });

  test("a signal that is aborted already: the interceptor is not even asked", async () => {
    let asked = 0;
    pool.use((request, next) => {
      asked += 1;
      return next(request);
    });
    const reason = new Error("before");
    const call = pool.callTool("s__a", {}, { signal: AbortSignal.abort(reason) });
    expect(await rejection(call)).toBe(reason);
    expect([asked, executed()]).toEqual([0, 0]);
  });

  test("a call under way is cancelled on the wire by an abort", async () => {
    serve = byHand;
    pool.use((request, next) => next(request));
    const abort = new AbortController();
    const call = rejection(pool.callTool("s__a", {}, { signal: abort.signal }));
    await settled();
    abort.abort("enough");
    expect(await call).toBe("enough");
    await settled();
    expect(fake.of("notifications/cancelled")).toHaveLength(1);
  });

  test.each([
    ["closeAll", () => pool.closeAll({ drainMs: 0 })],
    ["removeClient", () => pool.removeClient("s", { drainMs: 0 })],
  ])("%s ends the waiting of one that asks a person: CLOSED, not sent", async (_, close) => {
    const { opened, open } = gate();
    let sends: Promise<unknown> | undefined;
    pool.use(async (request, next: InterceptorNext) => {
      await opened;
      sends = next(request);
      return sends as Promise<JsonObject>;
    });
    const call = rejection(pool.callTool("s__a"));
    await settled();
    await close();
    expect(await call).toMatchObject({ code: "CLOSED", method: CALL, server: "s", sent: "no" });
    open();
    await settled();
    expect(await rejection(sends ?? Promise.resolve())).toMatchObject({ code: "CLOSED" });
    expect(executed()).toBe(0);
    expect(clock.armedCount).toBe(0);
  });

  test("an answer that comes while the pool drains gets to its caller, through all of them", async () => {
    let sent: Sent | undefined;
    serve = (one) => void (sent = one);
    for (let layer = 0; layer < 3; layer++) {
      pool.use(async (request, next) => {
        const result = await next(request);
        await settled();
        return { ...result, [layer]: true };
      });
    }
    const call = watch(pool.callTool("s__a"));
    await settled();
    const closing = pool.closeAll({ drainMs: 5_000 });
    await settled();
    sent?.reply(DONE);
    await closing;
    await settled();
    expect(call.error).toBeUndefined();
    expect(call.value).toMatchObject({ ...DONE, 0: true, 1: true, 2: true });
    expect(clock.armedCount).toBe(0);
  });

  test("one that never gives the answer back is not waited for longer than the pool drains", async () => {
    pool.use(async (request, next) => {
      await next(request);
      return new Promise<never>(() => {});
    });
    const call = watch(pool.callTool("s__a"));
    await settled();
    const closing = watch(pool.closeAll({ drainMs: 5_000 }));
    await clock.run(5_000);
    await settled();
    expect("value" in closing).toBe(true);
    expect(call.error).toMatchObject({ code: "CLOSED", sent: "yes" });
  });

  test("whether it was sent is said truthfully, after a first try that was not", async () => {
    const { opened, open } = gate();
    pool.use(async (request, next) => {
      try {
        const options = { ...request.options, signal: AbortSignal.abort("not this time") };
        return await next({ ...request, options });
      } catch {
        await opened;
        return next(request);
      }
    });
    serve = byHand;
    const call = watch(pool.callTool("s__a"));
    await settled();
    open();
    await settled();
    expect(executed()).toBe(1);
    await pool.closeAll({ drainMs: 0 });
    await settled();
    expect(call.error).toMatchObject({ code: "CLOSED", sent: "unknown" });
  });
});
