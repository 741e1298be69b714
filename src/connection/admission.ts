// Who may ask the server now: places and a queue for them, the breaker's word, and what those are told who may not.
// Hot path: `tryEnter`, `leave`, `onAnswer`.

import type { Clock } from "../core/clock.ts";
import {
  McpCircuitOpenError,
  McpClosedError,
  McpOverloadedError,
  McpTimeoutError,
} from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import { describeRequest } from "../jsonrpc/pending.ts";
import { Breaker } from "../resilience/breaker.ts";
import { Limiter, Waiting } from "../resilience/limiter.ts";
import { RetryBudget } from "../resilience/retry-budget.ts";
import type { OpenCircuit } from "./availability.ts";
import type { ResolvedServer } from "./options.ts";

/** As much of a call as decides how long it may wait for a place. */
export abstract class Applicant extends Waiting {
  abstract readonly method: string;
  /** What it is about, for messages: a tool's name. */
  abstract readonly subject: string | undefined;
  abstract readonly totalTimeoutMs: number;
}

/**
 * Upkeep takes no place: what keeps the catalogue and subscriptions true, and what ends a task, must not wait for
 * calls that take their time.
 */
const UPKEEP: ReadonlySet<string> = new Set([
  "tools/list",
  "resources/subscribe",
  "resources/unsubscribe",
  "logging/setLevel",
  "tasks/cancel",
]);

export interface AdmissionEvents {
  /** Calls in a row lost their connection: nothing is sent until a ping, at most `forMs` from now, is answered. */
  onCircuitOpened(error: McpError, forMs: number): void;
  onCircuitClosed(): void;
}

export class Admission implements OpenCircuit {
  readonly limiter: Limiter<Applicant>;
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  readonly #server: ResolvedServer;
  readonly #events: AdmissionEvents;
  /** Why the breaker is open. */
  #lastFailure: McpError | undefined;
  #isClosed = false;

  constructor(server: ResolvedServer, clock: Clock, events: AdmissionEvents) {
    this.#server = server;
    this.#events = events;
    this.limiter = new Limiter(server.limits, clock, (applicant) => this.#tooLong(applicant));
    this.breaker = new Breaker(server.breaker, clock);
    this.budget = new RetryBudget(server.retryBudget, clock);
  }

  /** Takes a place, if one is free or none is needed. Hot path. */
  tryEnter(method: string): boolean {
    return isUpkeep(method) || this.limiter.tryEnter();
  }

  /** Gives it back. Hot path. */
  leave(method: string): void {
    if (!isUpkeep(method)) this.limiter.leave();
  }

  /**
   * Waits for a place. Refused with {@link McpOverloadedError} when the queue is full, or the wait was too long;
   * {@link McpTimeoutError} when that was the call's own limit; {@link McpClosedError}; the signal's reason.
   */
  enter(applicant: Applicant): void {
    const { signal, totalTimeoutMs } = applicant;
    if (signal?.aborted === true) return applicant.onRefused(signal.reason);
    if (this.#isClosed) return applicant.onRefused(this.#closed());
    const { limits, timeouts } = this.#server;
    if (!this.limiter.isFull) {
      return this.limiter.enter(applicant, Math.min(timeouts.queueMs, totalTimeoutMs));
    }
    const why = `${limits.inFlight} calls are under way and ${limits.queued} wait: the queue is full`;
    applicant.onRefused(this.#overloaded(applicant, why));
  }

  /** The server was found again: by a ping, a renewal or a new connection. */
  onFound(): void {
    if (this.breaker.close()) this.#events.onCircuitClosed();
  }

  /** Nobody is let in any more, and who waits is turned away. */
  close(): void {
    this.#isClosed = true;
    this.limiter.turnAway(() => this.#closed());
  }

  /**
   * A call that began at `startedAt` failed in a way that says that the server cannot be reached. True if that opened the
   * circuit: nothing is to be sent until {@link onFound}.
   */
  onFailure(startedAt: number, error: McpError): boolean {
    this.#lastFailure = error;
    if (!this.breaker.onFailure(startedAt)) return false;
    this.#events.onCircuitOpened(error, this.breaker.longestPauseMs);
    return true;
  }

  /** The server answered, whatever it said. Hot path. */
  onAnswer(): void {
    if (this.breaker.onAnswer()) this.#events.onCircuitClosed();
  }

  // --- OpenCircuit ---

  get longestPauseMs(): number {
    return this.breaker.longestPauseMs;
  }

  error(): McpCircuitOpenError {
    const { name, breaker, reconnect } = this.#server;
    const retryAfterMs = Math.ceil(this.breaker.longestPauseMs);
    return new McpCircuitOpenError(
      `the request was not sent to server "${name}": ${breaker.failures} calls in a row lost their connection or met 502, 503 or 504, and the server has answered no ping since; callers wait for it for ${reconnect.budgetMs / 1_000} s (reconnect.budgetMs), pings go on, or call connect() (last: ${this.#lastFailure?.message ?? "unknown"})`,
      { server: name, retryAfterMs, cause: this.#lastFailure },
    );
  }

  #closed(): McpClosedError {
    const { name } = this.#server;
    return new McpClosedError(
      `server "${name}" was removed from the pool, or the pool was closed, before the call got a place; it was not sent`,
      { server: name },
    );
  }

  #tooLong(applicant: Applicant): McpError {
    const { limits, timeouts } = this.#server;
    if (applicant.totalTimeoutMs < timeouts.queueMs) return this.#outOfTime(applicant);
    return this.#overloaded(
      applicant,
      `no place among its ${limits.inFlight} calls came free within ${timeouts.queueMs} ms (timeouts.queueMs)`,
    );
  }

  #overloaded({ method, subject }: Applicant, why: string): McpOverloadedError {
    const { name } = this.#server;
    return new McpOverloadedError(
      `${describeRequest(method, subject)} was not sent to server "${name}": ${why}. Ask for less at once, or raise limits.inFlight or limits.queued`,
      { server: name, method },
    );
  }

  #outOfTime({ method, subject, totalTimeoutMs }: Applicant): McpTimeoutError {
    const { name, limits } = this.#server;
    return new McpTimeoutError(
      `${describeRequest(method, subject)} waited for one of the ${limits.inFlight} places of server "${name}" for all of its total limit of ${totalTimeoutMs} ms; it was not sent`,
      { server: name, method, limit: "total", timeoutMs: totalTimeoutMs },
    );
  }
}

function isUpkeep(method: string): boolean {
  // First, because nearly all are.
  return method !== "tools/call" && UPKEEP.has(method);
}
