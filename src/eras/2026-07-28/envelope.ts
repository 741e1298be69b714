// What every request says of itself, because no session remembers it: `_meta`, and the headers that mirror it.
// https://modelcontextprotocol.io/specification/2026-07-28/basic#meta

import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { LogLevel } from "../../spec/types.ts";
import type { StatelessVersion } from "../../spec/versions.ts";
import type { EraHost } from "../era.ts";
import { clientCapabilities } from "../handlers.ts";
import { encodeHeaderValue } from "./param-headers.ts";

/** The task extension, declared with every request (12.1). */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

const PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion";
const CLIENT_INFO = "io.modelcontextprotocol/clientInfo";
const CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const LOG_LEVEL = "io.modelcontextprotocol/logLevel";

/** Which parameter `Mcp-Name` repeats (4.3); on no other method. */
const NAMED_BY: { readonly [method: string]: "name" | "uri" | "taskId" } = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** Header lists that are kept: tools and prompts are called again and again. Beyond it, all are built anew. */
const MAX_KEPT = 5_000;

export class Envelope {
  readonly version: StatelessVersion;
  readonly #required: object;
  readonly #hasHeaders: boolean;
  readonly #byMethod: Map<string, HeaderList> = new Map();
  readonly #byTool: Map<string, HeaderList> = new Map();
  readonly #byPrompt: Map<string, HeaderList> = new Map();
  #optional: object = {};
  /** Of a request that brings no `_meta` of its own: one object for all. */
  #meta: object;

  constructor(host: EraHost, version: StatelessVersion) {
    this.version = version;
    this.#hasHeaders = host.transport.channel === "exchange";
    const required = {
      [PROTOCOL_VERSION]: version,
      [CLIENT_INFO]: host.clientInfo,
      [CLIENT_CAPABILITIES]: {
        ...clientCapabilities(host.handlers, {}),
        extensions: { [TASKS_EXTENSION]: {} },
      },
    };
    // Written with every request: V8 11 writes what it has parsed with fewer instructions (4 % of a call).
    this.#required = JSON.parse(JSON.stringify(required)) as object;
    this.#meta = this.#required;
  }

  /** From now on every request asks for log messages of this level and above (8.18). */
  set logLevel(level: LogLevel) {
    this.#optional = { [LOG_LEVEL]: level };
    this.#meta = { ...this.#optional, ...this.#required };
  }

  /** The parameters with their `_meta`: the caller's own keys stay, the protocol's cannot be overridden (4.5). */
  params(params: object | undefined): object {
    const own = (params as { _meta?: object } | undefined)?._meta;
    const _meta = own === undefined ? this.#meta : { ...this.#optional, ...own, ...this.#required };
    // Hot path: a key written after a spread costs a microsecond in V8 11, assign a tenth of that.
    return Object.assign({}, params, { _meta });
  }

  /** The headers of a request (4.2, 4.3); none where the channel has no such thing. */
  headers(
    method: string,
    params: object | undefined,
    mirrored: HeaderList,
  ): HeaderList | undefined {
    if (!this.#hasHeaders) return undefined;
    const list = this.#named(method, params);
    return mirrored.length === 0 ? list : [...list, ...mirrored];
  }

  #named(method: string, params: object | undefined): HeaderList {
    if (method === "tools/call") {
      // First, and apart from the table: most requests are calls of a tool that was called before.
      const tool = (params as { name?: unknown } | undefined)?.name;
      const kept = typeof tool === "string" ? this.#byTool.get(tool) : undefined;
      if (kept !== undefined) return kept;
    }
    const key = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined;
    const name: unknown = key === undefined ? undefined : Reflect.get(params ?? {}, key);
    if (typeof name !== "string") return this.#plain(method);
    // URIs and task ids seldom come twice.
    if (key !== "name") return [...this.#plain(method), "mcp-name", encodeHeaderValue(name)];
    const byName = method === "tools/call" ? this.#byTool : this.#byPrompt;
    let list = byName.get(name);
    if (list === undefined) {
      if (byName.size >= MAX_KEPT) byName.clear();
      list = [...this.#plain(method), "mcp-name", encodeHeaderValue(name)];
      byName.set(name, list);
    }
    return list;
  }

  #plain(method: string): HeaderList {
    let list = this.#byMethod.get(method);
    if (list === undefined) {
      if (this.#byMethod.size >= MAX_KEPT) this.#byMethod.clear();
      list = ["mcp-protocol-version", this.version, "mcp-method", method];
      this.#byMethod.set(method, list);
    }
    return list;
  }
}
