// Transports of the user's own that misbehave: each call ends in an error of the pool's, and nothing else happens.

import { McpClientPool, McpError } from "mcp-client-pool";
import type { TransportServerConfig } from "mcp-client-pool";
import { expect, test } from "vitest";
import { watchStrayErrors } from "../support/stray-errors.ts";

type Deliver = (message: unknown) => void;
interface Rpc {
  readonly id?: number;
  readonly method?: string;
}

const stray = watchStrayErrors();

function resultOf({ method }: Rpc): object {
  if (method === "initialize") {
    const serverInfo = { name: "odd", version: "1" };
    return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "tools/list") return { tools: [{ name: "t", inputSchema: { type: "object" } }] };
  return { content: [] };
}

/** Delivers the good answer, unless the fault does something else with a tool call. */
class Odd {
  onmessage: Deliver | undefined;
  onclose: (() => void) | undefined;
  onerror: ((error: unknown) => void) | undefined;
  onCall: ((odd: Odd, message: Rpc) => unknown) | undefined;
  onStart: ((odd: Odd) => unknown) | undefined;
  onEnd: ((odd: Odd) => unknown) | undefined;

  start(): unknown {
    return this.onStart?.(this);
  }
  send(message: Rpc): unknown {
    if (message.method === "tools/call" && this.onCall !== undefined) {
      return this.onCall(this, message);
    }
    this.answer(message);
    return undefined;
  }
  close(): unknown {
    return this.onEnd?.(this);
  }
  answer(message: Rpc): void {
    if (message.id === undefined) return;
    const answer = { jsonrpc: "2.0", id: message.id, result: resultOf(message) };
    queueMicrotask(() => this.onmessage?.(answer));
  }
}

interface OwnSink {
  onMessage(message: unknown): void;
  onClose(reason: unknown): void;
  onInvalid(error: unknown): void;
}

/** The same in the pool's own shape. */
function ownShape(odd: Odd): object {
  return {
    channel: "duplex",
    start(sink: OwnSink) {
      odd.onmessage = (message) => sink.onMessage(message);
      odd.onclose = () => sink.onClose(undefined);
      odd.onerror = (error) => sink.onInvalid(error);
      return odd.start();
    },
    send(message: Rpc, exchange: { onAccepted?(): void }) {
      const sent = odd.send(message);
      if (message.id === undefined) exchange.onAccepted?.();
      return sent;
    },
    close: () => odd.close(),
  };
}

const fail = (thrown: unknown): never => {
  throw thrown;
};
const hostile = new Proxy({}, { get: () => fail(new Error("read")), has: () => fail(0) });

const FAULTS: readonly (readonly [string, Partial<Odd>])[] = [
  ["send throws", { onCall: () => fail(new Error("x")) }],
  ["send throws nothing", { onCall: () => fail(undefined) }],
  ["send rejects", { onCall: () => Promise.reject(new Error("x")) }],
  ["send rejects with null", { onCall: () => Promise.reject(null) }],
  ["send answers, and then throws", { onCall: (odd, message) => (odd.answer(message), fail(1)) }],
  ["null is delivered", { onCall: (odd) => odd.onmessage?.(null) }],
  ["a proxy that throws is delivered", { onCall: (odd) => odd.onmessage?.(hostile) }],
  ["an array of nonsense is delivered", { onCall: (odd) => odd.onmessage?.([null, 5, hostile]) }],
  ["an error without a message", { onCall: (odd) => odd.onerror?.({}) }],
  ["no error at all", { onCall: (odd) => odd.onerror?.(undefined) }],
  ["an error that throws", { onCall: (odd) => odd.onerror?.(hostile) }],
  ["closed during send", { onCall: (odd) => odd.onclose?.() }],
  ["closed twice", { onCall: (odd) => (odd.onclose?.(), odd.onclose?.()) }],
  [
    "an answer after the close",
    { onCall: (odd, message) => (odd.onclose?.(), odd.answer(message)) },
  ],
  ["close throws", { onEnd: () => fail(new Error("x")) }],
  ["close rejects", { onEnd: () => Promise.reject(new Error("x")) }],
  ["close calls back", { onEnd: (odd) => odd.onclose?.() }],
  // oxlint-disable-next-line unicorn/no-thenable -- what a user's transport may give back
  ["close gives a thenable that throws", { onEnd: () => ({ then: () => fail(new Error("x")) }) }],
  ["start throws", { onStart: () => fail("x") }],
  ["start rejects with nothing", { onStart: () => Promise.reject(undefined) }],
  ["start closes at once", { onStart: (odd) => odd.onclose?.() }],
  ["start delivers null", { onStart: (odd) => odd.onmessage?.(null) }],
];

test.each(
  FAULTS.flatMap(([name, fault]) =>
    (["the SDK's", "the pool's"] as const).map((shape) => [name, shape, fault] as const),
  ),
)("%s, in %s shape", async (_name, shape, fault) => {
  const odd = Object.assign(new Odd(), fault);
  const transport = (shape === "the SDK's" ? odd : ownShape(odd)) as never;
  const server: TransportServerConfig = { transport, protocol: "legacy" };
  const pool = new McpClientPool({ servers: { s: server } });
  const { failed } = await pool.connect();
  for (const error of Object.values(failed)) expect(error).toBeInstanceOf(McpError);
  const call = pool.callTool("s__t", {}, { totalTimeoutMs: 300 });
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown !== undefined) {
    expect(thrown).toBeInstanceOf(McpError);
    if (fault.onCall !== undefined) expect((thrown as McpError).sent).not.toBe("no");
  }
  await pool.closeAll({ drainMs: 0 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
});
