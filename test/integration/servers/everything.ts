// The reference server `server-everything` as a process of its own, in each of its modes.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { ServerConfig } from "mcp-client-pool";

const PROGRAM = fileURLToPath(
  new URL(
    "../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js",
    import.meta.url,
  ),
);

export interface Everything {
  readonly config: ServerConfig;
  /** Ends the process and starts another at the same address; absent for a child of the pool. */
  readonly restart: (() => Promise<void>) | undefined;
  close(): Promise<void>;
}

export async function startEverything(
  mode: "stdio" | "streamableHttp" | "sse",
): Promise<Everything> {
  if (mode === "stdio") {
    const config = { command: process.execPath, args: [PROGRAM, "stdio"] };
    return { config, restart: undefined, close: async () => {} };
  }
  const port = await freePort();
  let child = await startProcess(mode, port);
  const path = mode === "sse" ? "sse" : "mcp";
  return {
    config: { url: `http://127.0.0.1:${port}/${path}` },
    async restart() {
      await endProcess(child);
      child = await startProcess(mode, port);
    },
    close: () => endProcess(child),
  };
}

/** Resolves when it listens. */
function startProcess(mode: string, port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, mode], {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${said}`)));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
      if (/(listening|running) on port/.test(said)) resolve(child);
    });
  });
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await ended;
}

/** Free at this moment: the server can only be told a number. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
