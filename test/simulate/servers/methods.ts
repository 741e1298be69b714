// The answers of every simulated server, over HTTP and over a channel, in both eras.

import type { Era } from "./spec.ts";

export interface Rpc {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: { readonly key?: string };
    readonly _meta?: Readonly<Record<string, unknown>>;
    readonly notifications?: object;
  };
}

const VERSIONS: Readonly<Record<Era, string>> = {
  session: "2025-11-25",
  stateless: "2026-07-28",
};

const META = "io.modelcontextprotocol";
const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;

/** An error in good order. */
export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
  /** Over HTTP. */
  readonly status: number;
}

export type Reply = { readonly result: object } | { readonly error: RpcFailure };

/** The key of a call, which only calls have. */
export function keyOf({ params }: Rpc): string | undefined {
  return params?.arguments?.key;
}

export function isStateless({ params }: Rpc): boolean {
  return params?._meta?.[`${META}/protocolVersion`] !== undefined;
}

/** The answer to everything but a call. `changes`: how often the tools have changed so far. */
export function answerOf(rpc: Rpc, era: Era, changes: number): Reply {
  const capabilities = { tools: { listChanged: true }, prompts: {} };
  const serverInfo = { name: "simulated", version: "1.0.0" };
  const { method = "" } = rpc;
  if (era === "stateless" && !isStateless(rpc)) {
    const data = { supported: [VERSIONS.stateless], requested: "none" };
    const text = "Unsupported protocol version";
    return { error: { code: UNSUPPORTED_VERSION, message: text, data, status: 400 } };
  }
  const complete = era === "stateless" ? { resultType: "complete" } : {};
  const cacheable = era === "stateless" ? { ttlMs: 0, cacheScope: "private" } : {};
  if (method === "initialize" && era === "session") {
    return { result: { protocolVersion: VERSIONS.session, capabilities, serverInfo } };
  }
  if (method === "ping" && era === "session") return { result: {} };
  if (method === "server/discover" && era === "stateless") {
    const _meta = { [`${META}/serverInfo`]: serverInfo };
    const supportedVersions = [VERSIONS.stateless];
    return { result: { ...complete, ...cacheable, supportedVersions, capabilities, _meta } };
  }
  if (method === "tools/list") {
    return { result: { ...complete, ...cacheable, tools: toolsOf(changes) } };
  }
  if (method === "prompts/list") return { result: { ...complete, ...cacheable, prompts: [] } };
  const status = era === "stateless" ? 404 : 200;
  return { error: { code: METHOD_NOT_FOUND, message: "Method not found", status } };
}

/** The result of a call that was executed. */
export function resultOfCall({ method }: Rpc, era: Era, key: string): object {
  const content = { type: "text", text: key };
  const complete = era === "stateless" ? { resultType: "complete" } : {};
  return method === "prompts/get"
    ? { ...complete, messages: [{ role: "user", content }] }
    : { ...complete, content: [content] };
}

export function message(id: Rpc["id"] | null, reply: Reply): string {
  if ("result" in reply) return JSON.stringify({ jsonrpc: "2.0", id, result: reply.result });
  const { code, message: text, data } = reply.error;
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message: text, data } });
}

export const LIST_CHANGED = "notifications/tools/list_changed";

export function notification(method: string, subscription?: Rpc["id"], params?: object): string {
  const _meta =
    subscription === undefined ? {} : { _meta: { [`${META}/subscriptionId`]: subscription } };
  return JSON.stringify({ jsonrpc: "2.0", method, params: { ...params, ..._meta } });
}

/** As a stream has it. */
export function event(data: string, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`;
}

function toolsOf(changes: number): object[] {
  const inputSchema = { type: "object" };
  return [
    { name: "act", description: `changed ${changes} times`, inputSchema },
    { name: "look", inputSchema, annotations: { readOnlyHint: true } },
    { name: "put", inputSchema, annotations: { idempotentHint: true } },
  ];
}
