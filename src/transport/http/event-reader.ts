// Bytes in, server-sent events out, with the cursor of their stream. https://html.spec.whatwg.org/multipage/server-sent-events.html

import { Bytes } from "../../core/bytes.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import type { FairShare } from "../../core/fair-share.ts";
import { shapeFailure } from "../../jsonrpc/shape.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import { SseParser, type SseParserOwner } from "./sse-parser.ts";

const COLON = 58;
/** Lines that bring nothing, and cost as much as a message. */
const LINES_PER_UNIT = 64;

/** Held beside one event of the longest, bytes. */
const MAX_HELD_BYTES = 1_048_576;

/** So long without a byte shows that the blank line of an event is not just late, milliseconds. */
export const QUIET_MS = 250;

/** Where events go. */
export interface EventOwner {
  /** `name` is undefined for `message`. Not called for an event without data: that only moves the cursor. */
  onEvent(name: string | undefined, data: string): void;
}

export interface EventRules {
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  /** Absent: all that comes is read at once. */
  readonly share?: FairShare;
}

/** Reads one stream, from its first byte. */
export class EventReader implements SseParserOwner {
  /** Id of the last event, inherited from the stream that this one resumes. */
  lastEventId: string | undefined;
  /** The server's last `retry:`, milliseconds, within bounds. */
  retryMs: number | undefined;
  /** Events seen, those without data included. */
  eventCount = 0;
  /** Comments at the beginning of a chunk, and events of other names, since the last message. */
  keepAliveCount = 0;

  readonly #owner: EventOwner;
  readonly #limitChars: number;
  readonly #parser: SseParser;
  readonly #rules: EventRules | undefined;
  /** What waits for its turn. */
  #held: Bytes | undefined;
  #lines = 0;
  #eventsAtLook = 0;
  #heardAt = 0;
  /** Armed while an event may lack no more than its blank line. Most streams never arm it. */
  #timer: Timer | undefined;
  #state: "reading" | "stopped" | "too-large" = "reading";

  /**
   * @param limitChars longest event, UTF-16 units; a longer one ends the stream
   * @param rules how an event is taken whose blank line never comes; without them it is discarded
   */
  constructor(owner: EventOwner, limitChars: number, lastEventId?: string, rules?: EventRules) {
    this.#owner = owner;
    this.#limitChars = limitChars;
    this.#rules = rules;
    this.lastEventId = lastEventId;
    this.#parser = new SseParser(this, limitChars);
  }

  /** A part of what came waits for its turn: no more is to be fed until {@link resume} has read it. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Gives false as soon as an event is too large; nothing is read after that. */
  feed(chunk: Buffer): boolean {
    if (this.#state !== "reading") return this.#state !== "too-large";
    if (this.#held !== undefined) return this.#hold(chunk);
    const { eventCount } = this;
    const isComment = chunk[0] === COLON;
    this.#read(chunk);
    if (isComment && this.eventCount === eventCount) this.keepAliveCount += 1;
    if (this.#parser.isBetweenLines) this.#watch();
    return this.#isWithinLimit();
  }

  /** Goes on with what is held, as far as this turn allows. As {@link feed}. */
  resume(): boolean {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? this.#isWithinLimit() : this.feed(held.view());
  }

  /** The stream has ended: an event that lacks no more than its blank line is given. */
  finish(): void {
    this.#clearTimer();
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && this.#state === "reading") this.#readAll(held.view());
    if (this.#state === "reading") this.#takeMessage();
  }

  /** Drops what is left of the chunk being read. */
  stop(): void {
    this.#clearTimer();
    this.#held = undefined;
    if (this.#state === "reading") this.#state = "stopped";
  }

  onEvent(given: string | undefined, data: string, id: string | undefined): void {
    if (this.#state !== "reading") return;
    if (data.length > this.#limitChars) {
      this.#state = "too-large";
      return;
    }
    this.eventCount += 1;
    if (id !== undefined) this.lastEventId = id === "" ? undefined : id;
    if (data === "") return;
    const name = given === "message" ? undefined : given;
    this.keepAliveCount = name === undefined ? 0 : this.keepAliveCount + 1;
    this.#owner.onEvent(name, data);
  }

  onRetry(ms: number): void {
    this.retryMs = ms;
  }

  #read(chunk: Buffer): void {
    const share = this.#rules?.share;
    if (share === undefined) return this.#readAll(chunk);
    if (!share.begin()) {
      this.#hold(chunk);
      return;
    }
    const end = this.#parser.read(chunk, 0, this.#mayGoOn);
    if (this.#parser.isTooLarge) this.#state = "too-large";
    share.end();
    if (end < chunk.length && this.#state === "reading") this.#hold(chunk.subarray(end));
  }

  /** No more than a socket's buffer comes while it is held, unless the socket is not ours. */
  #hold(chunk: Buffer): boolean {
    this.#held ??= new Bytes();
    this.#held.add(chunk);
    if (this.#held.length > this.#limitChars + MAX_HELD_BYTES) this.#state = "too-large";
    return this.#isWithinLimit();
  }

  #readAll(chunk: Buffer): void {
    this.#parser.read(chunk, 0, () => this.#state === "reading");
    if (this.#parser.isTooLarge) this.#state = "too-large";
  }

  readonly #mayGoOn = (): boolean => {
    if (this.#state !== "reading") return false;
    this.#lines += 1;
    if (this.eventCount === this.#eventsAtLook && this.#lines % LINES_PER_UNIT !== 0) return true;
    this.#eventsAtLook = this.eventCount;
    return this.#rules?.share?.hasMore() ?? true;
  };

  /** It is not armed anew with each piece: it looks at the time when it fires. */
  #watch(): void {
    const rules = this.#rules;
    if (rules === undefined || this.#state !== "reading") return;
    this.#heardAt = rules.clock.now();
    this.#timer ??= rules.clock.setTimer(this.#onTimer, QUIET_MS, true);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const rules = this.#rules;
    if (rules === undefined || this.#state !== "reading" || this.isHeld) return;
    if (!this.#parser.isBetweenLines) return;
    const leftMs = this.#heardAt + QUIET_MS - rules.clock.now();
    if (leftMs > 0) this.#timer = rules.clock.setTimer(this.#onTimer, leftMs, true);
    else this.#takeMessage();
  };

  /** Ends the event that has not ended, if its data are a whole message. */
  #takeMessage(): void {
    const rules = this.#rules;
    const data = rules === undefined ? undefined : this.#parser.unfinishedData();
    if (data === undefined || !isWhole(data)) return;
    if (rules?.quirks.repair("event-without-end") === true) this.#parser.endEvent();
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#rules?.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #isWithinLimit(): boolean {
    return this.#state !== "too-large";
  }
}

function isWhole(data: string): boolean {
  if (!data.trimStart().startsWith("{") || shapeFailure(data) !== undefined) return false;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
