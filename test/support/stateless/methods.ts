// The request methods of the scripted stateless server; most of them answer in sessions as well.

import type { Counters } from "./counters.ts";
import {
  declaresTasks,
  isObject,
  lacking,
  META,
  methodNotFound,
  missingCapability,
  RpcError,
  TASKS_EXTENSION,
} from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";
import { asksForInput, promptResult, resourceResult, textResult, toolResult } from "./results.ts";
import type { HandlerContext, StatelessServerOptions, StatelessTool } from "./types.ts";

export interface MethodScope {
  readonly options: StatelessServerOptions;
  readonly counters: Counters;
  readonly supportedVersions: readonly string[];
  readonly report: (violation: string) => void;
  /** Told of every tool that a `tools/list` gives out. */
  readonly gaveTool: (name: string, tool: StatelessTool) => void;
}

const DEFAULT_TOOLS: Record<string, StatelessTool> = {
  echo: { description: "gives back its arguments" },
};

/** Methods whose complete results carry caching hints. */
const CACHEABLE: ReadonlySet<string> = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
]);

export function toolsOf(options: StatelessServerOptions): Record<string, StatelessTool> {
  return options.tools ?? DEFAULT_TOOLS;
}

export function inputSchemaOf(tool: StatelessTool): JsonObject {
  return tool.inputSchema ?? { type: "object" };
}

export function serverInfoOf(options: StatelessServerOptions): JsonObject | null {
  return options.serverInfo === undefined
    ? { name: "test-stateless-server", version: "1.0.0" }
    : options.serverInfo;
}

export function serverCapabilities(options: StatelessServerOptions): JsonObject {
  if (options.capabilities !== undefined) return options.capabilities;
  const { resources, resourceTemplates, prompts, complete } = options;
  const hasResources = resources !== undefined || resourceTemplates !== undefined;
  return {
    tools: { listChanged: true },
    logging: {},
    ...(hasResources ? { resources: { listChanged: true, subscribe: true } } : {}),
    ...(prompts === undefined ? {} : { prompts: { listChanged: true } }),
    ...(complete === undefined ? {} : { completions: {} }),
    extensions: { [TASKS_EXTENSION]: {} },
  };
}

/** The result of a stateless request, with everything that this revision adds. */
export async function statelessResult(
  scope: MethodScope,
  context: HandlerContext,
): Promise<JsonObject> {
  const method = context.body?.method ?? "";
  const result = await resultOf(scope, context);
  if (result["resultType"] === "task" && !declaresTasks(context.clientCapabilities)) {
    throw missingCapability({ extensions: { [TASKS_EXTENSION]: {} } });
  }
  const { caching, identifyResults, omitResultType } = scope.options;
  const isComplete = (result["resultType"] ?? "complete") === "complete";
  const hint = caching?.[method];
  const hints = hint === undefined ? { ttlMs: 0, cacheScope: "private" } : hint;
  const info = serverInfoOf(scope.options);
  const named = info !== null && (identifyResults === true || method === "server/discover");
  const own = result["_meta"];
  return {
    ...(omitResultType === true ? {} : { resultType: "complete" }),
    ...(isComplete && CACHEABLE.has(method) ? hints : {}),
    ...result,
    ...(named ? { _meta: { ...(isObject(own) ? own : {}), [META.serverInfo]: info } } : {}),
  };
}

/** The result of a request in a session: what only the stateless era has cannot be said there. */
export async function sessionResult(
  scope: MethodScope,
  context: HandlerContext,
): Promise<JsonObject> {
  const method = context.body?.method ?? "";
  if (method === "ping") return {};
  if (method === "server/discover" || method.startsWith("tasks/")) throw methodNotFound(method);
  const result = await resultOf(scope, context);
  if ((result["resultType"] ?? "complete") !== "complete") {
    throw new RpcError(-32603, `${String(result["resultType"])} cannot be told in a session`);
  }
  return result;
}

async function resultOf(scope: MethodScope, context: HandlerContext): Promise<JsonObject> {
  const { options } = scope;
  const { params, tasks } = context;
  const method = context.body?.method ?? "";
  const custom = options.methods?.[method];
  if (custom !== undefined) return await custom(params, context);
  switch (method) {
    case "server/discover":
      return await discover(scope, context);
    case "tools/list":
      return listTools(scope, params);
    case "tools/call":
      return await callTool(scope, context);
    case "tasks/get":
    case "tasks/update":
    case "tasks/cancel":
      if (!declaresTasks(context.clientCapabilities)) {
        throw missingCapability({ extensions: { [TASKS_EXTENSION]: {} } });
      }
      return tasks.serve(method, params, scope.report);
    case "completion/complete":
      if (options.complete === undefined) break;
      return { completion: { values: await options.complete(params, context) } };
    case "prompts/list":
    case "prompts/get":
      if (options.prompts === undefined) break;
      return method === "prompts/list"
        ? page(options, "prompts", describe(options.prompts, "name"), params)
        : await getPrompt(options.prompts, context);
    case "resources/list":
    case "resources/templates/list":
    case "resources/read":
      if (options.resources === undefined && options.resourceTemplates === undefined) break;
      return await answerResources(options, method, context);
    default:
  }
  throw methodNotFound(method);
}

async function discover(scope: MethodScope, context: HandlerContext): Promise<JsonObject> {
  const { options } = scope;
  if (typeof options.discover === "function") return await options.discover(context);
  return {
    supportedVersions: scope.supportedVersions,
    capabilities: serverCapabilities(options),
    ...(options.instructions === undefined ? {} : { instructions: options.instructions }),
  };
}

function listTools(scope: MethodScope, params: JsonObject): JsonObject {
  const tools = toolsOf(scope.options);
  const list = Object.entries(tools).map(([name, tool]) => {
    const { handler: _handler, requires: _requires, ...shown } = tool;
    return { name, ...shown, inputSchema: inputSchemaOf(tool) };
  });
  const result = page(scope.options, "tools", list, params);
  for (const { name } of result["tools"] as Array<{ name: string }>) {
    const tool = tools[name];
    if (tool !== undefined) scope.gaveTool(name, tool);
  }
  return result;
}

async function callTool(scope: MethodScope, context: HandlerContext): Promise<JsonObject> {
  const { params } = context;
  const name = String(params["name"]);
  const args = isObject(params["arguments"]) ? params["arguments"] : {};
  const tools = toolsOf(scope.options);
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined) throw new RpcError(-32602, `Unknown tool: ${name}`);
  if (tool.requires !== undefined && context.era !== "session") {
    const missing = lacking(tool.requires, context.clientCapabilities);
    if (missing !== undefined) throw missingCapability(missing);
  }
  const key = args["key"];
  scope.counters.add("execution", name, key);
  let result: JsonObject;
  try {
    result = toolResult(tool.handler === undefined ? args : await tool.handler(args, context));
  } catch (error) {
    if (error instanceof RpcError) throw error;
    result = textResult(String(error), true);
  }
  scope.counters.add(asksForInput(result) ? "question" : "result", name, key);
  return result;
}

async function getPrompt(
  prompts: NonNullable<StatelessServerOptions["prompts"]>,
  context: HandlerContext,
): Promise<JsonObject> {
  const name = String(context.params["name"]);
  const prompt = prompts[name];
  if (prompt === undefined) throw new RpcError(-32602, `Unknown prompt: ${name}`);
  const args = context.params["arguments"];
  const value = await prompt.get?.(isObject(args) ? args : {}, context);
  return promptResult(prompt.description, value ?? `prompt ${name}`);
}

async function answerResources(
  options: StatelessServerOptions,
  method: string,
  context: HandlerContext,
): Promise<JsonObject> {
  const { params } = context;
  const all = options.resources ?? {};
  if (method === "resources/list") {
    return page(options, "resources", describe(all, "uri"), params);
  }
  if (method === "resources/templates/list") {
    return page(options, "resourceTemplates", options.resourceTemplates ?? [], params);
  }
  const uri = String(params["uri"]);
  const resource = all[uri];
  if (resource === undefined) {
    const code = context.era === "session" ? -32002 : -32602;
    throw new RpcError(code, `Resource not found: ${uri}`, { uri });
  }
  const value =
    resource.read === undefined
      ? (resource.text ?? `text of ${uri}`)
      : await resource.read(uri, context);
  return resourceResult(uri, resource.mimeType, value);
}

/** The entries as their list shows them: with their key, without their handlers and texts. */
function describe(entries: Readonly<Record<string, object>>, key: "name" | "uri"): object[] {
  return Object.entries(entries).map(([id, entry]) => {
    const { read: _read, get: _get, text: _text, ...shown } = entry as JsonObject;
    return { name: id, ...shown, [key]: id };
  });
}

function page(
  options: StatelessServerOptions,
  field: string,
  list: readonly object[],
  params: JsonObject,
): JsonObject {
  const size = options.pageSize ?? Math.max(list.length, 1);
  const nameOf = (index: number): string => options.cursors?.[index - 1] ?? `page-${index}`;
  const count = Math.max(1, Math.ceil(list.length / size));
  const cursor = params["cursor"];
  let index = 0;
  if (cursor !== undefined) {
    index = Array.from({ length: count }, (_, at) => at).findIndex(
      (at) => at > 0 && nameOf(at) === cursor,
    );
    if (index === -1) throw new RpcError(-32602, `Unknown cursor: ${JSON.stringify(cursor)}`);
  }
  return {
    [field]: list.slice(index * size, (index + 1) * size),
    ...(index + 1 < count ? { nextCursor: nameOf(index + 1) } : {}),
  };
}
