// The pool, from a build: what users run.

import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Package from "../../src/index.ts";
import { ARGUMENTS, CLIENT_INFO, STATELESS_VERSION, textOf } from "./contender.ts";
import type { Client, Era, Target } from "./contender.ts";

export async function connectPool(build: string, target: Target, era: Era): Promise<Client> {
  const url = pathToFileURL(path.join(build, "index.js")).href;
  const { McpClientPool } = (await import(url)) as typeof Package;
  const server =
    target.kind === "http" ? { url: target.url } : { command: target.command, args: target.args };
  const pool = new McpClientPool({
    servers: { bench: server },
    clientInfo: CLIENT_INFO,
    // Named, because the servers speak both.
    protocol: era === "session" ? "legacy" : STATELESS_VERSION,
  });
  const { failed } = await pool.connect();
  if (failed["bench"] !== undefined) throw failed["bench"];
  return {
    call: async () => textOf(await pool.callTool("bench__echo", ARGUMENTS)),
    close: () => pool.closeAll(),
  };
}
