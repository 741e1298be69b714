// Refusals that are a tool's own, at the moment at which sessions are lost: the tool has run, and runs no second time.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { McpClientPool } from "../../src/index.ts";
import { failure } from "./support.ts";

interface Asked {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name?: string };
}

type Refusal = (res: ServerResponse, id: number | undefined) => void;

const status =
  (code: number): Refusal =>
  (res) =>
    void res.writeHead(code).end();

const rpcError =
  (code: number, httpStatus: number, isNameless = false): Refusal =>
  (res, id) => {
    res.writeHead(httpStatus, { "content-type": "application/json" });
    const error = { code, message: "no" };
    res.end(JSON.stringify({ jsonrpc: "2.0", id: isNameless ? null : id, error }));
  };

interface Options {
  /** Where a request goes: each connection's, or each request's own replica, of two. */
  readonly spread: "connection" | "request" | "single";
  /** Of a session that a replica does not know. */
  readonly stranger?: Refusal;
  /** What the tool answers, after it has run. */
  readonly tool: Refusal;
  readonly onRun?: (sessions: Set<string>) => Promise<void> | void;
}

async function serve({ spread, stranger = status(404), tool, onRun }: Options) {
  const replicas = [new Set<string>(), new Set<string>()];
  let turn = 0;
  let connections = 0;
  let runs = 0;
  let requests = 0;
  const replicaOf = new WeakMap<object, number>();
  const server = createServer((req, res) => {
    let text = "";
    req.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const answer = async (): Promise<void> => {
      const own = replicaOf.get(req.socket) ?? connections++ % 2;
      replicaOf.set(req.socket, own);
      const index = { single: 0, connection: own, request: turn % 2 }[spread];
      const sessions = replicas[index] ?? new Set<string>();
      requests += 1;
      turn += 1;
      if (req.method !== "POST") return void res.writeHead(405).end();
      const { id, method, params } = JSON.parse(text) as Asked;
      const give = (result: object, headers = {}): void => {
        res.writeHead(200, { "content-type": "application/json", ...headers });
        res.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
      };
      if (method === "server/discover") return rpcError(-32601, 404)(res, id);
      if (method === "initialize") {
        const session = randomUUID();
        sessions.add(session);
        const serverInfo = { name: "replica", version: "1" };
        return give(
          { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo },
          { "mcp-session-id": session },
        );
      }
      if (!sessions.has(String(req.headers["mcp-session-id"]))) return stranger(res, id);
      if (id === undefined) return void res.writeHead(202).end();
      if (method === "tools/call" && params?.name === "pay") {
        runs += 1;
        await onRun?.(sessions);
        return tool(res, id);
      }
      const inputSchema = { type: "object" };
      if (method === "tools/list")
        return give({ tools: ["echo", "pay"].map((name) => ({ name, inputSchema })) });
      give({ content: [] });
    };
    req.on("end", () => void answer());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const pool = new McpClientPool({ servers: { s: { url: `http://127.0.0.1:${port}/mcp` } } });
  onTestFinished(async () => {
    await pool.closeAll();
    server.closeAllConnections();
    server.close();
  });
  await pool.connect();
  const counts = { runs: () => runs, requests: () => requests };
  return { pool, ...counts, sessions: () => replicas[0] };
}

const many = (pool: McpClientPool): Promise<unknown> =>
  Promise.all(Array.from({ length: 24 }, () => pool.callTool("s__echo", {})));

const OWN: [string, Refusal][] = [
  ["an error in good order", rpcError(-32603, 200)],
  ["403", status(403)],
  ["400 with an error", rpcError(-32001, 400)],
];

const STRANGERS: [string, Refusal][] = [
  ["404", status(404)],
  ["the SDK's 400", rpcError(-32000, 400, true)],
];

for (const spread of ["request", "connection"] as const) {
  for (const [refused, stranger] of STRANGERS) {
    test.each(OWN)(
      `replicas by ${spread} that refuse a session with ${refused}: a tool that answers with %s runs once`,
      async (_name, tool) => {
        const { pool, runs } = await serve({ spread, stranger, tool });
        await many(pool);
        for (let call = 1; call <= 5; call++) {
          expect(await failure(pool.callTool("s__pay", {}))).toMatchObject({ sent: "yes" });
          expect(runs()).toBe(call);
        }
        await many(pool);
      },
    );
  }

  test(`replicas by ${spread}: a tool that answers like a replica that does not know the session is given up`, async () => {
    const { pool, requests } = await serve({ spread, tool: status(404) });
    await many(pool);
    const before = requests();
    expect(await failure(pool.callTool("s__pay", {}))).toMatchObject({ status: 404 });
    expect(requests() - before).toBeLessThan(600);
  });
}

test.each(OWN)(
  "a tool that loses the session and answers with %s runs once",
  async (_name, tool) => {
    const onRun = (sessions: Set<string>): void => sessions.clear();
    const { pool, runs } = await serve({ spread: "single", tool, onRun });
    expect(await failure(pool.callTool("s__pay", {}))).toMatchObject({ sent: "yes" });
    expect(runs()).toBe(1);
    await many(pool);
  },
);

test.each(OWN)(
  "a tool that answers with %s when its session was renewed meanwhile runs once",
  async (_name, tool) => {
    let end = (): void => {};
    let begin = (): void => {};
    const isEnding = new Promise<void>((resolve) => (end = resolve));
    const hasBegun = new Promise<void>((resolve) => (begin = resolve));
    const onRun = async (): Promise<void> => {
      begin();
      await isEnding;
    };
    const { pool, runs, sessions } = await serve({ spread: "single", tool, onRun });
    const paying = failure(pool.callTool("s__pay", {}));
    await hasBegun;
    sessions()?.clear();
    await pool.callTool("s__echo", {});
    end();
    expect(await paying).toMatchObject({ sent: "yes" });
    expect(await paying).not.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(runs()).toBe(1);
  },
);
