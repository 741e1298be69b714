// Who may ask the server now: places and a queue for them, the breaker's word, and what those are told who may not.
// Hot path: `tryEnter`, `leave`, `onAnswer`.

import { withEither } from "../core/abort.ts";
import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import {
  McpCircuitOpenError,
  McpClosedError,
  McpHttpError,
  McpOverloadedError,
  McpResponseError,
  McpTimeoutError,
} from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import { describeRequest } from "../jsonrpc/pending.ts";
import type { Throttle } from "../resilience/adaptive-limit.ts";
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
  /** When it had its place, on the clock. */
  abstract turnAt: number;
  /** It gave its place back after a refusal of the server, and got no other. */
  isPlaceless = false;
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
  /** The server refused a call as one too many. */
  onThrottled(status: number): void;
}

export class Admission implements OpenCircuit {
  readonly limiter: Limiter<Applicant>;
  readonly breaker: Breaker;
  readonly budget: RetryBudget;
  readonly #server: ResolvedServer;
  readonly #clock: Clock;
  readonly #events: AdmissionEvents;
  /** The last refusal of a call as one too many. */
  #lastRefusal: McpHttpError | McpResponseError | undefined;
  /** Ends the waits of upkeep; made when the first begins. */
  #closing: AbortController | undefined;
  /** Why the breaker is open. */
  #lastFailure: McpError | undefined;
  #isClosed = false;

  constructor(server: ResolvedServer, clock: Clock, events: AdmissionEvents) {
    this.#server = server;
    this.#clock = clock;
    this.#events = events;
    this.limiter = new Limiter(server.limits, clock, (applicant) => this.#tooLong(applicant));
    this.breaker = new Breaker(server.breaker, clock);
    this.budget = new RetryBudget(server.retryBudget, clock);
  }

  /** What the server takes at present; undefined: all that is asked of it. */
  get throttle(): Throttle | undefined {
    return this.limiter.throttle;
  }

  /** Takes a place, if one is free or none is needed. Hot path. */
  tryEnter(method: string): boolean {
    return isUpkeep(method) ? this.limiter.heldForMs === 0 : this.limiter.tryEnter();
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
    if (isUpkeep(applicant.method)) {
      void this.#untilSendable(applicant, totalTimeoutMs).then(
        () => applicant.onPlace(),
        (error: unknown) => applicant.onRefused(error),
      );
      return;
    }
    if (!this.limiter.isFull) {
      const queueMs = Math.min(timeouts.queueMs, totalTimeoutMs);
      return this.limiter.enter(applicant, queueMs, totalTimeoutMs);
    }
    const atOnce = this.throttle?.inFlight ?? limits.inFlight;
    const why = `${atOnce} calls may be under way, ${limits.queued} wait, and the queue is full`;
    applicant.onRefused(this.#overloaded(applicant, why));
  }

  /**
   * The server refused a call as one too many: its place is given back, and it waits for another, before all that have
   * not been sent yet. When this resolves the call has a place again; when it rejects it has none.
   *
   * @param leftMs of the call's own time; nothing else bounds the wait
   * @param isLast it waits behind all others instead
   * @throws {McpTimeoutError} `total`; {@link McpClosedError}; the signal's reason.
   */
  async waitAgain(applicant: Applicant, leftMs: number, isLast = false): Promise<void> {
    if (isUpkeep(applicant.method)) await this.#untilSendable(applicant, leftMs);
    else await this.#untilPlace(applicant, leftMs, isLast);
    applicant.turnAt = this.#clock.now();
  }

  async #untilPlace(applicant: Applicant, leftMs: number, isLast: boolean): Promise<void> {
    applicant.isPlaceless = true;
    await new Promise<void>((resolve, reject) => {
      const returning = new ReturningApplicant(applicant, resolve, reject);
      this.limiter.enterAgain(returning, leftMs, isLast);
      // After it has given its place back.
      if (this.#isClosed) this.limiter.turnAway(() => this.#closed());
    });
    applicant.isPlaceless = false;
  }

  /** Upkeep waits for the time alone, not for calls that take theirs. */
  async #untilSendable(applicant: Applicant, leftMs: number): Promise<void> {
    const { heldForMs } = this.limiter;
    if (heldForMs > leftMs) throw this.#outOfTime(applicant);
    this.#closing ??= new AbortController();
    if (this.#isClosed) this.#closing.abort(this.#closed());
    const ends = [applicant.signal, this.#closing.signal];
    await withEither(ends, (signal) => delay(this.#clock, Math.ceil(heldForMs), { signal }));
  }

  /** How long the server wants nothing to be sent, milliseconds, as far as that is obeyed. */
  get heldForMs(): number {
    return this.limiter.heldForMs;
  }

  /**
   * The server refused a call as one too many, and has not run it: what began at `startedAt`. From here on fewer calls
   * are sent at once, and none before the server wants it.
   */
  onThrottled(startedAt: number, error: McpError): void {
    if (!(error instanceof McpHttpError || error instanceof McpResponseError)) return;
    this.#lastRefusal = error;
    this.limiter.onThrottled(startedAt, error.retryAfterMs);
    this.#events.onThrottled(error.status ?? 0);
  }

  /** The server was found again: by a ping, a renewal or a new connection. */
  onFound(): void {
    if (this.breaker.close()) this.#onCircuitClosed();
  }

  /** Nobody is let in any more, and who waits is turned away. */
  close(): void {
    this.#isClosed = true;
    this.#closing?.abort(this.#closed());
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

  /**
   * The server answered what began at `startedAt`, whatever it said, and did not refuse it as one too many. Hot path.
   */
  onAnswer(startedAt: number = Infinity): void {
    this.limiter.onAccepted(startedAt);
    if (this.breaker.onAnswer()) this.#onCircuitClosed();
  }

  /** The server refused a call as one too many, which is an answer. */
  onRefusal(): void {
    if (this.breaker.onAnswer()) this.#events.onCircuitClosed();
  }

  #onCircuitClosed(): void {
    // The refusals were those of a server that was going or coming.
    this.limiter.unthrottle();
    this.#events.onCircuitClosed();
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
    const { throttledDueAt = Infinity } = applicant;
    if (throttledDueAt <= this.#clock.now()) return this.#outOfTime(applicant);
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

  #outOfTime({ method, subject, totalTimeoutMs }: Applicant): McpError {
    // It waited in line for those who wait at the circuit.
    if (!this.breaker.isClosed) return this.error().forCall(method, "no");
    const { name, limits } = this.#server;
    const { throttle } = this;
    const why =
      throttle === undefined
        ? `waited for one of the ${limits.inFlight} places of server "${name}" for all of its total limit of ${totalTimeoutMs} ms; it was not sent`
        : `waited for its turn at server "${name}", which refuses calls as too many, until its total limit of ${totalTimeoutMs} ms was over; it was not sent, or refused. Ask for less at once, or give it more time (last: ${this.#lastRefusal?.message ?? "unknown"})`;
    return new McpTimeoutError(`${describeRequest(method, subject)} ${why}`, {
      server: name,
      method,
      limit: "total",
      timeoutMs: totalTimeoutMs,
      cause: throttle && this.#lastRefusal,
    });
  }
}

/** A call that was refused, for as long as it waits for another place. */
class ReturningApplicant extends Applicant {
  readonly method: string;
  readonly subject: string | undefined;
  readonly totalTimeoutMs: number;
  turnAt: number;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(refused: Applicant, resolve: () => void, reject: (error: Error) => void) {
    super(refused.signal);
    this.method = refused.method;
    this.subject = refused.subject;
    this.totalTimeoutMs = refused.totalTimeoutMs;
    this.turnAt = refused.turnAt;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onPlace(): void {
    this.#resolve();
  }

  onRefused(error: unknown): void {
    this.#reject(error as Error);
  }
}

function isUpkeep(method: string): boolean {
  // First, because nearly all are.
  return method !== "tools/call" && UPKEEP.has(method);
}
