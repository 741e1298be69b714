// Who waits for a connection, for how long, and what they are told when it does not come.

import type { Clock } from "../core/clock.ts";
import { McpClosedError, McpConnectionError, McpTimeoutError } from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import { Waiters } from "../core/waiters.ts";
import { Knocker } from "./knock.ts";
import type { Link } from "./link.ts";
import type { ResolvedServer } from "./options.ts";
import { addressOf } from "./target.ts";

/** Calls in a row failed, and nothing is sent until the server was found again. */
export interface OpenCircuit {
  /** For a call that cannot wait any longer. */
  error(): McpError;
  /** Longest pause between two looks for the server, milliseconds. */
  readonly longestPauseMs: number;
}

/** While callers wait at an open circuit, the shortest pause between two looks for the server, milliseconds. */
const MIN_LOOK_MS = 250;

/** The share of the outage so far that callers wait at the longest for the next look. */
const LOOK_SHARE = 0.25;

export class Availability {
  /** Set while the circuit is open. */
  circuit: OpenCircuit | undefined;
  /** Why there is no connection, as last seen. */
  lastError: McpError | undefined;
  /** When the last attempt ended, on the clock. */
  lastAttemptEnd: number = -Infinity;
  readonly #server: ResolvedServer;
  readonly #clock: Clock;
  /** Callers that wait through the outage. */
  readonly #callers: Waiters<Link> = new Waiters();
  /** Callers that want the outcome of the attempt under way. */
  readonly #attempters: Waiters<Link> = new Waiters();
  /** For the callers' sake: they need not wait for the next attempt where it would succeed. */
  readonly #knocker: Knocker;
  /** Since when there has been no connection; `undefined` while there is one, or none was ever wanted. */
  #downSince: number | undefined;
  #attempts = 0;

  constructor(server: ResolvedServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.#knocker = new Knocker({ clock, isWanted: () => this.isAwaited });
  }

  /** Whether somebody waits through the outage. */
  get isAwaited(): boolean {
    return this.#callers.size > 0;
  }

  /** Milliseconds that callers still wait in the outage that goes on now. */
  get budgetLeftMs(): number {
    const { budgetMs } = this.#server.reconnect;
    if (this.#downSince === undefined) return budgetMs;
    return this.#downSince + budgetMs - this.#clock.now();
  }

  /**
   * Longest pause before the next attempt, milliseconds. No port tells when a server behind a proxy is back: while callers
   * wait, it is looked for more often than a server whose port refuses connections.
   */
  get longestPauseMs(): number {
    if (this.circuit === undefined) return Infinity;
    if (!this.isAwaited) return this.circuit.longestPauseMs;
    const downMs = this.#clock.now() - (this.#downSince ?? this.#clock.now());
    return Math.min(this.circuit.longestPauseMs, Math.max(MIN_LOOK_MS, downMs * LOOK_SHARE));
  }

  onDown(error?: McpError): void {
    this.#downSince ??= this.#clock.now();
    if (error !== undefined) this.lastError = error;
  }

  /** The next attempt is some time away; `attempt` makes it at once. */
  onBackoff(error: McpError, attempt: () => void): void {
    this.onDown(error);
    this.#knocker.aim(error, attempt);
    if (this.isAwaited) this.#knocker.start();
  }

  onAttempt(): void {
    this.onDown();
    this.#knocker.stop();
    this.#attempts += 1;
  }

  /** An attempt failed, others will follow. */
  onAttemptFailed(error: McpError): void {
    if (this.budgetLeftMs <= 0) this.#callers.rejectAll(() => this.unreachable());
    this.#attempters.rejectAll(() => error);
  }

  onUp(link: Link): void {
    this.circuit = undefined;
    this.#downSince = undefined;
    this.#attempts = 0;
    this.#callers.resolveAll(link);
    this.#attempters.resolveAll(link);
  }

  /** No attempt will follow by itself. */
  onEnd(makeError: () => McpError, makeUnsent: () => McpError = makeError): void {
    this.circuit = undefined;
    this.#downSince = undefined;
    this.#knocker.stop();
    this.#callers.rejectAll(makeUnsent);
    this.#attempters.rejectAll(makeError);
  }

  /** The outcome of the attempt under way, or of the next one. */
  joinAttempt(limitMs: number, signal: AbortSignal | undefined): Promise<Link> {
    const onLimit = (): McpError => this.unreachable();
    return this.#attempters.wait({ clock: this.#clock, limitMs, signal, onLimit });
  }

  /** A link, whichever attempt makes it, inside the budget and `limitMs`. */
  waitThrough(limitMs: number, signal: AbortSignal | undefined): Promise<Link> {
    const waiting = this.#callers.wait({
      clock: this.#clock,
      limitMs: Math.min(limitMs, this.budgetLeftMs),
      signal,
      onLimit: () => this.unreachable(),
    });
    this.#knocker.start();
    return waiting;
  }

  unreachable(): McpError {
    if (this.circuit !== undefined) return this.circuit.error();
    const { name, target } = this.#server;
    const { lastError } = this;
    const last =
      lastError === undefined ? "no attempt has ended yet" : `last: ${lastError.message}`;
    const seconds = Math.round((this.#clock.now() - (this.#downSince ?? 0)) / 1000);
    const what =
      this.#downSince === undefined
        ? "is connected, but its session is still being checked or renewed"
        : `has been unreachable for ${seconds} s and ${this.#attempts} attempts`;
    return new McpConnectionError(
      "CONNECTION_FAILED",
      `server "${name}" (${addressOf(target)}) ${what}; the request could not be sent now, and attempts go on (${last})`,
      { server: name, retryable: true, sent: "no", cause: lastError },
    );
  }

  closed(): McpClosedError {
    const { name } = this.#server;
    return new McpClosedError(
      `server "${name}" was removed from the pool, or the pool was closed`,
      {
        server: name,
      },
    );
  }

  /** A link that is ready by name did not answer when it was asked whether it lives. */
  silent(cause: McpTimeoutError): McpTimeoutError {
    const { name } = this.#server;
    return new McpTimeoutError(
      `server "${name}" did not answer a health check (${cause.method}) within ${cause.timeoutMs} ms (timeouts.handshakeMs, at most 20 s); it is connected anew`,
      { server: name, limit: "silence", timeoutMs: cause.timeoutMs, retryable: true, cause },
    );
  }

  /** What calls under way on a link that gives no sign of life are told: their answers are lost, and the replay policy decides. */
  givenUp(cause: McpError): McpConnectionError {
    const { name } = this.#server;
    return new McpConnectionError(
      "CONNECTION_LOST",
      `the connection to server "${name}" gave no sign of life and was given up (${cause.message})`,
      { server: name, retryable: true, sent: "unknown", cause },
    );
  }

  crashLoop(cause: McpError): McpConnectionError {
    const { crashLimit, crashWindowMs } = this.#server.reconnect;
    const { name } = this.#server;
    return new McpConnectionError(
      "CONNECTION_FAILED",
      `server "${name}" crashed ${crashLimit} times within ${crashWindowMs / 1000} s and is not restarted any more; mend it, then call connect() (last: ${cause.message})`,
      { server: name, sent: "no", cause },
    );
  }
}
