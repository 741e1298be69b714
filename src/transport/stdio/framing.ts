// One JSON message per line, cut out of bytes. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
// Hot path: a line within one chunk is decoded from where it lies.

import { McpError, McpProtocolError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import { decodeUtf8 } from "../../core/utf8.ts";
import { isRequest } from "../../jsonrpc/messages.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import { parseMessage } from "../../jsonrpc/parse.ts";

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = "\uFEFF";

/** How every serialiser in use begins a message; what stands before it on a line is noise. */
const MESSAGE_START = '{"jsonrpc"';

/** A carry-over buffer larger than this is given back once its line is complete. Bytes. */
const KEPT_CARRY_BYTES = 65_536;

export interface LineSplitterOptions {
  /** Longest line, bytes without its LF. Beyond it `onOverflow` is called once and all further input is ignored. */
  maxLineBytes: number;
  /** A whole line, decoded, without its line end; blank lines are left out. */
  onLine(line: string): void;
  onOverflow(): void;
}

/**
 * Cuts a byte stream into lines. A line that lies within one chunk is decoded straight from it; only the
 * tail of a chunk is copied, into one buffer that grows by doubling and never beyond the limit.
 */
export class LineSplitter {
  readonly #options: LineSplitterOptions;
  /** Holds the start of a line whose end has not come yet. */
  #carry: Buffer = Buffer.alloc(0);
  #carryBytes = 0;
  #stopped = false;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    let start = 0;
    while (!this.#stopped) {
      const end = chunk.indexOf(LF, start);
      if (end === -1) break;
      if (this.#carryBytes === 0) {
        this.#emit(chunk, start, end);
      } else if (this.#append(chunk, start, end)) {
        this.#emitCarry();
      }
      start = end + 1;
    }
    if (!this.#stopped && start < chunk.length) this.#append(chunk, start, chunk.length);
  }

  /** The input is over: what stands after the last LF is a line too. */
  end(): void {
    if (!this.#stopped && this.#carryBytes > 0) this.#emitCarry();
    this.stop();
  }

  /** Nothing more is delivered, not even the rest of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#carry = Buffer.alloc(0);
    this.#carryBytes = 0;
  }

  #emitCarry(): void {
    const carry = this.#carry;
    const length = this.#carryBytes;
    this.#carryBytes = 0;
    if (carry.length > KEPT_CARRY_BYTES) this.#carry = Buffer.alloc(0);
    this.#emit(carry, 0, length);
  }

  #emit(bytes: Buffer, start: number, end: number): void {
    if (end - start > this.#options.maxLineBytes) return this.#overflow();
    const stop = end > start && bytes[end - 1] === CR ? end - 1 : end;
    if (stop === start) return;
    const line = decodeUtf8(bytes.subarray(start, stop));
    if (line.trim() !== "") this.#options.onLine(line);
  }

  #append(chunk: Buffer, start: number, end: number): boolean {
    const length = this.#carryBytes + end - start;
    if (length > this.#options.maxLineBytes) {
      this.#overflow();
      return false;
    }
    if (length > this.#carry.length) {
      const capacity = Math.min(
        Math.max(length, this.#carry.length * 2),
        this.#options.maxLineBytes,
      );
      const larger = Buffer.allocUnsafe(capacity);
      this.#carry.copy(larger, 0, 0, this.#carryBytes);
      this.#carry = larger;
    }
    chunk.copy(this.#carry, this.#carryBytes, start, end);
    this.#carryBytes = length;
    return true;
  }

  #overflow(): void {
    this.stop();
    this.#options.onOverflow();
  }
}

/** What one line held: a message, noise, or noise in front of a message. */
export interface DecodedLine {
  readonly message?: JsonRpcMessage | JsonRpcMessage[];
  readonly invalid?: McpProtocolError;
}

/** Reads one line; never throws. */
export function decodeLine(line: string, server: string): DecodedLine {
  try {
    return { message: parseMessage(line) };
  } catch (error) {
    if (!(error instanceof McpError)) throw error;
    return error.code === "LIMIT_EXCEEDED"
      ? { invalid: invalid(error, server) }
      : recover(line, error, server);
  }
}

/**
 * A banner without a newline runs into the message behind it. A request is not recovered: it is more likely
 * the server's own log of what it was sent, and would be answered.
 */
function recover(line: string, error: McpError, server: string): DecodedLine {
  const index = line.indexOf(MESSAGE_START);
  if (index < 1) return { invalid: invalid(error, server) };
  let message: JsonRpcMessage | JsonRpcMessage[];
  try {
    message = parseMessage(line.slice(index));
  } catch {
    return { invalid: invalid(error, server) };
  }
  const noise = line.slice(0, index);
  if (noise === BYTE_ORDER_MARK) return { message };
  if (Array.isArray(message) || isRequest(message)) return { invalid: invalid(error, server) };
  return {
    message,
    invalid: new McpProtocolError(
      `the server wrote something that is not JSON in front of a message: ${excerpt(noise, 200)}`,
      { server },
    ),
  };
}

function invalid(error: McpError, server: string): McpProtocolError {
  return new McpProtocolError(error.message, {
    server,
    code: error.code === "LIMIT_EXCEEDED" ? "LIMIT_EXCEEDED" : "PROTOCOL_ERROR",
    cause: error.cause,
  });
}
