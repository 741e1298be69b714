// Lines cut out of bytes. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
// Hot path: a line within one chunk is decoded from where it lies.

import { decodeUtf8 } from "../../core/utf8.ts";

const LF = 0x0a;
const CR = 0x0d;

/** A carry-over buffer larger than this is given back once its line is complete. Bytes. */
const KEPT_CARRY_BYTES = 65_536;

export interface LineSplitterOptions {
  /** Longest line, bytes without its LF. Beyond it `onOverflow` is called once and all further input is ignored. */
  maxLineBytes: number;
  /** A whole line, decoded, without its line end; blank lines are left out. */
  onLine(line: string): void;
  onOverflow(): void;
  /** Asked after each line: false leaves the rest for {@link LineSplitter.resume}. Absent: it is never left. */
  mayGoOn?(): boolean;
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
  /** The rest of a chunk that waits for its turn. */
  #held: Buffer | undefined;

  constructor(options: LineSplitterOptions) {
    this.#options = options;
  }

  /** A part of what came waits for its turn. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Keeps a chunk until {@link resume}. */
  hold(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
  }

  /** Goes on with what is held, as far as `mayGoOn` allows. */
  resume(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.push(held);
  }

  push(chunk: Buffer): void {
    if (this.#held !== undefined) this.hold(chunk);
    else this.#split(chunk, true);
  }

  #split(chunk: Buffer, isSliced: boolean): void {
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
      if (isSliced && start < chunk.length && this.#options.mayGoOn?.() === false) {
        if (!this.#stopped) this.#held = chunk.subarray(start);
        return;
      }
    }
    if (!this.#stopped && start < chunk.length) this.#append(chunk, start, chunk.length);
  }

  /** The input is over: what stands after the last LF is a line too. */
  end(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#split(held, false);
    if (!this.#stopped && this.#carryBytes > 0) this.#emitCarry();
    this.stop();
  }

  /** Nothing more is delivered, not even the rest of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#held = undefined;
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
