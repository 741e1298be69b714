import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SseParser } from "../../../../src/transport/http/sse-parser.ts";

type Seen = [name: string | undefined, data: string, id: string | undefined];

function read(chunks: readonly Buffer[], limitChars = 1_000_000) {
  const events: Seen[] = [];
  const retries: number[] = [];
  const parser = new SseParser(
    { onEvent: (...event) => events.push(event), onRetry: (ms) => retries.push(ms) },
    limitChars,
  );
  let isTooLarge = false;
  for (const chunk of chunks) {
    parser.read(chunk, 0, () => true);
    isTooLarge ||= parser.isTooLarge;
  }
  return { events, retries, isTooLarge, parser };
}

const LINES = [
  "data: a",
  "data:b",
  "data",
  "data:",
  "data: é€𝄞",
  "id: 7",
  "id",
  "id:",
  "event: message",
  "event: x",
  "event:",
  "retry: 10",
  "retry: no",
  "retry:",
  ": comment",
  ":",
  "foreign: x",
  "dat",
  "database: x",
  " data: x",
  "",
  "",
];

test("the same events as eventsource-parser, however the bytes are cut", () => {
  const line = fc.tuple(fc.constantFrom(...LINES), fc.constantFrom("\n", "\r\n", "\n"));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), fc.array(fc.nat(400)), (lines, cuts) => {
      const text = lines.flat().join("");
      const expected: Seen[] = [];
      const other = createParser({
        onEvent: ({ event, data, id }) => expected.push([event, data, id]),
      });
      other.feed(text);
      const bytes = Buffer.from(text);
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted(
        (a, b) => a - b,
      );
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(read(chunks).events).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

describe("a server that wants to cost", () => {
  test("a million bytes in chunks of one, as lines without data", () => {
    const byte = Buffer.from("data:\n".repeat(200_000));
    const chunks = Array.from({ length: byte.length }, (_, at) => byte.subarray(at, at + 1));
    const { events, parser } = read([...chunks, Buffer.from("\n")]);
    expect(events).toEqual([[undefined, "\n".repeat(199_999), undefined]]);
    expect(parser.unfinishedData()).toBeUndefined();
  });

  test("a line, or lines of data, beyond the limit", () => {
    expect(read([Buffer.from("x".repeat(101))], 100).isTooLarge).toBe(true);
    expect(read([Buffer.from("data: a\n".repeat(60))], 100).isTooLarge).toBe(true);
    expect(read([Buffer.from("data: a\n\n".repeat(60))], 100).isTooLarge).toBe(false);
    expect(read([Buffer.from(`data: ${"€".repeat(60)}`)], 100).isTooLarge).toBe(false);
    expect(read([Buffer.from(`data: ${"€".repeat(120)}`)], 100).isTooLarge).toBe(true);
  });

  test.each([
    ["0", [0]],
    ["2147483648", [3_600_000]],
    ["9".repeat(1_000_000), [3_600_000]],
    ["1e3", []],
    ["", []],
  ])("retry: %.12s", (value, expected) => {
    expect(read([Buffer.from(`retry: ${value}\n\n`)]).retries).toEqual(expected);
  });

  test("an id that no header could carry is as if there were none", () => {
    const { events } = read([Buffer.from(`id: ${"x".repeat(10_000)}\ndata: a\n\n`)]);
    expect(events).toEqual([[undefined, "a", ""]]);
  });
});
