// The scripted servers of the stateless era, over HTTP and stdio, and a pool in front of them; all end with their test,
// which fails if the client broke the revision.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type {
  CallOptions,
  ElicitResult,
  HandlerContext,
  HttpServerConfig,
  McpClientPool,
  PoolOptions,
  StdioServerConfig,
} from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import { Ledger } from "../fault/stdio-harness.ts";
import { gate, poolOf } from "../fault/support.ts";
import { elicit, startStatelessServer } from "../support/stateless-server.ts";
import type {
  HandlerContext as ToolContext,
  StatelessRecord,
  StatelessServer,
  StatelessServerOptions,
} from "../support/stateless-server.ts";

export type Options = Omit<PoolOptions, "servers">;
export type ByHand = (
  request: Parameters<NonNullable<StatelessServerOptions["onRequest"]>>[0],
) => void;

export const PREFIX = "io.modelcontextprotocol/";
export const NOTE = "test:///note.txt";

/** Something of everything. */
export const EVERYTHING: StatelessServerOptions = {
  resources: { [NOTE]: {} },
  resourceTemplates: [{ uriTemplate: "test:///{name}", name: "any" }],
  prompts: { travel: {} },
  complete: () => ["Paris"],
};

const STDIO_SERVER = fileURLToPath(new URL("../support/stateless-stdio.mjs", import.meta.url));

/** Fails its test also if a client's socket outlives its pool. */
export async function serve(options: StatelessServerOptions = {}): Promise<StatelessServer> {
  const server = await startStatelessServer({ ...options });
  onTestFinished(async () => {
    await server.until(({ openSockets }) => openSockets === 0);
    await server.close();
    expect(server.violations).toEqual([]);
  });
  return server;
}

/** One server, connected as `s`. */
export async function connected(
  server: StatelessServer,
  config: Partial<HttpServerConfig> = {},
  options: Options = {},
): Promise<McpClientPool> {
  const pool = poolOf({ s: { url: server.url, protocol: "auto", ...config } }, options);
  expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
  return pool;
}

/** The scripted child. */
export function stdioServer(ledger: Ledger, script: object = {}): StdioServerConfig {
  const files = { counterFile: ledger.file, traceFile: `${ledger.file}.trace` };
  const args = [STDIO_SERVER, JSON.stringify({ ...files, ...script })];
  return { command: process.execPath, args, timeouts: { closeStepMs: 300 }, protocol: "auto" };
}

/** The same, connected as `s`, and what it writes down. */
export async function connectedChild(
  script: object = {},
  options: Options = {},
  config: Partial<StdioServerConfig> = {},
): Promise<{ pool: McpClientPool; ledger: Ledger }> {
  const ledger = new Ledger();
  const violations = (): string[] => ledger.lines.filter((line) => line.startsWith("violation "));
  onTestFinished(() => expect(violations()).toEqual([]));
  const pool = poolOf({ s: { ...stdioServer(ledger, script), ...config } }, options);
  expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
  return { pool, ledger };
}

/** Every message that the child received, oldest first. */
export function traceOf(ledger: Ledger): { readonly method: string }[] {
  const lines = readFileSync(`${ledger.file}.trace`, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as { method: string });
}

/** The next `times` requests of `method` are answered by hand, before anything is checked or runs. */
export function answer(server: StatelessServer, method: string, by: ByHand, times = 1): void {
  let left = times;
  server.options.onRequest = (request) => {
    if (request.body?.method !== method || left-- <= 0) return false;
    by(request);
    return true;
  };
}

/** What was sent of a method, oldest first. */
export function messages(server: StatelessServer, method: string): StatelessRecord[] {
  return server.requests.filter(({ body }) => body?.method === method);
}

export function idsOf(records: readonly StatelessRecord[]): unknown[] {
  return records.map(({ body }) => body?.id);
}

export function metaOf({ body }: StatelessRecord): Record<string, unknown> {
  return body?.params?.["_meta"] as Record<string, unknown>;
}

/** For a tool that answers only when it is given up. */
export function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve("too late")));
}

export interface Person {
  /** When the first question has come. */
  readonly asked: Promise<void>;
  readonly onElicitation: (params: object, context: HandlerContext) => Promise<ElicitResult>;
  readonly answer: () => void;
  /** Of the last question. */
  readonly signal: AbortSignal | undefined;
  readonly askedCount: number;
}

/** A handler that answers when it is told to, and from then on at once. */
export function person(result: ElicitResult): Person {
  const [asked, answered] = [gate(), gate()];
  let signal: AbortSignal | undefined;
  let askedCount = 0;
  return {
    asked: asked.opened,
    onElicitation: async (_params, context) => {
      ({ signal } = context);
      askedCount += 1;
      asked.open();
      await answered.opened;
      return result;
    },
    answer: () => answered.open(),
    get signal() {
      return signal;
    },
    get askedCount() {
      return askedCount;
    },
  };
}

export const ADA: ElicitResult = { action: "accept", content: { name: "Ada" } };
export const FORM: ReturnType<typeof elicit> = elicit("Who?", { name: "string" });

/** A tool `ask` that gives back these one after the other, then the JSON of what the last request was answered with. */
export function asking(...rounds: readonly unknown[]): StatelessServerOptions {
  let leg = 0;
  const handler = (_args: object, { inputResponses, requestState }: ToolContext): unknown => {
    leg += 1;
    return leg <= rounds.length
      ? rounds[leg - 1]
      : JSON.stringify({ inputResponses, requestState });
  };
  return { tools: { ask: { handler }, echo: {} } };
}

/** What the tool `ask` was answered with in the end. */
export async function given(
  pool: McpClientPool,
  args: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<unknown> {
  const { content } = await pool.callTool("s__ask", args, options);
  const [block] = content;
  return JSON.parse(block?.type === "text" ? block.text : "");
}

/** Parameters of every request of the method, without `_meta`. */
export function paramsOf(
  server: StatelessServer,
  method = "tools/call",
): Record<string, unknown>[] {
  return messages(server, method).map(({ body }) => {
    const { _meta, ...params } = body?.params ?? {};
    return params;
  });
}

/** A server and a pool with these handlers. */
export async function start(
  options: StatelessServerOptions,
  handlers: Options = {},
): Promise<{ server: StatelessServer; pool: McpClientPool }> {
  const server = await serve(options);
  return { server, pool: await connected(server, {}, handlers) };
}
