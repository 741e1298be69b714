// Transports of the user's own that throw, close and deliver anything at any moment, in both shapes. Each call ends in a
// result of its own or in an error of the pool's, and what is said of its sending is true.

import { inspect } from "node:util";
import { McpClientPool, McpError } from "../../../src/index.ts";
import type { TransportServerConfig } from "../../../src/index.ts";
import { Random } from "../../support/random.ts";
import type { Family, Round } from "../family.ts";

const TRANSPORTS_PER_ROUND = 40;
const CALLS = 4;
const CALL_MS = 400;
/** Beyond its limit, and for the attempts to connect. */
const GRACE_MS = 5_000;

interface Rpc {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly key?: string } };
}

/** What one moment of a transport's life may do; several follow each other. */
const DEEDS = {
  answer: 40,
  nothing: 3,
  throw: 2,
  reject: 2,
  close: 2,
  error: 2,
  junk: 4,
  twice: 2,
  late: 3,
  reenter: 2,
} as const;

type Deed = keyof typeof DEEDS;

const THROWN: readonly (() => unknown)[] = [
  () => new Error("x"),
  () => undefined,
  () => null,
  () => 5,
  () => "",
  () => ({}),
  () => Object.create(null) as object,
  () => Object.assign(new Error(), { message: undefined }),
  () => hostile,
];

const hostile: object = new Proxy(
  {},
  {
    get() {
      throw new Error("read");
    },
    has() {
      throw new Error("asked");
    },
  },
);

const JUNK: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => 0,
  () => "text",
  () => [],
  () => [null, [], {}],
  () => ({}),
  () => ({ jsonrpc: "2.0" }),
  () => ({ jsonrpc: "2.0", id: null, result: {} }),
  () => ({ jsonrpc: "2.0", id: {}, result: 1 }),
  () => ({ jsonrpc: "2.0", id: 99_999, result: {} }),
  () => ({ jsonrpc: "2.0", method: 5 }),
  () => ({ jsonrpc: "2.0", id: 1, method: "ping" }),
  () => ({ jsonrpc: "2.0", method: "notifications/tools/list_changed" }),
  () => ({ jsonrpc: "2.0", method: "notifications/progress", params: null }),
  () => hostile,
];

export const family: Family = {
  async round(round) {
    // Together, because most of their time is waiting; each with choices of its own, whatever the others' timing is.
    const tried = Array.from({ length: TRANSPORTS_PER_ROUND }, (_, at) => {
      return tryOne(round, at, new Random(round.random.next()));
    });
    await Promise.all(tried);
  },
};

/** A server and its transport in one; `ran` has the keys of the calls that reached it. */
class Hostile {
  onmessage: ((message: unknown) => void) | undefined;
  onclose: (() => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  readonly ran: string[] = [];
  readonly #random: Random;
  readonly #reenter: () => void;

  constructor(random: Random, reenter: () => void) {
    this.#random = random;
    this.#reenter = reenter;
  }

  start(): unknown {
    return this.#random.chance(0.9) ? undefined : this.#deed({});
  }

  close(): unknown {
    return this.#random.chance(0.7) ? undefined : this.#deed({});
  }

  send(message: Rpc): unknown {
    const key = message.params?.arguments?.key;
    const isCall = message.method === "tools/call";
    if (isCall && key !== undefined) this.ran.push(key);
    // Most get as far as a call, where it matters.
    if (!isCall && this.#random.chance(0.95)) return this.#answer(message);
    return this.#deed(message);
  }

  #deed(message: Rpc): unknown {
    const random = this.#random;
    const deed: Deed = random.draw(DEEDS);
    switch (deed) {
      case "answer":
        return this.#answer(message);
      case "nothing":
        return undefined;
      case "throw":
        throw random.pick(THROWN)();
      case "reject":
        return Promise.reject(random.pick(THROWN)());
      case "close":
        return this.onclose?.();
      case "error":
        return this.onerror?.(random.pick(THROWN)());
      case "junk":
        this.onmessage?.(random.pick(JUNK)());
        return this.#answer(message);
      case "twice":
        this.#answer(message);
        return this.#answer(message);
      case "late":
        this.onclose?.();
        return this.#answer(message);
      case "reenter":
        this.#reenter();
        return this.#answer(message);
    }
  }

  #answer(message: Rpc): void {
    if (message.id === undefined) return;
    const result = resultOf(message);
    const answer = { jsonrpc: "2.0", id: message.id, result };
    if (this.#random.chance(0.3)) this.onmessage?.(answer);
    else queueMicrotask(() => this.onmessage?.(answer));
  }
}

/** What a call is answered with has its own key. */
function resultOf({ method, params }: Rpc): object {
  if (method === "initialize") {
    const serverInfo = { name: "hostile", version: "1" };
    return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "tools/list") return { tools: [{ name: "t", inputSchema: { type: "object" } }] };
  const text = params?.arguments?.key ?? "";
  return { content: [{ type: "text", text }] };
}

interface OwnSink {
  onMessage(message: unknown): void;
  onClose(reason: unknown): void;
  onInvalid(error: unknown): void;
}

/** The same in the pool's own shape; the other is the SDK's. */
function ownShape(one: Hostile): object {
  return {
    channel: "duplex",
    start(sink: OwnSink) {
      one.onmessage = (message) => sink.onMessage(message);
      one.onclose = () => sink.onClose(undefined);
      one.onerror = (error) => sink.onInvalid(error);
      return one.start();
    },
    send: (message: Rpc) => one.send(message),
    close: () => one.close(),
  };
}

async function tryOne(round: Round, at: number, random: Random): Promise<void> {
  const { problem } = round;
  let pool: McpClientPool | undefined;
  const reenter = (): void => {
    const what = random.pick(["closeAll", "remove", "call", "status"]);
    if (what === "closeAll") void pool?.closeAll({ drainMs: 0 });
    else if (what === "remove") pool?.removeClient("s").catch(() => {});
    else if (what === "call") pool?.callTool("s__t", {}, { totalTimeoutMs: 50 }).catch(() => {});
    else pool?.status();
  };
  const one = new Hostile(random, reenter);
  const transport = (random.chance(0.5) ? one : ownShape(one)) as never;
  const server: TransportServerConfig = { transport, protocol: "legacy" };
  pool = new McpClientPool({
    servers: { s: server },
    timeouts: { closeStepMs: 100, totalTimeoutMs: CALL_MS },
  });
  const connected = pool.connect().then(
    ({ failed }) => Object.values(failed).find((error) => !(error instanceof McpError)),
    (error: unknown) => (error instanceof McpError ? undefined : error),
  );
  const raw = await within(round, "connect", connected);
  if (raw !== undefined) problem("raw error", `connect: ${inspect(raw)}`);
  const calls = Array.from({ length: CALLS }, (_, index) => `r${round.number}-${at}-${index}`);
  const made = pool;
  await Promise.all(calls.map((key) => tryCall(round, made, one, key)));
  await within(round, "closeAll", made.closeAll({ drainMs: 0 }));
}

async function tryCall(
  round: Round,
  pool: McpClientPool,
  { ran }: Hostile,
  key: string,
): Promise<void> {
  const { problem } = round;
  round.tried();
  const call = pool.callTool("s__t", { key }, { totalTimeoutMs: CALL_MS }).then(
    ({ content }) => {
      const text = JSON.stringify(content);
      if (!text.includes(`"${key}"`)) problem("foreign answer", `${key} got ${text}`);
    },
    (error: unknown) => {
      if (!(error instanceof McpError)) return problem("raw error", `${key}: ${String(error)}`);
      if (error.sent === "no" && ran.includes(key)) problem("false sent", error.message);
    },
  );
  await within(round, key, call);
  const count = ran.filter((one) => one === key).length;
  if (count > 1) problem("run twice", `${key} was sent ${count} times`);
}

async function within<T>(
  { problem }: Round,
  what: string,
  waited: Promise<T>,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      problem("hang", `${what} did not end`);
      resolve(undefined);
    }, CALL_MS + GRACE_MS);
  });
  const result = await Promise.race([waited, late]);
  clearTimeout(timer);
  return result;
}
