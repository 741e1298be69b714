// What can be said of a server at this instant.

import type { ConnectionCounts, ServerDescription } from "../connection/description.ts";
import type { Routing } from "../connection/session-search.ts";
import type { ConnectionStateName } from "../connection/state.ts";
import type { McpErrorJson } from "../core/errors.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { Throttle } from "../resilience/adaptive-limit.ts";
import type { CircuitState } from "../resilience/breaker.ts";

export interface ServerStatus extends Partial<ServerDescription> {
  /** Name in the pool. */
  readonly server: string;
  readonly state: ConnectionStateName | "disabled";
  /**
   * `open`: calls in a row lost their connection or met 502, 503 or 504. Callers wait, and nothing of theirs is sent;
   * `half-open`: an attempt of the pool's own, most often a ping, is under way. Its success closes the circuit.
   */
  readonly circuit: CircuitState;
  /**
   * The server refuses calls as too many (`throttleStatuses`): so many are sent at once, so far apart (milliseconds, from
   * the beginning of one to that of the next). Follows what the server takes; undefined when it takes all.
   */
  readonly throttled: Throttle | undefined;
  /**
   * How a load balancer spreads the requests of one session over replicas of the server, as far as the pool has seen:
   *
   * - `unknown`: too little was seen
   * - `single`: one server, or replicas that share their sessions: 16 requests over 4 connections were answered
   * - `cookie`: the balancer set a cookie, which the pool sends back, and no replica has refused the session
   * - `per-connection`: each connection leads to one replica, as with a Kubernetes Service
   * - `per-request`: each request may meet another replica
   *
   * `per-connection` and `per-request` cost refused requests: configure session affinity (docs/PROXIES.md). Undefined
   * while there is no connection, and for servers without sessions.
   */
  readonly routing: Routing | undefined;
  /** URL without query values, or the command's name. */
  readonly address: string;
  /** Tools that the pool shows. */
  readonly tools: number;
  readonly counts: ConnectionCounts;
  /** Deviations from the specification that were repaired or reported, by code, and how often each was seen. */
  readonly quirks: { readonly [code in QuirkCode]?: number };
  /** Why it was last disconnected, or not connected; kept after it is back. */
  readonly lastError: McpErrorJson | undefined;
  /** Moving mean of answered requests, milliseconds. */
  readonly latencyMs: number | undefined;
}
