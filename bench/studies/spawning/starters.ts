// Who starts many servers, each by its own means: the least that can be done, the pool, and the official SDK.

import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Package from "../../../src/index.ts";
import { CLIENT_INFO, SESSION_VERSION } from "../../contenders/contender.ts";

export const STARTERS = ["floor", "pool", "sdk-v2"] as const;
export type StarterName = (typeof STARTERS)[number];

/** The command of one server; all are the same. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Starter {
  /** Starts that many servers; resolves when every one of them is up. */
  start(count: number): Promise<void>;
  /** Resolves when all have ended. */
  close(): Promise<void>;
}

/** All that can be loaded before the clock runs. */
export async function createStarter(
  name: StarterName,
  command: Command,
  build: string,
): Promise<Starter> {
  switch (name) {
    case "floor":
      return createFloor(command);
    case "pool":
      return createPool(command, build);
    case "sdk-v2":
      return createSdk(command);
  }
}

/** Booting at once; as many as the pool lets boot. */
const LANES = 4 * os.availableParallelism();

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: SESSION_VERSION, capabilities: {}, clientInfo: CLIENT_INFO },
};

/** What the pool and the SDK hand down by themselves: Node starts far slower with some others. */
const INHERITED = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

function createFloor({ command, args }: Command): Starter {
  const processes: ReturnType<typeof spawnOne>[] = [];
  const env = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const stdio = ["pipe", "pipe", "inherit"] as const;
  // A session of its own, as the pool's: Linux shares the cores out among sessions.
  const spawnOne = () => spawn(command, args, { env, stdio: [...stdio], detached: true });
  return {
    async start(count) {
      let left = count;
      const lane = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const process = spawnOne();
          processes.push(process);
          process.stdin.write(`${JSON.stringify(INITIALIZE)}\n`);
          const [line] = (await once(process.stdout.setEncoding("utf8"), "data")) as [string];
          const answer = JSON.parse(line) as { result?: { protocolVersion?: string } };
          if (answer.result?.protocolVersion !== SESSION_VERSION) throw new Error(line);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
    async close() {
      const ends = processes.map((process) => once(process, "exit"));
      for (const process of processes) process.stdin.end();
      await Promise.all(ends);
    },
  };
}

async function createPool(command: Command, build: string): Promise<Starter> {
  const url = pathToFileURL(path.join(build, "index.js")).href;
  const { McpClientPool } = (await import(url)) as typeof Package;
  let pool: InstanceType<typeof McpClientPool> | undefined;
  return {
    async start(count) {
      const servers = Array.from({ length: count }, (_, index) => [`server-${index}`, command]);
      pool = new McpClientPool({ servers: Object.fromEntries(servers), clientInfo: CLIENT_INFO });
      const { failed } = await pool.connect();
      for (const error of Object.values(failed)) throw error;
      const { length } = pool.allTools;
      if (length !== count) throw new Error(`${length} tools of ${count} servers`);
    },
    close: async () => pool?.closeAll(),
  };
}

async function createSdk({ command, args }: Command): Promise<Starter> {
  const { Client } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const clients: InstanceType<typeof Client>[] = [];
  return {
    async start(count) {
      const startOne = async (): Promise<void> => {
        const client = new Client(CLIENT_INFO);
        clients.push(client);
        await client.connect(new StdioClientTransport({ command, args: [...args] }));
        const { tools } = await client.listTools();
        if (tools.length !== 1) throw new Error(`${tools.length} tools of one server`);
      };
      await Promise.all(Array.from({ length: count }, startOne));
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
