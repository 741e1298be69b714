// What the pool tells, as a typed map.

import type { McpError } from "../core/errors.ts";
import type { WithheldTool } from "../catalog/pins.ts";
import type { PoolTool } from "../catalog/pool-tool.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { Implementation, LogLevel } from "../spec/types.ts";

export interface PoolEvents {
  "server.connecting": { server: string };
  "server.connected": { server: string; protocolVersion: string; serverInfo: Implementation };
  /** The connection broke; attempts to make it again go on. */
  "server.disconnected": { server: string; error: McpError | undefined };
  /** A connection was made again, or a session that the server forgot was renewed. */
  "server.reconnected": { server: string; reason: "connection-lost" | "session-lost" };
  /** Given up: only `connect()` tries again. */
  "server.failed": { server: string; error: McpError };
  "server.auth-required": { server: string; error: McpError };
  /**
   * Calls in a row lost their connection or met 502, 503 or 504; `error` is the last of these failures. Callers wait,
   * and no call is sent until the server is found again. Pings of the pool's own look for it, at most `forMs`
   * milliseconds apart.
   */
  "server.circuit-opened": { server: string; error: McpError; forMs: number };
  /**
   * The server was found again: it answered a ping or a call, a session was renewed, or a connection was made, by
   * `connect()` too. Calls are sent again.
   */
  "server.circuit-closed": { server: string };
  "server.closed": { server: string };
  /** A server's tools are others than before. */
  "tools.changed": {
    server: string;
    added: readonly PoolTool[];
    removed: readonly PoolTool[];
    changed: readonly PoolTool[];
  };
  /** With `pin`: tools whose definition is not the one that was accepted, and that are not shown for that. */
  "tools.withheld": { server: string; tools: readonly WithheldTool[] };
  "resources.changed": { server: string };
  "prompts.changed": { server: string };
  /** A resource that somebody subscribed to. */
  "resource.updated": { server: string; uri: string };
  /** A server's log message. */
  log: { server: string; level: LogLevel; logger: string | undefined; data: unknown };
  /** Something is wrong that does not fail a call. `server` is absent if it concerns the pool. */
  warning: {
    server: string | undefined;
    message: string;
    cause: unknown;
    /** Stable code of a server's deviation from the specification, as in `status().quirks`; absent in other warnings. */
    code: QuirkCode | undefined;
  };
}

export type PoolEvent = keyof PoolEvents;

/** All of them, to tell a misspelt one. */
export const POOL_EVENTS: readonly PoolEvent[] = [
  "server.connecting",
  "server.connected",
  "server.disconnected",
  "server.reconnected",
  "server.failed",
  "server.auth-required",
  "server.circuit-opened",
  "server.circuit-closed",
  "server.closed",
  "tools.changed",
  "tools.withheld",
  "resources.changed",
  "prompts.changed",
  "resource.updated",
  "log",
  "warning",
];
