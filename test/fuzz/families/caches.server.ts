// The server of the family `caches`: stateless, it says in each answer whose it is, and for how long it holds.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type CachesOrder = { readonly kind: "start" } | { readonly kind: "stop" };

/** What an answer says of itself, in its text. */
export interface Stamp {
  readonly tenant: string;
  readonly user: string;
  readonly uri: string;
  readonly scope: string;
}

const HINTS = [undefined, 0, -1, 5, 60_000, 3_600_000, 1e300, "60000", null];
const SCOPES = ["public", "private", undefined, "Public", "shared", ["public"]];

let server: Server | undefined;
let count = 0;

export async function obey(order: CachesOrder): Promise<unknown> {
  if (order.kind === "stop") {
    server?.closeAllConnections();
    server?.close();
    return undefined;
  }
  const made = createServer((request, response) => void answer(request, response));
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "POST") return void response.writeHead(405).end();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
    id?: number;
    method: string;
    params?: { uri?: unknown };
  };
  if (id === undefined) return void response.writeHead(202).end();
  const { headers } = request;
  count += 1;
  const scope = SCOPES[count % SCOPES.length];
  const stamp: Stamp = {
    tenant: String(headers["x-tenant"] ?? ""),
    user: String(headers["authorization"] ?? ""),
    uri: String(params?.uri),
    scope: JSON.stringify(scope) ?? "",
  };
  const base = {
    resultType: "complete",
    ttlMs: HINTS[Math.floor(count / SCOPES.length) % HINTS.length],
    cacheScope: scope,
  };
  const text = JSON.stringify(stamp);
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({ jsonrpc: "2.0", id, result: { ...base, ...resultOf(method, text, stamp) } }),
  );
}

function resultOf(method: string, text: string, { uri }: Stamp): object {
  switch (method) {
    case "server/discover":
      return {
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {}, resources: {}, prompts: {} },
      };
    case "tools/list":
      return { tools: [{ name: "t", description: text, inputSchema: { type: "object" } }] };
    case "resources/list":
      return { resources: [{ uri: "a://x", name: "x", description: text }] };
    case "resources/read":
      return { contents: [{ uri, text }] };
    default:
      return { prompts: [{ name: "p", description: text }] };
  }
}
