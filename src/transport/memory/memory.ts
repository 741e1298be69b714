// Two ends in one process, for tests: asynchronous, in order, each message a copy.

import {
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpProtocolError,
} from "../../core/errors.ts";
import type { McpError } from "../../core/errors.ts";
import { isRequest } from "../../jsonrpc/messages.ts";
import { isMessage, messageIn } from "../../jsonrpc/repair.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  TransportSink,
} from "../../jsonrpc/transport.ts";

export interface MemoryServerEnd {
  /** Without effect once either end is closed. */
  send(message: JsonRpcMessage | JsonRpcMessage[]): void;
  /** One callback; what came before it was set is delivered to it then. */
  onMessage(callback: (message: JsonRpcMessage) => void): void;
  /** The client sees `CONNECTION_LOST`, after what was sent before. */
  close(): void;
  /** Like `close`, with a reason of the test's own. */
  drop(error: McpError): void;
}

export interface MemoryPair {
  readonly client: DuplexTransport;
  readonly server: MemoryServerEnd;
}

/** Neither end has a limit: it is no transport for production. */
export function createMemoryPair(): MemoryPair {
  const toClient = new Mailbox<JsonRpcMessage | JsonRpcMessage[]>();
  const toServer = new Mailbox<JsonRpcMessage>();
  const client = new MemoryClient(toClient, toServer);
  return {
    client,
    server: {
      send: (message) => toClient.post(structuredClone(message)),
      onMessage: (callback) => toServer.open(callback),
      close: () => client.drop(lostError()),
      drop: (error) => client.drop(error),
    },
  };
}

/** Whether it is the client end of a pair, as it was made here: what a test changes in it is the test's own. */
export function isMemoryTransport(transport: object): boolean {
  return transport instanceof MemoryClient && Object.keys(transport).length === OWN_KEYS;
}

/** `channel`, `kind` and `address`. */
const OWN_KEYS = 3;

/** One for all: a handle for each message would know its exchange, see jsonrpc/running-call.ts. */
const OVER: ExchangeHandle = { close() {} };

class MemoryClient implements DuplexTransport {
  readonly channel = "duplex";
  readonly kind: string = "memory";
  readonly address: string = "memory";
  readonly #inbox: Mailbox<JsonRpcMessage | JsonRpcMessage[]>;
  readonly #outbox: Mailbox<JsonRpcMessage>;
  #state: "idle" | "open" | "closed" = "idle";
  #sink: TransportSink | undefined;

  constructor(inbox: Mailbox<JsonRpcMessage | JsonRpcMessage[]>, outbox: Mailbox<JsonRpcMessage>) {
    this.#inbox = inbox;
    this.#outbox = outbox;
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state === "closed") throw closedError();
    this.#state = "open";
    this.#sink = sink;
    this.#inbox.open((message) => deliver(message, sink));
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    let error: McpError | undefined;
    if (this.#state === "open") {
      try {
        // As on a wire: what JSON cannot say is lost or refused here already.
        this.#outbox.post(JSON.parse(JSON.stringify(message)) as JsonRpcMessage);
      } catch (cause) {
        error = new McpConfigError("the message cannot be written as JSON", { cause });
      }
    } else {
      error = unsentError();
    }
    if (error === undefined) {
      exchange.onWritten?.();
      if (!isRequest(message)) exchange.onAccepted?.();
      return OVER;
    }
    const failure = error;
    let over = false;
    queueMicrotask(() => {
      if (!over) exchange.onFailed(failure);
    });
    return {
      close() {
        over = true;
      },
    };
  }

  close(): Promise<void> {
    this.#inbox.shut();
    this.#outbox.shut();
    this.#end(closedError());
    return Promise.resolve();
  }

  drop(reason: McpError): void {
    this.#outbox.shut();
    this.#inbox.last(() => this.#end(reason));
  }

  #end(reason: McpError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#sink?.onClose(reason);
  }
}

/** As on a wire: what is no message is judged, and repaired, where it arrives. */
function deliver(value: JsonRpcMessage | JsonRpcMessage[], sink: TransportSink): void {
  const isBatch = Array.isArray(value) && value.length > 0 && value.every(isMessage);
  const message = isBatch ? value : messageIn(value, sink.repairs);
  if (message !== undefined) sink.onMessage(message);
  else
    sink.onInvalid(
      new McpProtocolError("the server sent something that is no JSON-RPC 2.0 message"),
    );
}

/** Delivers in order, one microtask each, and keeps what comes before there is a reader. */
class Mailbox<Item> {
  readonly #waiting: (() => void)[] = [];
  #read: ((item: Item) => void) | undefined;
  #state: "open" | "ending" | "shut" = "open";

  post(item: Item): void {
    if (this.#state === "open") this.#enqueue(() => this.#read?.(item));
  }

  /** Takes nothing more; `callback` runs after what was posted before. */
  last(callback: () => void): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#enqueue(callback);
  }

  open(read: (item: Item) => void): void {
    const first = this.#read === undefined;
    this.#read = read;
    if (first) for (const _ of this.#waiting) queueMicrotask(() => this.#deliver());
  }

  shut(): void {
    this.#state = "shut";
    this.#waiting.length = 0;
  }

  #enqueue(run: () => void): void {
    this.#waiting.push(run);
    if (this.#read !== undefined) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    this.#waiting.shift()?.();
  }
}

function closedError(): McpClosedError {
  return new McpClosedError("the connection was closed");
}

function lostError(): McpConnectionError {
  return new McpConnectionError("CONNECTION_LOST", "the other end was closed", {
    retryable: true,
    sent: "unknown",
  });
}

function unsentError(): McpConnectionError {
  return new McpConnectionError(
    "CONNECTION_FAILED",
    "the message was not sent: there is no connection",
    {
      retryable: true,
      sent: "no",
    },
  );
}
