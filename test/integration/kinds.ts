// The toolbox behind every transport, both generations of the official SDK and both eras, and a pool in front of it.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
import { compiledStdioServer } from "./servers/compiled.ts";
import type { StdioVariant } from "./servers/compiled.ts";
import { startStatelessHost } from "./servers/eras-http.ts";
import { startSseHost, startStreamableHost } from "./servers/http.ts";
import type { HttpHost } from "./servers/http.ts";
import { createV1Server } from "./servers/v1.ts";
import { createV2Server } from "./servers/v2.ts";
import type { Record } from "./servers/wire.ts";

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

const stdio = (variant: StdioVariant, name = `SDK ${variant}, stdio`): Kind => ({
  name,
  async start() {
    const program = await compiledStdioServer();
    const folder = mkdtempSync(join(tmpdir(), "toolbox-"));
    const file = join(folder, "record");
    return {
      config: { command: process.execPath, args: [program, variant, file] },
      // Read before the child has written anything, there is no file.
      lines: () => (existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []),
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
      const v2 = createV2Server(record, { related: true });
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

/** What a server speaks: the stateless era alone, both, or sessions alone. */
export type Serving = "stateless" | "both" | "sessions";

export interface EraKind extends Kind {
  readonly serving: Serving;
}

const eraHttp = (serving: Serving, replies: "json" | "sse"): EraKind => ({
  name: `SDK v2, ${SERVING[serving]}, HTTP ${replies}`,
  serving,
  start() {
    if (serving === "stateless") return runHost(startStatelessHost, { besides: "none", replies });
    if (serving === "both") return runHost(startStatelessHost, { besides: "sessions", replies });
    const asks = replies === "sse" ? "result" : "push";
    return runHost(startStreamableHost, { generation: "v2", replies, asks });
  },
});

async function runHost<Options extends { readonly record: Record }>(
  startHost: (options: Options) => Promise<HttpHost>,
  options: Omit<Options, "record">,
): Promise<Running> {
  const lines: string[] = [];
  const record: Record = (line) => void lines.push(line);
  const host = await startHost({ ...options, record } as Options);
  return {
    config: { url: host.url },
    lines: () => lines,
    lose: undefined,
    host,
    close: () => host.close(),
  };
}

const eraStdio = (serving: Serving): EraKind => ({
  ...stdio(serving, `SDK v2, ${SERVING[serving]}, stdio`),
  serving,
});

const SERVING = {
  stateless: "stateless",
  both: "both eras",
  sessions: "sessions",
} as const satisfies { [serving in Serving]: string };

export const ERA_KINDS: readonly EraKind[] = (["stateless", "both", "sessions"] as const).flatMap(
  (serving) => [eraHttp(serving, "json"), eraHttp(serving, "sse"), eraStdio(serving)],
);

/**
 * The era in which a server is to be spoken to. A child that serves both and was silent for too long was asked
 * to initialize as well, and has served a session since: it records what it serves.
 */
export function eraOf(
  { serving }: EraKind,
  protocol: "auto" | "legacy",
  lines: readonly string[],
): "stateless" | "session" {
  if (serving === "sessions" || protocol === "legacy") return "session";
  const served = lines.filter((line) => line.startsWith("serving ")).at(-1);
  return served === "serving legacy" ? "session" : "stateless";
}

/** What the SDK makes of a server unless told otherwise: without sessions in the session era too. */
export const SESSIONLESS: EraKind = {
  name: "SDK v2, both eras, HTTP without sessions",
  serving: "both",
  start: () => runHost(startStatelessHost, { besides: "sessionless", replies: "json" }),
};

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
