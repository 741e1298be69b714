// The share of the event loop that one server gets: what it sends is worked on in slices, and other servers have their
// turns in between. One for all of a server's sockets and pipes.
// Hot path: two looks at the clock for each piece of a stream.

import type { Clock } from "./clock.ts";

/** A slice of what nobody asked for, milliseconds. */
const SLICE_MS = 1;
/** A slice of which at least half is answers to calls of ours. Milliseconds. */
const ANSWERS_SLICE_MS = 4;
/** The pause after a slice that nobody asked for, in slices: such a server gets a fifth of the loop. */
const PAUSE_SLICES = 4;
/** A slice may be one long message: nobody's pause is longer, milliseconds. */
const MAX_PAUSE_MS = 250;
/** The most that a number of small pieces counts for, milliseconds. */
const MAX_PIECES_MS = 0.25;
/** Units of work between two looks at the clock. */
const UNITS_PER_LOOK = 8;
/** Pauses without an idle moment in between after which it is a flood, and named. */
const FLOOD_PAUSES = 100;

/** Something that brings what a server sends, and can be stopped. */
export interface Source {
  /** Go on. */
  resume(): void;
}

export interface FairShareOptions {
  readonly clock: Pick<Clock, "now">;
  /** How many calls the server has answered so far. */
  readonly answeredCount: () => number;
  /** It takes all that it can get, and little of it is answers. */
  readonly onFlood: () => void;
  /** A pause begins: no source is to bring more. */
  readonly onPause?: () => void;
  /** The pause is over, and what was held back has been worked on. */
  readonly onResume?: () => void;
}

export class FairShare {
  readonly #options: FairShareOptions;
  readonly #waiting: Set<Source> = new Set();
  #isPaused = false;
  /** `onPause` was called, and `onResume` not yet. */
  #isStopped = false;
  /** Of the slice that is being used, or was used last. */
  #usedMs = 0;
  #beganAt = 0;
  #piecesAt = 0;
  #endedAt = 0;
  #units = 0;
  #answered = 0;
  /** Pauses without an idle moment in between. */
  #pauses = 0;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** Work begins; {@link end} must follow in the same turn. False: not now, see {@link wait}. */
  begin(): boolean {
    if (this.#isPaused) return false;
    const now = this.#options.clock.now();
    const idleMs = now - this.#endedAt;
    if (idleMs >= this.#usedMs) {
      // A slice of its own.
      this.#usedMs = 0;
      this.#units = 0;
      this.#answered = this.#options.answeredCount();
      if (idleMs > SLICE_MS * PAUSE_SLICES * 2) this.#pauses = 0;
    } else this.#usedMs -= idleMs;
    this.#beganAt = now;
    return true;
  }

  /** A unit of work is done: a message, or a few lines. False: no more of it now. */
  hasMore(): boolean {
    this.#units += 1;
    if (this.#units % UNITS_PER_LOOK !== 0) return true;
    return this.#usedMs + this.#options.clock.now() - this.#beganAt < this.#sliceMs();
  }

  /** Work ends. False: it was a slice, and the source must stop and {@link wait}. */
  end(): boolean {
    const now = this.#options.clock.now();
    this.#usedMs += now - this.#beganAt;
    this.#endedAt = now;
    if (this.#usedMs < this.#sliceMs()) return true;
    this.#pause();
    return false;
  }

  /** Pieces that are small, and were worked on one by one without `begin`. False: the source must stop and `wait`. */
  onPieces(): boolean {
    if (this.#isPaused) return false;
    const now = this.#options.clock.now();
    this.#units += 1;
    // Between two of these much else may have happened, or nothing.
    const spentMs = Math.min(MAX_PIECES_MS, now - this.#piecesAt);
    const idleMs = now - this.#piecesAt - spentMs;
    this.#usedMs = Math.max(0, this.#usedMs - idleMs) + spentMs;
    this.#piecesAt = now;
    return this.#usedMs < SLICE_MS;
  }

  /** Resumes the source when the pause is over. */
  wait(source: Source): void {
    this.#waiting.add(source);
    if (!this.#isPaused) this.#pause();
  }

  /** The source has ended. */
  forget(source: Source): void {
    this.#waiting.delete(source);
  }

  #sliceMs(): number {
    return this.#isForAnswers() ? ANSWERS_SLICE_MS : SLICE_MS;
  }

  #isForAnswers(): boolean {
    return (this.#options.answeredCount() - this.#answered) * 2 >= this.#units;
  }

  #pause(): void {
    const { onFlood, onPause } = this.#options;
    this.#isPaused = true;
    if (!this.#isStopped) onPause?.();
    this.#isStopped = true;
    if (this.#isForAnswers()) {
      setImmediate(this.#go);
      return;
    }
    this.#pauses += 1;
    if (this.#pauses === FLOOD_PAUSES) onFlood();
    // It is the processor's time that was used: a clock that stands still must not stop a server for ever.
    setTimeout(this.#go, Math.min(MAX_PAUSE_MS, Math.ceil(this.#usedMs * PAUSE_SLICES)));
  }

  readonly #go = (): void => {
    this.#isPaused = false;
    this.#usedMs = 0;
    this.#units = 0;
    this.#answered = this.#options.answeredCount();
    this.#endedAt = this.#options.clock.now();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const source of waiting) source.resume();
    if (this.#isPaused) return;
    this.#isStopped = false;
    this.#options.onResume?.();
  };
}
