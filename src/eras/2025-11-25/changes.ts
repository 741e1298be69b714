// The change stream: the GET on which an HTTP server speaks without being asked.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server

import type { Timer } from "../../core/clock.ts";
import type {
  ExchangeHandle,
  ExchangeTransport,
  HeaderList,
  ListenEnd,
} from "../../jsonrpc/transport.ts";
import { McpConnectionError } from "../../core/errors.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import { Backoff } from "../../resilience/backoff.ts";
import {
  GapReports,
  HELD_BACK_MS,
  MAX_FAILURES,
  MAX_REFUSALS,
  OPENING_MS,
  REOPEN,
  STABLE_MS,
  VAIN_IN_ROW,
} from "../change-pace.ts";
import type { EraHost } from "../era.ts";

/** Statuses that say that there is no such stream, which a server may say. */
const NO_STREAM: ReadonlySet<number> = new Set([405, 501]);

/** A stream that ends so soon after its late head came with it in one piece, milliseconds. */
const ONE_PIECE_MS = 50;

/** By their repair logs: servers whose streams did not open in time. No later session waits for theirs. */
const lateServers: WeakSet<Quirks> = new WeakSet();

/**
 * - `none`: the server offers no stream.
 * - `refused`: it has refused often enough to be taken for a server without one.
 * - `lost`: the server does not know the session any more, or so it says.
 * - `given-up`: nothing helps.
 * - `again`: it is tried again, after a pause.
 */
export type RefusalVerdict = "none" | "refused" | "lost" | "given-up" | "again";

/** What follows from an attempt that opened no stream. A pure function: the table is in its test. */
export function afterRefusal(facts: {
  /** `undefined`: there was no answer. */
  readonly status: number | undefined;
  /** A stream of this session was open before. */
  readonly wasOpen: boolean;
  /** Answers without a stream in a row, this one included. */
  readonly refusalCount: number;
  /** The same, with attempts that were not answered. */
  readonly failureCount: number;
  readonly strict: boolean;
}): RefusalVerdict {
  const { status, wasOpen, refusalCount, failureCount, strict } = facts;
  if (status !== undefined && !wasOpen) {
    if (NO_STREAM.has(status) || strict) return "none";
    return refusalCount >= MAX_REFUSALS ? "refused" : "again";
  }
  if (status === 404 && strict) return "lost";
  if (failureCount >= MAX_FAILURES) return "given-up";
  return status === 404 ? "lost" : "again";
}

type StreamState =
  | {
      readonly name: "listening";
      readonly since: number;
      handle?: ExchangeHandle;
      openSince?: number;
      hasEvent?: boolean;
      /** Until the head has been waited for long enough. */
      timer?: Timer;
    }
  | { readonly name: "waiting"; readonly timer: Timer }
  | { readonly name: "closed" };

export class ChangeStream {
  readonly #host: EraHost;
  readonly #transport: ExchangeTransport;
  readonly #headers: HeaderList;
  readonly #backoff: Backoff;
  readonly #gaps: GapReports;
  #state: StreamState = { name: "closed" };
  #lastEventId: string | undefined;
  #retryMs: number | undefined;
  #everOpened = false;
  /** Attempts in a row that opened nothing, or a stream that ended at once without an event. */
  #failures = 0;
  /** Streams in a row that ended at once without an event. */
  #vainInRow = 0;
  /** Answers other than a stream, in a row. */
  #refusals = 0;
  /** The server has been said to have lost the session, since the stream was open last. */
  #isLossReported = false;
  #opened: () => void = () => {};

  constructor(options: {
    host: EraHost;
    transport: ExchangeTransport;
    headers: HeaderList;
    /** The stream was down for a while: what happened meanwhile is unknown. */
    onMissed: () => void;
  }) {
    this.#host = options.host;
    this.#transport = options.transport;
    this.#headers = options.headers;
    this.#backoff = new Backoff(REOPEN, options.host.clock);
    const { clock, quirks } = options.host;
    this.#gaps = new GapReports({ clock, isEager: quirks.strict, report: options.onMissed });
  }

  /**
   * Resolves when the stream is open or refused, at the latest after {@link OPENING_MS}; at once for a server whose
   * stream was late before.
   */
  open(): Promise<void> {
    const { clock, quirks } = this.#host;
    if (lateServers.has(quirks) && !quirks.strict) {
      // What happens before the stream is open may not be told.
      this.#gaps.onGap();
      this.#listen();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = clock.setTimer(() => {
        lateServers.add(quirks);
        this.#gaps.onGap();
        resolve();
      }, OPENING_MS);
      this.#opened = () => {
        clock.clearTimer(timer);
        resolve();
      };
      this.#listen();
    });
  }

  close(): void {
    const state = this.#state;
    this.#state = { name: "closed" };
    this.#clear(state);
    this.#gaps.stop();
    if (state.name === "listening") state.handle?.close();
    this.#opened();
  }

  #listen(): void {
    const { clock, quirks } = this.#host;
    const state: StreamState = { name: "listening", since: clock.now() };
    this.#state = state;
    state.timer = clock.setTimer(() => quirks.note("stream-held-back"), HELD_BACK_MS, true);
    state.handle = this.#transport.listen({
      headers: this.#headers,
      lastEventId: this.#lastEventId,
      onOpen: () => {
        if (this.#state !== state) return;
        this.#clear(state);
        const now = clock.now();
        state.openSince = now;
        if (now - state.since < OPENING_MS) lateServers.delete(quirks);
        this.#everOpened = true;
        this.#isLossReported = false;
        this.#refusals = 0;
        this.#opened();
        this.#gaps.onOpen();
      },
      onEvent: () => {
        state.hasEvent = true;
      },
      onEnd: (end) => {
        if (this.#state !== state) return;
        this.#clear(state);
        this.#opened();
        const { openSince, since } = state;
        if (!end.opened || openSince === undefined) return this.#onRefused(end);
        const isLate = openSince - since >= OPENING_MS;
        const openMs = clock.now() - openSince;
        // Held back until the end: an open stream that is passed on says nothing for longer.
        if (isLate && openMs < ONE_PIECE_MS) quirks.note("stream-held-back");
        this.#onClosed(end, openMs, state.hasEvent === true);
      },
    });
  }

  /** It was open, and has ended. */
  #onClosed(end: ListenEnd, openMs: number, hasEvent: boolean): void {
    const { quirks } = this.#host;
    const broughtSomething =
      hasEvent ||
      end.retryMs !== undefined ||
      (end.lastEventId !== undefined && end.lastEventId !== this.#lastEventId);
    if (openMs >= STABLE_MS) this.#backoff.reset();
    this.#gaps.onEnd(openMs, broughtSomething);
    const isVain = openMs < STABLE_MS && !broughtSomething && !quirks.strict;
    this.#vainInRow = isVain ? this.#vainInRow + 1 : 0;
    if (this.#vainInRow >= VAIN_IN_ROW) quirks.repair("stream-ends-at-once");
    this.#failures = isVain ? this.#failures + 1 : 0;
    if (this.#failures >= MAX_FAILURES) return this.#giveUp(end.error);
    this.#wait(end);
  }

  /** It was not opened. */
  #onRefused(end: ListenEnd): void {
    const { events, server, quirks } = this.#host;
    const { status } = end;
    this.#gaps.onGap();
    this.#failures += 1;
    if (status !== undefined) this.#refusals += 1;
    const verdict = afterRefusal({
      status,
      wasOpen: this.#everOpened,
      refusalCount: this.#refusals,
      failureCount: this.#failures,
      strict: quirks.strict,
    });
    switch (verdict) {
      case "none":
        return this.#end();
      case "refused":
        quirks.repair("stream-refused", `status ${status}`);
        return this.#end();
      case "given-up":
        return this.#giveUp(end.error);
      case "lost":
      case "again":
        // Also when the session seems to be lost: that is found out elsewhere, and closes this stream if it is so.
        this.#wait(end);
    }
    if (verdict !== "lost" || this.#isLossReported) return;
    this.#isLossReported = true;
    const message = `server "${server}" no longer knows the session of its change stream`;
    if (quirks.strict) this.close();
    events.onSessionLost(
      new McpConnectionError("CONNECTION_LOST", message, { server, retryable: true }),
    );
  }

  #giveUp(cause: unknown): void {
    this.#end();
    this.#host.events.onWarning(
      "the change stream was given up: changes are seen on reconnect only",
      cause,
    );
  }

  #end(): void {
    this.#state = { name: "closed" };
  }

  #wait(end: ListenEnd): void {
    this.#lastEventId = end.lastEventId ?? this.#lastEventId;
    this.#retryMs = end.retryMs ?? this.#retryMs;
    const delayMs = Math.max(this.#retryMs ?? 0, this.#backoff.next());
    const timer = this.#host.clock.setTimer(() => this.#listen(), delayMs, true);
    this.#state = { name: "waiting", timer };
  }

  #clear(state: StreamState): void {
    if (state.name === "closed" || state.timer === undefined) return;
    this.#host.clock.clearTimer(state.timer);
  }
}
