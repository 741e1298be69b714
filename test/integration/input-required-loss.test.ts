// Calls that need input, over HTTP, when a request is lost on the way or the server becomes another; and what is told
// of their state to nobody.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { inspect } from "node:util";
import { McpOutcomeUnknownError } from "mcp-client-pool";
import type { CallOptions, McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { Ledger } from "../fault/stdio-harness.ts";
import { failure, nextEvent, poolOf, QUICK } from "../fault/support.ts";
import { until } from "../support/processes.ts";
import {
  inputRequired,
  RpcError,
  toolCall,
  unsupportedVersion,
} from "../support/stateless-server.ts";
import type {
  HandlerContext,
  Match,
  Stage,
  StatelessServerOptions,
} from "../support/stateless-server.ts";
import {
  ADA,
  answer,
  asking,
  connected,
  FORM,
  given,
  idsOf,
  messages,
  NOTE,
  paramsOf,
  person,
  serve,
  start,
  stdioServer,
  traceOf,
} from "./stateless.ts";
import { POOL_EVENTS } from "../../src/pool/events.ts";

const STATE = '{"canary":"x9-requestState"}';
const QUESTION = inputRequired({ inputRequests: { q: FORM }, requestState: STATE });
const INPUTS = { inputResponses: { q: ADA }, requestState: STATE };
const STAGES: readonly Stage[] = ["execution", "answer", "stream", "event"];

/** The requests that go on with what was begun. */
const second: Match = ({ body }) => body?.params?.["requestState"] !== undefined;

const reply = ({ inputResponses }: HandlerContext): unknown =>
  inputResponses === undefined ? QUESTION : JSON.stringify(inputResponses);

/** What may be asked for twice, and asks. */
const SAFE: StatelessServerOptions = {
  prompts: { travel: { get: (_args, context) => reply(context) } },
  resources: { [NOTE]: { read: (_uri, context) => reply(context) } },
};

const ASKS: readonly [
  method: string,
  ask: (pool: McpClientPool, options?: CallOptions) => Promise<unknown>,
][] = [
  ["prompts/get", (pool, options) => pool.getPrompt("s__travel", {}, options)],
  ["resources/read", (pool, options) => pool.readResource("s", NOTE, options)],
];

describe("a request with answers is lost", () => {
  test.each(STAGES)(
    "7.30, 4.13: at the %s, class U: OUTCOME_UNKNOWN, and it is not begun again",
    async (stage) => {
      const someone = person(ADA);
      const { onElicitation } = someone;
      const { server, pool } = await start(asking(QUESTION), { onElicitation });
      server.cut(second, stage);
      someone.answer();
      const error = await failure(pool.callTool("s__ask"));
      expect(error).toBeInstanceOf(McpOutcomeUnknownError);
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", method: "tools/call" });
      // It has been begun, whatever became of the rest.
      expect(error.sent).not.toBe("no");
      expect(paramsOf(server)).toEqual([
        { name: "ask", arguments: {} },
        { name: "ask", arguments: {}, ...INPUTS },
      ]);
      expect(server.executionCount("ask")).toBe(stage === "execution" ? 1 : 2);
      expect(someone.askedCount).toBe(1);
    },
  );

  test.each(STAGES.flatMap((stage) => ASKS.map(([method, ask]) => [method, stage, ask] as const)))(
    "4.13, 7.27: %s, at the %s: the same again with the same answers, and nobody is asked twice",
    async (method, stage, ask) => {
      const someone = person(ADA);
      const { server, pool } = await start(SAFE, { onElicitation: someone.onElicitation });
      server.cut(second, stage);
      someone.answer();
      await ask(pool);
      const [first, lost, again] = paramsOf(server, method);
      expect(lost).toEqual({ ...first, ...INPUTS });
      expect(again).toEqual(lost);
      expect(new Set(idsOf(messages(server, method))).size).toBe(3);
      expect(someone.askedCount).toBe(1);
    },
  );

  test.each([
    ["an idempotent tool of a trusted server", { idempotentHint: true }, {}],
    ['whatever is called with replay: "always"', {}, { replay: "always" }],
  ] as const)("4.13: %s: the same again, once", async (_what, annotations, options) => {
    const someone = person(ADA);
    const tools = { ask: { ...asking(QUESTION, "lost").tools?.["ask"], annotations } };
    const server = await serve({ tools });
    const { onElicitation } = someone;
    const pool = await connected(server, { trusted: true }, { onElicitation });
    server.cut(second, "stream");
    someone.answer();
    expect(await given(pool, {}, options)).toEqual(INPUTS);
    expect(paramsOf(server).map(({ requestState }) => requestState)).toEqual([
      undefined,
      STATE,
      STATE,
    ]);
    expect(someone.askedCount).toBe(1);
    expect(pool.status()).toMatchObject([{ counts: { replays: 1 } }]);
  });

  test.each(ASKS)('4.13: %s with replay: "never": OUTCOME_UNKNOWN', async (method, ask) => {
    const { server, pool } = await start(SAFE, { onElicitation: () => ADA });
    server.cut(second, "stream");
    const error = await failure(ask(pool, { replay: "never" }));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", method });
    expect(messages(server, method).length).toBe(2);
  });

  test("7.27: in a later round, the answers and the state of that round go again", async () => {
    const get = (_args: object, { requestState }: HandlerContext): unknown => {
      const round = requestState === undefined ? 0 : Number(requestState.slice(1)) + 1;
      if (round === 2) return "done";
      return inputRequired({ inputRequests: { [`q${round}`]: FORM }, requestState: `s${round}` });
    };
    const { server, pool } = await start(
      { prompts: { travel: { get } } },
      { onElicitation: () => ADA },
    );
    server.cut(({ body }) => body?.params?.["requestState"] === "s1", "stream");
    await pool.getPrompt("s__travel");
    expect(paramsOf(server, "prompts/get")).toEqual([
      { name: "travel" },
      { name: "travel", inputResponses: { q0: ADA }, requestState: "s0" },
      { name: "travel", inputResponses: { q1: ADA }, requestState: "s1" },
      { name: "travel", inputResponses: { q1: ADA }, requestState: "s1" },
    ]);
  });

  test("4.13: before anybody is asked, class U: OUTCOME_UNKNOWN, and nobody is", async () => {
    const someone = person(ADA);
    const { server, pool } = await start(asking(QUESTION), {
      onElicitation: someone.onElicitation,
    });
    server.cut("tools/call", "stream");
    expect(await failure(pool.callTool("s__ask"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.executionCount("ask")).toBe(1);
    expect(someone.askedCount).toBe(0);
  });
});

describe("the server is away when the answer comes", () => {
  test("4.13, 7.27: it is given as soon as the server is back: it was never sent", async () => {
    const someone = person(ADA);
    const { server, pool } = await start(asking(QUESTION), {
      onElicitation: someone.onElicitation,
    });
    const call = given(pool);
    await someone.asked;
    await server.stop();
    const down = nextEvent(pool, "server.disconnected");
    pool.listTools("s").catch(() => {});
    await down;
    someone.answer();
    await server.listen();
    expect(await call).toEqual(INPUTS);
    expect(server.executionCount("ask")).toBe(2);
    expect(someone.askedCount).toBe(1);
  });

  test("it does not come back: the call was begun, and its outcome is unknown", async () => {
    const someone = person(ADA);
    const { onElicitation } = someone;
    const server = await serve(asking(QUESTION));
    const reconnect = { ...QUICK, budgetMs: 50 };
    const pool = await connected(server, { reconnect, listen: false }, { onElicitation });
    const call = failure(pool.callTool("s__ask"));
    await someone.asked;
    await server.stop();
    const down = nextEvent(pool, "server.disconnected");
    pool.listTools("s").catch(() => {});
    await down;
    someone.answer();
    expect(await call).toMatchObject({ code: "OUTCOME_UNKNOWN", method: "tools/call" });
    expect(server.executionCount("ask")).toBe(1);
  });

  test("6.9, 7.27: a child that died meanwhile: the next one is given the answer", async () => {
    const ledger = new Ledger();
    const someone = person(ADA);
    const pool = poolOf({ s: stdioServer(ledger) }, { onElicitation: someone.onElicitation });
    await pool.connect();
    const args = { state: "s", key: "k" };
    const call = pool.callTool("s__ask", args);
    await someone.asked;
    const [pid] = ledger.pids();
    const back = nextEvent(pool, "server.reconnected");
    process.kill(pid ?? 0, "SIGKILL");
    await back;
    someone.answer();
    // A child of its own making: to this one the state says nothing, and it asks again.
    await call;
    const calls = traceOf(ledger).filter(({ method }) => method === "tools/call");
    expect(calls).toMatchObject([
      { params: { name: "ask", arguments: args } },
      { params: { arguments: args, inputResponses: { q1: ADA }, requestState: "s1" } },
      { params: { arguments: args, inputResponses: { q1: ADA }, requestState: "s1" } },
    ]);
    await until(() => ledger.starts === 2, "the second child");
  });
});

describe("the server is another when the answer comes", () => {
  /** In a session the tool answers at once. */
  const both = (_args: object, context: HandlerContext): unknown =>
    context.era === "session" ? "in a session" : reply(context);

  test("7.28: rolled back to sessions, class U: OUTCOME_UNKNOWN, and it is not begun again", async () => {
    const someone = person(ADA);
    const { server, pool } = await start(
      { tools: { ask: { handler: both } } },
      { onElicitation: someone.onElicitation },
    );
    const call = failure(pool.callTool("s__ask"));
    await someone.asked;
    server.setEra("sessions");
    someone.answer();
    const error = await call;
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ method: "tools/call", server: "s" });
    expect(error.sent).not.toBe("no");
    expect(server.executionCount("ask")).toBe(1);
    expect(pool.status()).toMatchObject([{ state: "ready", era: "session" }]);
    // What is called anew is served there.
    await expect(pool.callTool("s__ask")).resolves.toMatchObject({
      content: [{ text: "in a session" }],
    });
  });

  test.each([
    ['a tool with replay: "always"', { replay: "always" }, {}],
    ["an idempotent tool of a trusted server", {}, { idempotentHint: true }],
  ] as const)(
    "7.28: %s is begun again in the session, without what belonged to the other era",
    async (_what, options, annotations) => {
      const someone = person(ADA);
      const server = await serve({ tools: { ask: { handler: both, annotations } } });
      const { onElicitation } = someone;
      const pool = await connected(server, { trusted: true }, { onElicitation });
      const call = pool.callTool("s__ask", {}, options);
      await someone.asked;
      server.setEra("sessions");
      someone.answer();
      await expect(call).resolves.toMatchObject({ content: [{ text: "in a session" }] });
      expect(server.executionCount("ask")).toBe(2);
      expect(paramsOf(server).at(-1)).toEqual({ name: "ask", arguments: {} });
    },
  );

  test("7.28: a prompt is got anew in the session", async () => {
    const someone = person(ADA);
    const { server, pool } = await start(
      { prompts: { travel: { get: both } } },
      { onElicitation: someone.onElicitation },
    );
    const call = pool.getPrompt("s__travel");
    await someone.asked;
    server.setEra("sessions");
    someone.answer();
    await expect(call).resolves.toMatchObject({
      messages: [{ content: { text: "in a session" } }],
    });
    expect(paramsOf(server, "prompts/get").at(-1)).toEqual({ name: "travel" });
    expect(someone.askedCount).toBe(1);
  });

  test("7.28: found out by another call first: OUTCOME_UNKNOWN all the same", async () => {
    const someone = person(ADA);
    const { server, pool } = await start(
      { tools: { ask: { handler: both }, echo: {} } },
      { onElicitation: someone.onElicitation },
    );
    const call = failure(pool.callTool("s__ask"));
    await someone.asked;
    server.setEra("sessions");
    await pool.callTool("s__echo");
    expect(pool.status()).toMatchObject([{ era: "session" }]);
    someone.answer();
    expect(await call).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.executionCount("ask")).toBe(1);
  });

  test.each([
    ["404 without a word", 404],
    ["405", 405],
    ["-32022 that names sessions only", undefined],
  ])(
    "4.14, 7.27: %s, of a server that is the same after all: not sent again, as it may change something",
    async (_what, status) => {
      const someone = person(ADA);
      const { server, pool } = await start(asking(QUESTION), {
        onElicitation: someone.onElicitation,
      });
      const call = failure(given(pool));
      await someone.asked;
      if (status === undefined) server.reject(toolCall("ask"), unsupportedVersion(["2025-11-25"]));
      else answer(server, "tools/call", ({ res }) => void res.writeHead(status).end());
      someone.answer();
      expect(await call).toMatchObject({ status: status ?? 400, sent: "yes" });
      expect(server.executionCount("ask")).toBe(1);
      expect(someone.askedCount).toBe(1);
      expect(server.initializeCount).toBe(0);
    },
  );
});

describe("the state is nobody else's business (13.9)", () => {
  const refuse = (): never => {
    throw new Error("no");
  };
  const failing = new RpcError(-32603, "no", { why: "because" });
  const asks = (more: object): StatelessServerOptions =>
    asking({ resultType: "input_required", requestState: STATE, ...more });
  const form = { inputRequests: { q: FORM } };

  interface Case {
    readonly server: StatelessServerOptions;
    readonly onElicitation?: () => typeof ADA | Promise<typeof ADA>;
    readonly options?: CallOptions;
    readonly cut?: Stage;
    readonly code: string;
  }
  const never = (): Promise<typeof ADA> => new Promise(() => {});
  const cases: { readonly [what: string]: Case } = {
    "a handler that throws": { server: asks(form), onElicitation: refuse, code: "INPUT_FAILED" },
    "what was not declared": {
      server: asks({ inputRequests: { q: { method: "x/y", params: { STATE } } } }),
      code: "PROTOCOL_ERROR",
    },
    "questions in an array": { server: asks({ inputRequests: [] }), code: "PROTOCOL_ERROR" },
    "a state in an object": {
      server: asks({ ...form, requestState: { STATE } }),
      code: "PROTOCOL_ERROR",
    },
    "an error as the answer": {
      server: {
        tools: {
          ask: {
            handler: (_, { inputResponses }) =>
              inputResponses ? Promise.reject(failing) : QUESTION,
          },
        },
      },
      code: "RESPONSE_ERROR",
    },
    "too many rounds": {
      server: { tools: { ask: { handler: () => QUESTION } } },
      code: "LIMIT_EXCEEDED",
    },
    "a lost answer": { server: asks(form), cut: "event", code: "OUTCOME_UNKNOWN" },
    "too long a thought": {
      server: asks(form),
      onElicitation: never,
      options: { totalTimeoutMs: 50 },
      code: "TIMEOUT",
    },
    success: { server: asks(form), code: "" },
  };

  test.each(Object.entries(cases))(
    "%s",
    async (_what, { server: script, onElicitation = () => ADA, options = {}, cut, code }) => {
      const { server, pool } = await start(script, { onElicitation });
      const told: unknown[] = [];
      for (const event of POOL_EVENTS) pool.on(event, (payload) => void told.push(payload));
      if (cut !== undefined) server.cut(second, cut);
      const outcome = await pool.callTool("s__ask", {}, options).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (code !== "") expect(outcome).toMatchObject({ code });
      const seen = [outcome, JSON.stringify(outcome), told, pool.status()];
      expect(server.executionCount("ask")).toBeGreaterThan(0);
      expect(inspect(seen, { depth: 20, maxStringLength: null })).not.toContain("x9-requestState");
    },
  );
});
