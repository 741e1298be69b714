// A process that does nothing but use a pool and close it when told: it must end by itself, with code 0.

import { McpClientPool } from "mcp-client-pool";

const pool = new McpClientPool({
  servers: { s: { url: String(process.argv[2]) } },
  reconnect: { jitterMs: 0, initialMs: 5, maxMs: 10 },
});
let unsettledCount = 0;

function settles(work: Promise<unknown>): Promise<void> {
  unsettledCount += 1;
  const settled = (): void => {
    unsettledCount -= 1;
  };
  return work.then(settled, settled);
}

pool.on("server.disconnected", () => {
  process.send?.("disconnected");
});

// What the process holds once the pool is closed; its own channel to the test is none of the pool's.
process.once("message", () => {
  const closing = pool.closeAll({ drainMs: 10 });
  // Node lets go of a handle at the end of the turn in which it is closed.
  void closing.then(() => setImmediate(() => setImmediate(check)));
});

function check(): void {
  const kept = process
    .getActiveResourcesInfo()
    .filter((resource) => /Timeout|TCP|TLS|Process|GetAddrInfo/.test(resource));
  if (kept.length === 0 && unsettledCount === 0) return;
  console.error(`kept: ${kept.join(", ")}; unsettled: ${unsettledCount}`);
  process.exitCode = 1;
}

// The second call after the loss of the first waits for the connection.
const twice = (): Promise<unknown> =>
  pool.callTool("s__echo").catch(() => pool.callTool("s__echo"));
await settles(pool.connect().then(() => Promise.all([twice(), twice(), twice()])));
