// A scripted MCP server of the session era on raw node:http: loopback, any free port, everything it saw on record.

import { randomUUID } from "node:crypto";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface RpcMessage {
  jsonrpc?: unknown;
  id?: string | number | null;
  method?: string;
  params?: Record<string, unknown>;
  result?: unknown;
  error?: unknown;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly text: string;
  /** The parsed body, if it was JSON. */
  readonly body: RpcMessage | undefined;
}

export interface RequestContext extends RecordedRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly server: TestHttpServer;
}

export interface TestTool {
  readonly description?: string;
  readonly inputSchema?: object;
  readonly annotations?: object;
  readonly outputSchema?: object;
  /** Its value becomes the text of the result; a thrown error becomes `isError`. Default: gives back the arguments. */
  readonly handler?: (args: Record<string, unknown>, context: RequestContext) => unknown;
}

export interface TestHttpServerOptions {
  /** Default true: `initialize` gives a session id, everything else demands it. */
  sessions?: boolean;
  /** Default `json`. */
  replies?: "json" | "sse";
  /** By name. Default: one tool, `echo`. */
  tools?: Record<string, TestTool>;
  /** Default false: GET is answered with 405. */
  getStream?: boolean;
  protocolVersion?: string;
  capabilities?: object;
  instructions?: string;
  /** Sees every request first. `true`: it was answered (or will be), the server does nothing more. */
  onRequest?: (context: RequestContext) => boolean | void | Promise<boolean | void>;
  /** Writes the answer to a request instead of the server. Default: as `replies` says. */
  writeAnswer?: (context: RequestContext, answer: object, headers: Record<string, string>) => void;
}

const DEFAULT_TOOLS: Record<string, TestTool> = {
  echo: { description: "gives back its arguments" },
};

export async function startHttpServer(
  options: TestHttpServerOptions = {},
): Promise<TestHttpServer> {
  const server = new TestHttpServer(options);
  await server.listen();
  return server;
}

export class TestHttpServer {
  /** May be changed at any time. */
  readonly options: TestHttpServerOptions;
  readonly requests: RecordedRequest[] = [];
  readonly sessions = new Set<string>();
  /** How often `initialize` was answered. */
  initializeCount = 0;
  /** Sockets ever accepted. */
  connectionCount = 0;
  readonly #executions = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<ServerResponse>();
  readonly #watchers = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;

  constructor(options: TestHttpServerOptions) {
    this.options = options;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#port}/mcp`);
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** GET streams that are open. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** How often a tool ran, in all or with `arguments.key` equal to `key`. */
  executionCount(tool: string, key?: string): number {
    return this.#executions.get(key === undefined ? tool : `${tool}\n${key}`) ?? 0;
  }

  /** Recorded requests with this HTTP method or JSON-RPC method. */
  requestsOf(method: string): RecordedRequest[] {
    return this.requests.filter((one) => one.method === method || one.body?.method === method);
  }

  /** Resolves as soon as `condition` holds; looked at whenever a request, socket or stream comes or goes. */
  async until(condition: (server: TestHttpServer) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  /** Sends a message on every open GET stream. */
  push(message: object, id?: string): void {
    for (const stream of this.#streams) stream.write(sseEvent(message, id));
  }

  notifyToolsChanged(): void {
    this.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  }

  /** Ends every open GET stream in good order. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** As after a restart, but without losing a socket: every session id is unknown now. */
  forgetSessions(): void {
    this.sessions.clear();
  }

  dropSockets(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async listen(): Promise<void> {
    const server = createServer((req, res) => void this.#receive(req, res));
    // A test's silence is no reason to close a socket under it.
    server.keepAliveTimeout = 0;
    server.on("connection", (socket) => {
      this.connectionCount += 1;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#notify();
      });
      this.#notify();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Stops listening and drops all sockets; `listen()` starts again on the same port. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.dropSockets();
    await closed;
  }

  /** Drops all sessions and sockets and listens again on the same port. Counters stay. */
  async restart(): Promise<void> {
    await this.stop();
    this.forgetSessions();
    await this.listen();
  }

  close(): Promise<void> {
    return this.stop();
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = "";
    req.setEncoding("utf8");
    try {
      for await (const chunk of req) text += String(chunk);
    } catch {
      return;
    }
    const context: RequestContext = {
      method: req.method ?? "",
      path: req.url ?? "",
      headers: req.headers,
      rawHeaders: req.rawHeaders,
      text,
      body: parse(text),
      req,
      res,
      server: this,
    };
    const { req: _req, res: _res, server: _server, ...record } = context;
    this.requests.push(record);
    this.#notify();
    if ((await this.options.onRequest?.(context)) === true) return;
    if (res.destroyed) return;
    if (context.method === "POST") await this.#post(context);
    else if (context.method === "GET") this.#get(context);
    else if (context.method === "DELETE") this.#delete(context);
    else res.writeHead(405).end();
  }

  async #post(context: RequestContext): Promise<void> {
    const { body, res } = context;
    if (body === undefined) {
      json(res, 400, rpcError(null, -32700, "Parse error"));
      return;
    }
    if (body.method !== "initialize" && !this.#hasSession(context)) return;
    if (body.method === undefined || body.id === undefined) {
      res.writeHead(202).end();
      return;
    }
    const headers: Record<string, string> = {};
    if (body.method === "initialize" && this.options.sessions !== false) {
      const session = randomUUID();
      this.sessions.add(session);
      headers["mcp-session-id"] = session;
    }
    const answer = await this.#answer(body, context);
    if (res.destroyed) return;
    if (this.options.writeAnswer !== undefined) {
      this.options.writeAnswer(context, answer, headers);
    } else if (this.options.replies === "sse") {
      res.writeHead(200, { ...headers, "content-type": "text/event-stream" });
      res.end(sseEvent(answer));
    } else json(res, 200, answer, headers);
  }

  async #answer(body: RpcMessage, context: RequestContext): Promise<object> {
    const id = body.id ?? null;
    switch (body.method) {
      case "initialize":
        this.initializeCount += 1;
        return rpcResult(id, {
          protocolVersion: this.options.protocolVersion ?? "2025-11-25",
          capabilities: this.options.capabilities ?? { tools: { listChanged: true } },
          serverInfo: { name: "test-http-server", version: "1.0.0" },
          ...(this.options.instructions === undefined
            ? {}
            : { instructions: this.options.instructions }),
        });
      case "ping":
        return rpcResult(id, {});
      case "tools/list":
        return rpcResult(id, {
          tools: Object.entries(this.#tools).map(([name, { handler: _handler, ...tool }]) => ({
            name,
            inputSchema: { type: "object" },
            ...tool,
          })),
        });
      case "tools/call":
        return this.#call(id, body.params ?? {}, context);
      default:
        return rpcError(id, -32601, `Method not found: ${body.method}`);
    }
  }

  async #call(
    id: string | number | null,
    params: Record<string, unknown>,
    context: RequestContext,
  ): Promise<object> {
    const name = String(params["name"]);
    const args = (params["arguments"] ?? {}) as Record<string, unknown>;
    const tool = this.#tools[name];
    if (tool === undefined) return rpcError(id, -32602, `Unknown tool: ${name}`);
    this.#count(name);
    if (args["key"] !== undefined) this.#count(`${name}\n${args["key"] as string}`);
    try {
      const value = tool.handler === undefined ? args : await tool.handler(args, context);
      const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
      return rpcResult(id, { content: [{ type: "text", text }] });
    } catch (error) {
      return rpcResult(id, { content: [{ type: "text", text: String(error) }], isError: true });
    }
  }

  #get(context: RequestContext): void {
    const { res } = context;
    if (this.options.getStream !== true) {
      res.writeHead(405).end();
      return;
    }
    if (!this.#hasSession(context)) return;
    res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    this.#streams.add(res);
    res.once("close", () => {
      this.#streams.delete(res);
      this.#notify();
    });
    this.#notify();
  }

  #delete(context: RequestContext): void {
    if (!this.#hasSession(context)) return;
    this.sessions.delete(String(context.headers["mcp-session-id"]));
    context.res.writeHead(204).end();
  }

  #hasSession({ headers, res }: RequestContext): boolean {
    if (this.options.sessions === false) return true;
    const session = headers["mcp-session-id"];
    if (typeof session === "string" && this.sessions.has(session)) return true;
    if (session === undefined) json(res, 400, rpcError(null, -32000, "Session id required"));
    else json(res, 404, rpcError(null, -32001, "Session not found"));
    return false;
  }

  get #tools(): Record<string, TestTool> {
    return this.options.tools ?? DEFAULT_TOOLS;
  }

  #count(key: string): void {
    this.#executions.set(key, (this.#executions.get(key) ?? 0) + 1);
    this.#notify();
  }

  #notify(): void {
    for (const watcher of Array.from(this.#watchers)) watcher();
  }
}

export function rpcResult(id: string | number | null, result: object): object {
  return { jsonrpc: "2.0", id, result };
}

export function rpcError(id: string | number | null, code: number, message: string): object {
  return { jsonrpc: "2.0", id, error: { code, message } };
}

/** Answers with JSON of known length. */
export function json(
  res: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
  });
  res.end(text);
}

/** One event; `data` that is a string is sent as it is. */
export function sseEvent(data: object | string, id?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${id === undefined ? "" : `id: ${id}\n`}data: ${text}\n\n`;
}

function parse(text: string): RpcMessage | undefined {
  try {
    return JSON.parse(text) as RpcMessage;
  } catch {
    return undefined;
  }
}
