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

  /** Whether it was within the limits. `depth`: of what the value stands in. */
  write(value: unknown, depth: number): Promise<boolean> | boolean {
    if (typeof value !== "object" || value === null) return this.#writeWhole(value);
    if (Array.isArray(value)) {
      return isSmall(value) ? this.#writeWhole(value) : this.#writeList(value, depth + 1);
    }
    // Read once: for an object of 100,000 names that alone takes longer than a slice.
    const names = Object.keys(value);
    return names.length <= PIECE_VALUES && isSmall(value)
      ? this.#writeWhole(value)
      : this.#writeFields(value as Fields, names, depth + 1);
  }

  #writeWhole(value: unknown): Promise<boolean> | boolean {
    this.#add(JSON.stringify(value) ?? "null");
    return this.#goOn();
  }

  async #writeFields(fields: Fields, names: readonly string[], depth: number): Promise<boolean> {
    if (depth > MAX_DEPTH) return false;
    let separator = "{";
    for (const name of names) {
      const part = fields[name];
      if (part === undefined) continue;
      this.#add(`${separator}${JSON.stringify(name)}:`);
      separator = ",";
      if (!(await this.write(part, depth))) return false;
    }
    this.#add(separator === "{" ? "{}" : "}");
    return this.#goOn();
  }

  async #writeList(list: readonly unknown[], depth: number): Promise<boolean> {
    if (depth > MAX_DEPTH) return false;
    for (let from = 0; from < list.length; from += BATCH) {
      this.#add(from === 0 ? "[" : ",");
      const batch = list.slice(from, from + BATCH);
      if (isSmall(batch)) {
        this.#add(JSON.stringify(batch).slice(1, -1));
        if (!(await this.#goOn())) return false;
        continue;
      }
      for (const [index, item] of batch.entries()) {
        if (index > 0) this.#add(",");
        if (!(await this.write(item, depth))) return false;
      }
    }
    this.#add("]");
    return this.#goOn();
  }

  /** Whether it is still within the limits; in the next slice, if this one is over. */
  #goOn(): Promise<boolean> | boolean {
    if (this.#chars > this.#maxChars) return false;
    return performance.now() < this.#sliceEndsAt || this.#pause();
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

interface Fields {
  readonly [name: string]: unknown;
}

function isSmall(value: object): boolean {
  return weigh(value, PIECE_CHARS, PIECE_VALUES) !== undefined;
}
