// Refusals of a session, by status and code: which ones say that the session is unknown, and which ones may mean it.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management

import { McpAuthError, McpError, McpHttpError, McpResponseError } from "../../core/errors.ts";
import {
  HEADER_MISMATCH,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  UNSUPPORTED_VERSION,
} from "../../jsonrpc/messages.ts";
import type { Refusal } from "../era.ts";

/**
 * Servers built on the official SDK's example answer so, with status 400 and without the request's id, to a session that
 * they do not know. With an id it could be a tool's own error.
 */
const SDK_NO_SESSION = -32000;

/** Servers of the stateless era alone answer so to a request of a session: they reject it unread. */
const STATELESS_ONLY: ReadonlySet<number> = new Set([HEADER_MISMATCH, UNSUPPORTED_VERSION]);

/** 2025-11-25: a tool needs a visit to a URL first. It is the tool's answer, and says that the session lives. */
const URL_ELICITATION_REQUIRED = -32042;

/** Errors that a server gives to a request that it has read, on a session that it knows. */
const OF_THE_REQUEST: ReadonlySet<number> = new Set([
  METHOD_NOT_FOUND,
  INVALID_PARAMS,
  URL_ELICITATION_REQUIRED,
]);

/** Client errors that are about the request, or about the server's load, whatever the session. */
const OTHER_STATUSES: ReadonlySet<number> = new Set([408, 411, 413, 414, 415, 425, 429, 431]);

/** @param hasSessionId false: the server keeps no sessions, or the channel is no HTTP */
export function refusalOf(error: unknown, hasSessionId: boolean): Refusal {
  if (!(error instanceof McpError)) return "none";
  // Without a session there is none to forget; but a 401 may be about one tool, or about the whole server.
  if (error instanceof McpAuthError) return error.code === "AUTH_REQUIRED" ? "suspect" : "none";
  if (error instanceof McpResponseError) return ofResponse(error, hasSessionId);
  if (!hasSessionId || !(error instanceof McpHttpError)) return "none";
  return error.status === 404 ? "unknown" : ofStatus(error.status);
}

function ofResponse(error: McpResponseError, hasSessionId: boolean): Refusal {
  const { rpcCode, isUnattributed, status = 200 } = error;
  // The server was replaced by one without sessions.
  if (status === 400 && STATELESS_ONLY.has(rpcCode)) return "unknown";
  if (!hasSessionId) return "none";
  if (status === 404) {
    if (rpcCode === METHOD_NOT_FOUND) return "none";
    return isUnattributed ? "unknown" : "suspect";
  }
  if (status === 400 && rpcCode === SDK_NO_SESSION && isUnattributed) return "unknown";
  if (status >= 300) return ofStatus(status);
  return OF_THE_REQUEST.has(rpcCode) ? "none" : "suspect";
}

function ofStatus(status: number): Refusal {
  if (status === 500 || status === 501) return "suspect";
  const isOfClient = status >= 400 && status < 500;
  return isOfClient && !OTHER_STATUSES.has(status) ? "suspect" : "none";
}
