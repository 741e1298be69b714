// How much noise is too much: a number before the first message, a rate after it.

/** Lines before the first message, after which the child is given up: it does not speak MCP. */
export const MAX_LINES_BEFORE_MESSAGE = 1_000;

/** Lines in one second that make it a second of flood. Reading them costs a few hundredths of a second. */
export const FLOOD_LINES = 10_000;
export const FLOOD_WINDOW_MS = 1_000;

/** A flood that lasts so long, with no message in it, ends the child: it takes time from all other servers. */
export const FLOOD_MS = 10_000;

export class NoiseGauge {
  readonly #now: () => number;
  readonly #isStrict: boolean;
  #hasSpoken = false;
  #lines = 0;
  #windowLines = 0;
  #windowAt = 0;
  #windowEnd = -Infinity;
  /** When the flood began; undefined while there is none. */
  #floodAt: number | undefined;

  /** @param isStrict the number of lines counts after the first message, too */
  constructor(now: () => number, isStrict: boolean) {
    this.#now = now;
    this.#isStrict = isStrict;
  }

  /** A message has come. */
  get hasSpoken(): boolean {
    return this.#hasSpoken;
  }

  /** A message begins everything anew. */
  onMessage(): void {
    this.#hasSpoken = true;
    this.#lines = 0;
    this.#windowLines = 0;
    this.#floodAt = undefined;
  }

  /** Gives why it is too much, if it is. */
  onNoise(lines: number): string | undefined {
    this.#lines += lines;
    if (!this.#hasSpoken || this.#isStrict) {
      return this.#lines > MAX_LINES_BEFORE_MESSAGE
        ? `more than ${MAX_LINES_BEFORE_MESSAGE} lines without a message`
        : undefined;
    }
    // The clock is read once for each window, not for each line.
    if (this.#windowLines === 0) {
      this.#windowAt = this.#now();
      if (this.#windowAt - this.#windowEnd > FLOOD_WINDOW_MS) this.#floodAt = undefined;
    }
    this.#windowLines += lines;
    if (this.#windowLines < FLOOD_LINES) return undefined;
    this.#windowLines = 0;
    const now = this.#now();
    this.#windowEnd = now;
    if (now - this.#windowAt > FLOOD_WINDOW_MS) {
      this.#floodAt = undefined;
      return undefined;
    }
    this.#floodAt ??= this.#windowAt;
    return now - this.#floodAt >= FLOOD_MS
      ? `more than ${FLOOD_LINES} lines a second for ${FLOOD_MS / 1_000} s without a message`
      : undefined;
  }
}
