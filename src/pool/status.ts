// What can be said of a server at this instant.

import type { ConnectionCounts, ServerDescription } from "../connection/description.ts";
import type { ConnectionStateName } from "../connection/state.ts";
import type { McpErrorJson } from "../core/errors.ts";
import type { QuirkCode } from "../jsonrpc/quirks.ts";
import type { Throttle } from "../resilience/adaptive-limit.ts";
import type { CircuitState } from "../resilience/breaker.ts";

export interface ServerStatus extends Partial<ServerDescription> {
  /** Name in the pool. */
  readonly server: string;
  readonly state: ConnectionStateName | "disabled";
  /** `open`: nothing is sent for a while, because calls in a row lost their connection; `half-open`: one is tried. */
  readonly circuit: CircuitState;
  /**
   * The server refuses calls as too many (`throttleStatuses`): so many are sent at once, so far apart (milliseconds, from
   * the beginning of one to that of the next). Follows what the server takes; undefined when it takes all.
   */
  readonly throttled: Throttle | undefined;
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
