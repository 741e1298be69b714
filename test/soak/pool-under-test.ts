// The pool as the soak uses it: limits so short that a minute sees much, and the configuration of each server.

import path from "node:path";
import { McpClientPool, McpConfigError } from "mcp-client-pool";
import type { PoolOptions, ServerConfig } from "mcp-client-pool";
import type { ServerSpec } from "./fleet.ts";
import type { Log } from "./log.ts";
import { startMemoryServer } from "./servers/memory-server.ts";
import type { MemoryServer } from "./servers/memory-server.ts";

const STDIO_SERVER = path.join(import.meta.dirname, "servers", "stdio-server.mjs");

export const POOL_OPTIONS: PoolOptions = {
  timeouts: {
    connectMs: 1_000,
    handshakeMs: 2_000,
    timeoutMs: 1_500,
    totalTimeoutMs: 4_000,
    closeStepMs: 500,
    queueMs: 500,
  },
  limits: { inFlight: 16, queued: 24 },
  reconnect: {
    jitterMs: 20,
    initialMs: 40,
    maxMs: 400,
    budgetMs: 3_000,
    backgroundMaxMs: 500,
    crashLimit: 100_000,
  },
  breaker: { failures: 5, openMs: 300, maxOpenMs: 900 },
  retryBudget: { share: 0.2, perSecond: 10 },
  healthCheckIntervalMs: 700,
};

/** One pool and what belongs to it in this process: the servers in memory, and a record of its events. */
export class PoolUnderTest {
  readonly pool: McpClientPool;
  readonly memoryServers = new Map<string, MemoryServer>();
  readonly #urls: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #log: (server: string) => Log;

  constructor(options: {
    urls: Readonly<Record<string, string>>;
    folder: string;
    /** The log of that server, for those in this process. */
    log: (server: string) => Log;
    onEvent: Log;
  }) {
    this.#urls = options.urls;
    this.#folder = options.folder;
    this.#log = options.log;
    this.pool = new McpClientPool({ ...POOL_OPTIONS, pin: new Map<string, string>() });
    for (const event of EVENTS) {
      this.pool.on(event, (payload) => {
        const error = "error" in payload ? payload.error : undefined;
        options.onEvent(event, payload.server ?? "", error?.message ?? "");
      });
    }
  }

  /** @throws whatever `addClient` does. */
  add(spec: ServerSpec): Promise<void> {
    return this.pool.addClient(spec.name, this.#configOf(spec));
  }

  #configOf(spec: ServerSpec): ServerConfig {
    const { name, trusted } = spec;
    switch (spec.kind) {
      case "http":
        return { url: this.#urlOf(name), trusted };
      case "legacy":
        return { url: this.#urlOf(name), trusted, transport: spec.auto ? "auto" : "sse" };
      case "stdio": {
        const { era } = spec;
        const log = path.join(this.#folder, `${name}.log`);
        const script = JSON.stringify({ name, era, log, folder: this.#folder });
        return { command: process.execPath, args: [STDIO_SERVER, script], trusted };
      }
      case "memory": {
        const server = startMemoryServer(spec, this.#log(name));
        this.memoryServers.set(name, server);
        return { transport: server.transport, trusted };
      }
    }
  }

  #urlOf(name: string): string {
    const url = this.#urls[name];
    if (url === undefined) throw new McpConfigError(`no address of ${name}`);
    return url;
  }
}

const EVENTS = [
  "server.connected",
  "server.disconnected",
  "server.reconnected",
  "server.failed",
  "server.closed",
  "server.circuit-opened",
  "server.circuit-closed",
] as const;
