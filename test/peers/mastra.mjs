// Mastra's client. Its limit for a call is the server's; a shorter one is given as a signal. Over stdio the revision is
// said beforehand: to find out, it would start each server twice.
import { createRequire } from "node:module";
import { MCPClient } from "@mastra/mcp";

export const name = "Mastra";
export const version = createRequire(import.meta.url)("./package.json").dependencies["@mastra/mcp"];

export function createClient() {
  let client;
  let tools = {};
  let perServerTimeoutMs;
  return {
    async connect(servers, { timeoutMs, onEvent }) {
      perServerTimeoutMs = timeoutMs;
      client = new MCPClient({
        id: `faults-${process.pid}`,
        timeout: timeoutMs,
        servers: Object.fromEntries(
          Object.entries(servers).map(([server, { url, headers, command, args }]) => [
            server,
            {
              logger: (entry) => {
                // Its own lines come this way too.
                if (entry.details?.data !== undefined) onEvent(entry);
              },
              ...(url === undefined
                ? { command, args: [...args], stderr: "ignore", protocolVersion: "legacy" }
                : { url: new URL(url), requestInit: { headers }, connectTimeout: timeoutMs }),
            },
          ]),
        ),
      });
      const { errors } = await client.listToolsWithErrors({ perServerTimeoutMs });
      const [first] = Object.values(errors);
      if (first !== undefined) throw new Error(first);
    },
    async listTools() {
      const listed = await client.listToolsWithErrors({ perServerTimeoutMs });
      tools = listed.tools;
      const [first] = Object.values(listed.errors);
      if (first !== undefined && Object.keys(tools).length === 0) throw new Error(first);
      return Object.entries(tools).map(([tool, { description }]) => ({ name: tool, description }));
    },
    callTool: (tool, args, { timeoutMs, signal }) =>
      tools[tool].execute(args, {
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }),
    close: () => client.disconnect(),
  };
}
