// A handler whose abort listener ends the server, at the very moment when a health check gives the connection up.

import { fileURLToPath } from "node:url";
import { McpClientPool } from "mcp-client-pool";
import { expect, test } from "vitest";
import { watchStrayErrors } from "../support/stray-errors.ts";

const SERVER = fileURLToPath(new URL("asking-server.mjs", import.meta.url));

const stray = watchStrayErrors();

type Deed = (pool: McpClientPool) => Promise<unknown>;
const DEEDS: readonly (readonly [string, Deed])[] = [
  ["removeClient", (pool) => pool.removeClient("s")],
  ["closeAll", (pool) => pool.closeAll({ drainMs: 0 })],
  ["connect", (pool) => pool.connect()],
  ["a call", (pool) => pool.call("s", "ping", {}, { totalTimeoutMs: 200 })],
];

test.each(DEEDS)("%s: nothing is thrown at nobody, and the pool closes", async (_name, deed) => {
  let deedDone: Promise<unknown> | undefined;
  let pool: McpClientPool | undefined;
  const aborted = new Promise<void>((resolve) => {
    pool = new McpClientPool({
      servers: { s: { command: process.execPath, args: [SERVER], protocol: "legacy" } },
      healthCheckIntervalMs: 100,
      timeouts: { handshakeMs: 3_000, closeStepMs: 100 },
      onElicitation: (_params, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reject(signal.reason as Error);
            deedDone = pool && deed(pool).catch(() => {});
            resolve();
          });
        }),
    });
  });
  await pool?.connect();
  await aborted;
  await deedDone;
  await pool?.closeAll({ drainMs: 0 });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
});
