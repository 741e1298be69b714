// A value as JSON text, written in slices: the event loop goes on between them, however large the value is.

import { weigh } from "./weigh.ts";

/** One slice of the event loop, milliseconds. */
const SLICE_MS = 8;

/** What is smaller is written at once: in far less than a slice. */
const PIECE_CHARS = 20_000;
const PIECE_VALUES = 2_000;

/** Items of a list that are written together, if they are small. */
const BATCH = 500;

const MAX_RECENT = 1_000;
const MAX_DEPTH = 500;

/** `undefined` if the text would have more than `maxChars` characters, or is deeper than any message. */
export async function jsonTextOf(value: unknown, maxChars: number): Promise<string | undefined> {
  const writer = new Writer(maxChars);
  return (await writer.write(value, 0)) ? writer.text : undefined;
}

class Writer {
  readonly #maxChars: number;
  readonly #pieces: string[] = [];
  /** Joined now and then: to join a million at the end would be a slice too long. */
  #recent: string[] = [];
  #chars = 0;
  #sliceEndsAt: number = performance.now() + SLICE_MS;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get text(): string {
    return this.#pieces.join("") + this.#recent.join("");
  }

  /** Whether it was within the limits. */
  async write(value: unknown, depth: number): Promise<boolean> {
    if (this.#writePiece(value)) return this.#chars <= this.#maxChars;
    if (depth > MAX_DEPTH) return false;
    if (Array.isArray(value)) return this.#writeList(value, depth);
    const fields = value as { readonly [name: string]: unknown };
    let separator = "{";
    for (const name of Object.keys(fields)) {
      const part = fields[name];
      if (part === undefined) continue;
      this.#add(`${separator}${JSON.stringify(name)}:`);
      separator = ",";
      if (!(await this.#writePart(part, depth))) return false;
    }
    this.#add(separator === "{" ? "{}" : "}");
    return this.#chars <= this.#maxChars;
  }

  async #writeList(list: readonly unknown[], depth: number): Promise<boolean> {
    for (let from = 0; from < list.length; from += BATCH) {
      this.#add(from === 0 ? "[" : ",");
      const batch = list.slice(from, from + BATCH);
      if (weigh(batch, PIECE_CHARS, PIECE_VALUES) !== undefined) {
        this.#add(JSON.stringify(batch).slice(1, -1));
        if (!(await this.#goOn())) return false;
        continue;
      }
      for (const [index, item] of batch.entries()) {
        if (index > 0) this.#add(",");
        if (!(await this.#writePart(item, depth))) return false;
      }
    }
    this.#add("]");
    return this.#chars <= this.#maxChars;
  }

  /** Without a promise for each of a million small parts. */
  #writePart(part: unknown, depth: number): Promise<boolean> | boolean {
    return this.#writePiece(part) ? this.#goOn() : this.write(part, depth + 1);
  }

  /** Whether it is still within the limits; in the next slice, if this one is over. */
  #goOn(): Promise<boolean> | boolean {
    if (this.#chars > this.#maxChars) return false;
    return performance.now() < this.#sliceEndsAt || this.#pause();
  }

  /** `false`: it is made of parts, and too large to be written at once. */
  #writePiece(value: unknown): boolean {
    const isWhole = typeof value !== "object" || value === null;
    if (!isWhole && weigh(value, PIECE_CHARS, PIECE_VALUES) === undefined) return false;
    this.#add(JSON.stringify(value) ?? "null");
    return true;
  }

  #add(piece: string): void {
    this.#chars += piece.length;
    if (this.#recent.push(piece) < MAX_RECENT) return;
    this.#pieces.push(this.#recent.join(""));
    this.#recent = [];
  }

  async #pause(): Promise<true> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#sliceEndsAt = performance.now() + SLICE_MS;
    return true;
  }
}
