// "shop": an MCP server over Streamable HTTP with sessions, written with the official SDK, that can be restarted.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  localhostHostValidation,
  localhostOriginValidation,
  NodeStreamableHTTPServerTransport,
} from "@modelcontextprotocol/node";
import { McpServer } from "@modelcontextprotocol/server";
import type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";
import * as z from "zod";

/** What outlives a restart: the keys of all executions as they began, and whether work is held up. */
export class ShopBooks {
  readonly executions: string[] = [];
  sessionsOpened = 0;
  #gate: PromiseWithResolvers | undefined;

  /** From now on every call that has begun waits, so that a fault meets it in flight. */
  hold(): void {
    this.#gate ??= withResolvers();
  }

  release(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async work(key: string): Promise<void> {
    this.executions.push(key);
    await this.#gate?.promise;
  }
}

export class ShopServer {
  readonly books: ShopBooks = new ShopBooks();
  readonly #sessions: Map<string, NodeStreamableHTTPServerTransport> = new Map();
  readonly #validateHost = localhostHostValidation();
  readonly #validateOrigin = localhostOriginValidation();
  #http = createServer();
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  /** On a free port the first time, on the same one afterwards. */
  async start(): Promise<void> {
    this.#http = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject).listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** As a process ends that is killed: connections break, sessions are gone. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve));
    this.#http.closeAllConnections();
    await Promise.all([closed, this.forgetSessions()]);
  }

  async forgetSessions(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all(sessions.map((session) => session.close()));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#validateHost(request, response) || !this.#validateOrigin(request, response)) return;
    const id = request.headers["mcp-session-id"];
    if (typeof id !== "string") return this.#openSession(request, response);
    const session = this.#sessions.get(id);
    if (session !== undefined) return session.handleRequest(request, response);
    const error = { code: -32001, message: "Session not found" };
    response.writeHead(404, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
  }

  async #openSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        this.books.sessionsOpened += 1;
        this.#sessions.set(id, transport);
      },
      onsessionclosed: (id) => void this.#sessions.delete(id),
    });
    await createShop(this.books).connect(transport);
    await transport.handleRequest(request, response);
  }
}

function createShop(books: ShopBooks): McpServer {
  const server = new McpServer({ name: "shop", version: "1.0.0" });
  server.registerTool(
    "reserve_item",
    {
      description: "Reserve an item, once per key.",
      inputSchema: z.object({
        key: z.string().describe("Names the reservation"),
        item: z.string().describe("What to reserve"),
      }),
      annotations: { idempotentHint: true },
    },
    async ({ key, item }, context) => {
      await reportProgress(context, 1, "looking it up");
      await books.work(key);
      await reportProgress(context, 2, "reserved");
      return text(`reserved: ${item} (${key})`);
    },
  );
  server.registerTool(
    "charge_card",
    {
      description: "Charge a card: once more per call.",
      inputSchema: z.object({
        key: z.string().describe("Names the charge in the books"),
        amount: z.number().describe("In euros"),
      }),
    },
    async ({ key, amount }) => {
      await books.work(key);
      return text(`charged: ${amount} EUR (${key})`);
    },
  );
  return server;
}

async function reportProgress(
  { mcpReq }: ServerContext,
  progress: number,
  message: string,
): Promise<void> {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await mcpReq.notify({
    method: "notifications/progress",
    params: { progressToken, progress, total: 2, message },
  });
}

function text(value: string): CallToolResult {
  return { content: [{ type: "text", text: value }] };
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  resolve(): void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
