// Keeps one server connected: one state, one attempt at a time, one reconnect shared by all callers.

import { Background } from "../core/background.ts";
import type { Clock } from "../core/clock.ts";
import { McpAuthError, McpTimeoutError, type McpError } from "../core/errors.ts";
import { StateMachine } from "../core/state-machine.ts";
import type { EraSession } from "../eras/era.ts";
import { asMcpError, isWorthRetrying, unsent } from "./attempt-error.ts";
import { LinkChecks } from "./link-checks.ts";
import { Availability } from "./availability.ts";
import type { OpenCircuit } from "./availability.ts";
import { Connector, type ConnectorDependencies } from "./connector.ts";
import { CrashCounter } from "./crash-counter.ts";
import type { Link } from "./link.ts";
import type { ResolvedServer } from "./options.ts";
import { AUTH_PAUSE_MS, MIN_PAUSE_MS, Pace } from "./pace.ts";
import type { SupervisorEvents } from "./supervisor-events.ts";
import { TRANSITIONS, type ConnectionState, type ReadyState } from "./state.ts";
import type { ConnectionStateName } from "./state.ts";

export class Supervisor {
  readonly #server: ResolvedServer;
  readonly #clock: Clock;
  readonly #machine: StateMachine<ConnectionState>;
  readonly #availability: Availability;
  readonly #pace: Pace;
  readonly #crashes: CrashCounter;
  readonly #connector: Connector;
  readonly #checks: LinkChecks;
  #everReady = false;
  readonly #ending: AbortController = new AbortController();
  readonly #closed: AbortController = new AbortController();
  readonly #background: Background = new Background();

  constructor(
    server: ResolvedServer,
    dependencies: ConnectorDependencies,
    events: SupervisorEvents,
  ) {
    const { clock } = dependencies;
    this.#server = server;
    this.#clock = clock;
    this.#connector = new Connector({
      server,
      dependencies,
      events: {
        ...events,
        onLost: (link, reason) => this.#onLost(link, reason),
        onSessionLost: (error) => {
          const session = this.currentLink?.session;
          if (session !== undefined) this.reportUnknownSession(session, error);
        },
      },
      onSession: (session, renewed) => events.onSession(session, renewed),
      answeredCount: () => events.answeredCount(),
      closed: this.#closed.signal,
      retire: (link) => this.#retire(link),
    });
    this.#checks = new LinkChecks({
      connector: this.#connector,
      quirks: dependencies.quirks,
      background: this.#background,
      isCurrent: (state) => this.#machine.current === state,
      onTrouble: (error) => (this.#availability.lastError = error),
      onGood: (link) => this.#availability.onUp(link),
      onDead: (link, cause) => this.#onCheckFailed(link, cause),
    });
    this.#availability = new Availability(server, clock);
    this.#pace = new Pace(server.reconnect, clock);
    this.#crashes = new CrashCounter(server.reconnect, clock);
    this.#machine = new StateMachine<ConnectionState>({
      initial: { name: "idle" },
      table: TRANSITIONS,
      onChange: (next, previous) => {
        events.onState(next.name, previous.name, "error" in next ? next.error : undefined);
      },
    });
  }

  get state(): ConnectionStateName {
    return this.#machine.current.name;
  }
  get lastError(): McpError | undefined {
    return this.#availability.lastError;
  }
  set lastError(error: McpError) {
    this.#availability.lastError = error;
  }
  get counts(): { renewals: number; crashes: number } {
    return { renewals: this.#connector.renewalCount, crashes: this.#crashes.total };
  }

  /** The link, if it can be used this instant; `currentLink` also while it is checked or renewed. */
  get link(): Link | undefined {
    const state = this.#machine.current;
    return state.name === "ready" && state.condition === "good" ? state.link : undefined;
  }

  get currentLink(): Link | undefined {
    const state = this.#machine.current;
    return state.name === "ready" ? state.link : undefined;
  }

  /** Starts an attempt unless one is under way or not needed; settles with its outcome. */
  connect(signal?: AbortSignal): Promise<Link> {
    const state = this.#machine.current;
    if (state.name === "ready") return Promise.resolve(state.link);
    if (state.name === "draining" || state.name === "closed") {
      return Promise.reject(this.#availability.closed());
    }
    if (state.name === "failed") {
      // An object that was handed to us is used once.
      const { name, target } = this.#server;
      if (target.kind === "custom") return Promise.reject(unsent(name, state.error));
      this.#crashes.forgive();
    }
    return this.#joinAttempt(this.#server.timeouts.totalTimeoutMs, signal);
  }

  /**
   * A usable link, waited for inside the reconnect budget and `limitMs`.
   *
   * @throws {McpConnectionError} `CONNECTION_FAILED` when the budget is spent; the reason of `failed` and
   *   `auth-required`; {@link McpClosedError}; the signal's reason.
   */
  ready(limitMs: number, signal?: AbortSignal): Promise<Link> {
    const availability = this.#availability;
    const state = this.#machine.current;
    switch (state.name) {
      case "ready":
        if (state.condition === "good") return Promise.resolve(state.link);
        this.check(false);
        return this.#availability.waitThrough(limitMs, signal);
      case "idle":
        this.#attempt();
        return this.#availability.waitThrough(limitMs, signal);
      case "connecting":
      case "backoff": {
        if (availability.budgetLeftMs > 0) return availability.waitThrough(limitMs, signal);
        const tooSoon = this.#clock.now() - availability.lastAttemptEnd < MIN_PAUSE_MS;
        if (state.name === "backoff" && tooSoon) return Promise.reject(availability.unreachable());
        return this.#joinAttempt(limitMs, signal);
      }
      case "auth-required": {
        const sinceMs = this.#clock.now() - this.#availability.lastAttemptEnd;
        return sinceMs < AUTH_PAUSE_MS
          ? Promise.reject(unsent(this.#server.name, state.error))
          : this.#joinAttempt(limitMs, signal);
      }
      case "failed":
        return Promise.reject(unsent(this.#server.name, state.error));
      case "draining":
      case "closed":
        return Promise.reject(this.#availability.closed());
    }
  }

  /** A caller found the server unreachable; `circuit` is set if calls in a row failed so. */
  reportUnreachable(link: Link, error: McpError, circuit?: OpenCircuit): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.link !== link) return;
    if (circuit === undefined && state.condition !== "good") return;
    // A channel reports its own loss, and knows the reason.
    if (link.transport.channel === "duplex") return;
    this.#connector.keep(link);
    this.#availability.circuit = circuit;
    const pauseMs = Math.min(this.#pace.afterLoss(), this.#availability.longestPauseMs);
    this.#enterBackoff(state, error, pauseMs);
  }

  /** Something came from the server while it was held to be unreachable: it is looked for at once. */
  hurry(): void {
    if (this.#machine.current.name === "backoff") this.#attempt();
  }

  /** A caller was told that its credentials are no good: nobody else needs to ask. */
  reportUnauthorized(session: EraSession, error: McpAuthError): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.link.session !== session) return;
    this.#availability.lastAttemptEnd = this.#clock.now();
    this.#connector.keep(state.link);
    this.#stop(state, "auth-required", error);
  }

  /**
   * A caller was told that the server does not know `session`. Shared: the first report has it looked for, and renewed if
   * no server knows it; all callers wait.
   */
  reportUnknownSession(session: EraSession, error: McpError): void {
    const state = this.#machine.current;
    // Another caller's report was first: the session is another by now, or about to be.
    if (state.name !== "ready" || state.condition === "renewing") return;
    if (state.link.session !== session) return;
    state.condition = "renewing";
    void this.#checks.recover(state, error);
  }

  /**
   * A request was refused in words that may be about `session`, or about the request alone. Shared: one ping tells.
   *
   * @returns whether it was about the session: that was lost and another one has begun, or another replica knows it
   */
  async verifySession(session: EraSession, error: McpError): Promise<boolean> {
    const state = this.#machine.current;
    if (state.name !== "ready") return false;
    if (state.link.session !== session) return this.#connector.wasLostSo(session, error);
    return this.#checks.verify(state, session, error);
  }

  /** What is known of replicas behind the server's address. */
  get replicas(): Pick<Connector, "isPerRequest" | "hasReplicas" | "routing"> {
    return this.#connector;
  }

  /** The link may be dead without having ended, after the machine slept: no call goes over it unchecked. */
  suspect(): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.condition === "stale") return;
    const { transport } = state.link;
    if (transport.refresh === undefined) return;
    // A check or a renewal under way has its own end; its sockets and streams are as old as all others.
    if (state.condition === "good") state.condition = "stale";
    transport.refresh();
  }

  /**
   * Asks the server for a sign of life, if the link is stale, or also if it is `good`. Shared: all callers wait; a link
   * that is dead is made anew.
   */
  check(alsoGood: boolean): void {
    const state = this.#machine.current;
    if (state.name !== "ready") return;
    if (state.condition !== "stale" && !(alsoGood && state.condition === "good")) return;
    state.condition = "checking";
    this.#background.add(this.#checks.checkHealth(state));
  }

  /** Aborted when no attempt will follow any more: nobody needs to wait for one. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Aborted when calls in flight have had their time, too. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** No new callers from here on. */
  drain(): void {
    this.#ending.abort();
    if (this.#machine.canMoveTo("draining")) {
      const link = this.currentLink;
      if (link !== undefined) this.#connector.keep(link);
      this.#machine.moveTo({ name: "draining" });
      this.#availability.onEnd(() => this.#availability.closed());
    }
  }

  /** Ends everything and leaves nothing behind. Never rejects. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#closed.abort(this.#availability.closed());
    const live = this.currentLink ?? this.#connector.release();
    if (this.#machine.canMoveTo("closed")) {
      this.#machine.moveTo({ name: "closed" });
      this.#availability.onEnd(() => this.#availability.closed());
    }
    if (live !== undefined) this.#retire(live);
    await this.#background.settled();
  }

  // --- attempts ---

  #attempt(): void {
    if (!this.#machine.canMoveTo("connecting")) return;
    const attempt = new AbortController();
    const dispose = (): void => attempt.abort(this.#availability.closed());
    this.#availability.onAttempt();
    const state: ConnectionState = { name: "connecting", attempt, dispose };
    this.#machine.moveTo(state);
    if (!attempt.signal.aborted) this.#background.add(this.#connectOnce(state, attempt.signal));
  }

  async #connectOnce(state: ConnectionState, signal: AbortSignal): Promise<void> {
    let link: Link;
    try {
      link = await this.#connector.connect(signal);
    } catch (error) {
      this.#availability.lastAttemptEnd = this.#clock.now();
      // Aborted: closed meanwhile.
      if (!signal.aborted) this.#onAttemptFailed(state, asMcpError(this.#server.name, error));
      return;
    }
    this.#availability.lastAttemptEnd = this.#clock.now();
    // It may have been closed, and the channel may have died, on the way here.
    if (signal.aborted) return this.#retire(link);
    this.#enterReady(state, link);
    if (link.lost !== undefined) this.#onLost(link, link.lost);
  }

  #enterReady(from: ConnectionState, link: Link): void {
    const attempt = new AbortController();
    this.#pace.onReady();
    this.#everReady = true;
    const dispose = (): void => attempt.abort(this.#availability.closed());
    const state: ReadyState = { name: "ready", link, condition: "good", attempt, dispose };
    const isReady = this.#machine.moveFrom(from, state);
    if (isReady) this.#availability.onUp(link);
  }

  #onAttemptFailed(from: ConnectionState, error: McpError): void {
    if (error instanceof McpAuthError) return this.#stop(from, "auth-required", error);
    // An object that was handed to us is used once.
    const { kind } = this.#server.target;
    const isOnce = kind === "custom" && this.#availability.circuit === undefined;
    const isFinal = isOnce || !isWorthRetrying(error, this.#everReady);
    if (isFinal) return this.#stop(from, "failed", error);
    const crashed = kind === "stdio" && error.code === "CONNECTION_LOST";
    if (crashed && this.#crashes.add(1 + this.#connector.probeDeaths)) {
      return this.#stop(from, "failed", this.#availability.crashLoop(error));
    }
    // First: who asks on hearing of it waits for the next.
    this.#availability.onDown(error);
    this.#availability.onAttemptFailed(error);
    const isAwaited = this.#availability.budgetLeftMs > 0;
    const delayMs = this.#pace.afterFailure(isAwaited);
    this.#enterBackoff(from, error, Math.min(delayMs, this.#availability.longestPauseMs));
  }

  #enterBackoff(from: ConnectionState, error: McpError, delayMs: number): void {
    if (this.#machine.current !== from) return;
    this.#availability.onBackoff(error, () => this.#attempt());
    // With nobody waiting, a process that has nothing else to do may end.
    const isIdle = !this.#availability.isAwaited;
    const timer = this.#clock.setTimer(() => this.#attempt(), delayMs, isIdle);
    const dispose = (): void => this.#clock.clearTimer(timer);
    this.#machine.moveFrom(from, { name: "backoff", error, timer, dispose });
  }

  /** Gives up: only `connect()` tries again. */
  #stop(from: ConnectionState, name: "failed" | "auth-required", error: McpError): void {
    if (this.#machine.current !== from) return;
    this.#availability.lastError = error;
    // With other credentials the session may go on; and other calls may still be under way on it.
    const kept = name === "failed" ? this.#connector.release() : undefined;
    this.#availability.onEnd(
      () => error,
      () => unsent(this.#server.name, error),
    );
    this.#machine.moveFrom(from, { name, error });
    if (kept !== undefined) this.#retire(kept);
  }

  // --- a live link: only the one of the state that holds can move it ---

  #onLost(link: Link, reason: McpError): void {
    const state = this.#machine.current;
    if (state.name === "ready" && state.link === link) this.#leaveLost(state, reason);
    // Last: what it ends runs listeners of the user's, who may do anything to this connection.
    this.#retire(link);
  }

  #leaveLost(state: ReadyState, reason: McpError): void {
    this.#availability.lastError = reason;
    if (this.#server.target.kind === "custom") return this.#stop(state, "failed", reason);
    if (this.#server.target.kind === "stdio" && this.#crashes.add()) {
      return this.#stop(state, "failed", this.#availability.crashLoop(reason));
    }
    this.#enterBackoff(state, reason, this.#pace.afterLoss());
  }

  /** A link that is ready by name could not be checked or renewed. */
  #onCheckFailed(link: Link, cause: unknown): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.link !== link) return;
    const given = asMcpError(this.#server.name, cause);
    const isSilent = given instanceof McpTimeoutError && given.limit === "silence";
    const error = isSilent ? this.#availability.silent(given) : given;
    this.#availability.lastError = error;
    // A link over HTTP outlives its session, and is asked again; a channel that does not answer is given up.
    const isKept = link.transport.channel === "exchange";
    if (isKept) this.#connector.keep(link);
    this.#availability.lastAttemptEnd = this.#clock.now();
    this.#onAttemptFailed(state, error);
    if (!isKept) this.#retire(link, this.#availability.givenUp(error));
  }

  #joinAttempt(limitMs: number, signal: AbortSignal | undefined): Promise<Link> {
    const outcome = this.#availability.joinAttempt(limitMs, signal);
    this.#attempt();
    return outcome;
  }

  #retire(link: Link, reason?: McpError): void {
    this.#background.add(link.close(reason));
  }
}
