// What the unit tests share: transports that record and do as they are told, and a signal that counts.

import { Quirks } from "../../src/jsonrpc/quirks.ts";
import type { McpError } from "../../src/core/errors.ts";
import { isRequest } from "../../src/jsonrpc/messages.ts";
import type { JsonRpcMessage, JsonRpcRequest, RequestId } from "../../src/jsonrpc/messages.ts";
import type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  ExchangeTransport,
  HeaderList,
  ListenOptions,
  ResponseHead,
  TransportSink,
} from "../../src/jsonrpc/transport.ts";

/** One message that was handed to the transport. */
export class Sent {
  readonly message: JsonRpcMessage;
  readonly exchange: Exchange;
  readonly #sink: () => TransportSink;
  closed = false;

  constructor(message: JsonRpcMessage, exchange: Exchange, sink: () => TransportSink) {
    this.message = message;
    this.exchange = exchange;
    this.#sink = sink;
  }

  get method(): string | undefined {
    return "method" in this.message ? this.message.method : undefined;
  }

  get id(): RequestId {
    if (!isRequest(this.message)) throw new Error("no request");
    return this.message.id;
  }

  get params(): { [key: string]: unknown } {
    return ("method" in this.message ? (this.message.params ?? {}) : {}) as {
      [key: string]: unknown;
    };
  }

  /** The response's head came. */
  head(status = 200, headers: { readonly [name: string]: string } = {}): this {
    const head: ResponseHead = { status, header: (name) => headers[name] };
    this.exchange.onHead?.(head);
    return this;
  }

  reply(result: object): void {
    this.deliver({ jsonrpc: "2.0", id: this.id, result });
  }

  replyError(code: number, message = "no", data?: unknown): void {
    const error = { code, message, ...(data === undefined ? {} : { data }) };
    this.deliver({ jsonrpc: "2.0", id: this.id, error });
  }

  /** Any message, on the stream of this exchange. */
  deliver(message: JsonRpcMessage | JsonRpcMessage[]): void {
    this.#sink().onMessage(message, this.exchange);
  }

  fail(error: McpError): void {
    this.exchange.onFailed(error);
  }
}

/** What a script may do with a request: answer with an object, fail with an error, or see to it itself. */
export type Script = (request: Sent) => object | void;

abstract class Fake {
  readonly kind: string = "fake";
  readonly address: string = "fake:";
  readonly sent: Sent[] = [];
  /** False: what is sent waits, unwritten, until the test calls `onWritten`. */
  writes = true;
  script: Script = () => {};
  onStart: (signal: AbortSignal) => Promise<void> = async () => {};
  startCount = 0;
  closeCount = 0;
  #sink: TransportSink | undefined;

  get sink(): TransportSink {
    if (this.#sink === undefined) throw new Error("not started");
    return this.#sink;
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    this.startCount += 1;
    await this.onStart(signal);
    this.#sink = sink;
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    // As on a wire: what JSON cannot say is refused here.
    const sent = new Sent(
      JSON.parse(JSON.stringify(message)) as JsonRpcMessage,
      exchange,
      () => this.sink,
    );
    this.sent.push(sent);
    if (this.writes) exchange.onWritten?.();
    if (!isRequest(message)) exchange.onAccepted?.();
    else {
      queueMicrotask(() => {
        if (sent.closed) return;
        const result = this.script(sent);
        if (result !== undefined) sent.head().reply(result);
      });
    }
    return {
      close() {
        sent.closed = true;
      },
    };
  }

  close(): Promise<void> {
    this.closeCount += 1;
    for (const sent of this.sent) sent.closed = true;
    return Promise.resolve();
  }

  /** What was sent with this method, oldest first. */
  of(method: string): Sent[] {
    return this.sent.filter((sent) => sent.method === method);
  }

  /** The newest of them. */
  last(method: string): Sent {
    const sent = this.of(method).at(-1);
    if (sent === undefined) throw new Error(`no ${method} was sent`);
    return sent;
  }

  /** Our answers to the server's requests. */
  get responses(): JsonRpcMessage[] {
    return this.sent.map((sent) => sent.message).filter((message) => !("method" in message));
  }

  /** A request or notification of the server, on no stream in particular. */
  push(message: JsonRpcMessage | JsonRpcMessage[]): void {
    this.sink.onMessage(message);
  }

  ask(id: RequestId, method: string, params?: object): void {
    const message: JsonRpcRequest = { jsonrpc: "2.0", id, method };
    this.push(params === undefined ? message : { ...message, params });
  }
}

export class FakeDuplex extends Fake implements DuplexTransport {
  readonly channel = "duplex";
  version: string | undefined;

  negotiated(version: string): void {
    this.version = version;
  }
}

export interface Listening extends ListenOptions {
  closed: boolean;
}

export class FakeHttp extends Fake implements ExchangeTransport {
  readonly channel = "exchange";
  readonly listens: Listening[] = [];
  readonly ended: HeaderList[] = [];
  onListen: (listening: Listening) => void = (listening) => listening.onOpen();

  listen(options: ListenOptions): ExchangeHandle {
    const listening: Listening = { ...options, closed: false };
    this.listens.push(listening);
    this.onListen(listening);
    return {
      close() {
        listening.closed = true;
      },
    };
  }

  async endSession(headers: HeaderList): Promise<number> {
    this.ended.push(headers);
    return 200;
  }

  get listening(): Listening {
    const listening = this.listens.at(-1);
    if (listening === undefined) throw new Error("nothing listens");
    return listening;
  }
}

/** The answer to `initialize` of a server with these capabilities. */
export function initializeResult(capabilities: object = {}, version = "2025-11-25"): object {
  return { protocolVersion: version, capabilities, serverInfo: { name: "fake", version: "1" } };
}

/** A signal that knows how many listeners it has. */
export class CountingSignal {
  readonly controller = new AbortController();
  readonly #listeners = new Set<unknown>();

  constructor() {
    const { signal } = this.controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.#listeners.add(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.#listeners.delete(args[1]);
      remove(...args);
    };
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Listeners that were added and not removed; those that fired once count until removed. */
  get listenerCount(): number {
    return this.#listeners.size;
  }
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}

/** A repair log that keeps what it was told, by code. */
export function repairLog(options: { strict?: boolean } = {}): Quirks & { warnings: string[] } {
  const warnings: string[] = [];
  const quirks = new Quirks({
    strict: options.strict ?? false,
    onFirst: (_code, message) => warnings.push(message),
  });
  return Object.assign(quirks, { warnings });
}
