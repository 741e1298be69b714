// A request whose stream broke after an event id: wait, GET with the cursor, until the response. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery

import { LinkedList } from "../../core/linked-list.ts";
import type { Timer } from "../../core/clock.ts";
import { McpConnectionError, type McpError } from "../../core/errors.ts";
import type { RequestId } from "../../jsonrpc/messages.ts";
import type { Exchange, HeaderList } from "../../jsonrpc/transport.ts";
import { Backoff } from "../../resilience/backoff.ts";
import { Closable } from "./context.ts";
import type { HttpContext } from "./context.ts";
import { deliverEvent } from "./delivery.ts";
import { EventStream, type EventStreamOwner, type StreamEnd } from "./event-stream.ts";

/** The share by which a wait that the server asked for may be longer; it is never shorter. */
const RETRY_JITTER = 0.1;
/** The least wait before the n-th GET of one request doubles from the first of these up to the last, milliseconds. */
const LEAST_WAIT = { firstMs: 10, lastMs: 500 };
/** Answers to the GET that say that this server does not resume, or not this stream. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 406, 410, 501]);

/** So many GETs in a row may meet a replica that does not know the session: seven others, after the first. */
const MAX_STRANGERS = 7;
/** Between two of them, milliseconds. */
const ELSEWHERE_MS = 20;

export interface BrokenRequest {
  readonly exchange: Exchange;
  readonly id: RequestId;
  readonly method: string | undefined;
  readonly headers: HeaderList;
  readonly lastEventId: string;
  readonly retryMs: number | undefined;
}

type State =
  | { readonly kind: "waiting"; readonly timer: Timer }
  | { readonly kind: "streaming"; readonly stream: EventStream }
  | { readonly kind: "over" };

export class Resumption extends Closable implements EventStreamOwner {
  readonly #context: HttpContext;
  readonly #request: BrokenRequest;
  readonly #backoff: Backoff;
  #state: State = { kind: "over" };
  #lastEventId: string | undefined;
  #retryMs: number | undefined;
  /** Replicas in a row that did not know the session. */
  #strangers = 0;
  /** GETs since the last event. */
  #attempts = 0;
  /** GETs of this request that were waited for. */
  #waits = 0;

  constructor(context: HttpContext, request: BrokenRequest) {
    super();
    this.#context = context;
    this.#request = request;
    this.#backoff = new Backoff(context.resume.backoff, context.clock);
    this.#lastEventId = request.lastEventId;
    this.#retryMs = request.retryMs;
    context.open.add(this);
    this.#wait(undefined);
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: "over" };
    LinkedList.remove(this);
    if (state.kind === "waiting") this.#context.clock.clearTimer(state.timer);
    if (state.kind === "streaming") state.stream.close();
  }

  describeSilence(): string | undefined {
    return this.#state.kind === "streaming" ? this.#state.stream.describeSilence() : undefined;
  }

  onOpen(): void {
    if (this.#strangers > 0) {
      this.#context.quirks.note("replicas-without-affinity", "a stream was resumed elsewhere");
    }
    this.#strangers = 0;
  }

  onEvent(name: string | undefined, data: string): void {
    if (name !== undefined) return;
    const { exchange, id, method } = this.#request;
    const isResponse = deliverEvent(this.#context, method, data, exchange, id);
    if (!isResponse || this.#state.kind !== "streaming") return;
    const { stream } = this.#state;
    this.#state = { kind: "over" };
    LinkedList.remove(this);
    stream.finish();
  }

  onEnd(end: StreamEnd): void {
    if (this.#state.kind !== "streaming") return;
    const { reader } = this.#state.stream;
    this.#lastEventId = reader.lastEventId;
    this.#retryMs = reader.retryMs ?? this.#retryMs;
    if (reader.eventCount > 0) {
      this.#attempts = 0;
      this.#backoff.reset();
    }
    const error = end.kind === "no-stream" ? undefined : end.error;
    if (error?.code === "LIMIT_EXCEEDED") {
      this.close();
      this.#request.exchange.onFailed(error);
    } else if (this.#isStranger(end)) {
      this.#strangers += 1;
      const timer = this.#context.clock.setTimer(() => this.#open(), ELSEWHERE_MS);
      this.#state = { kind: "waiting", timer };
    } else if (
      end.kind === "no-stream" ||
      (end.kind === "refused" && FINAL_STATUSES.has(end.status))
    ) {
      this.#fail(`the server answered HTTP ${end.status} instead of resuming it`, error);
    } else if (end.kind === "failed" && !end.error.retryable) {
      this.#fail("the stream that resumed it failed", error);
    } else {
      this.#wait(error);
    }
  }

  /** A replica that does not know the session, where another one may: each GET goes over a connection of its own. */
  #isStranger(end: StreamEnd): boolean {
    if (end.kind !== "refused" || end.status !== 404) return false;
    const mayBeKnown = this.#strangers < MAX_STRANGERS && !this.#context.quirks.strict;
    return mayBeKnown && this.#request.headers.includes("mcp-session-id");
  }

  #wait(error: McpError | undefined): void {
    if (this.#lastEventId === undefined) {
      this.#fail("the server withdrew the event id to resume it by", error);
      return;
    }
    if (this.#attempts >= this.#context.resume.attempts) {
      this.#fail(`${this.#attempts} attempts to resume it brought no event`, error);
      return;
    }
    this.#attempts += 1;
    const timer = this.#context.clock.setTimer(() => this.#open(), this.#delayMs());
    this.#state = { kind: "waiting", timer };
  }

  #delayMs(): number {
    // An event between two GETs begins the backoff anew, and the server chooses `retry:`: neither may make it a loop.
    const leastMs = Math.min(LEAST_WAIT.lastMs, LEAST_WAIT.firstMs * 2 ** this.#waits);
    this.#waits += 1;
    if (this.#retryMs === undefined) return Math.max(leastMs, this.#backoff.next());
    // Rounded up: Node cuts fractions off, and a timer may not fire before the server's wait.
    const jittered = this.#retryMs * (1 + RETRY_JITTER * this.#context.clock.random());
    return Math.max(leastMs, Math.ceil(jittered));
  }

  #open(): void {
    const stream = new EventStream(this.#context, this, this.#request.headers, this.#lastEventId);
    this.#state = { kind: "streaming", stream };
    stream.open();
  }

  #fail(reason: string, cause: McpError | undefined): void {
    this.#state = { kind: "over" };
    LinkedList.remove(this);
    const { server, address } = this.#context;
    const { method, exchange } = this.#request;
    exchange.onFailed(
      new McpConnectionError(
        "CONNECTION_LOST",
        `the stream of "${server}" at ${address} ended without the response, and ${reason}${cause === undefined ? "" : ` (${cause.message})`}`,
        { server, method, sent: "yes", cause },
      ),
    );
  }
}
