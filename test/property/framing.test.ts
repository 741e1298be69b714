import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonRpcMessage } from "../../src/jsonrpc/messages.ts";
import { decodeLine } from "../../src/transport/stdio/decode-line.ts";
import { LineSplitter } from "../../src/transport/stdio/framing.ts";

const message: fc.Arbitrary<JsonRpcMessage> = fc.record({
  jsonrpc: fc.constant("2.0" as const),
  id: fc.oneof(fc.integer(), fc.string()),
  method: fc.string({ unit: "binary", minLength: 1 }),
  params: fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "binary" }), fc.double())),
});

function read(chunks: readonly Buffer[], maxLineBytes = 1 << 20): unknown[] {
  const seen: unknown[] = [];
  const splitter = new LineSplitter({
    maxLineBytes,
    onLine: (line) => seen.push(decodeLine(line)),
    onOverflow: () => seen.push("overflow"),
  });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return seen;
}

/** Cuts at the given positions, taken modulo the length; chunks may be empty. */
function slice(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const wire = (m: JsonRpcMessage): unknown => JSON.parse(JSON.stringify(m));

describe("framing (6.1, 6.2, fault 47)", () => {
  test("any slicing of the bytes gives the same messages, with LF or CRLF or blank lines", () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.constantFrom("\n", "\r\n", "\n\r\n", "\r\n \n"),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 40 }),
        (messages, eol, lastEol, cuts) => {
          const text = messages.map((m) => JSON.stringify(m)).join(eol) + (lastEol ? eol : "");
          expect(read(slice(Buffer.from(text), cuts))).toEqual(messages.map(wire));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("one byte at a time is the same as all at once", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), (messages) => {
        const bytes = Buffer.from(messages.map((m) => `${JSON.stringify(m)}\n`).join(""));
        expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(read([bytes]));
      }),
      { numRuns: 50 },
    );
  });

  test("the limit is met at the same byte, however the line is cut (fault 46)", () => {
    fc.assert(
      fc.property(message, fc.integer({ min: -2, max: 2 }), fc.array(fc.nat()), (m, over, cuts) => {
        const line = Buffer.from(`${JSON.stringify(m)}\n`);
        const limit = line.length - 1 - over;
        expect(read(slice(line, cuts), limit)).toEqual(over > 0 ? ["overflow"] : [wire(m)]);
      }),
      { numRuns: 200 },
    );
  });

  test("arbitrary bytes never throw", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
        read(chunks.map((chunk) => Buffer.from(chunk)));
      }),
      { numRuns: 200 },
    );
  });
});
