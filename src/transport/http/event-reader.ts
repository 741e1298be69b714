// Bytes in, server-sent events out, with the cursor of their stream. https://html.spec.whatwg.org/multipage/server-sent-events.html
// Hot path: text of each chunk, and the parser.

import { createParser, type EventSourceParser } from "eventsource-parser";
import { Utf8Decoder } from "../../core/utf8.ts";

const CR = 13;
const LF = 10;
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

  readonly #limitChars: number;
  readonly #decoder: Utf8Decoder = new Utf8Decoder();
  readonly #parser: EventSourceParser;
  #started = false;
  /** The chunk before ended in CR, which was completed to CRLF: the LF that may follow is its second half. */
  #skipLf = false;
  #state: "reading" | "stopped" | "too-large" = "reading";

  /** @param limitChars Longest event, UTF-16 units; what is longer ends the stream. */
  constructor(owner: EventOwner, limitChars: number, lastEventId?: string) {
    this.#limitChars = limitChars;
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
        owner.onEvent(event.event === "message" ? undefined : event.event, event.data);
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
    if (text !== "") this.#parser.feed(text);
    return this.#isWithinLimit();
  }

  /** Drops what is left of the chunk being read. */
  stop(): void {
    if (this.#state === "reading") this.#state = "stopped";
  }

  #isWithinLimit(): boolean {
    return this.#state !== "too-large";
  }
}
