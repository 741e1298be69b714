// Servers of your own: connect, show what they offer, or call one of their tools.

import { McpClientPool } from "mcp-client-pool";
import type {
  CallToolResult,
  JsonObject,
  PoolTool,
  ServerConfig,
  ServerStatus,
} from "mcp-client-pool";
import { onClose } from "./closing.ts";
import { OptionsError } from "./options.ts";
import type { VisitOptions } from "./options.ts";
import {
  bad,
  clean,
  cleanLines,
  color,
  cut,
  duration,
  firstLine,
  marked,
  ok,
  paragraph,
  print,
  progressLine,
  section,
  table,
} from "./screen.ts";

/** The exit code: 0 if all servers are connected and the call, if any, is no error. */
export async function visit(options: VisitOptions): Promise<number> {
  const pool = new McpClientPool({ servers: serversFrom(options) });
  onClose(() => pool.closeAll({ drainMs: 0 }));
  pool.on("warning", ({ server, message }) => {
    process.stderr.write(`${color.yellow("!")} ${server ?? "pool"}: ${clean(message)}\n`);
  });

  const from = performance.now();
  const { connected, failed } = await pool.connect();
  const took = duration(performance.now() - from);
  if (connected.length > 0) print(`${ok} connected in ${took}: ${connected.join(", ")}`);
  for (const error of Object.values(failed)) {
    process.stderr.write(`${bad} ${clean(error.message)}\n`);
  }
  if (connected.length === 0) return 1;

  const allConnected = Object.keys(failed).length === 0;
  if (options.call !== undefined) {
    const succeeded = await callOne(pool, options.call);
    showStatus(pool.status());
    return allConnected && succeeded ? 0 : 1;
  }
  for (const status of pool.status()) {
    if (connected.includes(status.server)) await showServer(pool, status);
  }
  showStatus(pool.status());
  return allConnected ? 0 : 1;
}

/** `server`, or `server1`, `server2` … in the order given, URLs first. */
function serversFrom({ urls, headers, commands }: VisitOptions): Record<string, ServerConfig> {
  const configs: ServerConfig[] = [
    ...urls.map((url) => ({ url, headers })),
    ...commands.map(([command, ...args]) => ({ command, args })),
  ];
  return Object.fromEntries(
    configs.map((config, at) => [configs.length === 1 ? "server" : `server${at + 1}`, config]),
  );
}

async function callOne(
  pool: McpClientPool,
  { tool, args }: NonNullable<VisitOptions["call"]>,
): Promise<boolean> {
  const name = poolNameOf(pool.allTools, tool);
  section(`Call ${name}`);
  const line = progressLine(cut(JSON.stringify(args), 40));
  const from = performance.now();
  try {
    const result = await pool.callTool(name, args, { onProgress: (it) => line.update(it) });
    const outcome = result.isError === true ? "the tool reports an error" : "result";
    line.end(`${outcome} after ${duration(performance.now() - from)}`);
    showResult(result);
    return result.isError !== true;
  } catch (error) {
    line.end(`no result after ${duration(performance.now() - from)}`);
    throw error;
  }
}

/** A tool may be called by its own name too, if that says which one is meant. */
function poolNameOf(allTools: readonly PoolTool[], tool: string): string {
  if (allTools.some(({ name }) => name === tool)) return tool;
  const named = allTools.filter((each) => each.tool.name === tool).map(({ name }) => name);
  if (named.length > 1) {
    throw new OptionsError(`several servers have "${tool}": call one of ${named.join(", ")}`);
  }
  return named[0] ?? tool;
}

function showResult({ content, structuredContent }: CallToolResult): void {
  print();
  for (const block of content) {
    const isBinary = block.type === "image" || block.type === "audio";
    if (block.type === "text") print(cleanLines(block.text));
    else
      print(cleanLines(JSON.stringify(isBinary ? { ...block, data: "…" } : block, undefined, 2)));
  }
  if (structuredContent === undefined) return;
  print(color.dim("structuredContent"));
  print(cleanLines(JSON.stringify(structuredContent, undefined, 2)));
}

async function showServer(pool: McpClientPool, status: ServerStatus): Promise<void> {
  const { server, serverInfo, protocolVersion, address, capabilities, instructions } = status;
  section(
    `${server}: ${clean(serverInfo?.title ?? serverInfo?.name ?? "")} ${clean(serverInfo?.version ?? "")}`,
  );
  table(
    [
      ["address", address],
      ["protocol", protocolVersion ?? ""],
      ["offers", Object.keys(capabilities ?? {}).join(", ") || "nothing"],
    ].map(([name = "", value = ""]) => [{ text: name, paint: color.dim }, clean(value)]),
  );
  if (instructions !== undefined) paragraph(clean(cut(instructions, 400)), "  ");

  const tools = pool.allTools.filter((tool) => tool.server === server);
  print(`\n  ${color.bold(`${tools.length} tools`)}`);
  for (const tool of tools) showTool(tool);
  const has = (name: string): boolean => capabilities !== undefined && name in capabilities;
  if (has("resources")) {
    const resources = await pool.listResources(server);
    showNames(
      "resources",
      resources.map(({ uri, name }) => [uri, name]),
    );
    const templates = await pool.listResourceTemplates(server);
    showNames(
      "resource templates",
      templates.map(({ uriTemplate, name }) => [uriTemplate, name]),
    );
  }
  if (has("prompts")) {
    const prompts = await pool.listPrompts(server);
    showNames(
      "prompts",
      prompts.map(({ name, description }) => [name, description]),
    );
  }
}

function showTool({ name, description, parameters }: PoolTool): void {
  print(`  ${color.cyan(name)}`);
  if (description !== "") paragraph(firstLine(description), "    ");
  const required = Array.isArray(parameters["required"]) ? parameters["required"] : [];
  const properties = Object.entries((parameters["properties"] ?? {}) as JsonObject);
  table(
    properties.map(([key, schema]) => [
      `  ${clean(key)}${required.includes(key) ? "" : "?"}`,
      { text: typeOf(schema), paint: color.dim },
      firstLine(textOf(schema, "description")),
    ]),
  );
}

function showNames(what: string, rows: readonly (readonly [string, string])[]): void {
  const shown = rows.slice(0, 20);
  print(`\n  ${color.bold(`${rows.length} ${what}`)}`);
  table(shown.map(([name, text]) => [{ text: clean(name), paint: color.cyan }, firstLine(text)]));
  if (rows.length > shown.length) print(color.dim(`  … and ${rows.length - shown.length} more`));
}

function showStatus(status: readonly ServerStatus[]): void {
  section("Status");
  table(
    status.map(({ server, state, counts, latencyMs }) => [
      marked(state === "ready", server),
      state,
      `${counts.calls} ${counts.calls === 1 ? "request" : "requests"}`,
      `${counts.failed} failed`,
      latencyMs === undefined ? "" : `${duration(latencyMs)} each`,
    ]),
  );
}

/** What a JSON Schema says of the type, in a word. */
function typeOf(schema: unknown): string {
  if (typeof schema !== "object" || schema === null) return "any";
  const choices: unknown = Reflect.get(schema, "enum");
  if (Array.isArray(choices)) return cut(choices.map((it) => JSON.stringify(it)).join("|"), 24);
  const type: unknown = Reflect.get(schema, "type");
  if (type === "array") return `${typeOf(Reflect.get(schema, "items"))}[]`;
  return Array.isArray(type) ? type.join("|") : typeof type === "string" ? type : "any";
}

function textOf(schema: unknown, key: string): string {
  const value: unknown =
    typeof schema === "object" && schema !== null ? Reflect.get(schema, key) : undefined;
  return typeof value === "string" ? value : "";
}
