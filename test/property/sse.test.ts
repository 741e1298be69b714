import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EventReader } from "../../src/transport/http/event-reader.ts";

interface Seen {
  readonly events: [name: string | undefined, data: string][];
  readonly lastEventId: string | undefined;
  readonly retryMs: number | undefined;
  readonly isTooLarge: boolean;
}

function read(chunks: readonly Buffer[], limitChars = 1 << 20): Seen {
  const events: Seen["events"] = [];
  const owner = {
    onEvent: (name: string | undefined, data: string): void => void events.push([name, data]),
  };
  const reader = new EventReader(owner, limitChars);
  const isTooLarge = chunks.map((chunk) => reader.feed(chunk)).includes(false);
  const { lastEventId, retryMs } = reader;
  return { events, lastEventId, retryMs, isTooLarge };
}

/** Cuts at the given positions, taken modulo the length; chunks may be empty. */
function slice(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const inside = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  const at = [0, ...inside, bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const EOL = ["\n", "\r\n", "\r"] as const;
const eol = fc.constantFrom(...EOL);

/** No line end: what is between two of them. Whole characters, of one to four bytes. */
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom("a", ":", " ", "ä", "名", "😀", "\ufeff", "\0", "\u2028"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
    maxLength: 12,
  })
  .map((value) => Buffer.from(value.replaceAll(/[\r\n]/g, "")).toString());

interface Event {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly retry: number | undefined;
  readonly data: readonly string[];
  readonly comments: readonly string[];
}

const event: fc.Arbitrary<Event> = fc
  .record({
    name: fc.option(fc.constantFrom("message", "ping", "endpoint", "ä"), { nil: undefined }),
    // An empty one takes the last back.
    id: fc.option(fc.constantFrom("1", "2:a", "", "ä😀", " x"), { nil: undefined }),
    retry: fc.option(fc.nat(99_999), { nil: undefined }),
    data: fc.array(text, { maxLength: 4 }),
    comments: fc.array(text, { maxLength: 2 }),
  })
  // A priming event has an empty field of data (3.20); the parser drops the id of an event without any.
  .map((one) => (one.id === undefined || one.data.length > 0 ? one : { ...one, data: [""] }));

const cuts = fc.array(fc.nat(), { maxLength: 40 });

/** As a server may write it: fields, comments, any line ends, mixed. */
function write(events: readonly Event[], ends: readonly string[], bom: boolean): Buffer {
  let count = 0;
  const end = (): string => ends[count++ % ends.length] ?? "\n";
  let all = bom ? "\ufeff" : "";
  for (const { name, id, retry, data, comments } of events) {
    for (const comment of comments) all += `:${comment}${end()}`;
    if (name !== undefined) all += `event: ${name}${end()}`;
    if (id !== undefined) all += `id: ${id}${end()}`;
    if (retry !== undefined) all += `retry: ${retry}${end()}`;
    for (const line of data) all += `data: ${line}${end()}`;
    all += end();
  }
  return Buffer.from(all);
}

/** What the HTML standard makes of these events. */
function expected(events: readonly Event[]): Omit<Seen, "isTooLarge"> {
  const seen: Seen["events"] = [];
  let lastEventId: string | undefined;
  let retryMs: number | undefined;
  for (const { name, id, retry, data } of events) {
    if (retry !== undefined) retryMs = retry;
    if (id !== undefined) lastEventId = id === "" ? undefined : id;
    const joined = data.join("\n");
    if (joined !== "") seen.push([name === "message" ? undefined : name, joined]);
  }
  return { events: seen, lastEventId, retryMs };
}

/** Where CR and LF of two lines meet they are one line end: lines are not written so. */
const lineEnds = fc.oneof(
  eol.map((one) => [one]),
  fc.array(fc.constantFrom("\n", "\r\n"), { minLength: 1, maxLength: 7 }),
);

describe("server-sent events, however they are sliced (3.18, fault 28)", () => {
  test("any events, line ends, comments, BOM and cuts: what the standard says", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        lineEnds,
        fc.boolean(),
        cuts,
        (events, ends, bom, at) => {
          const bytes = write(events, ends, bom);
          expect(read(slice(bytes, at))).toEqual({ ...expected(events), isTooLarge: false });
        },
      ),
      { numRuns: 500 },
    );
  });

  test("one byte at a time is the same as all at once, also for what is no event stream", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      fc
        .string({
          unit: fc.constantFrom(
            "\r",
            "\n",
            ":",
            " ",
            "d",
            "data",
            "id",
            "retry",
            "event",
            "\ufeff",
            "é",
            "😀",
            "\0",
            "1",
          ),
        })
        .map((value) => Buffer.from(value)),
    );
    fc.assert(
      fc.property(anything, cuts, (bytes, at) => {
        const whole = read([bytes]);
        expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
        expect(read(slice(bytes, at))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  test("an answer is delivered with its last line end, whatever that is and whatever follows", () => {
    fc.assert(
      fc.property(eol, cuts, (end, at) => {
        const answer = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "grüße 😀" } });
        const bytes = Buffer.from(`data: ${answer}${end}${end}`);
        expect(read(slice(bytes, at)).events).toEqual([[undefined, answer]]);
      }),
    );
  });

  test("beyond the limit it is refused however it is cut, and never delivered (fault 31)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 100 }),
        cuts,
        (limit, over, at) => {
          const small = "s".repeat(Math.max(1, Math.floor(limit / 4)));
          const large = "l".repeat(limit + over);
          const bytes = Buffer.from(`data: ${small}\n\ndata: ${large}\n\ndata: after\n\n`);
          const { events, isTooLarge } = read(slice(bytes, at), limit);
          expect(isTooLarge).toBe(true);
          expect(events.filter(([, data]) => data !== small)).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});
