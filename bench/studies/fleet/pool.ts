// The pool, from a build: one object for all servers.

import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Package from "../../../src/index.ts";
import { CLIENT_INFO } from "../../contenders/contender.ts";
import { LANES } from "./fleet-client.ts";
import type { ConnectFleet } from "./fleet-client.ts";

export async function loadPool(build: string): Promise<ConnectFleet> {
  const load = (file: string): Promise<unknown> =>
    import(pathToFileURL(path.join(build, file)).href);
  const { McpClientPool } = (await load("index.js")) as typeof Package;
  // It would be loaded with the first connection.
  await load("transport/http/http.js");
  return async (urls) => {
    const pool = new McpClientPool({
      servers: Object.fromEntries(urls.map((one, index) => [`s${index}`, { url: one }])),
      clientInfo: CLIENT_INFO,
      protocol: "legacy",
      maxConnecting: LANES,
    });
    const { failed } = await pool.connect();
    const [failure] = Object.values(failed);
    if (failure !== undefined) throw failure;
    return {
      countTools: () => pool.allTools.length,
      close: () => pool.closeAll(),
    };
  };
}
