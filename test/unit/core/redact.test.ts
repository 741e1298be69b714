import { describe, expect, test } from "vitest";
import { excerpt, redactUrl } from "../../../src/core/redact.ts";

describe("redactUrl", () => {
  test.each([
    ["https://user:pa55@example.com/mcp?key=s3cret#frag", "https://example.com/mcp?…"],
    ["http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000/mcp"],
    ["http://[::1]:3000/", "http://[::1]:3000/"],
    ["https://example.com/mcp#token=s3cret", "https://example.com/mcp"],
    ["not a url with s3cret", "<invalid URL>"],
    ["", "<invalid URL>"],
  ])("%s", (given, shown) => {
    expect(redactUrl(given)).toBe(shown);
  });

  test("no user info, query or fragment survives, whatever the scheme", () => {
    for (const scheme of ["http", "https", "ws", "file", "mcp"]) {
      const shown = redactUrl(`${scheme}://user:s3cret@host/path?a=s3cret#s3cret`);
      expect(shown).not.toMatch(/s3cret|user/);
    }
  });
});

describe("excerpt", () => {
  test("control, bidirectional and line-separating characters become spaces", () => {
    const esc = String.fromCodePoint(0x1b);
    const hostile = `a${esc}[31mred\u0000\u202Eevil\u2028next\r\nline\u200B.`;
    expect(excerpt(hostile)).toBe("a [31mred evil next line .");
  });

  test("cuts at the limit and says so; what fits is left alone", () => {
    expect(excerpt("x".repeat(512))).toBe("x".repeat(512));
    expect(excerpt("x".repeat(513))).toBe(`${"x".repeat(512)}…`);
    expect(excerpt("abcdef", 3)).toBe("abc…");
  });

  test("a text that is almost all control characters is still marked as cut", () => {
    const text = `a${"\u0001".repeat(5_000)}b`;
    expect(excerpt(text, 100)).toBe("a…");
  });

  test("a huge text costs no more than its excerpt", () => {
    expect(excerpt("y".repeat(10_000_000), 10)).toBe(`${"y".repeat(10)}…`);
  });
});
