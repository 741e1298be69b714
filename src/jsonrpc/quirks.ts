// The repair log: deviations of one server from the specification, counted and named once.

import { QUIRKS } from "./quirk-table.ts";
import type { QuirkCode } from "./quirk-table.ts";

export interface QuirksOptions {
  /** True: nothing is repaired, and the pool judges servers by the letter of the specification. */
  readonly strict: boolean;
  /** Called the first time that a deviation is seen, with a sentence about it. Must not throw. */
  readonly onFirst: (code: QuirkCode, message: string) => void;
}

/** The deviations of one server, over all its connections. */
export class Quirks {
  readonly strict: boolean;
  readonly #onFirst: QuirksOptions["onFirst"];
  readonly #counts: Map<QuirkCode, number> = new Map();

  constructor({ strict, onFirst }: QuirksOptions) {
    this.strict = strict;
    this.#onFirst = onFirst;
  }

  /** How often each deviation was seen. Empty for a server that keeps the specification. */
  get counts(): { readonly [code in QuirkCode]?: number } {
    return Object.fromEntries(this.#counts);
  }

  /** Whether it was seen already, and named: a detail would be made for nothing. */
  has(code: QuirkCode): boolean {
    return this.#counts.has(code);
  }

  /**
   * Counts a deviation and says whether the caller is to repair it: always, unless the option `strict` is set.
   *
   * @param detail what was seen, for the warning: short, and free of secrets
   */
  repair(code: QuirkCode, detail?: string): boolean {
    if (this.strict) return false;
    this.note(code, detail);
    return true;
  }

  /** Counts a deviation that there is nothing to decide about, also with `strict`. */
  note(code: QuirkCode, detail?: string): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > 1) return;
    const { server, pool } = QUIRKS[code];
    const seen = detail === undefined ? "" : ` (${detail})`;
    this.#onFirst(code, `the server ${server}${seen}; the pool ${pool}`);
  }
}
