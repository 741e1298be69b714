// What the failure of an attempt to connect means for the next one.

import {
  McpAuthError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpResponseError,
} from "../core/errors.ts";
import { isTransient } from "../eras/classify.ts";

/**
 * Whether the same attempt may succeed later. At first, what the server answers is final; once it has worked,
 * a bad answer may be a deployment.
 */
export function isWorthRetrying(error: McpError, hasWorked: boolean): boolean {
  if (error.retryable || error.code === "TIMEOUT") return true;
  if (error instanceof McpConnectionError) return error.code !== "CONNECTION_FAILED";
  const isAnswer = error instanceof McpHttpError || error instanceof McpResponseError;
  if (isAnswer && isTransient(error.status ?? 0)) return true;
  return hasWorked;
}

export function asMcpError(server: string, error: unknown): McpError {
  if (error instanceof McpError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new McpError("CONNECTION_FAILED", `connecting to server "${server}" failed: ${text}`, {
    server,
    cause: error,
  });
}

/** The reason why there is no connection, as those see it whose calls were therefore not sent. */
export function unsent(server: string, error: McpError): McpError {
  return error.forCall(error.method, "no", error.server ?? server);
}

/** A refusal says that a request was not taken, and proves it no more than any other answer. */
export function afterRefusal(error: McpError): McpError {
  return error.reworded(`${error.message}; it was sent before, and refused: it may have run`);
}

/** How long after its writing the request was refused, milliseconds, where the transport measured it. */
export function answeredAfter(error: McpError): number | undefined {
  const isMeasured =
    error instanceof McpHttpError ||
    error instanceof McpResponseError ||
    error instanceof McpAuthError;
  return isMeasured ? error.answeredAfterMs : undefined;
}
