// A transport of the user's own that has our shape: whatever it throws or forgets, calls end and nothing else does.

import { untilAborted } from "../../core/abort.ts";
import { callUser } from "../../core/callback.ts";
import { textOf } from "../../core/error-text.ts";
import {
  McpClosedError,
  McpConnectionError,
  McpError,
  McpProtocolError,
} from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import { messageIn } from "../../jsonrpc/repair.ts";
import type { RepairContext } from "../../jsonrpc/repair.ts";
import type {
  Exchange,
  ExchangeHandle,
  ExchangeTransport,
  ListenOptions,
  HeaderList,
  ResponseHead,
  Route,
  Routes,
  Transport,
  TransportSink,
} from "../../jsonrpc/transport.ts";

/** The same transport behind a guard: one for each connection. */
export function guardTransport(transport: Transport, options: { server: string }): Transport {
  const guard = new Guard(transport, options.server);
  if (transport.channel === "exchange") return new GuardedExchanges(guard, transport);
  const negotiated =
    transport.negotiated === undefined
      ? {}
      : {
          negotiated: (version: string) =>
            guard.quietly("negotiated()", () => transport.negotiated?.(version)),
        };
  return {
    channel: "duplex",
    kind: guard.kind,
    address: guard.address,
    start: (sink, signal) => guard.start(sink, signal),
    send: (message, exchange) => guard.send(message, exchange),
    close: () => guard.close(),
    ...guard.optional(),
    ...negotiated,
  };
}

const OVER: ExchangeHandle = { close() {} };

class Guard {
  readonly kind: string;
  readonly address: string;
  readonly #transport: Transport;
  readonly #server: string;
  #sink: GuardedSink | undefined;
  #closing: Promise<void> | undefined;

  constructor(transport: Transport, server: string) {
    this.#transport = transport;
    this.#server = server;
    const { kind, address } = transport as { kind?: unknown; address?: unknown };
    this.kind = typeof kind === "string" ? kind : "custom";
    this.address = typeof address === "string" ? address : "custom transport";
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closing !== undefined) throw this.closedError();
    const guarded = new GuardedSink(sink, (cause, lost) => this.errorOf(cause, lost));
    this.#sink = guarded;
    try {
      // Not every transport of a user's own gives a promise.
      await untilAborted(signal, Promise.resolve(this.#transport.start(guarded, signal)));
    } catch (error) {
      if (signal.aborted) signal.throwIfAborted();
      throw error instanceof McpError
        ? error
        : new McpConnectionError(
            "CONNECTION_FAILED",
            `server "${this.#server}": the transport did not start${quote(error)}`,
            { server: this.#server, retryable: true, sent: "no", cause: error },
          );
    }
    // What it lost while it started has been told of, and nothing can be sent.
    if (guarded.lost !== undefined) throw guarded.lost;
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    const method = "method" in message ? message.method : undefined;
    const guarded = new GuardedExchange(exchange, method, (cause) => this.errorOf(cause, true));
    let handle: ExchangeHandle | undefined;
    // It may run as soon as it was handed over, whether the transport says so or not.
    exchange.onWritten?.();
    try {
      handle = this.#transport.send(message, guarded);
      // One in the SDK's manner gives a promise.
      if (handle instanceof Promise) handle.catch((error: unknown) => guarded.onFailed(error));
    } catch (error) {
      // What JSON cannot say throws here as well: the peer words that, and nothing was sent.
      JSON.stringify(message);
      // Later, as for one that reports it.
      queueMicrotask(() => guarded.onFailed(error));
    }
    return guarded.handleOf(handle, (work) => this.quietly("close() of an exchange", work));
  }

  /** Never rejects; nothing is delivered any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sink?.end(this.closedError());
    try {
      await this.#transport.close();
    } catch {
      // There is nothing left to do.
    }
  }

  /** What the transport may have, and needs no answer. */
  optional(): { refresh?: () => void } {
    if (this.#transport.refresh === undefined) return {};
    return { refresh: () => this.quietly("refresh()", () => this.#transport.refresh?.()) };
  }

  /** Whatever it throws is a warning. */
  quietly(what: string, work: () => unknown): void {
    callUser(work, (cause) => {
      this.#sink?.onInvalid(
        new McpProtocolError(
          `server "${this.#server}": ${what} of its transport failed${quote(cause)}`,
          { server: this.#server, cause },
        ),
      );
    });
  }

  errorOf(cause: unknown, isLost: boolean): McpError {
    if (cause instanceof McpError) return cause;
    return new McpConnectionError(
      "CONNECTION_LOST",
      `server "${this.#server}": the transport ${isLost ? "failed" : "was closed"}${quote(cause)}`,
      { server: this.#server, retryable: true, sent: "unknown", cause },
    );
  }

  closedError(): McpClosedError {
    return new McpClosedError(`server "${this.#server}": the connection was closed`, {
      server: this.#server,
    });
  }
}

class GuardedExchanges implements ExchangeTransport {
  readonly channel = "exchange";
  readonly kind: string;
  readonly address: string;
  readonly refresh?: () => void;
  readonly #guard: Guard;
  readonly #transport: ExchangeTransport;

  constructor(guard: Guard, transport: ExchangeTransport) {
    this.#guard = guard;
    this.#transport = transport;
    this.kind = guard.kind;
    this.address = guard.address;
    Object.assign(this, guard.optional());
  }

  get routes(): Routes | undefined {
    return this.#transport.routes;
  }

  start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    return this.#guard.start(sink, signal);
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    return this.#guard.send(message, exchange);
  }

  listen(options: ListenOptions): ExchangeHandle {
    try {
      const handle: ExchangeHandle | undefined = this.#transport.listen(options);
      return handle ?? OVER;
    } catch (cause) {
      const error = this.#guard.errorOf(cause, true);
      const { lastEventId } = options;
      queueMicrotask(() =>
        options.onEnd({ opened: false, error, status: undefined, lastEventId, retryMs: undefined }),
      );
      return OVER;
    }
  }

  async endSession(headers: HeaderList, timeoutMs: number): Promise<number | undefined> {
    try {
      return await this.#transport.endSession(headers, timeoutMs);
    } catch {
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#guard.close();
  }
}

class GuardedSink implements TransportSink {
  /** Why the channel is gone. */
  lost: McpError | undefined;
  readonly repairs?: RepairContext;
  readonly #sink: TransportSink;
  readonly #errorOf: (cause: unknown, isLost: boolean) => McpError;
  #isOver = false;

  constructor(sink: TransportSink, errorOf: (cause: unknown, isLost: boolean) => McpError) {
    this.#sink = sink;
    this.#errorOf = errorOf;
    if (sink.repairs !== undefined) this.repairs = sink.repairs;
  }

  onMessage(value: JsonRpcMessage | JsonRpcMessage[], exchange?: Exchange): void {
    if (this.#isOver) return;
    const inner = exchange instanceof GuardedExchange ? exchange.inner : exchange;
    let message: JsonRpcMessage | JsonRpcMessage[] | undefined;
    try {
      message = messageIn(value, this.#sink.repairs);
    } catch {
      // A getter of the user's that throws.
    }
    if (message !== undefined) return this.#sink.onMessage(message, inner);
    this.onInvalid(
      new McpProtocolError("the transport delivered something that is no JSON-RPC 2.0 message"),
    );
  }

  onInvalid(error: McpProtocolError): void {
    if (this.#isOver) return;
    const isOne = error instanceof McpError;
    this.#sink.onInvalid(
      isOne ? error : new McpProtocolError(`the transport reported${quote(error)}`),
    );
  }

  onBroken(text: string): RequestId | undefined {
    return this.#isOver || typeof text !== "string" ? undefined : this.#sink.onBroken?.(text);
  }

  async onUnanswered(): Promise<void> {
    if (!this.#isOver) await this.#sink.onUnanswered?.();
  }

  onClose(reason: McpError): void {
    this.end(this.#errorOf(reason, false));
  }

  end(reason: McpError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.lost = reason;
    this.#sink.onClose(reason);
  }
}

class GuardedExchange implements Exchange {
  readonly inner: Exchange;
  readonly headers: HeaderList | undefined;
  readonly resume: Exchange["resume"];
  readonly isLongLived: boolean | undefined;
  readonly route: Route | undefined;
  readonly #method: string | undefined;
  readonly #errorOf: (cause: unknown) => McpError;
  #isOver = false;
  #isWritten = false;

  constructor(inner: Exchange, method: string | undefined, errorOf: (cause: unknown) => McpError) {
    this.inner = inner;
    this.#method = method;
    this.headers = inner.headers;
    this.resume = inner.resume;
    this.isLongLived = inner.isLongLived;
    this.route = inner.route;
    this.#errorOf = errorOf;
  }

  onWritten(): void {
    this.#isWritten = true;
    if (!this.#isOver) this.inner.onWritten?.();
  }

  onHead(head: ResponseHead): void {
    if (!this.#isOver) this.inner.onHead?.(head);
  }

  onAccepted(): void {
    if (!this.#isOver) this.inner.onAccepted?.();
  }

  onFailed(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const error = this.#errorOf(cause);
    // Its own word that nothing was written counts, unless it said otherwise before.
    const isUnsent = error.sent === "no" && !this.#isWritten;
    this.inner.onFailed(isUnsent ? error.forCall(this.#method ?? "a response", "no") : error);
  }

  handleOf(
    handle: ExchangeHandle | undefined,
    quietly: (work: () => unknown) => void,
  ): ExchangeHandle {
    const guarded = {
      close: () => {
        this.#isOver = true;
        if (typeof handle?.close === "function") quietly(() => handle.close());
      },
    };
    if (typeof handle?.describeSilence !== "function") return guarded;
    const describeSilence = (): string | undefined => {
      let text: unknown;
      quietly(() => (text = handle.describeSilence?.()));
      return typeof text === "string" ? text : undefined;
    };
    return Object.defineProperty({ ...guarded, describeSilence }, "answeredAfterMs", {
      get: () => handle.answeredAfterMs,
    });
  }
}

function quote(cause: unknown): string {
  const text = textOf(cause);
  return text === "" ? "" : `: ${excerpt(text, 200)}`;
}
