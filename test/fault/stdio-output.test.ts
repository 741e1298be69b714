// Child processes that write oddly: noise, floods, and messages cut and joined in every way.

import { describe, expect, test } from "vitest";
import { connected, failure, Ledger, makePool, mortal, record } from "./stdio-harness.ts";
import { scripted, textOf } from "./stdio-harness.ts";

describe("fault 42: noise on stdout", () => {
  test.each([
    ["a banner", { banner: "Server 1.0 is starting" }, "Server 1.0"],
    ["a banner without newline", { bannerNoNewline: "Listening... " }, "Listening..."],
    ["noise between messages", { noise: "DEBUG got a message" }, "DEBUG"],
    ["JSON that is no message", { noise: '{"level":"info"}' }, ""],
    ["escape sequences", { banner: "\u001B[31mred\u001B[0m" }, "red"],
  ])("%s: skipped with a warning, exec 1 (6.2)", async (_, script, quoted) => {
    const ledger = new Ledger();
    const pool = makePool({ servers: { s: scripted(ledger, script) } });
    const warnings = record(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    expect(textOf(await pool.callTool("s__echo", { key: "k", text: "hello" }))).toBe("hello");
    expect(ledger.count("k")).toBe(1);
    expect(ledger.starts).toBe(1);
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings.every(({ server }) => server === "s")).toBe(true);
    expect(warnings[0]?.message).toContain(quoted);
    // oxlint-disable-next-line no-control-regex
    expect(warnings[0]?.message).not.toMatch(/\u001B/);
  });
});

describe("fault 43: a flood on stderr", () => {
  test("drained, so that the server is not blocked; an error quotes a bounded piece (6.3)", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      limits: { stderrBytes: 4_096 },
      servers: { s: scripted(ledger, { stderrFlood: 16 << 20 }) },
    });
    expect(textOf(await pool.callTool("s__echo", { key: "k", text: "alive" }))).toBe("alive");
    expect(ledger.count("k")).toBe(1);
    const error = await failure(pool.callTool("s__crash"));
    expect(error.message).toContain("flood over | about to crash | fatal: told to crash");
    expect(error.message.length).toBeLessThan(4_096);
  });

  test("stderr alone is no sign of an error", async () => {
    const ledger = new Ledger();
    const stderrLines = ["ERROR: not really", "panic: neither"];
    const pool = makePool({ servers: { s: scripted(ledger, { stderrLines }) } });
    const warnings = record(pool, "warning");
    await pool.connect();
    await pool.callTool("s__echo");
    expect(warnings).toEqual([]);
    expect(pool.status()[0]).toMatchObject({ state: "ready", lastError: undefined });
  });
});

describe("fault 47: the same messages in other pieces", () => {
  const text = "zwölf Boxkämpfer 🦀 \u2028 jagen\r\nViktor \u{10FFFF}";

  test.each([
    ["as they come", {}],
    ["lines that end in CRLF", { crlf: true }],
    ["byte by byte, split UTF-8", { splitWrites: 1 }],
    ["three bytes at a time, CRLF", { splitWrites: 3, crlf: true }],
    ["in pieces, noise between", { splitWrites: 7, noise: "…" }],
  ])("%s: the same result, exec 1 (6.2)", async (_, script) => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: scripted(ledger, script) } });
    expect(textOf(await pool.callTool("s__echo", { key: "k", text }))).toBe(text);
    expect(ledger.count("k")).toBe(1);
  });

  test("one message in a thousand chunks", async () => {
    const ledger = new Ledger();
    const long = text.repeat(200);
    const sliceBytes = Math.ceil(Buffer.byteLength(long) / 1_000);
    const pool = await connected({ servers: { s: mortal(ledger, { sliceBytes }) } });
    expect(textOf(await pool.callTool("s__work", { key: "k", text: long }))).toBe(long);
    expect(ledger.count("k")).toBe(1);
  });

  test("two messages, and ten, in one chunk: each to its caller", async () => {
    for (const gather of [2, 10]) {
      const ledger = new Ledger();
      const pool = await connected({ servers: { s: mortal(ledger, { gather }) } });
      const texts = Array.from({ length: gather }, (_, index) => `${text} ${index}`);
      const results = await Promise.all(
        texts.map((one) => pool.callTool("s__work", { key: "k", text: one })),
      );
      expect(results.map(textOf)).toEqual(texts);
      expect(ledger.count("k")).toBe(gather);
    }
  });
});
