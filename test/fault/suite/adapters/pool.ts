// This package, with its defaults; reconnects are made a little quicker than they are in production.

import { readFileSync } from "node:fs";
import { McpClientPool, McpError } from "mcp-client-pool";
import type { PoolEvent, ServerConfig } from "mcp-client-pool";
import type { ClientUnderTest } from "../adapter.ts";

const manifest = new URL("../../../../package.json", import.meta.url);
const EVENTS: readonly PoolEvent[] = [
  "server.connected",
  "server.disconnected",
  "server.reconnected",
  "tools.changed",
  "log",
  "warning",
];

export const name = "mcp-client-pool";
export const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };

export function createClient(): ClientUnderTest {
  let pool = new McpClientPool();
  let only: string | undefined;
  return {
    async connect(servers, { timeoutMs, onEvent }) {
      const names = Object.keys(servers);
      only = names.length === 1 ? names[0] : undefined;
      pool = new McpClientPool({
        servers: servers as Record<string, ServerConfig>,
        timeouts: { connectMs: timeoutMs, handshakeMs: timeoutMs },
        reconnect: { initialMs: 100, maxMs: 500 },
      });
      for (const event of EVENTS) pool.on(event, onEvent);
      const { failed } = await pool.connect();
      const [first] = Object.values(failed);
      if (first !== undefined) throw first;
    },
    listTools: () => Promise.resolve(pool.allTools),
    async listOthers(kind) {
      switch (kind) {
        case "resources":
          return (await pool.listResources(only)).map((one) => one.name);
        case "resourceTemplates":
          return (await pool.listResourceTemplates(only)).map((one) => one.name);
        case "prompts":
          return (await pool.listPrompts(only)).map((one) => one.name);
      }
    },
    callTool: (tool, args, { timeoutMs, signal }) =>
      pool.callTool(tool, { ...args }, { timeoutMs, totalTimeoutMs: 2 * timeoutMs, signal }),
    close: () => pool.closeAll({ drainMs: 0 }),
  };
}

export function toolName(server: string, tool: string): string {
  return `${server}__${tool}`;
}

export function mayHaveRun(error: unknown): boolean | undefined {
  return error instanceof McpError ? error.sent !== "no" : undefined;
}
