// A least interval for everything that a server sets off by a notification. The last change is never lost.

import type { Clock, Timer } from "../core/clock.ts";
import type { ListKind } from "../eras/era.ts";

/** The pace of what follows from a notice, milliseconds: one in `everyMs`, and more at once after a quiet time. */
export interface Pace {
  readonly everyMs: number;
  /** So much of the quiet time before counts. */
  readonly burstMs: number;
}

/** Lists of tools that are fetched because of a notice: five at once, then two a second. */
const LISTS: Pace = { everyMs: 500, burstMs: 2_000 };

/** Events that a list has changed; programs fetch the list for each. */
const EVENTS: Pace = { everyMs: 100, burstMs: 1_000 };

/** Updates of resources, whichever they are; beyond this pace those of a tenth of a second are delivered together. */
const UPDATES: Pace = { everyMs: 5, burstMs: 1_000 };

/** Work that takes its time is done less often: after it, a pause of four times as long, at most this one, milliseconds. */
const MAX_COST_MS = 5_000;

/** Updates of resources that wait to be delivered: so many, and URIs of so many characters in all. */
const MAX_WAITING = 1_000;
const MAX_WAITING_CHARS = 1024 * 1024;
const DELIVERED_EVERY_MS = 100;

/** Does something for each notice, or once for several that come too fast. */
export class PacedReaction {
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #react: () => unknown;
  /** When all reactions so far are paid for. */
  #paidAt = -Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock, pace: Pace, react: () => unknown) {
    this.#clock = clock;
    this.#pace = pace;
    this.#react = react;
  }

  onNotice(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#paidAt - this.#pace.burstMs - this.#clock.now();
    if (waitMs <= 0) return this.#run();
    this.#timer = this.#clock.setTimer(() => this.#run(), waitMs, true);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #run(): void {
    this.#timer = undefined;
    const begunAt = this.#clock.now();
    this.#paidAt = Math.max(this.#paidAt, begunAt) + this.#pace.everyMs;
    const work = this.#react();
    if (!(work instanceof Promise)) return;
    void work
      .catch(() => {})
      .then(() => {
        this.#paidAt += Math.min(MAX_COST_MS, 4 * (this.#clock.now() - begunAt));
      });
  }
}

export interface NoticesOptions {
  readonly clock: Clock;
  /** Fetches the tools again. Must not throw. */
  readonly refreshTools: () => Promise<void>;
  readonly onListChanged: (kind: Exclude<ListKind, "tools">) => void;
  readonly onResourceUpdated: (uri: string) => void;
}

/** The notices of one server. */
export class Notices {
  readonly #clock: Clock;
  readonly #onResourceUpdated: (uri: string) => void;
  readonly #lists: { readonly [kind in ListKind]: PacedReaction };
  readonly #waiting: Set<string> = new Set();
  #waitingChars = 0;
  #updatesPaidAt = -Infinity;
  #timer: Timer | undefined;

  constructor({ clock, refreshTools, onListChanged, onResourceUpdated }: NoticesOptions) {
    this.#clock = clock;
    this.#onResourceUpdated = onResourceUpdated;
    this.#lists = {
      tools: new PacedReaction(clock, LISTS, refreshTools),
      resources: new PacedReaction(clock, EVENTS, () => onListChanged("resources")),
      prompts: new PacedReaction(clock, EVENTS, () => onListChanged("prompts")),
    };
  }

  listChanged(kind: ListKind): void {
    this.#lists[kind].onNotice();
  }

  resourceUpdated(uri: string): void {
    const now = this.#clock.now();
    const isSlow = this.#updatesPaidAt - UPDATES.burstMs <= now;
    if (isSlow && this.#waiting.size === 0) {
      this.#updatesPaidAt = Math.max(this.#updatesPaidAt, now) + UPDATES.everyMs;
      return this.#onResourceUpdated(uri);
    }
    if (this.#waiting.has(uri)) return;
    this.#waiting.add(uri);
    this.#waitingChars += uri.length;
    if (this.#waiting.size >= MAX_WAITING || this.#waitingChars >= MAX_WAITING_CHARS) {
      return this.#deliver();
    }
    this.#timer ??= this.#clock.setTimer(() => this.#deliver(), DELIVERED_EVERY_MS, true);
  }

  /** Nothing is told any more. */
  stop(): void {
    for (const reaction of Object.values(this.#lists)) reaction.stop();
    this.#clearWaiting();
  }

  #deliver(): void {
    const uris = [...this.#waiting];
    this.#clearWaiting();
    for (const uri of uris) this.#onResourceUpdated(uri);
  }

  #clearWaiting(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
    this.#waitingChars = 0;
  }
}
