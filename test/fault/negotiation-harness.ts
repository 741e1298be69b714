// What the tests of negotiation share: servers of either era, answers by hand, and what a server was asked.

import type { ServerConfig } from "mcp-client-pool";
import type { McpClientPool, McpError, PoolOptions, ServerStatus } from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import { rpcResult, sseEvent, startHttpServer } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { startStatelessServer } from "../support/stateless-server.ts";
import type { StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";
import type { StatelessRequest } from "../support/stateless/types.ts";
import { poolOf } from "./support.ts";

export const OURS: readonly string[] = [
  "2024-11-05",
  "2025-03-26",
  "2025-06-18",
  "2025-11-25",
  "2026-07-28",
];

/** Answers one request by hand. */
export type Answer = (request: StatelessRequest) => void;

/** By JSON-RPC method or HTTP method: what the first requests get; the server itself answers those after them. */
export type Answers = Readonly<Record<string, readonly Answer[]>>;

/** A JSON-RPC error. `nameless`: it does not say whom it answers. */
export function refuse(
  status: number,
  code: number,
  data?: unknown,
  options: { nameless?: boolean; sse?: boolean } = {},
): Answer {
  return (request) => {
    const id = options.nameless === true ? null : (request.body?.id ?? null);
    const error = { code, message: "told to refuse", ...(data === undefined ? {} : { data }) };
    send(request, status, { jsonrpc: "2.0", id, error }, options.sse === true);
  };
}

/** -32022, as it is meant: with the versions that are spoken. */
export function unsupported(status: number, ...supported: string[]): Answer {
  return refuse(status, -32022, { supported, requested: "2026-07-28" });
}

export function give(result: object, options: { sse?: boolean } = {}): Answer {
  return (request) => {
    send(request, 200, rpcResult(request.body?.id ?? null, result), options.sse === true);
  };
}

export function discovers(...supportedVersions: string[]): Answer {
  return give({ supportedVersions, capabilities: { tools: {} } });
}

/** A status, and what is no JSON-RPC. */
export function plain(
  status: number,
  body = "",
  headers: Readonly<Record<string, string>> = { "content-type": "text/html" },
): Answer {
  return ({ res }) => void res.writeHead(status, headers).end(body);
}

/** A stream that ends in good order, without the answer. */
export const endsEarly: Answer = ({ res }) => {
  res.writeHead(200, { "content-type": "text/event-stream" }).end(": that is all\n\n");
};

/** A stream that is cut. */
export const cutsStream: Answer = ({ res }) => {
  res.writeHead(200, { "content-type": "text/event-stream" });
  res.write(": cut\n\n", () => res.destroy());
};

/** No byte of an answer. */
export const resets: Answer = ({ req }) => void req.socket.destroy();

/** Never. */
export const hangs: Answer = () => {};

/** Ends with the test, and fails it if a client's socket outlives its pool. */
export async function serveEra(
  options: StatelessServerOptions = {},
  answers: Answers = {},
): Promise<StatelessServer> {
  const taken = new Map<string, number>();
  const server = await startStatelessServer({
    ...options,
    onRequest(request) {
      const key = request.body?.method ?? request.method;
      const count = taken.get(key) ?? 0;
      const answer = answers[key]?.[count];
      if (answer === undefined) return options.onRequest?.(request);
      taken.set(key, count + 1);
      answer(request);
      return true;
    },
  });
  onTestFinished(async () => {
    await server.until(({ openSockets }) => openSockets === 0);
    await server.close();
  });
  return server;
}

/** A server of 2024-11-05: one stream, and an endpoint for all that is sent. Other POSTs get `answers`. */
export async function serveHttpSse(answers: Answers): Promise<TestHttpServer> {
  const server = await startHttpServer({
    protocolVersion: "2024-11-05",
    onRequest(context) {
      const { method, path, res, body } = context;
      if (method === "GET") {
        res.writeHead(200, { "content-type": "text/event-stream" });
        res.write("event: endpoint\ndata: /messages\n\n");
        streams.push(res);
        return true;
      }
      if (path !== "/messages") {
        answers[body?.method ?? ""]?.[0]?.({ ...context, era: "unclear" });
        return true;
      }
      res.writeHead(202).end();
      const result = resultOf(body?.method);
      if (body?.id != null && result !== undefined) {
        streams.at(-1)?.write(sseEvent(rpcResult(body.id, result)));
      }
      return true;
    },
  });
  const streams: StatelessRequest["res"][] = [];
  onTestFinished(async () => {
    await server.until(({ openSockets }) => openSockets === 0);
    await server.close();
  });
  return server;
}

function resultOf(method: string | undefined): object | undefined {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2024-11-05",
        capabilities: { tools: {} },
        serverInfo: { name: "old", version: "1" },
      };
    case "tools/list":
      return { tools: [{ name: "echo", inputSchema: { type: "object" } }] };
    case "tools/call":
      return { content: [] };
    default:
      return undefined;
  }
}

/** Attempts that follow by themselves are far away: what a test sees is the first. */
const SLOW = { jitterMs: 0, initialMs: 60_000, maxMs: 60_000 } as const;

/** One server, `s`; without a change stream, so that every GET has another reason. Not connected yet. */
export function poolAt(
  server: StatelessServer | TestHttpServer,
  options: Omit<PoolOptions, "servers"> = {},
  config: Partial<ServerConfig> = {},
): McpClientPool {
  const s = { url: server.url, listen: false, ...config } as ServerConfig;
  return poolOf({ s }, { reconnect: SLOW, ...options });
}

/** Connects `s`. */
export async function connect(pool: McpClientPool): Promise<ServerStatus> {
  const { failed } = await pool.connect();
  expect(failed).toEqual({});
  return statusOf(pool);
}

/** The error with which `s` is not connected. */
export async function refusedWith(pool: McpClientPool): Promise<McpError> {
  const { connected, failed } = await pool.connect();
  expect(connected).toEqual([]);
  const error = failed["s"];
  return error ?? expect.fail("there is no error");
}

export function statusOf(pool: McpClientPool): ServerStatus {
  return pool.status()[0] ?? expect.fail("there is no server");
}

/** What came at the server on account of the negotiation. */
export interface Asked {
  readonly probes: number;
  /** The revision that each `initialize` offered. */
  readonly offers: readonly unknown[];
  readonly gets: number;
}

export function askedOf(server: StatelessServer | TestHttpServer): Asked {
  return {
    probes: server.requestsOf("server/discover").length,
    offers: server.requestsOf("initialize").map(({ body }) => body?.params?.["protocolVersion"]),
    gets: server.requestsOf("GET").length,
  };
}

function send({ res }: StatelessRequest, status: number, message: object, sse: boolean): void {
  if (sse) {
    res.writeHead(status, { "content-type": "text/event-stream" }).end(sseEvent(message));
  } else {
    res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(message));
  }
}
