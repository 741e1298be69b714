// Further looks at the tools of a server: after a list that failed, after an empty one, and for a name that is missing.

import type { Clock, Timer } from "../core/clock.ts";
import {
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../core/errors.ts";
import { METHOD_NOT_FOUND } from "../jsonrpc/messages.ts";

/** Pauses after a list that failed, milliseconds; after the last one the list is left until somebody needs it. */
const AFTER_FAILURE_MS: readonly number[] = [500, 2_000, 8_000];

/** How long after the handshake an empty list is looked at once more, milliseconds. */
const AFTER_EMPTY_MS = 1_500;

/** Between looks for names that are missing, milliseconds: a model that invents names must not cost the server anything. */
const BETWEEN_LOOKS_MS = 5_000;

/** The same while the catalogue is empty, or older than the server's last notice of a change: a look is likely to help. */
const BETWEEN_LIKELY_LOOKS_MS = 1_000;

export interface LaterLooksOptions {
  readonly clock: Clock;
  /** Lists the tools once more. Rejects if that fails. */
  readonly look: () => Promise<unknown>;
  /** A later look has found tools where the first had found none, or had failed. */
  readonly onFound: () => void;
  /** The last look has failed too. */
  readonly onGivenUp: (cause: unknown, lookCount: number) => void;
}

export class LaterLooks {
  readonly #options: LaterLooksOptions;
  #timer: Timer | undefined;
  /** Settles with the look that the timer is armed for. */
  #scheduled: { readonly done: Promise<void>; readonly settle: () => void } | undefined;
  /** The look for a missing name that is under way. */
  #looking: Promise<void> | undefined;
  #failures = 0;
  /** No list has come since the handshake. */
  #isFresh = true;
  /** The first list of this session failed or was empty. */
  #isLate = false;
  #lookedAt = -Infinity;
  #isEmpty = true;
  /** Changes that the server told of, and how many of them the catalogue has seen. */
  #changes = 0;
  #seen = 0;

  constructor(options: LaterLooksOptions) {
    this.#options = options;
  }

  /** A session begins: all that was seen before is of another one. */
  onSession(): void {
    this.stop();
    this.#failures = 0;
    this.#isFresh = true;
    this.#isLate = false;
  }

  /** The server says that its tools are others now. */
  onChange(): void {
    this.#changes += 1;
    this.#isLate = false;
  }

  /** A request for the list is about to be sent; give what it returns to {@link onListed}. */
  onAsk(): number {
    return this.#changes;
  }

  /** A list came. `mayBeLate`: if it is empty, it may be that the server has not loaded its tools yet. */
  onListed(asked: number, count: number, mayBeLate: boolean): void {
    this.#seen = Math.max(this.#seen, asked);
    this.#isEmpty = count === 0;
    this.#failures = 0;
    const isFirst = this.#isFresh;
    this.#isFresh = false;
    this.stop();
    if (count > 0 && this.#isLate) this.#options.onFound();
    this.#isLate = count === 0 && isFirst && mayBeLate;
    if (this.#isLate) this.#schedule(AFTER_EMPTY_MS);
  }

  /** The list failed. */
  onFailed(error: unknown): void {
    if (!mayPass(error)) return;
    const pause = AFTER_FAILURE_MS[this.#failures];
    this.#failures += 1;
    if (this.#isFresh) this.#isLate = true;
    if (pause !== undefined) return this.#schedule(pause);
    this.stop();
    // Once: after that, each further failure is that of a caller.
    if (this.#failures === AFTER_FAILURE_MS.length + 1) {
      this.#options.onGivenUp(error, this.#failures);
    }
  }

  /**
   * Looks for a name that the catalogue does not have, unless it was looked for a moment ago. Shared by all callers;
   * resolves also if the look fails.
   */
  lookNow(): Promise<void> {
    return (this.#looking ??= this.#lookNow().finally(() => (this.#looking = undefined)));
  }

  /** The look after the first failure, settled when it is over; later ones are too far off to wait for. */
  get soon(): Promise<void> | undefined {
    return this.#failures === 1 ? this.#scheduled?.done : undefined;
  }

  /** Nothing is looked at any more, until the next session. */
  stop(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#scheduled?.settle();
    this.#scheduled = undefined;
  }

  async #lookNow(): Promise<void> {
    const now = this.#options.clock.now();
    const isLikely = this.#isEmpty || this.#seen < this.#changes;
    // A list that came a moment ago is no reason to wait: some servers add tools and tell nobody.
    if (now - this.#lookedAt >= (isLikely ? BETWEEN_LIKELY_LOOKS_MS : BETWEEN_LOOKS_MS)) {
      this.#lookedAt = now;
      await this.#options.look().catch(() => {});
    }
    // A server that loads its tools has them at the next look, perhaps.
    if (this.#isEmpty) await this.#scheduled?.done;
  }

  #schedule(delayMs: number): void {
    this.stop();
    let settle = (): void => {};
    const done = new Promise<void>((resolve) => (settle = resolve));
    this.#scheduled = { done, settle };
    this.#timer = this.#options.clock.setTimer(
      () => {
        this.#timer = undefined;
        this.#scheduled = undefined;
        void this.#options
          .look()
          .catch(() => {})
          .then(settle);
      },
      delayMs,
      true,
    );
  }
}

/** Whether the same list may come a little later: the server loads, is overloaded, or made a mistake. */
function mayPass(error: unknown): boolean {
  if (error instanceof McpResponseError) return error.rpcCode !== METHOD_NOT_FOUND;
  if (error instanceof McpProtocolError) return error.code === "PROTOCOL_ERROR";
  return (
    error instanceof McpHttpError ||
    error instanceof McpTimeoutError ||
    error instanceof McpConnectionError
  );
}
