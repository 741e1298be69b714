// The pool, from a build: what users run.

import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Package from "../../src/index.ts";
import { ARGUMENTS, textOf } from "./contender.ts";
import type { Client, Target } from "./contender.ts";

export async function connectPool(build: string, target: Target): Promise<Client> {
  const url = pathToFileURL(path.join(build, "index.js")).href;
  const { McpClientPool } = (await import(url)) as typeof Package;
  const server =
    target.kind === "http" ? { url: target.url } : { command: target.command, args: target.args };
  const pool = new McpClientPool({ servers: { bench: server } });
  const { failed } = await pool.connect();
  if (failed["bench"] !== undefined) throw failed["bench"];
  return {
    call: async () => textOf(await pool.callTool("bench__echo", ARGUMENTS)),
    close: () => pool.closeAll(),
  };
}
