// What a scenario is: servers, operations in order, and the events that must come of them.

import type { McpErrorCode, PoolEvent } from "mcp-client-pool";

/** One server of a scenario. `options` are those of the pool, beside the address. */
export type ServerScript =
  | {
      readonly kind: "http";
      /** Names; `hold` answers only when released. Default: echo, hold. */
      readonly tools?: readonly string[];
      /** Every request is answered with this status while it is set; see the operation `answer`. */
      readonly status?: number;
      readonly options?: ServerOptions;
    }
  | { readonly kind: "stdio"; readonly script?: object; readonly options?: ServerOptions }
  | { readonly kind: "no-such-command"; readonly options?: ServerOptions };

export interface ServerOptions {
  readonly lazy?: boolean;
  readonly required?: boolean;
  readonly disabled?: boolean;
  readonly trusted?: boolean;
}

/** `rejects`: the code that the operation must reject with; absent: it must succeed. */
export type Operation =
  | { readonly do: "connect"; readonly rejects?: McpErrorCode; readonly failed?: readonly string[] }
  /** Adds a server that the pool was not made with. */
  | { readonly do: "add"; readonly server: string; readonly rejects?: McpErrorCode }
  | { readonly do: "remove"; readonly server: string; readonly drainMs?: number }
  | { readonly do: "call"; readonly tool: string; readonly rejects?: McpErrorCode }
  /** Begins a call, and waits for its end in `end`. */
  | { readonly do: "begin"; readonly tool: string; readonly as: string }
  | { readonly do: "end"; readonly as: string; readonly rejects?: McpErrorCode }
  /** Waits until a tool has run so often. */
  | { readonly do: "arrived"; readonly tool: string; readonly count: number }
  /** Lets all calls of `hold` be answered. */
  | { readonly do: "release"; readonly server: string }
  /** Waits until the server has given so many such events, since the beginning. */
  | {
      readonly do: "await";
      readonly event: PoolEvent;
      readonly server: string;
      readonly count?: number;
    }
  /** Time for the next attempt to connect: attempts wait for this, and for nothing else. */
  | { readonly do: "reconnect" }
  /** An attempt has failed: the next one is due. */
  | { readonly do: "attempt-due" }
  | { readonly do: "stop" | "listen" | "restart" | "forget-sessions"; readonly server: string }
  | { readonly do: "answer"; readonly server: string; readonly status: number | undefined }
  /** Replaces the server's tools and tells its clients. */
  | { readonly do: "set-tools"; readonly server: string; readonly tools: readonly string[] }
  | { readonly do: "begin-remove"; readonly server: string; readonly as: string }
  | { readonly do: "close" };

export interface Scenario {
  readonly description: string;
  readonly servers: { readonly [name: string]: ServerScript };
  /** Servers that are there, and that the pool is not made with. */
  readonly later?: readonly string[];
  /** At the end of all, the pool is closed. */
  readonly operations: readonly Operation[];
  /**
   * By server, because the order between servers is not promised: `event`, then what tells it from its like
   * (reason, code, tools with + - ~), closing included.
   */
  readonly events: { readonly [server: string]: readonly string[] };
  /** `server__tool` to how often it ran. */
  readonly executions?: { readonly [tool: string]: number };
}
