// Messages to the child's stdin, in order, no faster than it reads.
// Hot path: a system call for every few of the messages that one turn of the event loop sends.

import type { Writable } from "node:stream";
import { McpConnectionError } from "../../core/errors.ts";
import type { McpError } from "../../core/errors.ts";
import { isRequest } from "../../jsonrpc/messages.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle } from "../../jsonrpc/transport.ts";

/** What the handle of an exchange does that is already over. */
export const OVER: ExchangeHandle = { close() {} };

/**
 * So many characters are written together. A system call is dear, but the child works on what it has while the rest is
 * put together: with one write for all that a turn sends it is a third fewer calls per second, of no less CPU each.
 */
const BATCH_CHARS = 1_024;

/** How often what the stream holds may wait for the pipe before messages wait here: a burst is no reader that is too slow. */
const BURSTS = 4;

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
  #isTurn = false;
  /** What leaves when this turn of the event loop ends. */
  #batch = "";

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
    this.#batch = "";
    for (const { exchange } of waiting) exchange.onFailed(unsentError(this.#server));
  }

  /** Forgets what still waits, without a report; what counts as written leaves before the pipe is closed. */
  discard(): void {
    this.#queue.clear();
    this.#put();
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
    this.#isTurn = false;
    this.#put();
  };

  #write({ line, message, exchange }: Queued): void {
    // The first message of a turn of the event loop leaves at once, so that a broken pipe is known before the next; the
    // others a few at a time, and the last of them on a tick, which comes after the microtasks: by then all callers
    // whose answers came in one chunk have asked again.
    this.#batch += line;
    if (!this.#isTurn) {
      this.#isTurn = true;
      process.nextTick(this.#endTurn);
      this.#put();
    } else if (this.#batch.length >= BATCH_CHARS) this.#put();
    exchange.onWritten?.();
    if (!isRequest(message)) exchange.onAccepted?.();
  }

  #put(): void {
    const batch = this.#batch;
    if (batch === "" || !this.#stdin.writable) return;
    this.#batch = "";
    const { writableHighWaterMark } = this.#stdin;
    const isBeyondMark = !this.#stdin.write(batch);
    this.#full = isBeyondMark && this.#stdin.writableLength >= BURSTS * writableHighWaterMark;
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
