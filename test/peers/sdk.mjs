// The official SDK, version 2. One client has one server. `auto` finds out which revision a server over HTTP speaks.
import { createRequire } from "node:module";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

export const name = "official SDK";
export const version = createRequire(import.meta.url)("./package.json").dependencies[
  "@modelcontextprotocol/client"
];
export const cannot = ["several", "names"];

export function createClient() {
  let client;
  return {
    async connect(servers, { timeoutMs, onEvent }) {
      const [{ url, headers, command, args }] = Object.values(servers);
      client = new Client(
        { name: "faults", version: "1.0.0" },
        {
          ...(url === undefined ? {} : { versionNegotiation: { mode: "auto" } }),
          listChanged: { tools: { onChanged: onEvent } },
        },
      );
      client.onerror = () => {};
      client.setNotificationHandler("notifications/message", onEvent);
      const transport =
        url === undefined
          ? new StdioClientTransport({ command, args, stderr: "ignore" })
          : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
      await client.connect(transport, { timeout: timeoutMs });
    },
    async listTools() {
      const tools = [];
      let cursor;
      do {
        const page = await client.listTools(cursor === undefined ? undefined : { cursor });
        tools.push(...page.tools);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return tools;
    },
    callTool: (tool, args, { timeoutMs, signal }) =>
      client.callTool(
        { name: tool, arguments: args },
        { timeout: timeoutMs, maxTotalTimeout: 2 * timeoutMs, signal },
      ),
    close: () => client.close(),
  };
}
