// `subscriptions/listen`: the one stream on which a server reports changes of its lists and of subscribed resources.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions

import type { Timer } from "../../core/clock.ts";
import { McpConnectionError, McpError, McpUnsupportedError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { RequestId } from "../../jsonrpc/messages.ts";
import { NO_LIMITS } from "../../jsonrpc/running-call.ts";
import { Backoff } from "../../resilience/backoff.ts";
import type { ServerCapabilities } from "../../spec/types.ts";
import {
  GapReports,
  MAX_FAILURES,
  OPENING_MS,
  REOPEN,
  STABLE_MS,
  VAIN_IN_ROW,
} from "../change-pace.ts";
import type { EraHost } from "../era.ts";
import {
  filterFor,
  grantedOf,
  isEmpty,
  isPassing,
  leftOut,
  retryAfterOf,
} from "./change-filter.ts";
import type { ChangeFilter } from "./change-filter.ts";
import type { Envelope } from "./envelope.ts";

/** How long the server may take to acknowledge, milliseconds; after that there is no limit (8.35). */
const ACK_MS = 20_000;

/** One `subscriptions/listen` on its way. */
interface Listening {
  readonly id: RequestId;
  readonly filter: ChangeFilter;
  readonly abort: AbortController;
  readonly ackTimer: Timer;
  openSince: number;
  /** Something else than the acknowledgement came on it. */
  isHeard: boolean;
  /** Resources whose changes the server has agreed to report. */
  granted: readonly string[];
  isOver: boolean;
}

interface Waiter {
  readonly uri: string;
  resolve(): void;
  reject(error: Error): void;
}

export interface ChangeSubscriptionOptions {
  readonly host: EraHost;
  readonly envelope: () => Envelope;
  readonly capabilities: () => ServerCapabilities;
  /** Whether a failure says that the server does not speak this era any more. */
  readonly isLost: (error: unknown) => boolean;
  /** The stream was down for a while: what happened meanwhile is unknown. */
  readonly onMissed: () => void;
}

export class ChangeSubscription {
  readonly #options: ChangeSubscriptionOptions;
  readonly #backoff: Backoff;
  readonly #uris: Set<string> = new Set();
  readonly #waiters: Set<Waiter> = new Set();
  /** Acknowledged. */
  #current: Listening | undefined;
  /** Not acknowledged yet; takes the place of `#current` when it is. */
  #next: Listening | undefined;
  /** The one that was replaced last: what it still reports is no violation. */
  #replacedId: RequestId | undefined;
  /** Of the stream that the server cancelled last. */
  #cancelled: AbortController | undefined;
  #pause: Timer | undefined;
  #isScheduled = false;
  #isClosed = false;
  readonly #gaps: GapReports;
  #everAcknowledged = false;
  /** Attempts in a row that were not acknowledged, or ended at once without anything. */
  #failures = 0;
  /** Streams in a row that ended at once without anything. */
  #vainInRow = 0;
  #isWarned = false;
  #opened: () => void = () => {};

  constructor(options: ChangeSubscriptionOptions) {
    this.#options = options;
    this.#backoff = new Backoff(REOPEN, options.host.clock);
    const { clock, quirks } = options.host;
    this.#gaps = new GapReports({ clock, isEager: quirks.strict, report: options.onMissed });
  }

  /** Resolves when the stream is acknowledged or refused, at the latest after {@link OPENING_MS}. */
  open(): Promise<void> {
    const { clock } = this.#options.host;
    if (isEmpty(this.#filter())) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.setTimer(() => {
        // What happens before the server listens to us is not told.
        this.#gaps.onGap();
        resolve();
      }, OPENING_MS);
      this.#opened = () => {
        clock.clearTimer(timer);
        resolve();
      };
      this.#start();
    });
  }

  /** Opens it again at once, also if the server had ended it; for a server that was away and is back. */
  resume(): void {
    const isAlive = this.#current ?? this.#next;
    if (this.#isClosed || isAlive !== undefined || isEmpty(this.#filter())) return;
    this.#gaps.onGap();
    this.#failures = 0;
    this.#backoff.reset();
    this.#start();
  }

  /**
   * Resolves when the server has acknowledged it, through interruptions.
   *
   * @throws {McpUnsupportedError} if it acknowledges the stream without this resource; {@link McpConnectionError},
   *   retryable, if the agreement with the server ends before.
   */
  subscribe(uri: string): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    this.#uris.add(uri);
    const isHeld = this.#next === undefined && this.#current?.granted.includes(uri) === true;
    if (isHeld) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.add({ uri, resolve, reject });
      this.#schedule();
    });
  }

  unsubscribe(uri: string): void {
    this.#settle((waiter) => waiter.uri === uri, this.#closedError());
    if (this.#uris.delete(uri) && !this.#isClosed) this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelled?.abort();
    this.#clearPause();
    this.#gaps.stop();
    for (const listening of [this.#current, this.#next]) {
      if (listening !== undefined) this.#stop(listening);
    }
    this.#current = undefined;
    this.#next = undefined;
    this.#settle(() => true, this.#closedError());
    this.#opened();
  }

  /** Whether `id` is that of a stream of ours; its type counts (8.32). */
  has(id: unknown): boolean {
    if (id === undefined) return false;
    return id === this.#current?.id || id === this.#next?.id || id === this.#replacedId;
  }

  /** The server will report `honoured`, which may be less than was asked for (8.31). */
  onAcknowledged(id: unknown, honoured: ChangeFilter): void {
    const listening = this.#next;
    if (listening === undefined || listening.id !== id) return;
    const { clock, events } = this.#options.host;
    clock.clearTimer(listening.ackTimer);
    listening.openSince = clock.now();
    listening.granted = grantedOf(honoured);
    const replaced = this.#current;
    this.#current = listening;
    this.#next = undefined;
    this.#everAcknowledged = true;
    if (replaced !== undefined) {
      this.#replacedId = replaced.id;
      this.#stop(replaced);
    }
    // Whoever waits for a resource learns of it himself.
    const awaited = new Set(Array.from(this.#waiters, ({ uri }) => uri));
    const left = leftOut(listening.filter, honoured).filter((what) => !awaited.has(what));
    if (left.length > 0)
      events.onWarning(`the server will not report changes of ${excerpt(left.join(", "), 300)}`);
    this.#settleAcknowledged(listening);
    this.#opened();
    this.#gaps.onOpen();
  }

  /** A notification came on one of our streams. */
  onHeard(): void {
    if (this.#current === undefined) return;
    this.#current.isHeard = true;
    this.#failures = 0;
  }

  /** The server takes a stream down (8.34). A result for it may still come, and means the same. */
  onCancelled(id: unknown): void {
    for (const listening of [this.#current, this.#next]) {
      if (listening === undefined || listening.id !== id) continue;
      this.#onEnd(listening, undefined);
      // Its result is let in, if it still comes before the next one ends.
      this.#cancelled?.abort();
      this.#cancelled = listening.abort;
    }
  }

  /** Whatever changes in this turn goes into one new stream. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (!this.#isClosed && !this.#isWanted()) this.#start();
    });
  }

  /** Whether the stream that is open reports what is wanted, and nothing else: it ended and began in one turn. */
  #isWanted(): boolean {
    if (this.#next !== undefined || this.#current === undefined) return false;
    const { granted, filter } = this.#current;
    const had = filter.resourceSubscriptions ?? [];
    return (
      had.length === this.#uris.size &&
      had.every((uri) => this.#uris.has(uri)) &&
      granted.length >= had.length
    );
  }

  /** A new stream for what is wanted now; the old one goes on until the new one is acknowledged. */
  #start(): void {
    this.#clearPause();
    if (this.#next !== undefined) this.#stop(this.#next);
    this.#next = undefined;
    const filter = this.#filter();
    if (isEmpty(filter)) {
      if (this.#current !== undefined) this.#stop(this.#current);
      this.#current = undefined;
      return;
    }
    const { host, envelope } = this.#options;
    const { peer, clock, server } = host;
    const method = "subscriptions/listen";
    const params = { notifications: filter };
    const listening: Listening = {
      id: peer.allocateId(),
      filter,
      abort: new AbortController(),
      ackTimer: clock.setTimer(() => {
        this.#stop(listening, false);
        const message = `server "${server}" did not acknowledge ${method} within ${ACK_MS} ms`;
        const error = new McpConnectionError("CONNECTION_LOST", message, { server, method });
        this.#onEnd(listening, error);
      }, ACK_MS),
      openSince: Infinity,
      isHeard: false,
      granted: [],
      isOver: false,
    };
    this.#next = listening;
    peer
      .request({
        method,
        params: envelope().params(params),
        id: listening.id,
        limits: NO_LIMITS,
        signal: listening.abort.signal,
        // On a shared channel `#stop` tells the server, and only while the stream is believed to be open.
        cancel: "close",
        outbound: { headers: envelope().headers(method, params, []) },
        isLongLived: true,
      })
      .then(
        () => this.#onEnd(listening, undefined),
        (error: unknown) => this.#onEnd(listening, error),
      );
  }

  #stop(listening: Listening, isOver = true): void {
    if (listening.isOver) return;
    const { peer, clock, transport } = this.#options.host;
    listening.isOver = isOver;
    clock.clearTimer(listening.ackTimer);
    listening.abort.abort();
    if (transport.channel !== "duplex") return;
    const params = { requestId: listening.id, reason: "no longer needed" };
    peer.notify("notifications/cancelled", params).catch(() => {});
  }

  #onEnd(listening: Listening, error: unknown): void {
    if (listening.isOver || this.#isClosed) return;
    listening.isOver = true;
    const { clock, events } = this.#options.host;
    clock.clearTimer(listening.ackTimer);
    const wasCurrent = this.#current === listening;
    if (wasCurrent) this.#current = undefined;
    else this.#next = undefined;
    if (error === undefined) return this.#onGracefulEnd();
    // One that never was may be refused by whoever speaks this era; one that was, was spoken.
    if (this.#everAcknowledged && this.#options.isLost(error) && error instanceof McpError) {
      this.#settle(() => true, error);
      this.#opened();
      return events.onSessionLost(error);
    }
    if (this.#current === undefined) this.#gaps.onGap();
    if (wasCurrent) this.#onCurrentLost(listening);
    else this.#failures += 1;
    if (!isPassing(error) || this.#failures >= MAX_FAILURES) return this.#giveUp(error);
    this.#opened();
    // One that takes its place is on its way already.
    if (this.#next !== undefined) return;
    this.#clearPause();
    const waitMs = Math.max(this.#backoff.next(), retryAfterOf(error));
    this.#pause = clock.setTimer(() => this.#start(), waitMs, true);
  }

  #onCurrentLost({ openSince, isHeard }: Listening): void {
    const { clock, quirks } = this.#options.host;
    const openMs = clock.now() - openSince;
    this.#gaps.onEnd(openMs, isHeard);
    if (openMs >= STABLE_MS) this.#backoff.reset();
    const isVain = openMs < STABLE_MS && !isHeard && !quirks.strict;
    this.#vainInRow = isVain ? this.#vainInRow + 1 : 0;
    if (this.#vainInRow >= VAIN_IN_ROW) quirks.repair("stream-ends-at-once");
    this.#failures = isVain ? this.#failures + 1 : 0;
  }

  /** The server wants no more of it: left alone until there is a reason (8.34). */
  #onGracefulEnd(): void {
    this.#opened();
    if (this.#next !== undefined) return;
    this.#settle(() => true, this.#unsupported("the server ended the stream at once"));
    if (this.#current !== undefined) return;
    this.#warn("the server ended the change stream in good order");
  }

  #giveUp(error: unknown): void {
    this.#opened();
    this.#settle(() => true, error as Error);
    // The old stream still reports what it was opened for.
    if (this.#current !== undefined) return;
    this.#warn("the change stream was refused or given up", error);
  }

  /** Once for each agreement with the server: each health check opens the stream again, perhaps in vain. */
  #warn(text: string, cause?: unknown): void {
    const { events } = this.#options.host;
    if (!this.#isWarned) events.onWarning(`${text}: changes are seen after a reconnect`, cause);
    this.#isWarned = true;
  }

  #filter(): ChangeFilter {
    const { host, capabilities } = this.#options;
    return filterFor(capabilities(), host.listen, this.#uris);
  }

  #settleAcknowledged({ filter, granted }: Listening): void {
    for (const waiter of [...this.#waiters]) {
      // Asked for after this stream was: the next one is for it.
      if (filter.resourceSubscriptions?.includes(waiter.uri) !== true) continue;
      this.#waiters.delete(waiter);
      if (granted.includes(waiter.uri)) waiter.resolve();
      else {
        this.#uris.delete(waiter.uri);
        waiter.reject(this.#unsupported(`the server does not report changes of ${waiter.uri}`));
      }
    }
  }

  #settle(isMeant: (waiter: Waiter) => boolean, error: Error): void {
    for (const waiter of [...this.#waiters]) {
      if (!isMeant(waiter)) continue;
      this.#waiters.delete(waiter);
      this.#uris.delete(waiter.uri);
      waiter.reject(error);
    }
  }

  #clearPause(): void {
    if (this.#pause !== undefined) this.#options.host.clock.clearTimer(this.#pause);
    this.#pause = undefined;
  }

  #unsupported(why: string): McpUnsupportedError {
    const { server } = this.#options.host;
    return new McpUnsupportedError(`server "${server}": ${why}`, {
      server,
      method: "subscriptions/listen",
      capability: "resources.subscribe",
    });
  }

  #closedError(): McpConnectionError {
    const { server } = this.#options.host;
    const message = `the change stream of server "${server}" was closed`;
    return new McpConnectionError("CONNECTION_LOST", message, { server, retryable: true });
  }
}
