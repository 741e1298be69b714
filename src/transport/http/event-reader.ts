// Bytes in, server-sent events out, with the cursor of their stream. https://html.spec.whatwg.org/multipage/server-sent-events.html
// Hot path: text of each chunk, and the parser.

import { createParser, type EventSourceParser } from "eventsource-parser";
import { Utf8Decoder } from "../../core/utf8.ts";
import { endsEvent, UnfinishedEvent, type UnfinishedEventRules } from "./unfinished-event.ts";

const CR = 13;
const LF = 10;
const COLON = 58;
const BOM = 0xfeff;

/** Where events go. */
export interface EventOwner {
  /** `name` is undefined for `message`. Not called for an event without data: that only moves the cursor. */
  onEvent(name: string | undefined, data: string): void;
}

/** Reads one stream, from its first byte. */
export class EventReader {
  /** Id of the last event, inherited from the stream that this one resumes. */
  lastEventId: string | undefined;
  /** The server's last `retry:`, milliseconds. */
  retryMs: number | undefined;
  /** Events seen, those without data included. */
  eventCount = 0;
  /** Comments at the beginning of a chunk, and events of other names, since the last message. */
  keepAliveCount = 0;

  readonly #limitChars: number;
  readonly #decoder: Utf8Decoder = new Utf8Decoder();
  readonly #parser: EventSourceParser;
  readonly #rules: UnfinishedEventRules | undefined;
  /** Absent as long as every chunk ends with an event, as most streams' do. */
  #unfinished: UnfinishedEvent | undefined;
  #started = false;
  /** The chunk before ended in CR, which was completed to CRLF: the LF that may follow is its second half. */
  #skipLf = false;
  #state: "reading" | "stopped" | "too-large" = "reading";

  /**
   * @param limitChars longest event, UTF-16 units; a longer one ends the stream
   * @param rules how an event is taken whose blank line never comes; without them it is discarded
   */
  constructor(
    owner: EventOwner,
    limitChars: number,
    lastEventId?: string,
    rules?: UnfinishedEventRules,
  ) {
    this.#limitChars = limitChars;
    this.#rules = rules;
    this.lastEventId = lastEventId;
    this.#parser = createParser({
      maxBufferSize: limitChars,
      onEvent: (event) => {
        if (this.#state !== "reading") return;
        // The parser checks what it holds back, not an event that ends in the chunk that made it too long.
        if (event.data.length > this.#limitChars) {
          this.#state = "too-large";
          return;
        }
        this.eventCount += 1;
        if (event.id !== undefined) this.lastEventId = event.id === "" ? undefined : event.id;
        if (event.data === "") return;
        const name = event.event === "message" ? undefined : event.event;
        this.keepAliveCount = name === undefined ? 0 : this.keepAliveCount + 1;
        owner.onEvent(name, event.data);
      },
      onRetry: (ms) => {
        this.retryMs = ms;
      },
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#state = "too-large";
      },
    });
  }

  /** Gives false as soon as an event is too large; nothing is read after that. */
  feed(chunk: Buffer): boolean {
    if (this.#state !== "reading") return this.#state !== "too-large";
    let text = this.#decoder.write(chunk);
    if (text === "") return true;
    if (!this.#started) {
      this.#started = true;
      if (text.charCodeAt(0) === BOM) text = text.slice(1);
    }
    if (this.#skipLf) {
      this.#skipLf = false;
      if (text.charCodeAt(0) === LF) text = text.slice(1);
    }
    // The parser holds a final CR back until it knows what follows; a response would wait with it.
    if (text.charCodeAt(text.length - 1) === CR) {
      this.#skipLf = true;
      text += "\n";
    }
    if (text === "") return true;
    const { eventCount } = this;
    this.#parser.feed(text);
    if (text.charCodeAt(0) === COLON && this.eventCount === eventCount) this.keepAliveCount += 1;
    if (this.#unfinished !== undefined || !endsEvent(text)) {
      this.#follow(text, this.eventCount > eventCount);
    }
    return this.#isWithinLimit();
  }

  /** The stream has ended: an event that lacks no more than its blank line is given. */
  finish(): void {
    this.#unfinished?.stop();
    if (this.#state === "reading" && this.#unfinished?.takeMessage() === true) {
      this.#parser.feed("\n\n");
    }
  }

  /** Drops what is left of the chunk being read. */
  stop(): void {
    this.#unfinished?.stop();
    if (this.#state === "reading") this.#state = "stopped";
  }

  #follow(text: string, isNew: boolean): void {
    const rules = this.#rules;
    if (rules === undefined || this.#state !== "reading") return;
    this.#unfinished ??= new UnfinishedEvent(rules, this.#limitChars, () => {
      if (this.#state === "reading") this.#parser.feed("\n");
    });
    this.#unfinished.follow(text, isNew);
  }

  #isWithinLimit(): boolean {
    return this.#state !== "too-large";
  }
}
