// Warnings that come again and again: the first ones are told at once, the others are counted and told together.

import type { Clock, Timer } from "../core/clock.ts";
import type { PoolEvents } from "./events.ts";

type Warning = PoolEvents["warning"];

/** Warnings of one kind that are told at once, after a time without any. */
const AT_ONCE = 5;

/** Between two sums of what was not told at once, milliseconds. */
const EVERY_MS = 10_000;

/** Kinds of warnings that are told apart for each server; a server that invents more has one kind for all of these. */
const MAX_KINDS = 64;

/** The beginning of a message that tells its kind, characters. */
const MAX_KIND_CHARS = 60;

interface Kind {
  readonly server: string | undefined;
  toldCount: number;
  heldCount: number;
  /** The last that was not told. */
  last: Warning | undefined;
}

export class WarningPace {
  readonly #clock: Clock;
  readonly #tell: (warning: Warning) => void;
  readonly #kinds: Map<string, Kind> = new Map();
  /** How many kinds each server has. */
  readonly #counts: Map<string | undefined, number> = new Map();
  #timer: Timer | undefined;

  constructor(clock: Clock, tell: (warning: Warning) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(warning: Warning): void {
    const kind = this.#kindOf(warning);
    if (kind.toldCount < AT_ONCE) {
      kind.toldCount += 1;
      return this.#tell(warning);
    }
    kind.heldCount += 1;
    kind.last = warning;
  }

  /** Tells what is left, and arms nothing any more. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const kind of this.#kinds.values()) this.#sum(kind);
    this.#kinds.clear();
    this.#counts.clear();
  }

  #kindOf({ server, code, message }: Warning): Kind {
    const own = `${server ?? ""} ${code ?? shapeOf(server, message)}`;
    const count = this.#counts.get(server) ?? 0;
    const isOneTooMany = count >= MAX_KINDS && !this.#kinds.has(own);
    const key = isOneTooMany ? `${server ?? ""} and more` : own;
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { server, toldCount: 0, heldCount: 0, last: undefined };
      this.#kinds.set(key, kind);
      this.#counts.set(server, count + 1);
      this.#timer ??= this.#clock.setTimer(() => this.#sumAll(), EVERY_MS, true);
    }
    return kind;
  }

  #sumAll(): void {
    this.#timer = undefined;
    for (const [key, kind] of this.#kinds) {
      if (this.#sum(kind)) continue;
      this.#kinds.delete(key);
      const left = (this.#counts.get(kind.server) ?? 1) - 1;
      if (left === 0) this.#counts.delete(kind.server);
      else this.#counts.set(kind.server, left);
    }
    if (this.#kinds.size > 0) {
      this.#timer = this.#clock.setTimer(() => this.#sumAll(), EVERY_MS, true);
    }
  }

  /** Whether there was anything to tell. */
  #sum(kind: Kind): boolean {
    const { last, heldCount } = kind;
    if (last === undefined) return false;
    kind.last = undefined;
    kind.heldCount = 0;
    const more = heldCount === 1 ? "" : ` (and ${heldCount - 1} more like it)`;
    this.#tell({ ...last, message: `${last.message}${more}` });
    return true;
  }
}

/**
 * The message of a server without names and numbers, which the server may choose. What concerns the pool itself, such as
 * a listener that threw, is told apart by its names.
 */
function shapeOf(server: string | undefined, message: string): string {
  const start = message.slice(0, 4 * MAX_KIND_CHARS);
  const named = server === undefined ? start : start.replaceAll(/"[^"]*("|$)/g, '""');
  return named.replaceAll(/\d+/g, "0").slice(0, MAX_KIND_CHARS);
}
