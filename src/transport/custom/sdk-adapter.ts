// A transport of the official SDK (v1 or v2) as one of ours. https://github.com/modelcontextprotocol/typescript-sdk

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
import { isRequest, isResponse } from "../../jsonrpc/messages.ts";
import { messageIn } from "../../jsonrpc/repair.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  TransportSink,
} from "../../jsonrpc/transport.ts";

/** A method, for its parameters are compared both ways: the SDK's callbacks are narrower than these. */
type Callback<Args extends unknown[]> = { call(...args: Args): void }["call"];

/**
 * The shape of `Transport` in `@modelcontextprotocol/sdk` 1 and `@modelcontextprotocol/client` 2.. Messages are `object`:
 * the SDK's message types and ours, though alike, are not assignable to each other.
 */
export interface SdkTransport {
  start(): Promise<void>;
  send(message: object, options?: object): Promise<void>;
  close(): Promise<void>;
  onclose?: Callback<[]> | undefined;
  onerror?: Callback<[error: Error]> | undefined;
  onmessage?: Callback<[message: object, extra?: unknown]> | undefined;
  sessionId?: string | undefined;
  setProtocolVersion?: Callback<[version: string]> | undefined;
}

/** Whether a value can be used as the SDK's transport. One of ours is not: it has a `channel`. */
export function isSdkTransport(value: unknown): value is SdkTransport {
  if (typeof value !== "object" || value === null || "channel" in value) return false;
  const { start, send, close } = value as { start?: unknown; send?: unknown; close?: unknown };
  return typeof start === "function" && typeof send === "function" && typeof close === "function";
}

/** Takes over `onmessage`, `onclose` and `onerror`; what was set there before is still called, first. */
export function adaptSdkTransport(
  transport: SdkTransport,
  options: { server: string },
): DuplexTransport {
  return new SdkAdapter(transport, options.server);
}

class SdkAdapter implements DuplexTransport {
  readonly channel = "duplex";
  readonly kind: string = "custom";
  readonly address: string;
  readonly #transport: SdkTransport;
  readonly #server: string;
  /** Requests whose `send` has not returned: it may reject after the answer came. */
  readonly #sending: Map<RequestId, { over: boolean }> = new Map();
  #state: "idle" | "starting" | "open" | "closed" = "idle";
  #sink: TransportSink | undefined;
  #closing: Promise<void> | undefined;

  constructor(transport: SdkTransport, server: string) {
    this.#transport = transport;
    this.#server = server;
    const { constructor } = transport as { constructor?: { name?: unknown } };
    this.address = typeof constructor?.name === "string" ? constructor.name : "custom";
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state === "closed") throw this.#closedError();
    this.#state = "starting";
    try {
      this.#listen(sink);
      // Not every transport of a user's own gives a promise.
      await untilAborted(signal, Promise.resolve(this.#transport.start()));
      if (this.#state !== "starting") throw this.#failedError(undefined);
      this.#state = "open";
      this.#sink = sink;
    } catch (error) {
      void this.close();
      if (signal.aborted || error instanceof McpError) throw error;
      throw this.#failedError(error);
    }
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    const entry = { over: false };
    const handle: ExchangeHandle = {
      close() {
        entry.over = true;
      },
    };
    if (this.#state !== "open") {
      queueMicrotask(() => {
        if (!entry.over) exchange.onFailed(this.#unsentError());
      });
      return handle;
    }
    if (isRequest(message)) this.#sending.set(message.id, entry);
    // Nobody can tell when the SDK has written a message: it may run as soon as it was handed over.
    exchange.onWritten?.();
    void this.#deliver(message, exchange, entry);
    return handle;
  }

  negotiated(protocolVersion: string): void {
    callUser(
      () => this.#transport.setProtocolVersion?.(protocolVersion),
      (error) => this.#report(`its setProtocolVersion() failed${quote(error)}`, error),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeTransport();
    this.#end(this.#closedError());
    return this.#closing;
  }

  #listen(sink: TransportSink): void {
    const transport = this.#transport;
    const { onmessage, onclose, onerror } = transport;
    const onThrown = (error: unknown): void =>
      this.#report(`a callback that was set on it before failed${quote(error)}`, error);
    transport.onmessage = (message, extra) => {
      callUser(() => onmessage?.call(transport, message, extra), onThrown);
      if (this.#state !== "closed") this.#onMessage(sink, message);
    };
    transport.onclose = () => {
      callUser(() => onclose?.call(transport), onThrown);
      this.#end(this.#lostError(undefined));
    };
    transport.onerror = (error) => {
      callUser(() => onerror?.call(transport, error), onThrown);
      // Not fatal by the SDK's contract; where it is, `onclose` follows.
      this.#report(`it reported an error${quote(error)}`, error);
    };
  }

  /** Something about the transport that fails no call. */
  #report(what: string, cause: unknown): void {
    if (this.#state !== "open") return;
    this.#sink?.onInvalid(
      new McpProtocolError(`server "${this.#server}": the transport is at fault: ${what}`, {
        server: this.#server,
        cause,
      }),
    );
  }

  #onMessage(sink: TransportSink, value: object): void {
    // The SDK validates what it delivers; a transport of the user's own may not.
    let message: JsonRpcMessage | JsonRpcMessage[] | undefined;
    try {
      message = messageIn(value, sink.repairs);
    } catch {
      // A getter of the user's that throws.
    }
    if (message === undefined) {
      sink.onInvalid(
        new McpProtocolError(
          `server "${this.#server}": the transport delivered something that is no JSON-RPC 2.0 message`,
          { server: this.#server },
        ),
      );
      return;
    }
    for (const one of Array.isArray(message) ? message : [message]) {
      if (!isResponse(one) || one.id === undefined || one.id === null) continue;
      const entry = this.#sending.get(one.id);
      if (entry !== undefined) entry.over = true;
    }
    sink.onMessage(message);
  }

  async #deliver(
    message: JsonRpcMessage,
    exchange: Exchange,
    entry: { over: boolean },
  ): Promise<void> {
    let failure: { error: unknown } | undefined;
    try {
      // A `send` that throws at once is to fail like one that rejects: later.
      await new Promise<void>((resolve) => resolve(this.#transport.send(message)));
    } catch (error) {
      failure = { error };
    }
    if (isRequest(message) && this.#sending.get(message.id) === entry) {
      this.#sending.delete(message.id);
    }
    if (entry.over || this.#state === "closed") return;
    if (failure !== undefined) exchange.onFailed(this.#lostError(failure.error));
    else if (!isRequest(message)) exchange.onAccepted?.();
  }

  async #closeTransport(): Promise<void> {
    try {
      await this.#transport.close();
    } catch {
      // `close` never rejects, and there is nothing left to do.
    }
  }

  #end(reason: McpError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#sending.clear();
    this.#sink?.onClose(reason);
  }

  #closedError(): McpClosedError {
    return new McpClosedError(`server "${this.#server}": the connection was closed`, {
      server: this.#server,
    });
  }

  #failedError(cause: unknown): McpConnectionError {
    return new McpConnectionError(
      "CONNECTION_FAILED",
      `server "${this.#server}": the transport did not start${quote(cause)}`,
      { server: this.#server, retryable: true, sent: "no", cause },
    );
  }

  #unsentError(): McpConnectionError {
    return new McpConnectionError(
      "CONNECTION_FAILED",
      `server "${this.#server}": the message was not sent, the transport is not open`,
      { server: this.#server, retryable: true, sent: "no" },
    );
  }

  #lostError(cause: unknown): McpConnectionError {
    return new McpConnectionError(
      "CONNECTION_LOST",
      `server "${this.#server}": the transport ${cause === undefined ? "was closed" : `failed${quote(cause)}`}`,
      { server: this.#server, retryable: true, sent: "unknown", cause },
    );
  }
}

function quote(cause: unknown): string {
  const text = textOf(cause);
  return text === "" ? "" : `: ${excerpt(text, 200)}`;
}
