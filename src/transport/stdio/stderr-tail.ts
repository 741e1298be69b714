// The last bytes a child wrote to stderr, in a ring of fixed size.

import { excerpt } from "../../core/redact.ts";

/** Longest line quoted in an error, characters. */
const QUOTED_LINE_CHARS = 200;

/** A frame of a stack, a bracket, a marker, Node's farewell. */
const SAYS_NOTHING = /^(at .+|[{}[\],;^~\s]+|Node\.js v\S+)$/;

export class StderrTail {
  readonly #limitBytes: number;
  /** Allocated with the first byte: most servers are silent. */
  #ring: Buffer | undefined;
  #totalBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    const limit = this.#limitBytes;
    if (limit === 0) return;
    this.#ring ??= Buffer.alloc(limit);
    const kept = chunk.length > limit ? chunk.subarray(chunk.length - limit) : chunk;
    const position = (this.#totalBytes + chunk.length - kept.length) % limit;
    const untilEnd = kept.copy(this.#ring, position);
    kept.copy(this.#ring, 0, untilEnd);
    this.#totalBytes += chunk.length;
  }

  /** At most the limit, from the first whole character on. */
  text(): string {
    const ring = this.#ring;
    if (ring === undefined) return "";
    if (this.#totalBytes <= ring.length) return ring.toString("utf8", 0, this.#totalBytes);
    const position = this.#totalBytes % ring.length;
    const bytes = Buffer.concat([ring.subarray(position), ring.subarray(0, position)]);
    let start = 0;
    while (start < 3 && isContinuation(bytes[start])) start++;
    return bytes.toString("utf8", start);
  }

  /**
   * The last lines that tell something, oldest first, fit for a message: stack frames and brackets would push out
   * the line that says what happened.
   */
  lastLines(count: number): string[] {
    const lines = this.text().split("\n");
    // The beginning of the first one is lost; the rest of it may be half a secret, which is not known any more.
    if (this.#totalBytes > (this.#ring?.length ?? 0)) lines.shift();
    return lines
      .map((line) => excerpt(line, QUOTED_LINE_CHARS))
      .filter((line) => line !== "" && !SAYS_NOTHING.test(line))
      .slice(-count);
  }
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
