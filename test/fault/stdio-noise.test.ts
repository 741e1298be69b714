// A child that writes something else than MCP, and never stops.

import { McpClientPool } from "mcp-client-pool";
import type { PoolEvents } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";

const FLOOD = "const noise = 'garbage\\n'.repeat(5_000); for (;;) process.stdout.write(noise);";

test("is given up with the reason, few warnings, and its neighbour connects (faults 42, 50)", async () => {
  const good = await startHttpServer();
  const pool = new McpClientPool({
    servers: {
      noisy: { command: process.execPath, args: ["-e", FLOOD] },
      good: { url: good.url },
    },
  });
  onTestFinished(async () => {
    await pool.closeAll({ drainMs: 0 });
    await good.close();
  });
  let warnings = 0;
  pool.on("warning", () => (warnings += 1));
  const { connected, failed } = await pool.connect();
  expect(connected).toEqual(["good"]);
  expect(failed["noisy"]).toMatchObject({ code: "PROTOCOL_ERROR", retryable: false });
  expect(failed["noisy"]?.message).toContain("garbage");
  expect(pool.status()[0]).toMatchObject({ server: "noisy", state: "failed" });
  expect(warnings).toBeLessThanOrEqual(10);
});

test("an error's line is quoted although a stack follows it (fault 39)", async () => {
  const pool = new McpClientPool();
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  const missing = { command: process.execPath, args: ["no-such-program.js"] };
  const error = await pool.addClient("s", missing).catch((caught: unknown) => caught);
  expect((error as Error).message).toContain("Cannot find module");
});

test("a handshake that times out says what was heard instead", async () => {
  const pool = new McpClientPool();
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  const script = "console.log('listening on 3000'); process.stdin.resume()";
  const error = await pool
    .addClient("s", {
      command: process.execPath,
      args: ["-e", script],
      timeouts: { handshakeMs: 2_000 },
    })
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "TIMEOUT", limit: "handshake" });
  expect((error as Error).message).toContain("listening on 3000");
});

/** A server of a few lines; `special` answers what it likes, and says that it did. */
function odd(
  special: string,
  framing = "JSON.stringify(m) + '\\n'",
): { command: string; args: string[] } {
  const source = `
    import { createInterface } from "node:readline";
    const write = (text) => process.stdout.write(text);
    const send = (m) => write(${framing});
    const special = ${special};
    createInterface({ input: process.stdin }).on("line", (line) => {
      const m = JSON.parse(line);
      if (special(m) || m.id === undefined) return;
      const ok = (result) => send({ jsonrpc: "2.0", id: m.id, result });
      if (m.method === "initialize") ok({ protocolVersion: m.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } });
      else if (m.method === "tools/list") ok({ tools: [{ name: "echo", inputSchema: { type: "object" } }] });
      else if (m.method === "tools/call") ok({ content: [] });
      else send({ jsonrpc: "2.0", id: m.id, error: { code: -32601, message: "Method not found" } });
    });`;
  return { command: process.execPath, args: ["--input-type=module", "-e", source] };
}

interface Made {
  readonly pool: McpClientPool;
  readonly warnings: PoolEvents["warning"][];
}

function poolOf(server: { command: string; args: string[] }, strict = false): Made {
  const pool = new McpClientPool({ servers: { s: { ...server, strict } } });
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  const warnings: PoolEvents["warning"][] = [];
  pool.on("warning", (warning) => warnings.push(warning));
  return { pool, warnings };
}

const BUILD_OUTPUT = `(m) => {
  if (m.method === "tools/call") for (let i = 0; i < 5000; i++) console.log(i % 2 ? JSON.stringify({ level: "info", id: m.id, msg: "step " + i }) : "[INFO] compiling " + i);
}`;

describe("noise during a call", () => {
  test("5,000 lines are skipped and counted, a few of them named; the call succeeds", async () => {
    const { pool, warnings } = poolOf(odd(BUILD_OUTPUT));
    expect((await pool.connect()).connected).toEqual(["s"]);
    await pool.callTool("s__echo");
    await pool.callTool("s__echo");
    const [status] = pool.status();
    expect(status).toMatchObject({ state: "ready", quirks: { "stdout-noise": 10_000 } });
    expect(status?.counts.crashes).toBe(0);
    expect(warnings.length).toBeLessThanOrEqual(6);
    expect(warnings.filter(({ code }) => code === "stdout-noise")).toHaveLength(1);
  });

  test("strict: 1,000 lines without a message end the process", async () => {
    const { pool } = poolOf(odd(BUILD_OUTPUT), true);
    await pool.connect();
    const error = await pool.callTool("s__echo").catch((caught: unknown) => caught);
    expect((error as Error).message).toContain("1000 lines without a message");
  });
});

describe("output that is framed otherwise", () => {
  const headers =
    "'Content-Length: ' + Buffer.byteLength(JSON.stringify(m)) + '\\r\\n\\r\\n' + JSON.stringify(m)";

  test.each([
    ["Content-Length headers", headers, "one JSON message per line"],
    ["UTF-16", "Buffer.from(JSON.stringify(m) + '\\n', 'utf16le')", "UTF-8"],
  ])("%s: named at once", async (_, framing, named) => {
    const { pool } = poolOf(odd("() => false", framing));
    const { failed } = await pool.connect();
    expect(failed["s"]).toMatchObject({ code: "PROTOCOL_ERROR", retryable: false });
    expect(failed["s"]?.message).toContain(named);
    expect(pool.status()[0]?.quirks).toEqual({ "foreign-framing": 1 });
  });

  test.each([
    ["printed over several lines", "JSON.stringify(m, null, 2) + '\\n'", "multi-line-message"],
    ["with a NUL behind each", "JSON.stringify(m) + '\\0\\n'", "control-characters"],
    ["in colour", "'\\x1b[36m' + JSON.stringify(m) + '\\x1b[0m\\r\\n'", "control-characters"],
  ])("messages %s are read", async (_, framing, code) => {
    const { pool, warnings } = poolOf(odd("() => false", framing));
    expect((await pool.connect()).connected).toEqual(["s"]);
    await pool.callTool("s__echo");
    expect(warnings.map((warning) => warning.code)).toEqual([code]);
  });
});

describe("an answer that cannot be used", () => {
  test.each([
    ["null", "JSON.stringify({ jsonrpc: '2.0', id: m.id, result: null })"],
    [
      "a text that is cut off",
      "JSON.stringify({ jsonrpc: '2.0', id: m.id, result: {} }).slice(0, -3)",
    ],
    [
      "an answer with NaN in it",
      "JSON.stringify({ jsonrpc: '2.0', id: m.id, result: {} }).replace(':{}', ':NaN')",
    ],
  ])("%s ends its call, and no other", async (_, answer) => {
    const { pool } = poolOf(
      odd(
        `(m) => m.method === "tools/call" && m.params.arguments.bad === true && (write(${answer} + "\\n"), true)`,
      ),
    );
    await pool.connect();
    const [bad, good] = await Promise.allSettled([
      pool.callTool("s__echo", { bad: true }),
      pool.callTool("s__echo", { bad: false }),
    ]);
    expect(bad).toMatchObject({
      status: "rejected",
      reason: { code: "PROTOCOL_ERROR", sent: "yes" },
    });
    expect(good).toMatchObject({ status: "fulfilled" });
    expect(pool.status()[0]).toMatchObject({ state: "ready", quirks: { "unusable-answer": 1 } });
  });
});
