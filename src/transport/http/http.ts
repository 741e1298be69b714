// Streamable HTTP: every message a POST, its answer JSON or a stream. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

import type { Dispatcher } from "undici";
import type { Clock } from "../../core/clock.ts";
import { McpAuthError, McpClosedError, type McpError } from "../../core/errors.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import type {
  Exchange,
  ExchangeHandle,
  ExchangeTransport,
  HeaderList,
  ListenOptions,
  Routes,
  TransportSink,
} from "../../jsonrpc/transport.ts";
import type { BackoffOptions } from "../../resilience/backoff.ts";
import { closeHttpContext, createHttpContext, type HttpContext } from "./context.ts";
import { deliverEvent } from "./delivery.ts";
import { EventStream, type StreamEnd } from "./event-stream.ts";
import { PostExchange } from "./post.ts";
import { SessionEnd } from "./session-end.ts";

export interface HttpTransportOptions {
  /** The server's name in the pool, for errors. */
  readonly server: string;
  /** The MCP endpoint. */
  readonly url: URL;
  /** The user's own; those that belong to the protocol or the connection are dropped. */
  readonly headers: Readonly<Record<string, string>>;
  /** The user's undici dispatcher, used for everything and never closed. Default: sockets of our own. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  /** Called with the session's cookies and the like: nobody else must see them. */
  readonly onSecret?: ((secret: string) => void) | undefined;
  readonly limits: {
    /** Longest message: bytes of a JSON body, also after decompression; UTF-16 units of a stream's event. */
    readonly messageBytes: number;
    /** Calls under way at once. */
    readonly inFlight: number;
  };
  readonly timeouts: {
    /** DNS, TCP and TLS together, milliseconds. Not applied to a user's dispatcher. */
    readonly connectMs: number;
  };
  readonly resume: {
    /** GETs without one event in between, after which a broken stream is given up. */
    readonly attempts: number;
    /** Delays where the server sent no `retry:`. */
    readonly backoff: BackoffOptions;
  };
}

/** No socket is opened before the first message. */
export function createHttpTransport(options: HttpTransportOptions): ExchangeTransport {
  return new HttpTransport(createHttpContext(options, options.resume));
}

const NOTHING_OPEN: ExchangeHandle = { close() {} };

class HttpTransport implements ExchangeTransport {
  readonly channel = "exchange";
  readonly kind = "http";
  readonly address: string;
  readonly routes: Routes;
  readonly #context: HttpContext;
  #closing: Promise<void> | undefined;

  constructor(context: HttpContext) {
    this.#context = context;
    this.address = context.address;
    this.routes = new HttpRoutes(context);
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#context.sink = sink;
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    if (this.#closing !== undefined) {
      queueMicrotask(() => exchange.onFailed(this.#closedError()));
      return NOTHING_OPEN;
    }
    return new PostExchange(this.#context, message, exchange);
  }

  listen(options: ListenOptions): ExchangeHandle {
    const context = this.#context;
    if (this.#closing !== undefined) {
      const { lastEventId } = options;
      queueMicrotask(() =>
        options.onEnd({
          opened: false,
          error: this.#closedError(),
          status: undefined,
          lastEventId,
          retryMs: undefined,
        }),
      );
      return NOTHING_OPEN;
    }
    const stream = new EventStream(
      context,
      {
        isChangeStream: true,
        onOpen: () => options.onOpen(),
        onEvent(name, data) {
          options.onEvent?.();
          if (name === undefined) deliverEvent(context, undefined, data);
        },
        onEnd(end) {
          const { lastEventId, retryMs } = stream.reader;
          options.onEnd({ ...describeEnd(end), lastEventId, retryMs });
        },
      },
      options.headers,
      options.lastEventId,
    );
    stream.open();
    return stream;
  }

  endSession(headers: HeaderList, timeoutMs: number): Promise<number | undefined> {
    if (this.#closing !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => new SessionEnd(this.#context, headers, timeoutMs, resolve));
  }

  refresh(): void {
    const { sockets } = this.#context;
    sockets.renewCalls();
    sockets.dropStreams();
  }

  close(): Promise<void> {
    return (this.#closing ??= closeHttpContext(this.#context));
  }

  #closedError(): McpClosedError {
    const { server } = this.#context;
    return new McpClosedError(`the connection to "${server}" is closed`, { server });
  }
}

class HttpRoutes implements Routes {
  readonly #context: HttpContext;

  constructor(context: HttpContext) {
    this.#context = context;
  }

  begin(): void {
    this.#context.cookies.begin();
  }

  settled(): Promise<void> {
    return this.#context.cookies.settled();
  }

  get hasCookies(): boolean {
    return !this.#context.cookies.isEmpty;
  }

  get openedCount(): number {
    return this.#context.sockets.openedCount;
  }

  releaseRefused(verdict: "keep" | "drop"): void {
    this.#context.sockets.releaseHeld(verdict);
  }
}

function describeEnd(end: StreamEnd): {
  opened: boolean;
  error: McpError | undefined;
  status: number | undefined;
} {
  switch (end.kind) {
    case "ended":
      return { opened: true, error: end.error, status: 200 };
    case "failed":
      return { opened: false, error: end.error, status: undefined };
    case "no-stream":
      return { opened: false, error: undefined, status: end.status };
    case "refused": {
      // 405 and its like say that there is no such stream, which a server may say.
      const isAuth = end.error instanceof McpAuthError || end.status === 403;
      return { opened: false, error: isAuth ? end.error : undefined, status: end.status };
    }
  }
}
