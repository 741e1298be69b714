// Odd inputs of callers: each ends in a result or in an error of the pool's, and what was refused was not sent.

import { createMemoryPair, McpClientPool, McpError } from "mcp-client-pool";
import type { JsonRpcMessage } from "mcp-client-pool";
import type { Random } from "../../support/random.ts";
import type { Family, Round } from "../family.ts";

const INPUTS_PER_ROUND = 60;
/** Of the calls themselves; a round is far shorter. */
const CALL_MS = 5_000;

const fail = (): never => {
  throw new Error("the caller's own");
};
const thrower = new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });

function cyclic(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const ODD: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => Number.NaN,
  () => -1,
  () => 0,
  () => Infinity,
  () => 1.5,
  () => 2 ** 53,
  () => "",
  () => "x".repeat(100_000),
  () => "\u0000\uD800",
  () => true,
  () => Symbol("odd"),
  () => 10n,
  () => [],
  () => ["s"],
  () => ({}),
  () => thrower,
  () => revoked(),
  () => cyclic(),
  () => ({
    get name() {
      return fail();
    },
  }),
  () => ({ toJSON: fail }),
  () => ({ toJSON: () => 5 }),
  () => ({ toJSON: () => undefined }),
  () => ({ a: 10n }),
  () => ({ a: Symbol("odd"), b: () => 1, c: undefined }),
  () => Object.create(null) as object,
  () => Object.freeze({ timeoutMs: 1_000 }),
  () => ({ timeoutMs: Number.NaN }),
  () => ({ signal: {} }),
  () => ({ signal: { aborted: false, addEventListener: fail, removeEventListener: fail } }),
  () => ({ signal: Object.create(AbortSignal.prototype) as object }),
  () => ({ requestId: Symbol("odd") }),
  () => ({ meta: cyclic() }),
  () => ({ meta: thrower }),
  () => ({ onProgress: 5 }),
  () => JSON.parse('{"__proto__": 1, "constructor": 2, "then": 3, "toJSON": 4}') as object,
  () => new Date(0),
  () => new Map([["a", 1]]),
  () => new Set([1]),
  () => new Uint8Array(4),
  () => /x/,
  () => () => 1,
  () => new Error("odd"),
  () => Promise.resolve({}),
  () => new WeakMap(),
  () => new Proxy(() => 1, {}),
];

type Call = (pool: McpClientPool, odd: () => unknown) => unknown;
type Loose = Record<string, (...args: readonly unknown[]) => unknown>;

/** Each public method, with a good value in one place and odd ones in the others. */
const METHODS: readonly (readonly [string, ...(readonly unknown[])])[] = [
  ["callTool", "s__t", {}, {}],
  ["call", "s", "x/any", {}, {}],
  ["notify", "s", "notifications/x", {}],
  ["listTools", "s", {}],
  ["listResources", "s", {}],
  ["listResourceTemplates", "s", {}],
  ["listPrompts", "s", {}],
  ["readResource", "s", "x:a", {}],
  ["subscribeResource", "s", "x:a", () => {}],
  ["getPrompt", "s__p", {}, {}],
  ["complete", "s", { type: "ref/prompt", name: "p" }, { name: "a", value: "" }, {}, {}],
  ["setLogLevel", "s", "info"],
  ["setRoots", []],
  ["connect", {}],
  ["addClient", "added", { url: "http://127.0.0.1:9/mcp", lazy: true }, {}],
  ["removeClient", "gone", {}],
  ["acceptTool", {}],
  ["task", "s", "id"],
  ["use", undefined],
  ["on", "warning", () => {}],
];

function callOf(random: Random): readonly [string, Call] {
  const [name, ...good] = random.pick(METHODS);
  const isOdd = good.map(() => random.chance(0.5));
  if (!isOdd.includes(true)) isOdd[random.int(0, isOdd.length - 1)] = true;
  return [
    name,
    (pool, odd) => {
      const args = good.map((value, index) => (isOdd[index] === true ? odd() : value));
      return (pool as unknown as Loose)[name]?.(...args);
    },
  ];
}

function answer(message: JsonRpcMessage): object | undefined {
  if (!("method" in message) || !("id" in message)) return undefined;
  const { id, method } = message;
  const capabilities = { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {} };
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { ...capabilities, completions: {} },
      serverInfo: { name: "inputs", version: "1" },
    },
    "tools/list": { tools: [{ name: "t", inputSchema: { type: "object" } }] },
    "prompts/list": { prompts: [{ name: "p" }] },
    "completion/complete": { completion: { values: [] } },
  };
  return { jsonrpc: "2.0", id, result: results[method] ?? { content: [], contents: [] } };
}

async function makePool(onRequest: () => void): Promise<McpClientPool> {
  const { client, server } = createMemoryPair();
  server.onMessage((message) => {
    if ("method" in message && message.method !== "ping") onRequest();
    const reply = answer(message);
    if (reply !== undefined) server.send(reply as JsonRpcMessage);
  });
  const pool = new McpClientPool({
    servers: { s: { transport: client, protocol: "legacy" } },
    roots: [],
    timeouts: { timeoutMs: CALL_MS, totalTimeoutMs: CALL_MS },
  });
  await pool.connect();
  return pool;
}

async function tryOne(
  { random, problem, tried }: Round,
  pool: McpClientPool,
  sent: () => number,
): Promise<void> {
  const [name, call] = callOf(random);
  const odd = random.pick(ODD);
  const before = sent();
  tried();
  try {
    const result = await call(pool, odd);
    // An interceptor throws what it likes, and is no input of the next call.
    if (name === "use" && typeof result === "function") (result as () => void)();
  } catch (error) {
    const isOurs = error instanceof McpError;
    if (!isOurs) problem("raw error", `${name} threw ${nameOf(error)}`);
    else if (error.code === "INVALID_CONFIG" && sent() > before && name !== "setRoots") {
      problem("false sent", `${name} refused its input, and had sent something: ${error.message}`);
    } else if (error.code === "TIMEOUT") problem("hang", `${name} was never answered`);
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 120)}` : typeof error;
}

/** What a server's answer holds under the names that JavaScript gives a meaning is data. */
async function checkNames(round: Round): Promise<void> {
  const { client, server } = createMemoryPair();
  const text =
    '{"content":[],"then":1,"toJSON":"x","constructor":{"prototype":1},"__proto__":{"a":1}}';
  server.onMessage((message) => {
    if (!("method" in message) || !("id" in message)) return;
    const isCall = message.method === "tools/call";
    const reply = isCall
      ? { jsonrpc: "2.0", id: message.id, result: JSON.parse(text) as object }
      : answer(message);
    if (reply !== undefined) server.send(reply as JsonRpcMessage);
  });
  const pool = new McpClientPool({ servers: { s: { transport: client, protocol: "legacy" } } });
  await pool.connect();
  round.tried();
  const result = await pool.callTool("s__t");
  if (JSON.stringify(result) !== text) round.problem("wrong answer", JSON.stringify(result));
  await pool.closeAll();
}

export const family: Family = {
  async round(round) {
    let requests = 0;
    const pool = await makePool(() => (requests += 1));
    for (let input = 0; input < INPUTS_PER_ROUND; input += 1) {
      await tryOne(round, pool, () => requests);
    }
    for (const make of ODD) {
      round.tried();
      try {
        const given = { [round.random.pick(["servers", "clock", "timeouts", "roots"])]: make() };
        await new McpClientPool(given as object).closeAll({ drainMs: 0 });
      } catch (error) {
        if (!(error instanceof McpError))
          round.problem("raw error", `the constructor threw ${nameOf(error)}`);
      }
    }
    await checkNames(round);
    await pool.closeAll({ drainMs: 0 });
  },
};
