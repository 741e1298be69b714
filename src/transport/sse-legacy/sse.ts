// HTTP+SSE: one stream for all that the server says, a POST for each message. https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

import type { Dispatcher } from "undici";
import type { Clock, Timer } from "../../core/clock.ts";
import {
  McpClosedError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpTimeoutError,
  type McpError,
} from "../../core/errors.ts";
import { redactUrl } from "../../core/redact.ts";
import { tryParse } from "../../jsonrpc/parse.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  TransportSink,
} from "../../jsonrpc/transport.ts";
import { closeHttpContext, createHttpContext, type HttpContext } from "../http/context.ts";
import { reportEvent } from "../http/delivery.ts";
import { isSameOrigin } from "../http/origin.ts";
import { EventStream, type EventStreamOwner, type StreamEnd } from "../http/event-stream.ts";
import { SsePost } from "./sse-post.ts";

export interface SseTransportOptions {
  /** The server's name in the pool, for errors. */
  readonly server: string;
  /** Where the stream is. */
  readonly url: URL;
  /** The user's own; those that belong to the protocol or the connection are dropped. */
  readonly headers: Readonly<Record<string, string>>;
  /** The user's undici dispatcher, used for everything and never closed. Default: pools of our own. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  /** Called with the session's cookies and the like: nobody else must see them. */
  readonly onSecret?: ((secret: string) => void) | undefined;
  readonly limits: {
    /** Longest event, UTF-16 units. Beyond it the stream, and with it the connection, is lost. */
    readonly messageBytes: number;
    /** Calls under way at once, which is as many sockets. */
    readonly inFlight: number;
  };
  readonly timeouts: {
    /** DNS, TCP and TLS together, milliseconds. */
    readonly connectMs: number;
    /** From the start until the `endpoint` event, milliseconds. */
    readonly handshakeMs: number;
  };
}

/** No socket is opened before `start`. */
export function createSseTransport(options: SseTransportOptions): DuplexTransport {
  return new SseTransport(options);
}

type State =
  | { readonly kind: "idle" }
  | {
      readonly kind: "starting";
      readonly fail: (error: unknown) => void;
      readonly done: () => void;
    }
  | { readonly kind: "open"; readonly endpoint: URL }
  | { readonly kind: "closed" };

const NOTHING_OPEN: ExchangeHandle = { close() {} };
/** The stream of 2024-11-05 cannot be resumed. */
const NO_RESUMPTION = {
  attempts: 0,
  backoff: { initialMs: 0, factor: 1, maxMs: 0, jitter: 0 },
} as const;

class SseTransport implements DuplexTransport, EventStreamOwner {
  readonly channel = "duplex";
  readonly kind = "sse";
  readonly address: string;
  readonly #context: HttpContext;
  readonly #handshakeMs: number;
  /** Requests whose POST is under way, by id. */
  readonly #posts = new Map<RequestId, SsePost>();
  #state: State = { kind: "idle" };
  #closing: Promise<void> | undefined;

  constructor(options: SseTransportOptions) {
    this.#context = createHttpContext(options, NO_RESUMPTION);
    this.#handshakeMs = options.timeouts.handshakeMs;
    this.address = this.#context.address;
  }

  start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    const context = this.#context;
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      if (this.#state.kind !== "idle") {
        reject(this.#closedError());
        return;
      }
      const onAbort = (): void => this.#giveUp(signal.reason);
      const timer: Timer = context.clock.setTimer(
        () => this.#giveUp(this.#timeoutError()),
        this.#handshakeMs,
      );
      const settle = (): void => {
        context.clock.clearTimer(timer);
        signal.removeEventListener("abort", onAbort);
      };
      this.#state = {
        kind: "starting",
        done: () => (settle(), resolve()),
        fail: (error) => (settle(), reject(error as Error)),
      };
      signal.addEventListener("abort", onAbort, { once: true });
      context.sink = sink;
      context.cookies.begin();
      new EventStream(context, this, [], undefined).open();
    });
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    if (this.#state.kind !== "open") {
      queueMicrotask(() => exchange.onFailed(this.#closedError()));
      return NOTHING_OPEN;
    }
    const id = "method" in message && "id" in message ? message.id : undefined;
    const post = new SsePost(this.#context, this.#state.endpoint, message, exchange, () => {
      if (id !== undefined) this.#posts.delete(id);
    });
    if (id !== undefined) this.#posts.set(id, post);
    return post;
  }

  /** The stream is the connection: whether it lives, only an answer can show. */
  refresh(): void {
    this.#context.sockets.renewCalls();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close(this.#closedError()));
  }

  onOpen(): void {}

  onEvent(name: string | undefined, data: string): void {
    if (name === undefined) this.#deliver(data);
    else if (name === "endpoint" && this.#state.kind === "starting") this.#onEndpoint(data);
  }

  onEnd(end: StreamEnd): void {
    const error = this.#lossOf(end);
    if (this.#state.kind === "starting") this.#giveUp(error);
    else this.#closing ??= this.#close(error);
  }

  #deliver(data: string): void {
    const { sink } = this.#context;
    const message = tryParse(data, sink.repairs);
    if (typeof message === "string") {
      if (sink.onBroken?.(data) === undefined) {
        reportEvent(this.#context, undefined, message, data);
      }
      return;
    }
    if (!Array.isArray(message) && !("method" in message) && message.id != null) {
      this.#posts.get(message.id)?.onAnswered();
    }
    sink.onMessage(message);
  }

  #onEndpoint(reference: string): void {
    const context = this.#context;
    const { url, server, quirks } = context;
    const state = this.#state;
    if (state.kind !== "starting") return;
    const endpoint = URL.canParse(reference, url.href) ? new URL(reference, url) : undefined;
    // The user's headers, with their credentials, go to the endpoint.
    if (endpoint === undefined || !isSameOrigin(endpoint, url, quirks)) {
      const where = endpoint === undefined ? "an invalid URL" : redactUrl(endpoint);
      this.#giveUp(
        new McpProtocolError(
          `"${server}" names ${where} as its endpoint, which is not of the origin ${url.origin}`,
          { server },
        ),
      );
      return;
    }
    // This is where servers of that revision put their session ids.
    for (const value of endpoint.searchParams.values()) context.onSecret?.(value);
    this.#state = { kind: "open", endpoint };
    void context.cookies.settled().then(() => state.done());
  }

  #lossOf(end: StreamEnd): McpError {
    const { server, address } = this.#context;
    if (end.kind === "refused" || end.kind === "failed") return end.error;
    if (end.kind === "no-stream") {
      return new McpHttpError(
        `"${server}" at ${address} answered with HTTP ${end.status} and no event stream`,
        { server, status: end.status },
      );
    }
    if (end.error?.code === "LIMIT_EXCEEDED") return end.error;
    const isStarting = this.#state.kind === "starting";
    return new McpConnectionError(
      isStarting ? "CONNECTION_FAILED" : "CONNECTION_LOST",
      isStarting
        ? `the stream of "${server}" at ${address} ended before it named its endpoint`
        : `the stream of "${server}" at ${address} ended, and its session with it`,
      { server, retryable: true, sent: isStarting ? "no" : "unknown", cause: end.error },
    );
  }

  /** Fails `start`. */
  #giveUp(error: unknown): void {
    const state = this.#state;
    if (state.kind !== "starting") return;
    this.#state = { kind: "closed" };
    this.#closing ??= closeHttpContext(this.#context);
    state.fail(error);
  }

  async #close(reason: McpError): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    const freed = closeHttpContext(this.#context);
    if (state.kind === "starting") state.fail(reason);
    if (state.kind === "open") this.#context.sink.onClose(reason);
    await freed;
  }

  #timeoutError(): McpTimeoutError {
    const { server, address } = this.#context;
    const timeoutMs = this.#handshakeMs;
    return new McpTimeoutError(
      `"${server}" at ${address} named no endpoint within ${timeoutMs} ms; check that it speaks HTTP+SSE (2024-11-05)`,
      { server, limit: "handshake", timeoutMs, retryable: true },
    );
  }

  #closedError(): McpClosedError {
    const { server } = this.#context;
    return new McpClosedError(`the connection to "${server}" is closed`, { server });
  }
}
