// Event streams whose events are kept, so that a client that lost one can ask for the rest of it.

import { event } from "./methods.ts";

/** The body of an answer. */
interface Reader {
  data(text: string): void;
  end(): void;
  reset(): void;
}

interface Stream {
  readonly events: string[];
  reader: Reader | undefined;
  isOver: boolean;
}

export class ResumableStreams {
  readonly #streams = new Map<string, Stream>();
  #count = 0;

  /** A stream whose first event, without a message, gives its first cursor. */
  open(reader: Reader): string {
    const name = `e${(this.#count += 1)}`;
    this.#streams.set(name, { events: [], reader, isOver: false });
    this.push(name, "");
    return name;
  }

  push(name: string, data: string): void {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    const text = event(data, `${name}:${stream.events.length}`);
    stream.events.push(text);
    stream.reader?.data(text);
  }

  end(name: string): void {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    stream.isOver = true;
    stream.reader?.end();
  }

  /** Breaks the connection; the stream goes on. */
  cut(name: string, isOrderly: boolean): void {
    const stream = this.#streams.get(name);
    const reader = stream?.reader;
    if (stream === undefined || reader === undefined) return;
    stream.reader = undefined;
    if (isOrderly) reader.end();
    else reader.reset();
  }

  has(cursor: string): boolean {
    return this.#streams.has(nameOf(cursor));
  }

  resume(reader: Reader, cursor: string): void {
    const stream = this.#streams.get(nameOf(cursor));
    if (stream === undefined) return;
    const seen = Number(cursor.split(":")[1]);
    for (const text of stream.events.slice(seen + 1)) reader.data(text);
    stream.reader = reader;
    if (stream.isOver) reader.end();
  }

  clear(): void {
    this.#streams.clear();
  }
}

function nameOf(cursor: string): string {
  return cursor.split(":")[0] ?? "";
}
