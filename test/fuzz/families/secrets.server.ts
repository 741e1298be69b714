// Servers that echo what they were given: where and in which encodings says an order, one for each path.

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface EchoOrder {
  /** First segment of the path. */
  readonly key: string;
  readonly encodings: readonly Encoding[];
  /** From which request on it echoes: 0 is the handshake. */
  readonly from: number;
  readonly shape: Shape;
}

export const ENCODINGS = {
  plain: (text: string): string => text,
  json: (text: string): string => JSON.stringify(text),
  "json in json": (text: string): string => JSON.stringify(JSON.stringify({ text })),
  percent: (text: string): string => encodeURIComponent(text),
  form: (text: string): string => new URLSearchParams({ text }).toString(),
  html: (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
  base64: (text: string): string => Buffer.from(text).toString("base64"),
  base64url: (text: string): string => Buffer.from(`x${text}`).toString("base64url"),
  hex: (text: string): string => Buffer.from(text).toString("hex"),
} as const;
export type Encoding = keyof typeof ENCODINGS;

export const SHAPES = [
  ...["text", "page", "json", "error", "result", "event", "challenge", "redirect", "log"],
] as const;
export type Shape = (typeof SHAPES)[number];

const plans = new Map<string, { order: EchoOrder; requests: number }>();

const server = createServer((req, res) => {
  let body = "";
  req.setEncoding("utf8");
  req.on("data", (chunk: string) => (body += chunk));
  req.on("end", () => answer(req, res, body));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

export function obey(order: EchoOrder): number {
  plans.set(order.key, { order, requests: 0 });
  return (server.address() as AddressInfo).port;
}

function answer(req: IncomingMessage, res: ServerResponse, body: string): void {
  const key = (req.url ?? "").split("/")[1] ?? "";
  const plan = plans.get(key);
  if (plan === undefined || req.method !== "POST") return void res.writeHead(405).end();
  const { id, method } = JSON.parse(body) as { id?: unknown; method?: string };
  if (id === undefined) return void res.writeHead(202).end();
  const { order } = plan;
  const echo = echoOf(req, order.encodings);
  if (plan.requests++ >= order.from) return echoing(order.shape, req, res, echo, id);
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method ?? "", echo) }));
}

function resultOf(method: string, echo: string): object {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {}, experimental: { [echo.slice(0, 300)]: {} } },
        serverInfo: { name: echo, version: echo.slice(0, 200) },
        instructions: echo,
      };
    case "tools/list":
      return { tools: [{ name: "echo", inputSchema: { type: "object" } }, { name: echo }] };
    default:
      return { content: [] };
  }
}

function echoing(
  shape: Shape,
  req: IncomingMessage,
  res: ServerResponse,
  echo: string,
  id: unknown,
): void {
  const line = echo.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 4_000);
  const headers = { "content-type": "application/json" };
  switch (shape) {
    case "text":
      return void res.writeHead(500, { "x-squid-error": line, via: line }).end(echo);
    case "page":
      return void res.writeHead(503).end(`<html><title>${echo}</title><p>${echo}</p>`);
    case "json":
      return void res.writeHead(200, headers).end(`{"jsonrpc": ${echo}`);
    case "error": {
      const error = { code: -32001, message: echo, data: { echo } };
      return void res.writeHead(400, headers).end(JSON.stringify({ jsonrpc: "2.0", id, error }));
    }
    case "result":
      return void res
        .writeHead(200, headers)
        .end(JSON.stringify({ jsonrpc: "2.0", id, result: echo }));
    case "event":
      res.writeHead(200, { "content-type": "text/event-stream" });
      return void res.end(`data: {"jsonrpc": ${echo.replaceAll(/[\r\n]/g, " ")}\n\n`);
    case "challenge":
      return void res.writeHead(401, { "www-authenticate": `Bearer realm="${line}"` }).end(echo);
    case "redirect":
      return void res.writeHead(307, { location: `http://else.test${req.url ?? ""}` }).end(echo);
    case "log": {
      const params = { level: "error", logger: echo, data: { [echo]: [echo] } };
      const log = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params });
      const error = JSON.stringify({ jsonrpc: "2.0", id, error: { code: 1, message: echo } });
      res.writeHead(200, { "content-type": "text/event-stream" });
      return void res.end(`data: ${log}\n\ndata: ${error}\n\n`);
    }
  }
}

function echoOf(req: IncomingMessage, encodings: readonly Encoding[]): string {
  const url = new URL(req.url ?? "/", "http://here");
  const pieces = [
    ...[req.url ?? "", ...url.searchParams.values(), ...url.pathname.split("/").slice(2)],
    ...Object.entries(req.headers).map(([name, value]) => `${name}: ${String(value)}`),
    Buffer.from(String(req.headers["x-basic"] ?? "").slice(6), "base64").toString(),
  ];
  const parts = encodings.flatMap((encoding) => pieces.map((piece) => ENCODINGS[encoding](piece)));
  return parts.join(" ");
}
