// Keeps one server connected: one state, one attempt at a time, one reconnect shared by all callers.

import { untilAborted } from "../core/abort.ts";
import type { Clock } from "../core/clock.ts";
import { McpAuthError, type McpError } from "../core/errors.ts";
import { StateMachine } from "../core/state-machine.ts";
import type { EraSession } from "../eras/era.ts";
import { asMcpError, isWorthRetrying, unsent } from "./attempt-error.ts";
import { Availability } from "./availability.ts";
import { CrashCounter } from "./crash-counter.ts";
import { createLinkMemory, Link } from "./link.ts";
import type { LinkDependencies, LinkEvents, LinkMemory } from "./link.ts";
import type { ResolvedServer } from "./options.ts";
import { Pace, RenewalPace } from "./pace.ts";
import { TRANSITIONS } from "./state.ts";
import type { ConnectionState, ConnectionStateName } from "./state.ts";

/** After the budget a caller starts an attempt, but not within this time of the last, milliseconds. */
const MIN_PAUSE_MS = 1_000;

/** After a refused authorization callers fail at once, and one may try again this much later, milliseconds. */
const AUTH_PAUSE_MS = 30_000;

export interface SupervisorEvents extends Omit<LinkEvents, "onLost" | "onSessionLost"> {
  /** `error` is why a connection was lost or not made. */
  onState(next: ConnectionStateName, previous: ConnectionStateName, error?: McpError): void;
  /** A session begins, before any caller sees it: what must hold in every session is set up here. */
  onSession(session: EraSession, renewed: boolean): Promise<void>;
}

export class Supervisor {
  readonly #server: ResolvedServer;
  readonly #dependencies: LinkDependencies;
  readonly #clock: Clock;
  readonly #events: SupervisorEvents;
  readonly #machine: StateMachine<ConnectionState>;
  readonly #availability: Availability;
  readonly #pace: Pace;
  readonly #crashes: CrashCounter;
  readonly #memory: LinkMemory;
  /** An HTTP link whose server cannot be reached: its session may well outlive that. */
  #dormant: Link | undefined;
  #everReady = false;
  #renewals = 0;
  readonly #renewalPace: RenewalPace;
  readonly #ending: AbortController = new AbortController();
  readonly #closed: AbortController = new AbortController();
  readonly #closing: Set<Promise<void>> = new Set();

  constructor(server: ResolvedServer, dependencies: LinkDependencies, events: SupervisorEvents) {
    const { clock } = dependencies;
    const { crashLimit, crashWindowMs } = server.reconnect;
    this.#server = server;
    this.#dependencies = dependencies;
    this.#clock = clock;
    this.#memory = createLinkMemory(server, dependencies, this.#closed.signal);
    this.#events = events;
    this.#availability = new Availability(server, clock);
    this.#pace = new Pace(server.reconnect, clock);
    this.#renewalPace = new RenewalPace(clock);
    this.#crashes = new CrashCounter({ limit: crashLimit, windowMs: crashWindowMs }, clock);
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
  get renewalCount(): number {
    return this.#renewals;
  }
  get crashCount(): number {
    return this.#crashes.total;
  }

  /** The link, if it can be used this instant; `currentLink` also while it is renewed. */
  get link(): Link | undefined {
    const state = this.#machine.current;
    return state.name === "ready" && !state.renewing ? state.link : undefined;
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
      if (this.#server.target.kind === "custom")
        return Promise.reject(unsent(this.#server.name, state.error));
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
    const state = this.#machine.current;
    switch (state.name) {
      case "ready":
        return state.renewing
          ? this.#availability.waitThrough(limitMs, signal)
          : Promise.resolve(state.link);
      case "idle":
        this.#attempt();
        return this.#availability.waitThrough(limitMs, signal);
      case "connecting":
      case "backoff": {
        if (this.#availability.budgetLeftMs > 0)
          return this.#availability.waitThrough(limitMs, signal);
        const tooSoon = this.#clock.now() - this.#availability.lastAttemptEnd < MIN_PAUSE_MS;
        if (state.name === "backoff" && tooSoon) {
          return Promise.reject(this.#availability.unreachable());
        }
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

  /** A caller found the server unreachable: nothing it sends now will arrive. */
  reportUnreachable(link: Link, error: McpError): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.link !== link || state.renewing) return;
    // A channel reports its own loss, and knows the reason.
    if (link.transport.channel === "duplex") return;
    this.#dormant = link;
    this.#enterBackoff(error, this.#pace.afterLoss());
  }

  /** A caller was told that its credentials are no good: nobody else needs to ask. */
  reportUnauthorized(link: Link, error: McpAuthError): void {
    const state = this.#machine.current;
    if (state.name !== "ready" || state.link !== link) return;
    this.#availability.lastAttemptEnd = this.#clock.now();
    this.#dormant = link;
    this.#stop("auth-required", error);
  }

  /** A caller was told that `session` is forgotten. Shared: the first report renews, all callers wait. */
  renew(session: EraSession, error: McpError): void {
    const state = this.#machine.current;
    // Another caller's report was first: the session is another by now, or about to be.
    if (state.name !== "ready" || state.renewing || state.link.session !== session) return;
    state.renewing = true;
    void this.#renew(state, error);
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
      if (link !== undefined) this.#dormant = link;
      this.#machine.moveTo({ name: "draining" });
      this.#availability.onEnd(() => this.#availability.closed());
    }
  }

  /** Ends everything and leaves nothing behind. Never rejects. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#closed.abort(this.#availability.closed());
    const live = this.currentLink ?? this.#dormant;
    this.#dormant = undefined;
    if (this.#machine.canMoveTo("closed")) {
      this.#machine.moveTo({ name: "closed" });
      this.#availability.onEnd(() => this.#availability.closed());
    }
    if (live !== undefined) this.#retire(live);
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  // --- attempts ---

  #attempt(): void {
    const attempt = new AbortController();
    this.#availability.onAttempt();
    this.#machine.moveTo({
      name: "connecting",
      attempt,
      dispose: () => attempt.abort(this.#availability.closed()),
    });
    const running = this.#connectOnce(attempt.signal);
    this.#closing.add(running);
    void running.finally(() => this.#closing.delete(running));
  }

  async #connectOnce(signal: AbortSignal): Promise<void> {
    if (this.#dormant?.lost !== undefined) this.#dormant = undefined;
    const dormant = this.#dormant;
    let link: Link | undefined;
    try {
      link = dormant === undefined ? await this.#open(signal) : await this.#revive(dormant, signal);
      signal.throwIfAborted();
      await untilAborted(signal, this.#events.onSession(link.session, false));
      if (link.lost !== undefined) throw link.lost;
    } catch (error) {
      this.#availability.lastAttemptEnd = this.#clock.now();
      if (signal.aborted) {
        // Closed meanwhile. A dormant link has been retired by whoever closed.
        if (link !== undefined && link !== dormant) this.#retire(link);
        return;
      }
      if (link !== undefined && link !== dormant) this.#retire(link);
      return this.#onAttemptFailed(asMcpError(this.#server.name, error));
    }
    this.#availability.lastAttemptEnd = this.#clock.now();
    this.#dormant = undefined;
    this.#enterReady(link);
  }

  #open(signal: AbortSignal): Promise<Link> {
    return Link.open(
      this.#server,
      this.#dependencies,
      this.#memory,
      {
        ...this.#events,
        onLost: (link, reason) => this.#onLost(link, reason),
        onSessionLost: (error) => {
          const session = this.link?.session;
          if (session !== undefined) this.renew(session, error);
        },
      },
      signal,
    );
  }

  async #revive(link: Link, signal: AbortSignal): Promise<Link> {
    let lost = link.abandoned;
    if (lost === undefined) {
      try {
        await link.session.ping(signal);
        return link;
      } catch (error) {
        if (!link.session.isSessionLost(error)) throw error;
        lost = asMcpError(this.#server.name, error);
      }
    }
    await link.renew(lost, signal);
    this.#renewals += 1;
    return link;
  }

  #enterReady(link: Link): void {
    const attempt = new AbortController();
    this.#pace.onReady();
    this.#everReady = true;
    this.#machine.moveTo({
      name: "ready",
      link,
      renewing: false,
      attempt,
      dispose: () => attempt.abort(this.#availability.closed()),
    });
    this.#availability.onUp(link);
  }

  #onAttemptFailed(error: McpError): void {
    if (error instanceof McpAuthError) return this.#stop("auth-required", error);
    // An object that was handed to us is used once.
    const isOnce = this.#server.target.kind === "custom";
    if (isOnce || !isWorthRetrying(error, this.#everReady)) return this.#stop("failed", error);
    const crashed = this.#server.target.kind === "stdio" && error.code === "CONNECTION_LOST";
    if (crashed && this.#crashes.add(1 + this.#memory.probeDeaths))
      return this.#stop("failed", this.#availability.crashLoop(error));
    // First: whoever asks on hearing of it waits for the next.
    this.#availability.onDown(error);
    this.#availability.onAttemptFailed(error);
    this.#enterBackoff(error, this.#pace.afterFailure(this.#availability.budgetLeftMs > 0));
  }

  #enterBackoff(error: McpError, delayMs: number): void {
    this.#availability.onDown(error);
    // With nobody waiting, a process that has nothing else to do may end.
    const timer = this.#clock.setTimer(
      () => this.#attempt(),
      delayMs,
      !this.#availability.isAwaited,
    );
    this.#machine.moveTo({
      name: "backoff",
      error,
      timer,
      dispose: () => this.#clock.clearTimer(timer),
    });
  }

  /** Gives up: only `connect()` tries again. */
  #stop(name: "failed" | "auth-required", error: McpError): void {
    this.#availability.lastError = error;
    // With other credentials the session may go on; and other calls may still be under way on it.
    if (name === "failed" && this.#dormant !== undefined) this.#retire(this.#dormant);
    if (name === "failed") this.#dormant = undefined;
    this.#availability.onEnd(() => error);
    this.#machine.moveTo({ name, error });
  }

  // --- a live link ---

  #onLost(link: Link, reason: McpError): void {
    const state = this.#machine.current;
    this.#retire(link);
    if (state.name !== "ready" || state.link !== link) return;
    this.#availability.lastError = reason;
    if (this.#server.target.kind === "custom") {
      // An object that was handed to us cannot be made anew.
      return this.#stop("failed", reason);
    }
    if (this.#server.target.kind === "stdio" && this.#crashes.add()) {
      return this.#stop("failed", this.#availability.crashLoop(reason));
    }
    this.#enterBackoff(reason, this.#pace.afterLoss());
  }

  async #renew(state: ConnectionState & { name: "ready" }, error: McpError): Promise<void> {
    const { link } = state;
    this.#availability.lastError = error;
    const work = this.#renewOnce(link, error, state.attempt.signal);
    this.#track(work.catch(() => {}));
    try {
      await work;
    } catch (cause) {
      if (this.#machine.current !== state) return;
      const failure = asMcpError(this.#server.name, cause);
      this.#availability.lastError = failure;
      // A link over HTTP outlives its session, and is asked again; a channel that is gone is not.
      if (link.transport.channel === "exchange") this.#dormant = link;
      else this.#retire(link);
      return this.#onAttemptFailed(failure);
    }
    if (this.#machine.current !== state) return;
    state.renewing = false;
    this.#availability.onUp(link);
  }

  async #renewOnce(link: Link, error: McpError, signal: AbortSignal): Promise<void> {
    await this.#renewalPace.wait(signal);
    await link.renew(error, signal);
    this.#renewals += 1;
    this.#renewalPace.onRenewed();
    await this.#events.onSession(link.session, true);
  }

  #joinAttempt(limitMs: number, signal: AbortSignal | undefined): Promise<Link> {
    const outcome = this.#availability.joinAttempt(limitMs, signal);
    if (this.#machine.canMoveTo("connecting")) this.#attempt();
    return outcome;
  }

  #retire(link: Link): void {
    this.#track(link.close());
  }

  #track(work: Promise<void>): void {
    this.#closing.add(work);
    void work.finally(() => this.#closing.delete(work));
  }
}
