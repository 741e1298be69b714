// The items of all pages of a list, counted and weighed as each page arrives, and never only after the last one.

import { createHash } from "node:crypto";
import { weigh } from "../core/json-walk.ts";
import { Turns } from "../core/turns.ts";

/** The code that makes something of the items, asked while the list is still being walked. */
export interface ListReader {
  /** Whether an item is worth keeping. */
  readonly isKept: (item: unknown) => boolean;
  /** It has more than it takes: no further page is asked for. */
  readonly isFull: boolean;
}

/** A longer text of an item is known by its hash, characters. */
const MAX_KNOWN_CHARS = 128;

export interface GatheredOptions {
  readonly reader: ListReader | undefined;
  /** Items, kept or not. */
  readonly maxCount: number;
  /** The most that all items together may weigh. */
  readonly maxBytes: number;
  /** Whether an item of an earlier page is taken again. */
  readonly keepsTwins: boolean;
  /** What a list is refused with that weighs more. */
  readonly tooLarge: () => Error;
}

export class GatheredItems {
  readonly kept: unknown[] = [];
  readonly #options: GatheredOptions;
  readonly #turns: Turns = new Turns();
  /** Marks of the items of all pages so far, kept or not; from the second page on. */
  #known: Set<string> | undefined;
  /** The items of the first page: most lists have no other, and then nobody need know their text. */
  #first: readonly unknown[] | undefined;
  #count = 0;
  #bytes = 0;
  #isCut = false;

  constructor(options: GatheredOptions) {
    this.#options = options;
  }

  /** Items were left out, because there are more than `maxCount`. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** No further page is of any use. */
  get isFull(): boolean {
    return this.#isCut || this.#options.reader?.isFull === true;
  }

  /**
   * Gives how many of them no page before had. A long page takes several turns of the event loop.
   *
   * @throws what `tooLarge` gives.
   */
  async add(items: readonly unknown[]): Promise<number> {
    const { reader, maxCount, maxBytes, tooLarge } = this.#options;
    const known = await this.#knownBefore(items);
    // Within one page twins are left to the code that knows what makes an item itself.
    const marks: string[] = [];
    let newCount = 0;
    for (const item of items) {
      const weight = weigh(item, maxBytes);
      this.#bytes += weight;
      if (this.#bytes > maxBytes) throw tooLarge();
      this.#isCut = this.#count >= maxCount;
      if (this.#isCut) break;
      this.#count += 1;
      const mark = known && markOf(textOf(item));
      if (mark === undefined || known?.has(mark) === false) {
        newCount += 1;
        if (mark !== undefined) marks.push(mark);
        if (reader === undefined || reader.isKept(item)) this.kept.push(item);
        if (this.isFull) break;
      }
      if (this.#turns.spend(weight)) await this.#turns.next();
    }
    for (const mark of marks) known?.add(mark);
    return newCount;
  }

  /** The marks of the items of all pages before; `undefined` if twins are not looked for on this page. */
  async #knownBefore(items: readonly unknown[]): Promise<Set<string> | undefined> {
    if (this.#options.keepsTwins) return undefined;
    if (this.#known !== undefined) return this.#known;
    if (this.#first === undefined) {
      this.#first = items;
      return undefined;
    }
    const known = (this.#known = new Set<string>());
    for (const item of this.#first) {
      const text = textOf(item);
      known.add(markOf(text));
      if (this.#turns.spend(text.length)) await this.#turns.next();
    }
    this.#first = [];
    return known;
  }
}

function textOf(item: unknown): string {
  return JSON.stringify(item) ?? "";
}

function markOf(text: string): string {
  if (text.length <= MAX_KNOWN_CHARS) return text;
  return createHash("sha256").update(text).digest("base64url");
}
