// The toolbox behind every transport and both generations of the official SDK, and a pool in front of it.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InMemoryTransport as V1InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { InMemoryTransport as V2InMemoryTransport } from "@modelcontextprotocol/server";
import { McpClientPool } from "mcp-client-pool";
import type {
  HttpServerConfig,
  PoolEvent,
  PoolEvents,
  PoolOptions,
  ServerConfig,
} from "mcp-client-pool";
import { until } from "../support/processes.ts";
import { startSseHost, startStreamableHost } from "./servers/http.ts";
import type { HttpHost } from "./servers/http.ts";
import { createV1Server } from "./servers/v1.ts";
import { createV2Server } from "./servers/v2.ts";

/** A server that runs, and what it recorded. */
export interface Running {
  readonly config: ServerConfig;
  lines(): readonly string[];
  /** Makes the server forget its client: by its sessions, its stream, or its process. */
  readonly lose: ((pool: McpClientPool) => Promise<void>) | undefined;
  readonly host: HttpHost | undefined;
  close(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  start(): Promise<Running>;
}

const streamable = (generation: "v1" | "v2", replies: "json" | "sse"): Kind => ({
  name: `SDK ${generation}, Streamable HTTP, ${replies} replies`,
  async start() {
    const lines: string[] = [];
    const record = (line: string): void => void lines.push(line);
    const host = await startStreamableHost({ generation, replies, record });
    return {
      config: { url: host.url, transport: "http" },
      lines: () => lines,
      // The pool learns of it by the next call.
      async lose(pool) {
        await host.loseSessions();
        await pool.callTool("s__echo");
      },
      host,
      close: () => host.close(),
    };
  },
});

const httpSse: Kind = {
  name: "SDK v1, HTTP+SSE",
  async start() {
    const lines: string[] = [];
    const host = await startSseHost((line) => void lines.push(line));
    return {
      config: { url: host.url, transport: "sse" },
      lines: () => lines,
      lose: () => host.loseSessions(),
      host,
      close: () => host.close(),
    };
  },
};

const stdio = (generation: "v1" | "v2"): Kind => ({
  name: `SDK ${generation}, stdio`,
  async start() {
    const folder = mkdtempSync(join(tmpdir(), "toolbox-"));
    const file = join(folder, "record");
    const program = fileURLToPath(new URL("./servers/stdio.ts", import.meta.url));
    return {
      config: { command: process.execPath, args: ["--import", "tsx", program, generation, file] },
      lines: () => readFileSync(file, "utf8").trimEnd().split("\n"),
      async lose(pool) {
        await pool.callTool("s__crash").catch(() => {});
      },
      host: undefined,
      close: async () => rmSync(folder, { recursive: true }),
    };
  },
});

const inMemory = (generation: "v1" | "v2"): Kind => ({
  name: `SDK ${generation}, its InMemoryTransport`,
  async start() {
    const lines: string[] = [];
    const record = (line: string): void => void lines.push(line);
    let transport;
    let server: { close(): Promise<void> };
    if (generation === "v1") {
      const [ours, theirs] = V1InMemoryTransport.createLinkedPair();
      const v1 = createV1Server(record, true);
      await v1.connect(theirs);
      [transport, server] = [ours, v1];
    } else {
      const [ours, theirs] = V2InMemoryTransport.createLinkedPair();
      const v2 = createV2Server(record, true);
      await v2.connect(theirs);
      [transport, server] = [ours, v2];
    }
    return {
      config: { transport },
      lines: () => lines,
      lose: undefined,
      host: undefined,
      close: () => server.close(),
    };
  },
});

export const SSE_REPLIES: readonly Kind[] = [streamable("v1", "sse"), streamable("v2", "sse")];

export const STREAMABLE: readonly Kind[] = [
  ...SSE_REPLIES,
  streamable("v1", "json"),
  streamable("v2", "json"),
];

export const RECOVERING: readonly Kind[] = [...STREAMABLE, httpSse, stdio("v1"), stdio("v2")];

export const KINDS: readonly Kind[] = [...RECOVERING, inMemory("v1"), inMemory("v2")];

/** A pool whose server `s` is the toolbox. Disposing ends both. */
export interface Bench extends AsyncDisposable {
  readonly pool: McpClientPool;
  readonly running: Running;
  /** How often the server recorded the line. */
  count(line: string): number;
  /** Resolves when the server has recorded the line so often. */
  untilRecorded(line: string, times?: number): Promise<void>;
  /** Loses the session, and resolves when the pool has another. */
  recover(): Promise<void>;
}

export async function startBench(
  kind: Kind,
  options: PoolOptions = {},
  server: Omit<HttpServerConfig, "url"> = {},
): Promise<Bench> {
  const running = await kind.start();
  const pool = new McpClientPool({
    reconnect: { jitterMs: 0, initialMs: 10 },
    ...options,
    servers: { s: { ...running.config, ...server } as ServerConfig },
  });
  const count = (line: string): number =>
    running.lines().filter((recorded) => recorded === line).length;
  const bench: Bench = {
    pool,
    running,
    count,
    untilRecorded: (line, times = 1) => until(() => count(line) >= times, `${times} × "${line}"`),
    async recover() {
      const again = once(pool, "server.reconnected");
      await running.lose?.(pool);
      await again;
    },
    async [Symbol.asyncDispose]() {
      await pool.closeAll();
      await running.close();
    },
  };
  const { failed } = await pool.connect();
  if (failed["s"] === undefined) return bench;
  await bench[Symbol.asyncDispose]();
  throw failed["s"];
}

/** The next event that fits. */
export function once<K extends PoolEvent>(
  pool: McpClientPool,
  event: K,
  fits: (payload: PoolEvents[K]) => boolean = () => true,
): Promise<PoolEvents[K]> {
  return new Promise((resolve) => {
    const off = pool.on(event, (payload) => {
      if (!fits(payload)) return;
      off();
      resolve(payload);
    });
  });
}

/** The text of a tool's first block, as JSON. */
export function jsonOf(result: { readonly content: readonly object[] }): unknown {
  const [block] = result.content as readonly { text?: string }[];
  return JSON.parse(block?.text ?? "null");
}
