// The official SDK, version 1: it speaks the revisions with sessions only.
import { createRequire } from "node:module";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { officialClient } from "../../peers/official.mjs";

export const name = "official SDK";
export const version = createRequire(import.meta.url)("../../../package.json").devDependencies[
  "@modelcontextprotocol/sdk"
];
export const cannot = ["several", "names", "stateless"];

export function createClient() {
  return officialClient({
    client(_isHttp, onEvent) {
      const client = new Client(
        { name: "compatibility", version: "1.0.0" },
        { listChanged: { tools: { onChanged: onEvent } } },
      );
      client.setNotificationHandler(LoggingMessageNotificationSchema, onEvent);
      return client;
    },
    http: (url, options) => new StreamableHTTPClientTransport(url, options),
    stdio: (options) => new StdioClientTransport(options),
    call: (client, params, options) => client.callTool(params, undefined, options),
  });
}
