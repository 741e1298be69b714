// Answers that are no results: what they mean, and what can be put right.
// https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes

import { McpProtocolError, McpResponseError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import {
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
} from "../../jsonrpc/messages.ts";
import { isAfterSessions } from "../../spec/versions.ts";
import { supportedOf } from "../classify.ts";

/** Which option of the pool declares which capability. */
const DECLARED_BY: { readonly [capability: string]: string } = {
  elicitation: "onElicitation",
  sampling: "onSampling",
  roots: "roots",
};

/** Where each list keeps its items. */
const LISTS: { readonly [method: string]: string } = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

export type ResultType = "complete" | "input_required" | "task";

/**
 * What kind of result it is; absent means complete (1.14, C7).
 *
 * @throws {McpProtocolError} for a kind that this client did not declare, or this request cannot have (12.2).
 */
export function readResultType(server: string, method: string, result: object): ResultType {
  const type = (result as { resultType?: unknown }).resultType;
  switch (type) {
    case undefined:
    case "complete":
      return "complete";
    case "input_required":
      return type;
    case "task":
      // As two examples of the extension have it on the polls as well (C6).
      if (method === "tools/call" || method === "tasks/get") return type;
  }
  throw new McpProtocolError(
    `server "${server}" answered ${method} with a result of type ${excerpt(JSON.stringify(type) ?? "undefined", 60)}, which it cannot have`,
    { server, method, sent: "yes" },
  );
}

/** The same error, saying which capability is missing and which option would declare it; others as they are. */
export function explained(error: unknown): unknown {
  if (!(error instanceof McpResponseError) || error.rpcCode !== MISSING_CAPABILITY) return error;
  const { requiredCapabilities } = (error.data ?? {}) as { requiredCapabilities?: unknown };
  if (typeof requiredCapabilities !== "object" || requiredCapabilities === null) return error;
  if (Array.isArray(requiredCapabilities)) return error;
  const names = Object.keys(requiredCapabilities)
    .slice(0, 10)
    .map((name) => excerpt(name, 60));
  if (names.length === 0) return error;
  const options = names.flatMap((name) =>
    Object.hasOwn(DECLARED_BY, name) ? [`the pool option ${DECLARED_BY[name] ?? ""}`] : [],
  );
  const { server, method, rpcCode, rpcMessage, data, status, sent } = error;
  return new McpResponseError(
    `server "${server ?? ""}" refuses ${method ?? "a request"} without the client capability ${names.join(", ")}${options.length > 0 ? `: set ${options.join(" and ")}` : ", which this client does not have"}`,
    { server, method, rpcCode, rpcMessage, data, status, sent, cause: error },
  );
}

/** Of a server that never said what it offers, what a list is when it does not know the method. */
export function emptyList(method: string, error: unknown): object | undefined {
  if (!(error instanceof McpResponseError) || error.rpcCode !== METHOD_NOT_FOUND) return undefined;
  const key = Object.hasOwn(LISTS, method) ? LISTS[method] : undefined;
  return key === undefined ? undefined : { [key]: [] };
}

/** Whether a server says that it speaks revisions with sessions only. */
export function isSessionsOnly(error: McpResponseError): boolean {
  if (error.rpcCode !== UNSUPPORTED_VERSION) return false;
  const supported = supportedOf(error.data);
  return supported.length > 0 && !supported.some(isAfterSessions);
}

/** Rejected unread. Over HTTP the status says so: with any other, the tool itself may have said it, and have run. */
export function isRejection(error: McpResponseError, channel: "exchange" | "duplex"): boolean {
  return channel === "duplex" || error.status === 400;
}
