// Calls that need input on the way: asked of the pool's handlers, given with the next request, whatever the transport.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import {
  McpInputError,
  McpProtocolError,
  McpTimeoutError,
  SamplingRefusedError,
} from "mcp-client-pool";
import type {
  CallOptions,
  CreateMessageResult,
  ElicitResult,
  HandlerContext,
  McpClientPool,
} from "mcp-client-pool";
import { describe, expect, test, vi } from "vitest";
import { failure, gate, TestClock } from "../fault/support.ts";
import { ManualClock, settled } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import { elicit, inputRequired, listRoots, sample } from "../support/stateless-server.ts";
import type { StatelessServerOptions, StatelessTool } from "../support/stateless-server.ts";
import { connected, connectedChild, messages, person, serve, traceOf } from "./stateless.ts";
import type { Options } from "./stateless.ts";

interface ToolCall {
  readonly id: unknown;
  readonly params: {
    readonly name: string;
    readonly arguments: unknown;
    readonly inputResponses?: unknown;
    readonly requestState?: unknown;
    readonly _meta: Record<string, unknown>;
  };
}

interface Bench {
  readonly pool: McpClientPool;
  /** Every `tools/call` that the server received. */
  calls(): ToolCall[];
  /** How often the tool `ask` ran with this key. */
  runs(key: string): number;
  until(condition: () => boolean): Promise<void>;
}

const QUESTIONS = {
  "elicitation/create": elicit("Who are you?", { name: "string" }),
  "sampling/createMessage": sample("What now?"),
  "roots/list": listRoots(),
};

/**
 * As the scripted child has it: `rounds` questions `q1`, `q2`, … by `method`, each with the state `state` and the round
 * (none if it is null); at the end the text is the JSON of what the last round was answered with.
 */
const ask: StatelessTool = {
  handler(args, { inputResponses, requestState }) {
    const { rounds = 1, method = "elicitation/create", onlyState } = args;
    const state = typeof args["state"] === "string" ? args["state"] : "state ";
    const answered = inputResponses && Object.keys(inputResponses)[0]?.slice(1);
    const round = Number(answered ?? requestState?.slice(state.length) ?? 0) + 1;
    if (round > Number(rounds)) return JSON.stringify({ inputResponses, requestState });
    const question = QUESTIONS[method as keyof typeof QUESTIONS] ?? { method, params: {} };
    return inputRequired({
      ...(onlyState === true ? {} : { inputRequests: { [`q${round}`]: question } }),
      ...(args["state"] === null ? {} : { requestState: `${state}${round}` }),
    });
  },
};

async function startHttp(options: Options, server: StatelessServerOptions): Promise<Bench> {
  const host = await serve({ tools: { ask, echo: {} }, ...server });
  return {
    pool: await connected(host, {}, options),
    calls: () => messages(host, "tools/call").map(({ body }) => body as unknown as ToolCall),
    runs: (key) => host.executionCount("ask", key),
    until: (condition) => host.until(condition),
  };
}

async function startChild(options: Options): Promise<Bench> {
  const { pool, ledger } = await connectedChild({}, options);
  const isCall = ({ method }: { method: string }): boolean => method === "tools/call";
  return {
    pool,
    calls: () => traceOf(ledger).filter(isCall) as unknown as ToolCall[],
    runs: (key) => ledger.count(key),
    until: (condition) => until(condition, "the server"),
  };
}

const KINDS: readonly { name: string; start: (options?: Options) => Promise<Bench> }[] = [
  { name: "HTTP, JSON", start: (options = {}) => startHttp(options, { replies: "json" }) },
  { name: "HTTP, streams", start: (options = {}) => startHttp(options, { replies: "sse" }) },
  { name: "stdio", start: (options = {}) => startChild(options) },
];

const ADA: ElicitResult = { action: "accept", content: { name: "Ada" } };
const SAID: CreateMessageResult = {
  role: "assistant",
  model: "test",
  content: { type: "text", text: "Go on" },
  stopReason: "endTurn",
};
const ROOTS = [{ uri: "file:///home/user/work", name: "work" }];
const unasked = (): never => expect.fail("was not to be asked");

/** What the tool says that it was given in the last round. */
async function given(
  { pool }: Bench,
  args: Record<string, unknown>,
  options: CallOptions = {},
): Promise<unknown> {
  const { content } = await pool.callTool("s__ask", args, options);
  const [block] = content;
  return JSON.parse(block?.type === "text" ? block.text : "");
}

describe.each(KINDS)("$name", ({ start }) => {
  test("7.25, 7.26, 7.27, 13.13: a form, by the server's name; then the same request with its answer", async () => {
    const onElicitation = vi.fn<(params: object, context: HandlerContext) => ElicitResult>(
      () => ADA,
    );
    const bench = await start({ onElicitation });
    const options = { meta: { "example.com/own": 1 }, onProgress: () => {}, requestId: "mine" };
    expect(await given(bench, { key: "k", state: "s" }, options)).toEqual({
      inputResponses: { q1: ADA },
      requestState: "s1",
    });
    const form = { mode: "form", message: "Who are you?", requestedSchema: { type: "object" } };
    expect(onElicitation.mock.calls).toMatchObject([[form, { server: "s" }]]);
    expect(bench.runs("k")).toBe(2);
    const [first, second] = bench.calls();
    const { inputResponses, requestState, _meta, ...rest } = second?.params ?? {};
    expect({ inputResponses, requestState }).toEqual({
      inputResponses: { q1: ADA },
      requestState: "s1",
    });
    expect(rest).toEqual({ name: "ask", arguments: { key: "k", state: "s" } });
    expect(first?.params).toEqual({ ...rest, _meta: { ..._meta, progressToken: "mine" } });
    // A new id (1.4), and a token that goes with it.
    expect([first?.id, typeof second?.id]).toEqual(["mine", "number"]);
    expect(_meta?.["progressToken"]).toBe(second?.id);
  });

  test.each([
    ["elicitation/create", ADA],
    ["sampling/createMessage", SAID],
    ["roots/list", { roots: ROOTS }],
  ])("7.25, 7.27: %s is answered by its handler, with the bare result", async (method, result) => {
    const bench = await start({ onElicitation: () => ADA, onSampling: () => SAID, roots: ROOTS });
    expect(await given(bench, { method })).toEqual({
      inputResponses: { q1: result },
      requestState: "state 1",
    });
  });

  test.each(["decline", "cancel"] as const)(
    "7.30: %s is an answer, without content",
    async (action) => {
      const bench = await start({ onElicitation: () => ({ action, content: { name: "hidden" } }) });
      expect(await given(bench, {})).toMatchObject({ inputResponses: { q1: { action } } });
      expect(JSON.stringify(bench.calls())).not.toContain("hidden");
    },
  );

  test("7.26, 7.27, 1.4: several rounds, each with the answers and the state of the last alone", async () => {
    let count = 0;
    const name = (): string => `person ${count}`;
    const onElicitation = (): ElicitResult => {
      count += 1;
      return { action: "accept", content: { name: name() } };
    };
    const bench = await start({ onElicitation });
    await given(bench, { key: "k", rounds: 3 });
    const sent = bench.calls();
    expect(sent.map(({ params }) => [params.inputResponses, params.requestState])).toEqual([
      [undefined, undefined],
      [{ q1: { action: "accept", content: { name: "person 1" } } }, "state 1"],
      [{ q2: { action: "accept", content: { name: "person 2" } } }, "state 2"],
      [{ q3: { action: "accept", content: { name: "person 3" } } }, "state 3"],
    ]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(4);
    expect(bench.runs("k")).toBe(4);
  });

  const states = {
    "like JSON": '{"b": 2,"a":1.0, "a":[ ] }',
    quoted: '"state"',
    "of white space": " \t\r\n ",
    unicode: "Zustand ✓ 状態 \u{1f600} e\u0301 \u202e\ufeff\u2028",
    "with half a character": "\ud800 \udfff",
    "with control characters": "\0\u0001\u001b[31m\u007f",
    "like a number": "007e",
    "of 100 KB": "ß".repeat(50_000),
  };

  test.each(Object.entries(states))(
    "7.27: a state %s comes back as it was",
    async (_what, state) => {
      const bench = await start({ onElicitation: () => ADA });
      expect(await given(bench, { state })).toMatchObject({ requestState: `${state}1` });
    },
  );

  test("7.27: no state is sent where none was given", async () => {
    const bench = await start({ onElicitation: () => ADA });
    expect(await given(bench, { state: null })).toEqual({ inputResponses: { q1: ADA } });
    expect(bench.calls()[1]?.params).not.toHaveProperty("requestState");
  });

  test("7.26: nothing but a state is sent back after a pause, without any input", async () => {
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === 250;
    const bench = await start({ clock, onElicitation: unasked });
    const call = given(bench, { key: "k", onlyState: true, rounds: 2 });
    for (const runs of [1, 2]) {
      await clock.untilHeld();
      expect(bench.runs("k")).toBe(runs);
      clock.release();
    }
    expect(await call).toEqual({ requestState: "state 2" });
    expect(bench.calls().some(({ params }) => "inputResponses" in params)).toBe(false);
  });

  test("7.28: calls at the same time, and others between them, are not mixed up", async () => {
    const everybody = gate();
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    let asked = 0;
    const onElicitation = async (): Promise<ElicitResult> => {
      const content = { name: `person ${(asked += 1)}` };
      if (asked === keys.length) everybody.open();
      await everybody.opened;
      return { action: "accept", content };
    };
    const bench = await start({ onElicitation });
    const calls = keys.map((key) => given(bench, { key, state: `${key} `, rounds: 2 }));
    const other = bench.pool.callTool("s__echo", { key: "other" });
    const results = (await Promise.all(calls)) as {
      inputResponses: { q2: { content: { name: string } } };
      requestState: string;
    }[];
    await other;
    expect(results.map(({ requestState }) => requestState)).toEqual(keys.map((key) => `${key} 2`));
    const names = results.map(({ inputResponses }) => inputResponses.q2.content.name);
    expect(new Set(names).size).toBe(keys.length);
    expect(keys.map((key) => bench.runs(key))).toEqual(keys.map(() => 3));
    const echoes = bench.calls().filter(({ params }) => params.name === "echo");
    expect(echoes.length).toBe(1);
    expect(echoes[0]?.params).not.toHaveProperty("inputResponses");
    expect(echoes[0]?.params).not.toHaveProperty("requestState");
  });

  test.each(["elicitation/create", "sampling/createMessage", "roots/list", "roots/watch"])(
    "7.29: what was not declared is the server's violation, and not fulfilled: %s",
    async (method) => {
      const bench = await start({
        ...(method === "elicitation/create" ? {} : { onElicitation: unasked }),
        ...(method === "sampling/createMessage" ? {} : { onSampling: unasked }),
        ...(method === "roots/list" ? {} : { roots: unasked }),
      });
      const error = await failure(given(bench, { key: "k", method }));
      expect(error).toBeInstanceOf(McpProtocolError);
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "s", sent: "yes" });
      expect(error.message).toContain(method);
      expect(bench.runs("k")).toBe(1);
    },
  );

  test("7.30: a handler that throws fails the call, with what it threw", async () => {
    const cause = new Error("no printer");
    const bench = await start({
      onElicitation: () => {
        throw cause;
      },
    });
    const error = await failure(given(bench, { key: "k" }));
    expect(error).toBeInstanceOf(McpInputError);
    expect(error).toMatchObject({
      code: "INPUT_FAILED",
      server: "s",
      method: "tools/call",
      sent: "yes",
      retryable: false,
    });
    expect(error.cause).toBe(cause);
    expect(error.message).toMatch(/elicitation\/create.*no printer/);
    expect(bench.runs("k")).toBe(1);
  });

  test("7.30: sampling that a person refuses fails the call: there is no answer for that", async () => {
    const onSampling = (): never => {
      throw new SamplingRefusedError("not today");
    };
    const bench = await start({ onSampling });
    const error = await failure(given(bench, { key: "k", method: "sampling/createMessage" }));
    expect(error).toBeInstanceOf(McpInputError);
    expect(error).toMatchObject({ code: "INPUT_FAILED", sent: "yes" });
    expect(error.message).toContain("not today");
    expect(bench.runs("k")).toBe(1);
  });

  test("7.30: roots that cannot be shown fail the call (13.14)", async () => {
    const bench = await start({ roots: () => [{ uri: "https://example.com/" }] });
    const error = await failure(given(bench, { key: "k", method: "roots/list" }));
    expect(error).toMatchObject({ code: "INPUT_FAILED", cause: { path: "roots[0].uri" } });
    expect(bench.runs("k")).toBe(1);
  });

  test("7.30, 13.15: ten rounds are played, an eleventh is not", async () => {
    const onElicitation = vi.fn<() => ElicitResult>(() => ADA);
    const bench = await start({ onElicitation });
    await given(bench, { key: "ten", rounds: 10 });
    expect(bench.runs("ten")).toBe(11);
    const error = await failure(given(bench, { key: "many", rounds: 11 }));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes", method: "tools/call" });
    expect(bench.runs("many")).toBe(11);
    expect(onElicitation).toHaveBeenCalledTimes(20);
  });

  test("7.30: a person's time is no silence of the server's", async () => {
    const clock = new ManualClock();
    const someone = person(ADA);
    const bench = await start({ clock, onElicitation: someone.onElicitation });
    const call = given(bench, { key: "k" }, { timeoutMs: 100, totalTimeoutMs: 60_000 });
    await someone.asked;
    await clock.run(50_000);
    someone.answer();
    expect(await call).toMatchObject({ inputResponses: { q1: ADA } });
    expect(bench.runs("k")).toBe(2);
  });

  /** What comes of a call whose person answers too late. */
  async function tooLate(bench: Bench, answer: () => void): Promise<void> {
    answer();
    await settled();
    await bench.pool.callTool("s__echo", { key: "after" });
    expect(bench.calls().map(({ params }) => params.name)).toEqual(["ask", "echo"]);
  }

  test("7.30, 8.22: but it counts in the total: the person is told, and nothing more is sent", async () => {
    const clock = new ManualClock();
    const someone = person(ADA);
    const bench = await start({ clock, onElicitation: someone.onElicitation });
    const call = failure(given(bench, { key: "k" }, { timeoutMs: 100, totalTimeoutMs: 5_000 }));
    await someone.asked;
    await clock.run(4_999);
    expect(someone.signal?.aborted).toBe(false);
    await clock.run(1);
    const error = await call;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", timeoutMs: 5_000, sent: "yes", server: "s" });
    expect(someone.signal?.aborted).toBe(true);
    await tooLate(bench, someone.answer);
  });

  test("8.24, 8.25: an abort while a person is asked: the person is told, and nothing more is sent", async () => {
    const someone = person(ADA);
    const bench = await start({ onElicitation: someone.onElicitation });
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const call = given(bench, { key: "k" }, { signal: abort.signal });
    const outcome = call.catch((error: unknown) => error);
    await someone.asked;
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    expect(someone.signal?.aborted).toBe(true);
    await tooLate(bench, someone.answer);
  });

  test.each(["closeAll", "removeClient"] as const)(
    "13.15: %s while a person is asked: the person is told, and the call ends",
    async (how) => {
      const someone = person(ADA);
      const bench = await start({ onElicitation: someone.onElicitation });
      const call = failure(given(bench, { key: "k" }));
      await someone.asked;
      if (how === "closeAll") await bench.pool.closeAll({ drainMs: 0 });
      else await bench.pool.removeClient("s", { drainMs: 0 });
      await settled();
      expect(someone.signal?.aborted).toBe(true);
      expect((await call).sent).not.toBe("no");
      expect(bench.runs("k")).toBe(1);
    },
  );
});
