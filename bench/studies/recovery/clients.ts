// Who calls a server that dies: the pool, and what is put around a client that does not reconnect by itself.

import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Client as SdkClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Pool } from "undici";
import type * as Package from "../../../src/index.ts";
import { CLIENT_INFO, SESSION_VERSION, textOf } from "../../contenders/contender.ts";

export const CONTENDERS = ["floor", "pool", "pool-repeatable", "sdk-v2"] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export interface Client {
  /** Runs the tool; gives the id that the server has run. Rejects when it gives up. */
  call(id: string): Promise<string>;
  close(): Promise<void>;
}

export function connect(name: ContenderName, url: string, build: string): Promise<Client> {
  switch (name) {
    case "floor":
      return Promise.resolve(new Again(10, () => openFloor(url)));
    case "sdk-v2":
      return Promise.resolve(new Again(100, () => openSdk(url)));
    case "pool":
    case "pool-repeatable":
      return connectPool(url, build, name === "pool" ? "work" : "repeatable");
  }
}

async function connectPool(url: string, build: string, tool: string): Promise<Client> {
  const { href } = pathToFileURL(path.join(build, "index.js"));
  const { McpClientPool } = (await import(href)) as typeof Package;
  const pool = new McpClientPool({
    servers: { mortal: { url } },
    clientInfo: CLIENT_INFO,
    protocol: "legacy",
    trusted: true,
  });
  const { failed } = await pool.connect();
  if (failed["mortal"] !== undefined) throw failed["mortal"];
  return {
    call: async (id) => textOf(await pool.callTool(`mortal__${tool}`, { id })),
    close: () => pool.closeAll({ drainMs: 0 }),
  };
}

/** On any error a new client, and the same call again, after the same time, until it is answered. */
class Again implements Client {
  readonly #pauseMs: number;
  readonly #open: () => Promise<Client>;
  /** Shared by all callers. */
  #client: Promise<Client> | undefined;
  #isClosed = false;

  constructor(pauseMs: number, open: () => Promise<Client>) {
    this.#pauseMs = pauseMs;
    this.#open = open;
  }

  async call(id: string): Promise<string> {
    while (!this.#isClosed) {
      const opening = (this.#client ??= this.#open());
      try {
        const client = await opening;
        return await client.call(id);
      } catch {
        if (this.#client === opening) {
          this.#client = undefined;
          discard(opening);
        }
        await delay(this.#pauseMs);
      }
    }
    throw new Error("closed");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }
}

/** Its server is gone, and it need not be waited for. */
function discard(opening: Promise<Client>): void {
  opening.then((client) => client.close()).catch(() => {});
}

async function openSdk(url: string): Promise<Client> {
  const client = new SdkClient(CLIENT_INFO);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    call: async (id) => textOf(await client.callTool({ name: "work", arguments: { id } })),
    close: () => client.close(),
  };
}

/** undici's bare `request`: a handshake, then calls. */
async function openFloor(url: string): Promise<Client> {
  const { origin, pathname } = new URL(url);
  const sockets = new Pool(origin, { connections: 128 });
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
  };
  let nextId = 1;
  const post = async (message: object): Promise<{ headers: object; body: string }> => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    const answer = await sockets.request({ path: pathname, method: "POST", headers, body });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`HTTP ${answer.statusCode}`);
    return { headers: answer.headers, body: text };
  };
  const ask = async (
    method: string,
    params: object,
  ): Promise<{ headers: object; result: unknown }> => {
    const answer = await post({ id: nextId++, method, params });
    const { result } = JSON.parse(answer.body) as { result: unknown };
    return { headers: answer.headers, result };
  };
  try {
    const params = { protocolVersion: SESSION_VERSION, capabilities: {}, clientInfo: CLIENT_INFO };
    const started = await ask("initialize", params);
    headers["mcp-session-id"] = String(Reflect.get(started.headers, "mcp-session-id"));
    headers["mcp-protocol-version"] = SESSION_VERSION;
    await post({ method: "notifications/initialized" });
  } catch (error) {
    await sockets.destroy();
    throw error;
  }
  return {
    async call(id) {
      const { result } = await ask("tools/call", { name: "work", arguments: { id } });
      return textOf(result);
    },
    close: () => sockets.destroy(),
  };
}
