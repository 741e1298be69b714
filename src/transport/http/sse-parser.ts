// Server-sent events out of bytes, in linear time and in memory that does not depend on how they are cut.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
// Hot path: an event that lies within one chunk, with one line of data, is decoded from where it lies.

import { isAscii } from "node:buffer";
import { Bytes } from "../../core/bytes.ts";
import { flatCopy } from "../../core/flat.ts";
import { bounded, SERVER_NUMBERS } from "../../core/server-number.ts";
import { decodeUtf8 } from "../../core/utf8.ts";

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BOM = [0xef, 0xbb, 0xbf] as const;

const DATA = Buffer.from("data");
const EVENT = Buffer.from("event");
const ID = Buffer.from("id");
const RETRY = Buffer.from("retry");

/** Longest event id, bytes: it goes back in a header. A longer one is as if there were none. */
const MAX_ID_BYTES = 4_096;
/** Longest name of an event, bytes; a longer one is cut: no such event is a message. */
const MAX_NAME_BYTES = 256;
/** Digits of a `retry:` that are read; more of them mean the longest wait. */
const MAX_RETRY_DIGITS = 15;
/** Ends of lines are looked for byte by byte so far, and then with a search, which costs more to begin. */
const NEAR_BYTES = 24;
/** A character is at most so many bytes for each of its UTF-16 units. */
const MAX_UNIT_BYTES = 3;

export interface SseParserOwner {
  /** An event with at least one line of data. `id` is absent where the event has none. */
  onEvent(name: string | undefined, data: string, id: string | undefined): void;
  onRetry(ms: number): void;
}

export class SseParser {
  readonly #owner: SseParserOwner;
  readonly #limitChars: number;
  /** A line whose end has not come. */
  readonly #line: Bytes = new Bytes();
  /** Data of the event, if they are more than one line or were cut. */
  readonly #data: Bytes = new Bytes();
  /** More bytes than the limit, but not all ASCII: perhaps not more characters. */
  #isWide = false;
  #dataLines = 0;
  #name: string | undefined;
  #id: string | undefined;
  #isFirstLine = true;
  /** A line ended in CR: the LF that may follow belongs to it. */
  #skipsLf = false;

  /** @param limitChars longest event, UTF-16 units */
  constructor(owner: SseParserOwner, limitChars: number) {
    this.#owner = owner;
    this.#limitChars = limitChars;
  }

  /** An event has begun, and its last line is whole. */
  get isBetweenLines(): boolean {
    return this.#dataLines > 0 && this.#line.length === 0;
  }

  /**
   * Reads from `start` on; gives how far, which is the end of the chunk unless `mayGoOn` says otherwise after a line, or
   * something is too large: see {@link isTooLarge}.
   */
  read(chunk: Buffer, start: number, mayGoOn: () => boolean): number {
    let at = start;
    if (this.#skipsLf && at < chunk.length) {
      if (chunk[at] === LF) at += 1;
      this.#skipsLf = false;
    }
    let nextCr = chunk.indexOf(CR, at);
    while (at < chunk.length) {
      if (nextCr !== -1 && nextCr < at) nextCr = chunk.indexOf(CR, at);
      let end = endOfLine(chunk, at);
      if (nextCr !== -1 && (end === -1 || nextCr < end)) end = nextCr;
      if (end === -1) {
        this.#line.add(chunk, at);
        return chunk.length;
      }
      if (this.#line.length === 0) this.#onLine(chunk, at, end);
      else this.#onCutLine(chunk, at, end);
      at = end + 1;
      if (end === nextCr) {
        if (at === chunk.length) this.#skipsLf = true;
        else if (chunk[at] === LF) at += 1;
      }
      if (!mayGoOn()) return at;
    }
    return at;
  }

  /** A line, or the data of an event, has become longer than the limit. */
  get isTooLarge(): boolean {
    const bytes = this.#line.length + this.#data.length;
    if (bytes <= this.#limitChars) return false;
    if (bytes > this.#limitChars * MAX_UNIT_BYTES) return true;
    this.#isWide ||= !isAscii(this.#line.view()) || !isAscii(this.#data.view());
    return !this.#isWide;
  }

  /** The data of the event that has not ended, with the line that is cut off if it is data; undefined: none. */
  unfinishedData(): string | undefined {
    const line = this.#line.view();
    const value = valueStart(line, 0, line.length, DATA);
    if (this.#dataLines === 0 && value === -1) return undefined;
    const data = decodeUtf8(this.#data.view());
    if (value === -1) return data;
    const last = decodeUtf8(line.subarray(value));
    return this.#dataLines === 0 ? last : `${data}\n${last}`;
  }

  /** Ends the event as if its blank line had come. */
  endEvent(): void {
    if (this.#line.length > 0) this.#onCutLine(NO_BYTES, 0, 0);
    this.#dispatch();
  }

  #onCutLine(chunk: Buffer, start: number, end: number): void {
    this.#line.add(chunk, start, end);
    const line = this.#line.view();
    this.#onLine(line, 0, line.length);
    this.#line.clear();
  }

  #onLine(bytes: Buffer, from: number, end: number): void {
    let start = from;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (BOM.every((byte, index) => start + index < end && bytes[start + index] === byte)) {
        start += BOM.length;
      }
    }
    if (start === end) {
      this.#dispatch();
      return;
    }
    const first = bytes[start];
    if (first === DATA[0]) this.#onData(bytes, start, end);
    else if (first === EVENT[0]) this.#onName(bytes, start, end);
    else if (first === ID[0]) this.#onId(bytes, start, end);
    else if (first === RETRY[0]) this.#onRetry(bytes, start, end);
  }

  #onData(bytes: Buffer, start: number, end: number): void {
    const value = valueStart(bytes, start, end, DATA);
    if (value === -1) return;
    // The event ends with the very next line, as most do.
    if (this.#dataLines === 0 && bytes[end] === LF && bytes[end + 1] === LF) {
      this.#give(bytes, value, end);
      return;
    }
    if (this.#dataLines > 0) this.#data.addByte(LF);
    this.#data.add(bytes, value, end);
    this.#dataLines += 1;
  }

  #onName(bytes: Buffer, start: number, end: number): void {
    const value = valueStart(bytes, start, end, EVENT);
    if (value === -1) return;
    const name = bytes.toString("utf8", value, Math.min(end, value + MAX_NAME_BYTES));
    this.#name = name === "" ? undefined : name;
  }

  #onId(bytes: Buffer, start: number, end: number): void {
    const value = valueStart(bytes, start, end, ID);
    if (value === -1) return;
    const id = end - value > MAX_ID_BYTES ? "" : decodeUtf8(bytes.subarray(value, end));
    if (!id.includes("\0")) this.#id = flatCopy(id);
  }

  #onRetry(bytes: Buffer, start: number, end: number): void {
    const value = valueStart(bytes, start, end, RETRY);
    if (value === -1) return;
    const isLong = end - value > MAX_RETRY_DIGITS;
    const digits = bytes.toString("latin1", value, Math.min(end, value + MAX_RETRY_DIGITS));
    if (!/^\d+$/.test(digits)) return;
    this.#owner.onRetry(bounded(isLong ? Infinity : Number(digits), SERVER_NUMBERS.retry));
  }

  /** The blank line. Data that were given from where they lay have left `#dataLines` at 0. */
  #dispatch(): void {
    if (this.#dataLines > 0) {
      const data = this.#data.view();
      this.#give(data, 0, data.length);
    }
    this.#forget();
  }

  #give(bytes: Buffer, start: number, end: number): void {
    const data = start === end ? "" : decodeUtf8(bytes.subarray(start, end));
    const name = this.#name;
    const id = this.#id;
    // First: what the owner does may end in another call of ours.
    this.#forget();
    this.#owner.onEvent(name, data, id);
  }

  #forget(): void {
    this.#data.clear();
    this.#isWide = false;
    this.#dataLines = 0;
    this.#name = undefined;
    this.#id = undefined;
  }
}

const NO_BYTES = Buffer.alloc(0);

function endOfLine(chunk: Buffer, start: number): number {
  const near = Math.min(chunk.length, start + NEAR_BYTES);
  for (let at = start; at < near; at++) if (chunk[at] === LF) return at;
  return near === chunk.length ? -1 : chunk.indexOf(LF, near);
}

/** Where the value begins of a line that has this field; -1 if it has another. */
function valueStart(bytes: Buffer, start: number, end: number, field: Buffer): number {
  const after = start + field.length;
  if (after > end) return -1;
  for (let index = 0; index < field.length; index++) {
    if (bytes[start + index] !== field[index]) return -1;
  }
  if (after === end) return after;
  if (bytes[after] !== COLON) return -1;
  return after + 1 < end && bytes[after + 1] === SPACE ? after + 2 : after + 1;
}
