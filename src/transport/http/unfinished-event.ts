// An event whose blank line never comes: its data, once they are a whole message, need not wait for it.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage discards such an event.

import { createParser } from "eventsource-parser";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";

/** So long without a byte shows that the blank line is not just late, milliseconds. */
export const QUIET_MS = 250;

const LF = 10;
const CR = 13;

export interface UnfinishedEventRules {
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
}

/** Follows a stream from the first chunk that does not end with a whole event. */
export class UnfinishedEvent {
  readonly #rules: UnfinishedEventRules;
  readonly #limitChars: number;
  readonly #onQuiet: () => void;
  /** From some line before the event on, which is not whole if it has become longer than the limit. */
  #text = "";
  #timer: Timer | undefined;

  /** @param onQuiet the event is a whole message, and nothing has come for {@link QUIET_MS} */
  constructor(rules: UnfinishedEventRules, limitChars: number, onQuiet: () => void) {
    this.#rules = rules;
    this.#limitChars = limitChars;
    this.#onQuiet = onQuiet;
  }

  /** @param isNew whether an event ended in `text`, so that nothing before it matters any more */
  follow(text: string, isNew: boolean): void {
    this.stop();
    if (endsEvent(text)) {
      this.#text = "";
      return;
    }
    this.#text = isNew ? text : this.#text + text;
    if (this.#text.length > this.#limitChars + text.length) this.#text = "";
    if (text.charCodeAt(text.length - 1) !== LF || !this.#text.includes("data:")) return;
    this.#timer = this.#rules.clock.setTimer(
      () => {
        this.#timer = undefined;
        if (this.takeMessage()) this.#onQuiet();
      },
      QUIET_MS,
      true,
    );
  }

  /** Whether the event is a whole message and is to be taken for one. */
  takeMessage(): boolean {
    if (this.#text === "") return false;
    const data = lastData(this.#text);
    if (data !== undefined && !isWhole(data)) return false;
    this.#text = "";
    if (data === undefined) return false;
    return this.#rules.quirks.repair("event-without-end");
  }

  stop(): void {
    if (this.#timer !== undefined) this.#rules.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether a chunk ends with the blank line that ends an event. */
export function endsEvent(text: string): boolean {
  const end = text.length - 1;
  if (text.charCodeAt(end) !== LF) return false;
  const before = text.charCodeAt(end - 1);
  if (before === LF) return true;
  if (before !== CR) return false;
  const first = text.charCodeAt(end - 2);
  return first === LF || first === CR;
}

/** The data of the event that `text` begins and does not end. */
function lastData(text: string): string | undefined {
  let data: string | undefined;
  const parser = createParser({ onEvent: (event) => (data = event.data) });
  parser.feed(text);
  data = undefined;
  parser.feed("\n\n");
  return data;
}

function isWhole(data: string): boolean {
  if (!data.trimStart().startsWith("{")) return false;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
