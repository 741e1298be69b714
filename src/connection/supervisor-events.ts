// The events of a connection's life, as its owner hears of them.

import type { McpError } from "../core/errors.ts";
import type { EraSession } from "../eras/era.ts";
import type { LinkEvents } from "./link.ts";
import type { ConnectionStateName } from "./state.ts";

export interface SupervisorEvents extends Omit<LinkEvents, "onLost" | "onSessionLost"> {
  /** `error` is why a connection was lost or not made. */
  onState(next: ConnectionStateName, previous: ConnectionStateName, error?: McpError): void;
  /** A session begins, before any caller sees it: what must hold in every session is set up here. */
  onSession(session: EraSession, renewed: boolean): Promise<void>;
  /** Calls of this server that were answered so far. */
  answeredCount(): number;
}
