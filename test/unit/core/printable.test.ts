import { describe, expect, test } from "vitest";
import { isPrintable, printable } from "../../../src/core/printable.ts";

const ESC = String.fromCodePoint(0x1b);

describe("printable", () => {
  test.each([
    ["plain text", "plain text"],
    ["  two\r\nlines\tand  blanks ", "two lines and blanks"],
    [`a${ESC}[31mred`, String.raw`a\u{1b}[31mred`],
    ["a\u0000b\u0007c\u009Bd", String.raw`a\u{0}b\u{7}c\u{9b}d`],
    ["pay \u202Elive\u202C", String.raw`pay \u{202e}live\u{202c}`],
    ["a\u2066b\u2069c\u200Ed\u061C", String.raw`a\u{2066}b\u{2069}c\u{200e}d\u{61c}`],
    ["a\u2028b\u2029c\u0085d", String.raw`a\u{2028}b\u{2029}c\u{85}d`],
    ["zero\u200Bwidth\u2060\uFEFF\u00AD", String.raw`zero\u{200b}width\u{2060}\u{feff}\u{ad}`],
    ["filler\u3164\u115F\u2800", String.raw`filler\u{3164}\u{115f}\u{2800}`],
    ["tag\u{E0041}\u{E0100}", String.raw`tag\u{e0041}\u{e0100}`],
    ["half \uD83D pair", String.raw`half \u{d83d} pair`],
    ["whole 😀 ❤\uFE0F ümläut 日本語", "whole 😀 ❤\uFE0F ümläut 日本語"],
  ])("%j", (given, shown) => {
    expect(printable(given)).toBe(shown);
    expect(isPrintable(shown, 512)).toBe(true);
  });

  test("cuts at the limit and says of how many characters; what fits is left alone", () => {
    expect(printable("x".repeat(512))).toBe("x".repeat(512));
    expect(printable("x".repeat(513))).toBe(`${"x".repeat(512)}… (513 characters)`);
    expect(printable("abcdef", 3)).toBe("abc… (6 characters)");
    expect(printable("y".repeat(10_000_000), 10)).toBe(`${"y".repeat(10)}… (10000000 characters)`);
    expect(printable("", 10)).toBe("");
  });

  test("never cuts inside of a pair or of an escape", () => {
    expect(printable("ab😀cd", 3)).toBe("ab… (6 characters)");
    for (let max = 2; max < 9; max++) {
      expect(printable("ab\u202Ecdefghijkl", max)).toMatch(
        /^ab(\\u\{202e\}\w?)?… \(13 characters\)$/,
      );
    }
  });

  test("keeps nothing of a long text alive", () => {
    const kept: string[] = [];
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 40; count++) {
      kept.push(printable(`${count} ${"z".repeat(4 * 1024 * 1024)}`.trim(), 100));
    }
    globalThis.gc?.();
    const grownBytes = process.memoryUsage().heapUsed - before;
    expect(kept.join("").length).toBeLessThan(6_000);
    // 40 times 4 MiB would be 160 MiB.
    expect(grownBytes).toBeLessThan(80 * 1024 * 1024);
  });

  test.each([
    ["fits", 4, true],
    ["fits", 3, false],
    ["a\u202Eb", 10, false],
    ["a\nb", 10, false],
  ])("isPrintable(%j, %i) is %s", (text, max, is) => {
    expect(isPrintable(text, max)).toBe(is);
  });
});
