// The life of one connection: its states and the moves between them.

import type { Timer } from "../core/clock.ts";
import type { McpError } from "../core/errors.ts";
import type { TransitionTable } from "../core/state-machine.ts";
import type { Link } from "./link.ts";

/**
 * - `good`: calls go over it
 * - `stale`: it may be dead without having ended; the next call has it checked
 * - `checking`, `renewing` (a session that was forgotten): calls wait
 */
export type LinkCondition = "good" | "stale" | "checking" | "renewing";

export type ConnectionState =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: AbortController; readonly dispose: () => void }
  | {
      readonly name: "ready";
      readonly link: Link;
      condition: LinkCondition;
      /** Ends a check or a renewal under way. */
      readonly attempt: AbortController;
      readonly dispose: () => void;
    }
  | {
      readonly name: "backoff";
      readonly error: McpError;
      readonly timer: Timer;
      readonly dispose: () => void;
    }
  | { readonly name: "auth-required"; readonly error: McpError }
  | { readonly name: "failed"; readonly error: McpError }
  | { readonly name: "draining" }
  | { readonly name: "closed" };

export type ReadyState = ConnectionState & { readonly name: "ready" };

export type ConnectionStateName = ConnectionState["name"];

export const TRANSITIONS: TransitionTable<ConnectionStateName> = {
  idle: ["connecting", "draining", "closed"],
  connecting: ["ready", "backoff", "auth-required", "failed", "draining", "closed"],
  ready: ["backoff", "auth-required", "failed", "draining", "closed"],
  backoff: ["connecting", "failed", "draining", "closed"],
  "auth-required": ["connecting", "draining", "closed"],
  failed: ["connecting", "draining", "closed"],
  draining: ["closed"],
  closed: [],
};
