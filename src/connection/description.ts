// What can be said of a connection: numbers, and what the server said of itself.

import type { Implementation, ServerCapabilities } from "../spec/types.ts";

/** Numbers since the server was added. */
export interface ConnectionCounts {
  /** Requests asked of it. */
  calls: number;
  succeeded: number;
  failed: number;
  /** Begun and not settled, those in the queue apart. */
  inFlight: number;
  /** Waiting for a place. */
  queued: number;
  /** Second executions risked, where that was allowed. */
  replays: number;
  /** Sessions that the server forgot and that were renewed. */
  renewals: number;
  /** Times that a connection was made again. */
  reconnects: number;
  /** Times that the child process died. */
  crashes: number;
}

/** What the server said of itself in the handshake. */
export interface ServerDescription {
  readonly era: "session" | "stateless";
  readonly protocolVersion: string;
  readonly serverInfo: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string | undefined;
}
