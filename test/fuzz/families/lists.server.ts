// The servers of the family `lists`: one that lists odd things, and one in order beside it.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Random } from "../../support/random.ts";
import { pageOf } from "./lists-pages.ts";
import type { ListPlan } from "./lists-pages.ts";

export type ListsOrder =
  | { readonly kind: "start" }
  /** The odd server lists by this plan from now on. */
  | { readonly kind: "plan"; readonly plan: ListPlan }
  /** Its lists have changed, it says, `times` times. */
  | { readonly kind: "notify"; readonly times: number }
  /** Gives how many first pages of tools were asked for since the last time. */
  | { readonly kind: "count" }
  | { readonly kind: "stop" };

const METHODS = ["tools", "prompts", "resources"] as const;
const CHANGED = METHODS.map((kind) => `notifications/${kind}/list_changed`);

let plan: ListPlan | undefined;
let firstPages = 0;
const streams = new Set<ServerResponse>();
const servers: Server[] = [];

export async function obey(order: ListsOrder): Promise<unknown> {
  switch (order.kind) {
    case "start":
      return { odd: await listen(true), good: await listen(false) };
    case "plan":
      plan = order.plan;
      return undefined;
    case "notify":
      for (let count = 0; count < order.times; count++) notifyAll();
      return undefined;
    case "count": {
      const count = firstPages;
      firstPages = 0;
      return count;
    }
    case "stop":
      for (const stream of streams) stream.destroy();
      for (const server of servers.splice(0)) server.closeAllConnections();
      return undefined;
  }
}

async function listen(isOdd: boolean): Promise<string> {
  const server = createServer((request, response) => void answer(isOdd, request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

function notifyAll(): void {
  for (const stream of streams) {
    for (const method of CHANGED) {
      stream.write(`data: ${JSON.stringify({ jsonrpc: "2.0", method })}\n\n`);
    }
  }
}

async function answer(
  isOdd: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === "GET" && isOdd) {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    streams.add(response);
    response.on("close", () => streams.delete(response));
    return;
  }
  if (request.method !== "POST") return void response.writeHead(405).end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const message = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
    id?: number;
    method: string;
    params?: { cursor?: string | number; arguments?: { text?: unknown } };
  };
  if (message.id === undefined) return void response.writeHead(202).end();
  const end = (text: string): void => {
    const head = { "content-type": "application/json", "mcp-session-id": "1" };
    response.writeHead(200, head).end(`{"jsonrpc":"2.0","id":${message.id},${text}}`);
  };
  const { method, params } = message;
  if (method === "initialize") {
    const capabilities = Object.fromEntries(METHODS.map((kind) => [kind, { listChanged: true }]));
    const result = {
      protocolVersion: "2025-11-25",
      capabilities: isOdd ? capabilities : { tools: {} },
      serverInfo: { name: "fuzz", version: "1" },
    };
    return end(`"result":${JSON.stringify(result)}`);
  }
  if (method === "tools/call") {
    const content = [{ type: "text", text: String(params?.arguments?.text) }];
    return end(`"result":${JSON.stringify({ content })}`);
  }
  if (method.endsWith("/list") && !isOdd) {
    const echo = { name: "echo", inputSchema: { type: "object" } };
    return end(`"result":${JSON.stringify({ tools: [echo] })}`);
  }
  if (method.endsWith("/list") && plan !== undefined) {
    if (method === "tools/list" && params?.cursor === undefined) firstPages += 1;
    const text = pageOf(
      plan,
      new Random(plan.seed, method, String(params?.cursor)),
      method,
      params?.cursor,
    );
    end(text);
    if (plan.tellsAfterList) setImmediate(notifyAll);
    return;
  }
  end(`"error":{"code":-32601,"message":"no ${method.length}"}`);
}
