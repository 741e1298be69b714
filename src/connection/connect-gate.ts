// How many attempts to connect are under way at once in a pool: a thousand servers are not connected in one burst, and
// a hundred processes do not all boot on two cores until each has used up its time.

import { availableParallelism } from "node:os";
import type { Clock } from "../core/clock.ts";
import { Limiter, waitForPlace } from "../resilience/limiter.ts";
import type { ResolvedTarget } from "./target.ts";

/** A process that boots keeps a core busy, and shares it with this many others. */
const BOOTING_PER_CORE = 4;

/**
 * An attempt that takes longer does not keep its place, so that servers that hang do not hold up those that answer:
 * one that waits for an answer costs nothing, a process that boots does. Milliseconds.
 */
const PATIENCE_MS = { http: 1_500, stdio: 7_500 };

/**
 * Whoever has waited so long goes without a place: its callers' budget runs (`reconnect.budgetMs`, by default 30 s), and
 * they must not be told that a server is unreachable that was never tried. Milliseconds.
 */
const MAX_WAIT_MS = 20_000;

/** What a wait for a place ends with that was too long. */
const TOO_LONG = new Error("waited too long for a place");

type Kind = ResolvedTarget["kind"];

export class ConnectGate {
  readonly #clock: Clock;
  readonly #limiters: { readonly http: Limiter; readonly stdio: Limiter };

  /** @param maxConnecting attempts at once; of those that start a process, also at most four for each core */
  constructor(maxConnecting: number, clock: Clock) {
    const booting = Math.min(maxConnecting, BOOTING_PER_CORE * availableParallelism());
    const limiter = (inFlight: number): Limiter =>
      new Limiter({ inFlight, queued: Infinity }, clock, () => TOO_LONG);
    this.#clock = clock;
    this.#limiters = { http: limiter(maxConnecting), stdio: limiter(booting) };
  }

  /**
   * Runs `attempt` when there is a place for it: first come, first served.
   *
   * @throws what `attempt` throws; the signal's reason, if it is aborted while it waits.
   */
  async pass<T>(kind: Kind, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    // An object that was handed to us has been made by its owner.
    if (kind === "custom") return attempt();
    const limiter = this.#limiters[kind];
    if (!limiter.tryEnter()) {
      try {
        await waitForPlace(limiter, MAX_WAIT_MS, signal);
      } catch (error) {
        if (error !== TOO_LONG) throw error;
        return attempt();
      }
    }
    let isInside = true;
    const leave = (): void => {
      if (isInside) limiter.leave();
      isInside = false;
    };
    const timer = this.#clock.setTimer(leave, PATIENCE_MS[kind], true);
    try {
      return await attempt();
    } finally {
      this.#clock.clearTimer(timer);
      leave();
    }
  }
}
