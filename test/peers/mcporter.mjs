// mcporter's runtime, in process. It addresses a tool by its server and its own name, makes no names of its own, and
// lists one server at a time: here, those that are connected.
import { createRequire } from "node:module";
import { createRuntime } from "mcporter";

export const name = "mcporter";
export const version = createRequire(import.meta.url)("./package.json").dependencies.mcporter;
export const cannot = ["names", "stateless", "cancel", "events"];

const silent = { info() {}, warn() {}, error() {}, debug() {} };

export function createClient() {
  let runtime;
  const connected = new Set();
  let serverOf = new Map();
  return {
    async connect(servers) {
      runtime = await createRuntime({
        logger: silent,
        servers: Object.entries(servers).map(([server, { url, headers, command, args }]) => ({
          name: server,
          lifecycle: { mode: "keep-alive" },
          command:
            url === undefined
              ? { kind: "stdio", command, args: [...args], cwd: process.cwd() }
              : { kind: "http", url: new URL(url), headers },
        })),
      });
      const connecting = Object.keys(servers).map(async (server) => {
        await runtime.connect(server, { disableOAuth: true });
        connected.add(server);
      });
      const failed = (await Promise.allSettled(connecting)).find(({ reason }) => reason);
      if (failed !== undefined) throw failed.reason;
    },
    async listTools() {
      if (connected.size === 0) throw new Error("no server is connected");
      const lists = await Promise.all(
        [...connected].map(async (server) => {
          const tools = await runtime.listTools(server, { disableOAuth: true });
          return tools.map((tool) => ({ ...tool, server }));
        }),
      );
      const tools = lists.flat();
      serverOf = new Map(tools.map((tool) => [tool.name, tool.server]));
      return tools;
    },
    callTool: (tool, args, { timeoutMs }) =>
      runtime.callTool(serverOf.get(tool), tool, { args, timeoutMs, disableOAuth: true }),
    close: () => runtime.close(),
  };
}
