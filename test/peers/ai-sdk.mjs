// The AI SDK's client. One client has one server; it is had once connected, so closing earlier means to abort that.
import { createRequire } from "node:module";
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";

export const name = "AI SDK";
export const version = createRequire(import.meta.url)("./package.json").dependencies["@ai-sdk/mcp"];
export const cannot = ["several", "names", "events"];

export function createClient() {
  let client;
  const connecting = new AbortController();
  return {
    async connect(servers, { timeoutMs }) {
      const [{ url, headers, command, args }] = Object.values(servers);
      client = await createMCPClient({
        transport:
          url === undefined
            ? new Experimental_StdioMCPTransport({ command, args, stderr: "ignore" })
            : { type: "http", url, headers },
        initializationOptions: { timeout: timeoutMs, signal: connecting.signal },
        onUncaughtError: () => {},
      });
    },
    async listTools() {
      const tools = await client.tools();
      return Object.entries(tools).map(([tool, { description }]) => ({ name: tool, description }));
    },
    callTool: (tool, args, { timeoutMs, signal }) =>
      client.callTool({
        name: tool,
        arguments: args,
        options: { timeout: timeoutMs, maxTotalTimeout: 2 * timeoutMs, signal },
      }),
    async close() {
      connecting.abort();
      await client?.close();
    },
  };
}
