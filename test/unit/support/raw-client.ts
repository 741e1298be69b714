// A scripted stateless server with a bit of everything, and requests to it that are right but for what a test changes.

import { afterEach, beforeEach } from "vitest";
import { elicit, inputRequired, startStatelessServer } from "../../support/stateless-server.ts";
import type { StatelessServer } from "../../support/stateless-server.ts";

export type Json = Record<string, unknown>;

const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {
    extensions: { "io.modelcontextprotocol/tasks": {} },
  },
};
const NAMES: Record<string, string> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};
const ANNOTATED = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    count: { type: "integer", "x-mcp-header": "Count" },
    deep: { type: "object", properties: { on: { type: "boolean", "x-mcp-header": "On" } } },
  },
};
const INVALID = { type: "object", properties: { a: { type: "number", "x-mcp-header": "A" } } };

/** A new one for every test of the file. */
export let server: StatelessServer;
export let lastId = 0;

export function startWithEachTest(): void {
  beforeEach(async () => {
    server = await startStatelessServer({
      tools: {
        echo: {},
        annotated: { inputSchema: ANNOTATED },
        invalid: { inputSchema: INVALID },
        ask: {
          handler: (_args, { inputResponses }) =>
            inputResponses ??
            inputRequired({ inputRequests: { q: elicit("Who?") }, requestState: "s1" }),
        },
        slow: {
          handler: (_args, { signal, progress }) => {
            progress(1, 2);
            return new Promise((resolve) => {
              signal.addEventListener("abort", resolve);
            });
          },
        },
        task: { handler: (_args, { tasks }) => tasks.createTask({ taskId: "t 1" }) },
        needy: { requires: { elicitation: {} } },
      },
      resources: { "test://ä": { text: "hi" } },
    });
  });

  afterEach(() => server.close());
}

export interface Change {
  /** Over the right ones; `undefined` removes one. */
  readonly headers?: Record<string, string | undefined>;
  readonly body?: Json;
  readonly meta?: Json;
  readonly verb?: string;
  readonly text?: string;
  readonly signal?: AbortSignal;
}

/** A request that is right in everything, but for the changes. */
export async function post(
  method: string,
  params: Json = {},
  change: Change = {},
): Promise<Response> {
  const id = (lastId += 1);
  const body = {
    jsonrpc: "2.0",
    id,
    method,
    params: { ...params, _meta: { ...ENVELOPE, ...change.meta } },
    ...change.body,
  };
  const name = params[NAMES[method] ?? ""] as string | undefined;
  const headers = new Headers();
  const wanted = {
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    "mcp-name": name,
    ...change.headers,
  };
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== undefined) headers.set(key, value);
  }
  const verb = change.verb ?? "POST";
  return await fetch(server.url, {
    method: verb,
    headers,
    ...(verb === "POST" ? { body: change.text ?? JSON.stringify(body) } : {}),
    ...(change.signal === undefined ? {} : { signal: change.signal }),
  });
}

export function call(name: string, args: Json = {}, change: Change = {}): Promise<Response> {
  return post("tools/call", { name, arguments: args }, change);
}

export async function json(response: Promise<Response>): Promise<Json> {
  return (await (await response).json()) as Json;
}

/** The messages of a stream, as they come. */
export async function* messages(response: Response): AsyncGenerator<Json> {
  let pending = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    pending += decoder.decode(chunk as Uint8Array, { stream: true });
    const events = pending.split("\n\n");
    pending = events.pop() ?? "";
    for (const event of events) {
      if (event.startsWith("data: ")) yield JSON.parse(event.slice(6)) as Json;
    }
  }
}

export async function next(stream: AsyncGenerator<Json>): Promise<Json> {
  const { value } = await stream.next();
  return value as Json;
}
