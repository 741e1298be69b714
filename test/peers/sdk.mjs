// The official SDK, version 2. `auto` finds out which revision a server over HTTP speaks.
import { createRequire } from "node:module";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { officialClient } from "./official.mjs";

export const name = "official SDK";
export const version = createRequire(import.meta.url)("./package.json").dependencies[
  "@modelcontextprotocol/client"
];
export const cannot = ["several", "names"];

export function createClient() {
  return officialClient({
    client(isHttp, onEvent) {
      const client = new Client(
        { name: "faults", version: "1.0.0" },
        {
          ...(isHttp ? { versionNegotiation: { mode: "auto" } } : {}),
          listChanged: { tools: { onChanged: onEvent } },
        },
      );
      client.setNotificationHandler("notifications/message", onEvent);
      return client;
    },
    http: (url, options) => new StreamableHTTPClientTransport(url, options),
    stdio: (options) => new StdioClientTransport(options),
    call: (client, params, options) => client.callTool(params, options),
  });
}
