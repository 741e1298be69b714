// Names, codes and errors of revision 2026-07-28 that the scripted stateless server goes by; written from the
// specification, not from src/, so that a mistake there cannot hide here.

import type { RpcMessage } from "../http-server.ts";

export type JsonObject = Record<string, unknown>;
export type RpcId = string | number;

export const STATELESS_VERSION = "2026-07-28";

export const SESSION_VERSIONS: readonly string[] = [
  "2024-11-05",
  "2025-03-26",
  "2025-06-18",
  "2025-11-25",
];

export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

export const META = {
  version: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  capabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscription: "io.modelcontextprotocol/subscriptionId",
  serverInfo: "io.modelcontextprotocol/serverInfo",
} as const;

export const LOG_LEVELS: readonly string[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

/** What the `Mcp-Name` header mirrors, by method. */
export const NAME_FIELD: Readonly<Record<string, "name" | "uri" | "taskId">> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** Methods of earlier revisions: in this one a client that still sends them is wrong. */
export const REMOVED_METHODS: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/list",
  "tasks/result",
]);

/** The only requests that may be answered with `input_required`. */
export const INPUT_METHODS: ReadonlySet<string> = new Set([
  "tools/call",
  "prompts/get",
  "resources/read",
]);

/** Thrown by any handler: the request is answered with this JSON-RPC error. `status` is the HTTP status. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  readonly status: number;

  constructor(code: number, message: string, data?: unknown, status = 200) {
    super(message);
    this.code = code;
    this.data = data;
    this.status = status;
  }
}

/** 400, -32022. `requested` is put in by the server if left out. */
export function unsupportedVersion(supported: readonly string[], requested?: string): RpcError {
  const data = { supported, ...(requested === undefined ? {} : { requested }) };
  return new RpcError(-32022, "Unsupported protocol version", data, 400);
}

/** 400, -32020. */
export function headerMismatch(message = "Header mismatch"): RpcError {
  return new RpcError(-32020, message, undefined, 400);
}

/** 400, -32021. */
export function missingCapability(requiredCapabilities: JsonObject): RpcError {
  return new RpcError(-32021, "Missing required client capability", { requiredCapabilities }, 400);
}

/** 404, -32601: how a stateless server says that it lacks a method. */
export function methodNotFound(method: string): RpcError {
  return new RpcError(-32601, `Method not found: ${method}`, undefined, 404);
}

export function errorMessage(id: RpcId | null | undefined, error: RpcError): object {
  const { code, message, data } = error;
  return {
    jsonrpc: "2.0",
    ...(id === undefined ? {} : { id }),
    error: { code, message, ...(data === undefined ? {} : { data }) },
  };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isRpcId(value: unknown): value is RpcId {
  return typeof value === "string" || Number.isSafeInteger(value);
}

/** `params`, or an empty object. */
export function paramsOf(body: RpcMessage | undefined): JsonObject {
  return isObject(body) && isObject(body.params) ? body.params : {};
}

/** `params._meta`, or an empty object. */
export function metaOf(body: RpcMessage | undefined): JsonObject {
  const meta = paramsOf(body)["_meta"];
  return isObject(meta) ? meta : {};
}

/** What the client declares with this very request. */
export function capabilitiesOf(body: RpcMessage | undefined): JsonObject {
  const capabilities = metaOf(body)[META.capabilities];
  return isObject(capabilities) ? capabilities : {};
}

export function declaresTasks(capabilities: JsonObject): boolean {
  const extensions = capabilities["extensions"];
  return isObject(extensions) && isObject(extensions[TASKS_EXTENSION]);
}

/** The part of `required` that `declared` lacks, or undefined. */
export function lacking(required: JsonObject, declared: JsonObject): JsonObject | undefined {
  const missing: JsonObject = {};
  for (const [key, value] of Object.entries(required)) {
    const own = declared[key];
    if (!isObject(own)) missing[key] = value;
    else if (isObject(value)) {
      const deeper = lacking(value, own);
      if (deeper !== undefined) missing[key] = deeper;
    }
  }
  return Object.keys(missing).length === 0 ? undefined : missing;
}
