import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, Utf8Decoder } from "../../../src/core/utf8.ts";

/** Long enough for the detour, with characters of every length, and bytes that are none. */
const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom("a", "é", "✓", "😀", "\uFEFF", "\0", "{").map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((raw) => Buffer.from(raw)),
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map((parts) => Buffer.concat(parts));

const long = fc
  .tuple(bytes, fc.constantFrom("x".repeat(5_000), "ü".repeat(2_500), ""))
  .map(([own, filler]) => Buffer.concat([own, Buffer.from(filler), own]));

test("a decoded text is what Node gives, whatever the bytes", () => {
  fc.assert(
    fc.property(long, (raw) => {
      expect(decodeUtf8(raw)).toBe(raw.toString("utf8"));
    }),
  );
});

test("in chunks it is the same, wherever a valid text is cut", () => {
  const text = fc.array(fc.constantFrom("a", "é", "✓", "😀", "\uFEFF", "ü".repeat(3_000)), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
      const whole = Buffer.from(parts.join(""));
      const at = cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b);
      const decoder = new Utf8Decoder();
      const pieces = [0, ...at].map((from, index) => whole.subarray(from, at[index]));
      expect(pieces.map((piece) => decoder.write(piece)).join("")).toBe(parts.join(""));
    }),
  );
});

test("a character is held back until its last byte has come, and no longer", () => {
  const decoder = new Utf8Decoder();
  const [first, ...rest] = Buffer.from("😀!");
  expect(decoder.write(Buffer.from([0x61, first ?? 0]))).toBe("a");
  expect(decoder.write(Buffer.from(rest.slice(0, 2)))).toBe("");
  expect(decoder.write(Buffer.from(rest.slice(2)))).toBe("😀!");
});
