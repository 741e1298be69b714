// Child processes that die, loop, overflow or go deaf: what their callers learn, and how often a tool ran.

import { join } from "node:path";
import { McpOutcomeUnknownError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { until } from "../support/processes.ts";
import { connected, failure, Ledger, makePool, mortal, next } from "./stdio-harness.ts";
import { codesOf, record, scripted, textOf } from "./stdio-harness.ts";

const READ_ONLY = { annotations: { readOnlyHint: true } };
const IDEMPOTENT = { annotations: { idempotentHint: true } };

describe("fault 39: the process exits in mid-call", () => {
  test("class U: OUTCOME_UNKNOWN with exit code and last words, exec 1, restarted (6.5, 6.10)", async () => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: scripted(ledger) } });
    const reconnected = next(pool, "server.reconnected");
    const error = await failure(pool.callTool("s__crash", { key: "boom" }));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      server: "s",
      method: "tools/call",
      sent: "unknown",
    });
    expect(error.message).toContain("exited with code 7");
    expect(error.message).toContain("about to crash | fatal: told to crash");
    expect(await reconnected).toEqual({ server: "s", reason: "connection-lost" });
    expect(textOf(await pool.callTool("s__echo", { text: "back" }))).toBe("back");
    expect(ledger.count("boom")).toBe(1);
    expect(ledger.starts).toBe(2);
    expect(pool.status()[0]).toMatchObject({
      state: "ready",
      counts: { crashes: 1, reconnects: 1, replays: 0 },
    });
  });

  test("class U: every call in flight settles, each ran once", async () => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: scripted(ledger) } });
    const keys = ["a", "b", "c"];
    const releaseFile = join(ledger.file, "never");
    const pending = keys.map((key) => failure(pool.callTool("s__slow", { key, releaseFile })));
    await until(() => keys.every((key) => ledger.count(key) === 1), "the calls to arrive");
    const crash = await failure(pool.callTool("s__crash", { key: "boom" }));
    for (const error of [crash, ...(await Promise.all(pending))]) {
      expect(error).toBeInstanceOf(McpOutcomeUnknownError);
      expect(error.message).toContain("exited with code 7");
    }
    await pool.callTool("s__echo");
    expect([...keys, "boom"].map((key) => ledger.count(key))).toEqual([1, 1, 1, 1]);
  });

  test("class S: replayed on the new process", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: mortal(ledger, { dieOn: "resources/read", dieTimes: 1 }) },
    });
    const { contents } = await pool.readResource("s", "test:a");
    expect(contents).toEqual([{ uri: "test:a", text: "read" }]);
    expect(ledger.count("resources/read")).toBe(2);
    expect(ledger.starts).toBe(2);
    expect(pool.status()[0]?.counts.replays).toBe(1);
  });

  test.each([
    ["readOnlyHint", READ_ONLY],
    ["idempotentHint", IDEMPOTENT],
  ])("class R by %s of a trusted server: replayed once, exec 2", async (_, annotated) => {
    const ledger = new Ledger();
    const script = { ...annotated, dieOn: "work", dieTimes: 1 };
    const pool = await connected({ servers: { s: { ...mortal(ledger, script), trusted: true } } });
    const result = await pool.callTool("s__work", { key: "k", text: "done" });
    expect(textOf(result)).toBe("done");
    expect(ledger.count("k")).toBe(2);
    expect(ledger.starts).toBe(2);
  });

  test("class R that dies again: one replay and no more, and the error owns up to it", async () => {
    const ledger = new Ledger();
    const script = { ...READ_ONLY, dieOn: "work" };
    const pool = await connected({ servers: { s: { ...mortal(ledger, script), trusted: true } } });
    const error = await failure(pool.callTool("s__work", { key: "k" }));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error.message).toContain("exited with code 3");
    expect(ledger.count("k")).toBe(2);
    expect(error.message).not.toContain("may have run once");
    expect(error.message).not.toContain("was not repeated");
  });

  test.each([
    ["a hint of a server that is not trusted", READ_ONLY, {}, {}],
    ['replay: "never" on class R', READ_ONLY, { trusted: true }, { replay: "never" }],
    ["a trusted server without a hint", {}, { trusted: true }, {}],
  ] as const)("%s is class U: exec 1", async (_, annotated, options, call) => {
    const ledger = new Ledger();
    const script = { ...annotated, dieOn: "work", dieTimes: 1 };
    const pool = await connected({ servers: { s: { ...mortal(ledger, script), ...options } } });
    const error = await failure(pool.callTool("s__work", { key: "k" }, call));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error.message).toContain("fatal: work is too much");
    await pool.call("s", "ping");
    expect(ledger.count("k")).toBe(1);
  });

  test('replay: "always" on class U: the caller\'s word is enough, exec 2', async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: mortal(ledger, { dieOn: "work", dieTimes: 1 }) },
    });
    await pool.callTool("s__work", { key: "k" }, { replay: "always" });
    expect(ledger.count("k")).toBe(2);
  });
});

describe("fault 40: five crashes in three minutes", () => {
  test("the server is failed, the others unaffected, connect() tries again (6.9)", async () => {
    const bad = new Ledger();
    const good = new Ledger();
    const pool = await connected({ servers: { bad: scripted(bad), good: scripted(good) } });
    const failed = record(pool, "server.failed");
    for (let crash = 1; crash <= 5; crash++) {
      expect(failed).toEqual([]);
      await failure(pool.callTool("bad__crash"));
      await pool.callTool("good__echo", { key: "meanwhile" });
    }
    expect(failed).toMatchObject([{ server: "bad", error: { code: "CONNECTION_FAILED" } }]);
    expect(failed[0]?.error.message).toContain("crashed 5 times within 180 s");
    expect(failed[0]?.error.message).toContain("told to crash");
    expect(pool.allTools.every((tool) => tool.server === "good")).toBe(true);

    const refused = await failure(pool.call("bad", "tools/call", { name: "echo" }));
    expect(refused).toMatchObject({ code: "CONNECTION_FAILED", server: "bad", sent: "no" });
    expect([bad.starts, bad.count("crash"), bad.count("echo")]).toEqual([5, 5, 0]);
    expect([good.starts, good.count("meanwhile")]).toEqual([1, 5]);

    expect(await pool.connect()).toMatchObject({ connected: ["bad", "good"], failed: {} });
    await pool.callTool("bad__echo");
    expect(bad.starts).toBe(6);
    expect(good.starts).toBe(1);
  });

  test("crashes in the start count, and nothing is started after the fifth", async () => {
    const ledger = new Ledger();
    const pool = makePool({ servers: { s: scripted(ledger, { crashAtStart: true }) } });
    const gaveUp = next(pool, "server.failed");
    const { failed } = await pool.connect();
    expect(failed["s"]?.message).toContain("exited with code 7");
    const { error } = await gaveUp;
    expect(error.message).toContain("is not restarted any more");
    await failure(pool.listTools("s"));
    expect(ledger.starts).toBe(5);
    expect(pool.status()[0]).toMatchObject({ state: "failed", counts: { crashes: 5 } });
  });

  test("five crashes over more than three minutes are none too many", async () => {
    const ledger = new Ledger();
    let skippedMs = 0;
    const clock = { ...systemClock, now: () => systemClock.now() + skippedMs };
    const pool = await connected({ clock, servers: { s: scripted(ledger) } });
    for (let crash = 1; crash <= 6; crash++) {
      await failure(pool.callTool("s__crash"));
      await pool.callTool("s__echo");
      skippedMs += 60_000;
    }
    expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { crashes: 6 } });
    expect(ledger.starts).toBe(7);
  });
});

describe("fault 46: a line beyond the limit", () => {
  const script = { tools: ["huge", "echo", "slow"], hugeOn: { tool: "huge", bytes: 64 << 20 } };
  const limits = { messageBytes: 256 << 10 };

  test("a limit error, exec 1, that connection restarts alone, memory flat (6.2)", async () => {
    const ledger = new Ledger();
    const other = new Ledger();
    const pool = await connected({
      limits,
      servers: { s: scripted(ledger, script), other: scripted(other) },
    });
    const peakBefore = process.resourceUsage().maxRSS;
    const error = await failure(pool.callTool("s__huge", { key: "big" }));
    expect(codesOf(error)).toContain("LIMIT_EXCEEDED");
    expect(error.message).toContain(`${limits.messageBytes} bytes`);
    expect(error.sent).not.toBe("no");
    expect(textOf(await pool.callTool("s__echo", { text: "back" }))).toBe("back");
    const grownKiB = process.resourceUsage().maxRSS - peakBefore;
    expect(grownKiB).toBeLessThan(32 << 10);
    expect([ledger.count("big"), ledger.starts, other.starts]).toEqual([1, 2, 1]);
    expect(pool.status().map(({ state }) => state)).toEqual(["ready", "ready"]);
  });

  test("a call beside it has lost its answer: class U, OUTCOME_UNKNOWN, exec 1", async () => {
    const ledger = new Ledger();
    const pool = await connected({ limits, servers: { s: scripted(ledger, script) } });
    const releaseFile = join(ledger.file, "never");
    const beside = failure(pool.callTool("s__slow", { key: "beside", releaseFile }));
    await until(() => ledger.count("beside") === 1, "the call to arrive");
    await failure(pool.callTool("s__huge"));
    expect(await beside).toMatchObject({ code: "OUTCOME_UNKNOWN", sent: "unknown", server: "s" });
    await pool.callTool("s__echo");
    expect(ledger.count("beside")).toBe(1);
  });
});

describe("fault 48: EPIPE on write", () => {
  test("class U settles as OUTCOME_UNKNOWN and did not run; the next call works (6.5)", async () => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: mortal(ledger) } });
    await pool.callTool("s__deaf");
    const error = await failure(pool.callTool("s__work", { key: "lost" }));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", sent: "unknown" });
    expect(textOf(await pool.callTool("s__work", { key: "next", text: "ok" }))).toBe("ok");
    expect([ledger.count("lost"), ledger.count("next"), ledger.starts]).toEqual([0, 1, 2]);
  });

  test("a call made after the pipe broke waits for the next process: exec 1, one crash", async () => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: mortal(ledger) } });
    await pool.callTool("s__deaf");
    const first = failure(pool.callTool("s__work", { key: "first" }));
    const second = pool.callTool("s__work", { key: "second", text: "ok" });
    expect(await first).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(textOf(await second)).toBe("ok");
    expect([ledger.count("first"), ledger.count("second"), ledger.starts]).toEqual([0, 1, 2]);
    expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { crashes: 1 } });
  });

  test("class R and S are replayed: one result each", async () => {
    const ledger = new Ledger();
    const server = { ...mortal(ledger, READ_ONLY), trusted: true };
    const pool = await connected({ servers: { s: server } });
    await pool.callTool("s__deaf");
    const [work, read] = await Promise.all([
      pool.callTool("s__work", { key: "r", text: "ok" }),
      pool.readResource("s", "test:a"),
    ]);
    expect([textOf(work), read.contents]).toEqual(["ok", [{ uri: "test:a", text: "read" }]]);
    expect([ledger.count("r"), ledger.count("resources/read")]).toEqual([1, 1]);
  });

  test("a notification into a closed pipe breaks nothing", async () => {
    const ledger = new Ledger();
    const pool = await connected({ servers: { s: mortal(ledger) } });
    const reconnected = next(pool, "server.reconnected");
    await pool.callTool("s__deaf");
    await pool.notify("s", "notifications/roots/list_changed").catch(() => {});
    await reconnected;
    await pool.callTool("s__work", { key: "next" });
    expect(ledger.count("next")).toBe(1);
  });
});
