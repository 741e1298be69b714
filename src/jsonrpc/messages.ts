// JSON-RPC 2.0 as MCP uses it. https://www.jsonrpc.org/specification

/** A string or an integer, never `null`; `1` and `"1"` are different ids. */
export type RequestId = string | number;

export interface JsonRpcRequest {
  jsonrpc: "2.0";
  id: RequestId;
  method: string;
  params?: object;
}

export interface JsonRpcNotification {
  jsonrpc: "2.0";
  method: string;
  params?: object;
}

export interface JsonRpcErrorObject {
  code: number;
  message: string;
  data?: unknown;
}

export interface JsonRpcSuccess {
  jsonrpc: "2.0";
  id: RequestId;
  result: object;
}

/** `id` is absent or `null` when the other side could not read the request's. */
export interface JsonRpcFailure {
  jsonrpc: "2.0";
  id?: RequestId | null;
  error: JsonRpcErrorObject;
}

export type JsonRpcResponse = JsonRpcSuccess | JsonRpcFailure;
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

export const INVALID_REQUEST: -32600 = -32600;
export const METHOD_NOT_FOUND: -32601 = -32601;
export const INVALID_PARAMS: -32602 = -32602;
export const INTERNAL_ERROR: -32603 = -32603;

/** 2026-07-28: headers and body do not agree. */
export const HEADER_MISMATCH: -32020 = -32020;
/** 2026-07-28: the request needs a capability that this client did not declare. */
export const MISSING_CAPABILITY: -32021 = -32021;
/** 2026-07-28: `data.supported` lists the revisions that the server speaks. */
export const UNSUPPORTED_VERSION: -32022 = -32022;

export function isRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  return "method" in message && "id" in message;
}

export function isNotification(message: JsonRpcMessage): message is JsonRpcNotification {
  return "method" in message && !("id" in message);
}

export function isResponse(message: JsonRpcMessage): message is JsonRpcResponse {
  return !("method" in message);
}

export function isId(id: unknown): id is RequestId {
  return typeof id === "string" || Number.isInteger(id);
}

export function isErrorObject(value: unknown): value is JsonRpcErrorObject {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as { code?: unknown; message?: unknown };
  return Number.isInteger(code) && (message === undefined || typeof message === "string");
}
