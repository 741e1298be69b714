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
import { Backoff } from "../../resilience/backoff.ts";
import { MAX_FAILURES, OPENING_MS, REOPEN, STABLE_MS } from "../change-pace.ts";
import type { EraHost } from "../era.ts";

type StreamState =
  | { readonly name: "listening"; handle?: ExchangeHandle; openSince?: number }
  | { readonly name: "waiting"; readonly timer: Timer }
  | { readonly name: "closed" };

export class ChangeStream {
  readonly #host: EraHost;
  readonly #transport: ExchangeTransport;
  readonly #headers: HeaderList;
  readonly #backoff: Backoff;
  readonly #onMissed: () => void;
  #state: StreamState = { name: "closed" };
  #lastEventId: string | undefined;
  #retryMs: number | undefined;
  #everOpened = false;
  /** Something may have happened while nobody listened. */
  #hasGap = false;
  /** Attempts in a row that opened nothing. */
  #failures = 0;
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
    this.#onMissed = options.onMissed;
    this.#backoff = new Backoff(REOPEN, options.host.clock);
  }

  /** Resolves when the stream is open or refused, at the latest after {@link OPENING_MS}. */
  open(): Promise<void> {
    const { clock } = this.#host;
    return new Promise((resolve) => {
      const timer = clock.setTimer(() => {
        // What happens before the stream is open may not be told.
        this.#hasGap = true;
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
    if (state.name === "waiting") this.#host.clock.clearTimer(state.timer);
    else if (state.name === "listening") state.handle?.close();
    this.#opened();
  }

  #listen(): void {
    const state: StreamState = { name: "listening" };
    this.#state = state;
    state.handle = this.#transport.listen({
      headers: this.#headers,
      lastEventId: this.#lastEventId,
      onOpen: () => {
        if (this.#state !== state) return;
        state.openSince = this.#host.clock.now();
        this.#opened();
        if (this.#everOpened || this.#hasGap) this.#onMissed();
        this.#hasGap = false;
        this.#everOpened = true;
      },
      onEnd: (end) => {
        if (this.#state !== state) return;
        const { openSince } = state;
        if (openSince !== undefined && this.#host.clock.now() - openSince >= STABLE_MS) {
          this.#backoff.reset();
        }
        this.#onEnd(end);
      },
    });
  }

  #onEnd(end: ListenEnd): void {
    this.#opened();
    this.#lastEventId = end.lastEventId ?? this.#lastEventId;
    this.#retryMs = end.retryMs ?? this.#retryMs;
    const { events, server, clock } = this.#host;
    if (end.status === 404 && this.#everOpened) {
      this.#state = { name: "closed" };
      const message = `server "${server}" no longer knows the session of its change stream`;
      return events.onSessionLost(
        new McpConnectionError("CONNECTION_LOST", message, { server, retryable: true }),
      );
    }
    // Whatever it answers to the first GET, it does not offer a stream, and calls work without (3.15).
    const refused = !this.#everOpened && !end.opened && end.status !== undefined;
    this.#failures = end.opened ? 0 : this.#failures + 1;
    this.#hasGap = true;
    if (refused || this.#failures >= MAX_FAILURES) {
      this.#state = { name: "closed" };
      if (refused) return;
      return events.onWarning(
        "the change stream was given up: changes are seen on reconnect only",
        end.error,
      );
    }
    const delayMs = Math.max(this.#retryMs ?? 0, this.#backoff.next());
    this.#state = { name: "waiting", timer: clock.setTimer(() => this.#listen(), delayMs, true) };
  }
}
