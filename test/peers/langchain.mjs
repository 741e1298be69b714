// LangChain's adapters, with reconnects switched on, and failed servers reported instead of thrown. Restarts of
// children are off: with them, every child that `close` has ended is started again, and stays.
import { createRequire } from "node:module";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

export const name = "LangChain adapters";
export const version = createRequire(import.meta.url)("./package.json").dependencies[
  "@langchain/mcp-adapters"
];

export const cannot = ["stateless"];

const AGAIN = { enabled: true, maxAttempts: 5, delayMs: 200 };

export function createClient() {
  let client;
  let tools = [];
  const failed = [];
  return {
    async connect(servers, { onEvent }) {
      client = new MultiServerMCPClient({
        prefixToolNameWithServerName: true,
        onConnectionError: ({ error }) => {
          failed.push(error);
        },
        onToolsListChanged: onEvent,
        onMessage: onEvent,
        mcpServers: Object.fromEntries(
          Object.entries(servers).map(([server, { url, headers, command, args }]) => [
            server,
            url === undefined
              ? { transport: "stdio", command, args, stderr: "ignore" }
              : { transport: "http", url, headers, reconnect: AGAIN },
          ]),
        ),
      });
      await client.initializeConnections();
      if (failed.length > 0) throw failed[0];
    },
    async listTools() {
      tools = await client.getTools();
      return tools;
    },
    async callTool(toolName, args, { timeoutMs, signal }) {
      const tool = tools.find((one) => one.name === toolName);
      return await tool.invoke({ ...args }, { timeout: timeoutMs, signal });
    },
    close: () => client.close(),
  };
}
