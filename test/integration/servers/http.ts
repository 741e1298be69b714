// HTTP hosts for the SDK's servers: one server and one transport for each session, as the SDK's examples do it.

import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport as V1Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import { createV1Server } from "./v1.ts";
import { createV2Server } from "./v2.ts";
import type { Record } from "./wire.ts";

/** One HTTP request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

export interface HttpHost {
  readonly url: string;
  readonly requests: Seen[];
  /** Sessions that are known now. */
  readonly sessionCount: number;
  /** Connections that are open now. */
  readonly socketCount: number;
  /** Every session is unknown from now on, as after a restart. */
  loseSessions(): Promise<void>;
  close(): Promise<void>;
}

export interface HostOptions {
  readonly generation: "v1" | "v2";
  readonly replies: "json" | "sse";
  readonly record: Record;
  /** How a server of version 2 asks the client. */
  readonly asks?: "push" | "result";
  /** Another server of version 1 in the toolbox's place. */
  readonly createServer?: (record: Record) => { connect(transport: V1Transport): Promise<void> };
}

interface Hosted {
  handleRequest(req: IncomingMessage, res: ServerResponse, body?: unknown): Promise<void>;
  close(): Promise<void>;
}

/** Streamable HTTP with sessions; SSE replies are kept, so that they can be resumed. */
export function startStreamableHost(options: HostOptions): Promise<HttpHost> {
  const sessions = createSessions(options);
  return startHost(sessions.open, "/mcp", (req, res) => sessions.handle(req, res));
}

export interface Sessions {
  readonly open: Map<string, Hosted>;
  /** @param body the request's, if it was read. */
  handle(req: IncomingMessage, res: ServerResponse, body?: unknown): Promise<void>;
}

export function createSessions(options: HostOptions): Sessions {
  const open = new Map<string, Hosted>();

  async function createSession(): Promise<Hosted> {
    const { generation, replies, record, createServer, asks = "push" } = options;
    let nextId: string | undefined;
    const transportOptions = {
      sessionIdGenerator: () => (nextId = crypto.randomUUID()),
      onsessioninitialized: (id: string) => void open.set(id, hosted),
      onsessionclosed: (id: string) => {
        record(`session ended ${id === nextId ? "by DELETE" : "that is another's"}`);
        open.delete(id);
      },
      enableJsonResponse: replies === "json",
      retryInterval: 20,
      ...(replies === "sse" ? { eventStore: createEventStore() } : {}),
    };
    const related = replies === "sse";
    const hosted: Hosted =
      generation === "v1"
        ? new StreamableHTTPServerTransport(transportOptions)
        : new NodeStreamableHTTPServerTransport(transportOptions);
    if (generation === "v1") {
      // The SDK's own class does not fit its interface under exactOptionalPropertyTypes.
      const server = createServer?.(record) ?? createV1Server(record, related);
      await server.connect(hosted as unknown as V1Transport);
    } else {
      const server = createV2Server(record, { related, asks });
      await server.connect(hosted as NodeStreamableHTTPServerTransport);
    }
    return hosted;
  }

  return {
    open,
    async handle(req, res, body) {
      const id = req.headers["mcp-session-id"];
      if (id === undefined) return (await createSession()).handleRequest(req, res, body);
      const session = open.get(String(id));
      if (session !== undefined) return session.handleRequest(req, res, body);
      const error = { code: -32001, message: "Session not found" };
      res.writeHead(404, { "content-type": "application/json" });
      res.end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
    },
  };
}

/** HTTP+SSE of 2024-11-05. */
export function startSseHost(record: Record): Promise<HttpHost> {
  const sessions = new Map<string, SSEServerTransport>();
  return startHost(sessions, "/sse", async (req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? "", "http://localhost");
    if (req.method === "GET" && pathname === "/sse") {
      const transport = new SSEServerTransport("/message?tenant=a%20b", res);
      sessions.set(transport.sessionId, transport);
      await createV1Server(record, true).connect(transport);
      res.once("close", () => sessions.delete(transport.sessionId));
    } else if (req.method === "POST" && pathname === "/message") {
      const session = sessions.get(searchParams.get("sessionId") ?? "");
      if (session === undefined) res.writeHead(404).end("unknown session");
      else await session.handlePostMessage(req, res);
    } else res.writeHead(404).end();
  });
}

export async function startHost(
  sessions: Map<string, { close(): Promise<void> }>,
  path: string,
  handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>,
  beforeClose: () => Promise<void> = async () => {},
): Promise<HttpHost> {
  const requests: Seen[] = [];
  const server = createHttpServer((req, res) => {
    requests.push({ method: req.method ?? "", path: req.url ?? "", headers: req.headers });
    handle(req, res).catch(() => {
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end();
    });
  });
  const sockets = new Set<object>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const loseSessions = async (): Promise<void> => {
    const lost = [...sessions.values()];
    sessions.clear();
    await Promise.all(lost.map((session) => session.close()));
  };
  return {
    url: `http://127.0.0.1:${port}${path}`,
    requests,
    get sessionCount() {
      return sessions.size;
    },
    get socketCount() {
      return sockets.size;
    },
    loseSessions,
    async close() {
      await beforeClose();
      await loseSessions();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Ids count upwards; a replay gives what followed on the same stream. */
function createEventStore(): {
  storeEvent(streamId: string, message: object): Promise<string>;
  getStreamIdForEventId(eventId: string): Promise<string | undefined>;
  replayEventsAfter(
    lastEventId: string,
    to: { send(eventId: string, message: never): Promise<void> },
  ): Promise<string>;
} {
  const events: { readonly streamId: string; readonly message: object }[] = [];
  return {
    storeEvent: async (streamId, message) => String(events.push({ streamId, message }) - 1),
    getStreamIdForEventId: async (id) => events[Number(id)]?.streamId,
    async replayEventsAfter(lastEventId, to) {
      const streamId = events[Number(lastEventId)]?.streamId ?? "";
      for (const [index, event] of events.entries()) {
        const isPriming = Object.keys(event.message).length === 0;
        if (index <= Number(lastEventId) || event.streamId !== streamId || isPriming) continue;
        await to.send(String(index), event.message as never);
      }
      return streamId;
    },
  };
}
