// A child that writes something else than MCP, and never stops.

import { McpClientPool } from "mcp-client-pool";
import { expect, onTestFinished, test } from "vitest";
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
