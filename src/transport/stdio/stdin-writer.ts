// Messages to the child's stdin, in order, no faster than it reads.

import type { Writable } from "node:stream";
import { McpConnectionError } from "../../core/errors.ts";
import type { McpError } from "../../core/errors.ts";
import { isRequest } from "../../jsonrpc/messages.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle } from "../../jsonrpc/transport.ts";

/** What the handle of an exchange does that is already over. */
export const OVER: ExchangeHandle = { close() {} };

interface Queued {
  readonly line: string;
  readonly message: JsonRpcMessage;
  readonly exchange: Exchange;
}

/**
 * While the pipe is full, messages wait here. The caller's limit on calls in flight bounds their number, and
 * a call that times out is taken out again, unsent.
 */
export class StdinWriter {
  readonly #stdin: Writable;
  readonly #server: string;
  readonly #queue: Set<Queued> = new Set();
  #full = false;
  #turn: "none" | "begun" | "corked" = "none";

  constructor(stdin: Writable, server: string) {
    this.#stdin = stdin;
    this.#server = server;
    stdin.on("drain", () => this.#flush());
  }

  /** @throws {TypeError} if the message cannot be written as JSON. */
  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    const line = `${JSON.stringify(message)}\n`;
    if (!this.#stdin.writable) {
      return failLater(exchange, unsentError(this.#server));
    }
    const entry: Queued = { line, message, exchange };
    // A callback of #flush may send: what waits goes first.
    if (!this.#full && this.#queue.size === 0) {
      this.#write(entry);
      return OVER;
    }
    this.#queue.add(entry);
    return { close: () => void this.#queue.delete(entry) };
  }

  /** The pipe is gone: what still waits was not sent, and is told so. */
  fail(): void {
    const waiting = [...this.#queue];
    this.#queue.clear();
    for (const { exchange } of waiting) exchange.onFailed(unsentError(this.#server));
  }

  /** Forgets what still waits, without a report. */
  discard(): void {
    this.#queue.clear();
  }

  #flush(): void {
    this.#full = false;
    for (const entry of this.#queue) {
      this.#queue.delete(entry);
      this.#write(entry);
      if (this.#full) return;
    }
  }

  readonly #endTurn = (): void => {
    this.#uncork();
    this.#turn = "none";
  };

  #uncork(): void {
    if (this.#turn !== "corked") return;
    this.#turn = "begun";
    this.#stdin.uncork();
  }

  #write({ line, message, exchange }: Queued): void {
    // What is sent in one turn of the event loop leaves in two system calls, the dearest part of a call: the first
    // message at once, so that a broken pipe is known before the next; all others together, on a tick, which
    // comes after the microtasks: by then all callers whose answers came in one chunk have asked again.
    if (this.#turn === "none") {
      this.#turn = "begun";
      process.nextTick(this.#endTurn);
    } else if (this.#turn === "begun") {
      this.#turn = "corked";
      this.#stdin.cork();
    }
    this.#full = !this.#stdin.write(line);
    // The rest waits for the pipe, not for the turn's end.
    if (this.#full) this.#uncork();
    exchange.onWritten?.();
    if (!isRequest(message)) exchange.onAccepted?.();
  }
}

/** Reports a failure the way every failure comes: after `send` has returned. */
export function failLater(exchange: Exchange, error: McpError): ExchangeHandle {
  let over = false;
  queueMicrotask(() => {
    if (!over) exchange.onFailed(error);
  });
  return {
    close() {
      over = true;
    },
  };
}

export function unsentError(server: string): McpConnectionError {
  return new McpConnectionError(
    "CONNECTION_FAILED",
    `server "${server}": the message was not sent, the process no longer takes input`,
    { server, retryable: true, sent: "no" },
  );
}
