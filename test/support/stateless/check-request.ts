// What a strict server of revision 2026-07-28 checks before it looks at the method: every fault is reported as a
// violation, and refused with what the specification says.

import type { RpcMessage } from "../http-server.ts";
import { annotationsOf, decodeHeader, sameParam, valueAt } from "./param-headers.ts";
import {
  headerMismatch,
  isObject,
  isRpcId,
  LOG_LEVELS,
  META,
  metaOf,
  NAME_FIELD,
  paramsOf,
  REMOVED_METHODS,
  RpcError,
  SESSION_VERSIONS,
  unsupportedVersion,
} from "./protocol.ts";
import type { RequestEra, StatelessRecord, StatelessTool } from "./types.ts";

export interface CheckScope {
  /** Modern versions that are served. */
  readonly served: readonly string[];
  /** What -32022 names. */
  readonly supported: readonly string[];
  readonly tool: (name: string) => StatelessTool | undefined;
  /** Whether a `tools/list` gave the client the schema that the tool has now. */
  readonly knowsSchema: (name: string, tool: StatelessTool) => boolean;
  readonly report: (violation: string) => void;
}

/** The era that a request claims by its envelope, its headers, its method. */
export function eraOf(
  headers: StatelessRecord["headers"],
  body: RpcMessage | undefined,
): RequestEra {
  if (META.version in metaOf(body)) return "stateless";
  const version = one(headers["mcp-protocol-version"]);
  if (version !== undefined && !SESSION_VERSIONS.includes(version)) return "stateless";
  if (isObject(body) && body.method === "initialize") return "session";
  return version !== undefined || "mcp-session-id" in headers ? "session" : "unclear";
}

/** HTTP and JSON-RPC shape. Undefined: a request or notification whose body can be trusted. */
export function checkPost(record: StatelessRecord, scope: CheckScope): RpcError | undefined {
  const { headers, body } = record;
  const refuse = (problem: string, code: number, status: number): RpcError => {
    scope.report(problem);
    return new RpcError(code, problem, undefined, status);
  };
  if (mediaType(headers["content-type"]) !== "application/json") {
    return refuse(`Content-Type is ${headers["content-type"] ?? "missing"}`, -32600, 415);
  }
  const accepted = (headers.accept ?? "").split(",").map(mediaType);
  if (!accepted.includes("application/json") || !accepted.includes("text/event-stream")) {
    return refuse(`Accept is ${headers.accept ?? "missing"}`, -32600, 406);
  }
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`) {
    return refuse(`Origin is ${headers.origin}`, -32600, 403);
  }
  if ("mcp-session-id" in headers) scope.report("Mcp-Session-Id was sent");
  if ("last-event-id" in headers) scope.report("Last-Event-ID was sent");
  if (body === undefined) return refuse("the body is no JSON", -32700, 400);
  if (!isObject(body) || body["jsonrpc"] !== "2.0") {
    return refuse("the body is no JSON-RPC object", -32600, 400);
  }
  if ("result" in body || "error" in body) return refuse("a response was sent", -32600, 400);
  if (typeof body["method"] !== "string") return refuse("there is no method", -32600, 400);
  if ("id" in body && !isRpcId(body["id"]))
    return refuse("the id is no string or integer", -32600, 400);
  if ("params" in body && !isObject(body["params"]))
    return refuse("params is no object", -32602, 400);
  return undefined;
}

/** Notifications: header rules are undefined for them, so only what contradicts the body is wrong. */
export function checkNotification(
  record: StatelessRecord,
  scope: CheckScope,
): RpcError | undefined {
  const { headers, body } = record;
  // Closing the stream is the cancellation over HTTP (4.10); the others belong to sessions.
  if (
    body?.method === "notifications/cancelled" ||
    body?.method === "notifications/initialized" ||
    body?.method === "notifications/roots/list_changed"
  ) {
    scope.report("was sent over HTTP");
  }
  const method = one(headers["mcp-method"]);
  if (method === undefined || method === body?.method) return undefined;
  return mismatch(`Mcp-Method is ${method}`, scope);
}

/** Envelope and headers of a request, in the order of the specification's own mock servers (section 14). */
export function checkRequest(record: StatelessRecord, scope: CheckScope): RpcError | undefined {
  const { headers, body } = record;
  const method = body?.method ?? "";
  const version = one(headers["mcp-protocol-version"]);
  if (version === undefined) return mismatch("MCP-Protocol-Version is missing", scope);
  const malformed = checkEnvelope(body);
  if (malformed !== undefined) {
    scope.report(malformed);
    return new RpcError(-32602, malformed, undefined, 400);
  }
  const meta = metaOf(body);
  const requested = meta[META.version] as string;
  if (!isObject(meta[META.clientInfo])) scope.report("_meta has no clientInfo");
  if (version !== requested) {
    return mismatch(`MCP-Protocol-Version ${version} is not that of _meta, ${requested}`, scope);
  }
  if (!scope.served.includes(requested)) {
    if (SESSION_VERSIONS.includes(requested)) scope.report(`_meta names revision ${requested}`);
    return unsupportedVersion(scope.supported, requested);
  }
  if (REMOVED_METHODS.has(method)) scope.report("is no method of this revision");
  const headerMethod = one(headers["mcp-method"]);
  if (headerMethod !== method) return mismatch(`Mcp-Method is ${headerMethod ?? "missing"}`, scope);
  return checkName(record, scope) ?? checkParams(record, scope);
}

/** What is wrong with `params._meta`. */
function checkEnvelope(body: RpcMessage | undefined): string | undefined {
  const meta = paramsOf(body)["_meta"];
  if (!isObject(meta)) return "_meta is missing";
  if (typeof meta[META.version] !== "string") return "_meta has no protocolVersion";
  const capabilities = meta[META.capabilities];
  if (!isObject(capabilities)) return "_meta has no clientCapabilities";
  const odd = Object.entries(capabilities).find(([, value]) => !isObject(value));
  if (odd !== undefined) return `clientCapabilities.${odd[0]} is no object`;
  const info = meta[META.clientInfo];
  if (info !== undefined && !isObject(info)) return "clientInfo is no object";
  if (isObject(info) && (typeof info["name"] !== "string" || typeof info["version"] !== "string")) {
    return "clientInfo has no name or no version";
  }
  const level = meta[META.logLevel];
  if (level !== undefined && !LOG_LEVELS.includes(level as string)) return "logLevel is unknown";
  const token = meta["progressToken"];
  if (token !== undefined && !isRpcId(token)) return "progressToken is no string or integer";
  return undefined;
}

function checkName(record: StatelessRecord, scope: CheckScope): RpcError | undefined {
  const raw = one(record.headers["mcp-name"]);
  const field = NAME_FIELD[record.body?.method ?? ""];
  if (field === undefined) {
    // Nothing in the specification refuses it, but nothing allows it either (4.3).
    if (raw !== undefined) scope.report("Mcp-Name was sent");
    return undefined;
  }
  const value = paramsOf(record.body)[field];
  if (typeof value !== "string") {
    scope.report(`params.${field} is no string`);
    return new RpcError(-32602, `params.${field} is required`, undefined, 400);
  }
  if (raw === undefined) return mismatch("Mcp-Name is missing", scope);
  const name = decodeHeader(raw);
  if (name === undefined) return mismatch(`Mcp-Name ${JSON.stringify(raw)} is malformed`, scope);
  return name === value ? undefined : mismatch(`Mcp-Name ${name} is not ${value}`, scope);
}

function checkParams(record: StatelessRecord, scope: CheckScope): RpcError | undefined {
  const { headers, body } = record;
  const sent = Object.keys(headers).filter((header) => header.startsWith("mcp-param-"));
  const name = paramsOf(body)["name"];
  const tool = body?.method === "tools/call" ? scope.tool(String(name)) : undefined;
  if (tool === undefined) {
    if (sent.length > 0) scope.report(`${sent.join(", ")} sent without an annotation`);
    return undefined;
  }
  // Headers built from a schema that has changed since are no fault of the client: it learns by -32020.
  const knows = scope.knowsSchema(String(name), tool);
  const quiet: CheckScope = knows ? scope : { ...scope, report: () => {} };
  const { params, problems } = annotationsOf(tool.inputSchema);
  if (problems.length > 0) {
    quiet.report(`a tool with an invalid x-mcp-header was called: ${problems.join("; ")}`);
    return undefined;
  }
  const strange = sent.filter((header) => !params.some((param) => param.header === header));
  if (strange.length > 0) quiet.report(`${strange.join(", ")} sent without an annotation`);
  for (const { header, path } of params) {
    const value = valueAt(paramsOf(body)["arguments"], path);
    const raw = one(headers[header]);
    if (value === undefined && raw === undefined) continue;
    if (value === undefined) return mismatch(`${header} is sent without an argument`, quiet);
    if (raw === undefined) return mismatch(`${header} is missing`, quiet);
    const decoded = decodeHeader(raw);
    if (decoded === undefined)
      return mismatch(`${header} ${JSON.stringify(raw)} is malformed`, quiet);
    if (!sameParam(decoded, value)) {
      return mismatch(`${header} ${decoded} is not ${JSON.stringify(value)}`, quiet);
    }
  }
  return undefined;
}

function mismatch(problem: string, scope: CheckScope): RpcError {
  scope.report(problem);
  return headerMismatch(`Header mismatch: ${problem}`);
}

function mediaType(value: string | undefined): string | undefined {
  return value?.split(";")[0]?.trim().toLowerCase();
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
