// Failures of a handshake: the stage in which it failed, and which of two failures is reported.

import { McpAuthError, McpConnectionError, McpError, McpTimeoutError } from "../core/errors.ts";

/**
 * The server refused the handshake in a way that leaves something to try.
 *
 * - `initialize`: before any InitializeResult, so that a server of 2024-11-05 (HTTP+SSE) may be behind the address
 * - `initialized`: it does not know the session that it has just given; nothing was executed
 */
export class HandshakeRefused extends Error {
  readonly stage: "initialize" | "initialized";
  /** What is reported if nothing else is tried. */
  readonly error: McpError;

  constructor(stage: HandshakeRefused["stage"], error: McpError) {
    super(error.message, { cause: error });
    this.name = "HandshakeRefused";
    this.stage = stage;
    this.error = error;
  }
}

/** A child process ended on the probe, as old servers do on anything but `initialize`: start it again without (S7). */
export class DiedOnProbe extends Error {
  constructor(cause: unknown) {
    super("the server ended on the probe", { cause });
    this.name = "DiedOnProbe";
  }
}

/** What is reported when the probe and `initialize` have both failed: the failure that its reader can act on. */
export function moreHelpful(initialize: unknown, probe: unknown): unknown {
  const isNetwork =
    initialize instanceof McpConnectionError || initialize instanceof McpTimeoutError;
  if (isNetwork || initialize instanceof McpAuthError) return initialize;
  if (probe instanceof McpAuthError) return probe;
  if (!(initialize instanceof McpError) || !(probe instanceof McpError)) return initialize;
  const note = `(before that, server/discover failed: ${probe.message})`;
  return initialize.reworded(`${initialize.message} ${note}`, initialize.cause ?? probe);
}
