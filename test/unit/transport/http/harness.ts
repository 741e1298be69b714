// What the tests of this folder share: a transport to a test server, and exchanges as promises.

import { onTestFinished } from "vitest";
import { systemClock } from "../../../../src/core/clock.ts";
import type { McpError } from "../../../../src/core/errors.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import type {
  Exchange,
  ExchangeHandle,
  ExchangeTransport,
  ResponseHead,
  TransportSink,
} from "../../../../src/jsonrpc/transport.ts";
import {
  createHttpTransport,
  type HttpTransportOptions,
} from "../../../../src/transport/http/http.ts";
import {
  startHttpServer,
  type RequestContext,
  type TestHttpServer,
} from "../../../support/http-server.ts";
import { repairLog } from "../../fakes.ts";

export const RESUME = { headers: ["mcp-session-id", "s1"] } as const;

export interface Received {
  readonly message: JsonRpcMessage | JsonRpcMessage[];
  readonly exchange: Exchange | undefined;
}

export class RecordingSink implements TransportSink {
  readonly received: Received[] = [];
  readonly invalid: McpError[] = [];
  readonly closed: McpError[] = [];
  readonly #waiters = new Set<() => void>();

  /** Every message counts as the answer to a call: what is too much of anything else is not the matter here. */
  get answeredCount(): number {
    return this.received.length;
  }

  onMessage(message: JsonRpcMessage | JsonRpcMessage[], exchange?: Exchange): void {
    this.received.push({ message, exchange });
    if (exchange instanceof TestExchange) exchange.onMessage(message);
    this.#wake();
  }

  onInvalid(error: McpError): void {
    this.invalid.push(error);
    this.#wake();
  }

  onClose(error: McpError): void {
    this.closed.push(error);
    this.#wake();
  }

  get messages(): (JsonRpcMessage | JsonRpcMessage[])[] {
    return this.received.map((one) => one.message);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  #wake(): void {
    const waiters = Array.from(this.#waiters);
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }
}

export type Outcome =
  | { kind: "response"; message: JsonRpcMessage }
  | { kind: "accepted" }
  | { kind: "failed"; error: McpError };

/** Settles once; what comes after that is counted. */
export class TestExchange implements Exchange {
  readonly headers: readonly string[] | undefined;
  readonly resume: { readonly headers: readonly string[] } | undefined;
  readonly outcome: Promise<Outcome>;
  readonly written: Promise<void>;
  writtenCount = 0;
  failedCount = 0;
  responseCount = 0;
  head: ResponseHead | undefined;
  readonly #id: unknown;
  #settle: (outcome: Outcome) => void = () => {};
  #resolveWritten: () => void = () => {};

  constructor(
    message: JsonRpcMessage,
    options: {
      headers?: readonly string[] | undefined;
      resume?: { readonly headers: readonly string[] } | undefined;
    } = {},
  ) {
    this.headers = options.headers;
    this.resume = options.resume;
    this.#id = "id" in message ? message.id : undefined;
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    this.written = new Promise((resolve) => (this.#resolveWritten = resolve));
  }

  onMessage(message: JsonRpcMessage | JsonRpcMessage[]): void {
    for (const one of Array.isArray(message) ? message : [message]) {
      if ("method" in one || one.id !== this.#id) continue;
      this.responseCount += 1;
      this.#settle({ kind: "response", message: one });
    }
  }

  onWritten(): void {
    this.writtenCount += 1;
    this.#resolveWritten();
  }

  onHead(head: ResponseHead): void {
    this.head = head;
  }

  onAccepted(): void {
    this.#settle({ kind: "accepted" });
  }

  onFailed(error: McpError): void {
    this.failedCount += 1;
    this.#settle({ kind: "failed", error });
  }
}

export interface Link {
  readonly transport: ExchangeTransport;
  readonly sink: RecordingSink;
  send(
    message: JsonRpcMessage,
    options?: ConstructorParameters<typeof TestExchange>[1],
  ): { exchange: TestExchange; handle: ExchangeHandle; outcome: Promise<Outcome> };
}

export async function connect(
  url: URL,
  options: Partial<HttpTransportOptions> = {},
): Promise<Link> {
  const transport = createHttpTransport({
    server: "test",
    url,
    headers: {},
    clock: systemClock,
    quirks: repairLog(),
    limits: { messageBytes: 1_000_000, inFlight: 128 },
    timeouts: { connectMs: 5_000 },
    resume: { attempts: 2, backoff: { initialMs: 1, factor: 1, maxMs: 1, jitter: 0 } },
    ...options,
  });
  const sink = new RecordingSink();
  await transport.start(sink, new AbortController().signal);
  return {
    transport,
    sink,
    send(message, exchangeOptions) {
      const exchange = new TestExchange(message, exchangeOptions);
      const handle = transport.send(message, exchange);
      return { exchange, handle, outcome: exchange.outcome };
    },
  };
}

export function call(id: number, args: object = {}): JsonRpcMessage {
  return {
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name: "echo", arguments: args },
  };
}

/** The error of an outcome that must be a failure. */
export async function failure(outcome: Promise<Outcome>): Promise<McpError> {
  const settled = await outcome;
  if (settled.kind !== "failed") throw new Error(`expected a failure, got ${settled.kind}`);
  return settled.error;
}

/** A server that answers every POST by `post` and every GET by `get`, and a link to it; both are over with the test. */
export async function scripted(
  post: (context: RequestContext) => unknown,
  options: Partial<HttpTransportOptions> & {
    readonly strict?: boolean;
    readonly get?: (context: RequestContext) => unknown;
  } = {},
): Promise<{ server: TestHttpServer; link: Link; repaired: () => object; warnings: string[] }> {
  const { strict = false, get = ({ res }) => res.writeHead(405).end(), ...transport } = options;
  const server = await startHttpServer({
    sessions: false,
    onRequest: async (context) => {
      await (context.method === "GET" ? get : post)(context);
      return true;
    },
  });
  const quirks = repairLog({ strict });
  const link = await connect(server.url, { quirks, ...transport });
  onTestFinished(async () => {
    await link.transport.close();
    await server.until((one) => one.openSockets === 0);
    await server.close();
  });
  return { server, link, repaired: () => quirks.counts, warnings: quirks.warnings };
}

/** What a result or an error came to, for one look at it. */
export async function summary(outcome: Promise<Outcome>): Promise<string> {
  const settled = await outcome;
  return settled.kind === "failed" ? settled.error.code : settled.kind;
}
