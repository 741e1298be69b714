// Calls that ran, and were then refused in the words of a server that has not taken them.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { McpClientPool } from "../../src/index.ts";
import type { McpError } from "../../src/index.ts";
import { rejection } from "../unit/fakes.ts";

interface Rpc {
  readonly id?: number | string;
  readonly method?: string;
}

type Era = "session" | "sessionless" | "stateless";
/** Writes the answer to a call that has run. */
type Refuse = (message: Rpc, response: ServerResponse) => void;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

class RefusingServer {
  runs = 0;
  isDown = false;
  /** Every request of the session that holds is answered so; a new session is not. */
  forgotten: Refuse | undefined;
  readonly #era: Era;
  readonly #server: Server;
  readonly #refuse: (message: Rpc, response: ServerResponse, server: RefusingServer) => void;
  #sessions = 0;

  constructor(era: Era, refuse: RefusingServer["refuse"]) {
    this.#era = era;
    this.#refuse = refuse;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.keepAliveTimeout = 0;
  }

  get refuse(): (message: Rpc, response: ServerResponse, server: RefusingServer) => void {
    return this.#refuse;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    request.setEncoding("utf8");
    for await (const chunk of request) text += String(chunk);
    if (this.isDown) {
      // As a server that is away behind a proxy.
      response.writeHead(503).end();
      return;
    }
    if (request.method !== "POST") {
      response.writeHead(request.method === "GET" ? 405 : 200).end();
      return;
    }
    const message = JSON.parse(text) as Rpc;
    if (message.method === "initialize") this.forgotten = undefined;
    if (this.forgotten !== undefined) return this.forgotten(message, response);
    if (message.method === "tools/call") {
      this.runs += 1;
      return this.#refuse(message, response, this);
    }
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    this.#result(message, response);
  }

  #result({ id, method }: Rpc, response: ServerResponse): void {
    const isStateless = this.#era === "stateless";
    const isKnown = method !== (isStateless ? "initialize" : "server/discover");
    const common = isStateless ? { resultType: "complete", ttlMs: 0, cacheScope: "private" } : {};
    const serverInfo = { name: "refusing", version: "1" };
    const tools = [{ name: "t", inputSchema: { type: "object" } }];
    const capabilities = { tools: {} };
    const body = isKnown
      ? {
          result: {
            ...common,
            tools,
            capabilities,
            serverInfo,
            protocolVersion: "2025-11-25",
            supportedVersions: ["2026-07-28"],
          },
        }
      : { error: { code: -32601, message: "unknown" } };
    const isFirst = method === "initialize" && this.#era === "session";
    response.writeHead(isStateless && !isKnown ? 404 : 200, {
      "content-type": "application/json",
      ...(isFirst ? { "mcp-session-id": `s${++this.#sessions}` } : {}),
    });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
  }
}

async function start(
  era: Era,
  refuse: RefusingServer["refuse"],
  budgetMs = 10_000,
): Promise<[McpClientPool, RefusingServer]> {
  const server = new RefusingServer(era, refuse);
  const url = await server.listen();
  closers.push(() => server.close());
  const pool = new McpClientPool({ servers: { s: { url } }, reconnect: { budgetMs } });
  closers.push(() => pool.closeAll({ drainMs: 0 }));
  await pool.connect();
  return [pool, server];
}

const withText =
  (status: number): Refuse =>
  (_message, response) =>
    void response.writeHead(status, { "content-type": "text/plain" }).end("no");
const withJson =
  (status: number): Refuse =>
  (_message, response) =>
    void response
      .writeHead(status, { "content-type": "application/json" })
      .end('{"detail":"Not found"}');
const withError =
  (status: number, code: number, isOwn: boolean, data?: object): Refuse =>
  ({ id }, response) => {
    const error = { code, message: "x", ...(data === undefined ? {} : { data }) };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: isOwn ? id : null, error }));
  };

const STATUSES = [400, 404, 405, 406, 409, 410, 415, 422];
const BODIES: readonly (readonly [string, (status: number) => Refuse])[] = [
  ["text", withText],
  ["other JSON", withJson],
  ["an error without an id", (status) => withError(status, -32002, false)],
  ["an error with the call's id", (status) => withError(status, -32002, true)],
];
const ERAS: readonly Era[] = ["session", "sessionless", "stateless"];

interface Told {
  readonly status: number;
  readonly words: string;
  readonly runs: number;
  readonly error: McpError;
}

/** One call for each status and each form of refusal, all at once, each on a server of its own. */
async function refusedCalls(era: Era, goesAway: boolean): Promise<Told[]> {
  return Promise.all(
    STATUSES.flatMap((status) =>
      BODIES.map(async ([words, refuse]) => {
        const [pool, server] = await start(
          era,
          (message, response, self) => {
            self.isDown = goesAway;
            refuse(status)(message, response);
          },
          goesAway ? 400 : 10_000,
        );
        const call = pool.callTool("s__t", {}, { totalTimeoutMs: 10_000 });
        const error = (await rejection(call)) as McpError;
        return { status, words, runs: server.runs, error };
      }),
    ),
  );
}

test.each(ERAS)(
  "%s: refused after its run, by a server that goes on: it ran once, and its error is the server's",
  async (era) => {
    const told = await refusedCalls(era, false);
    expect(told.filter(({ runs }) => runs !== 1)).toEqual([]);
    for (const { status, error } of told) expect(error).toMatchObject({ sent: "yes", status });
  },
);

test.each(ERAS)(
  "%s: refused after its run, by a server that goes away: nobody says that it was not sent",
  async (era) => {
    const told = await refusedCalls(era, true);
    expect(told.filter(({ runs }) => runs !== 1)).toEqual([]);
    expect(told.filter(({ error }) => error.sent === "no")).toEqual([]);
  },
);

test("an error with the call's id that says that the server broke is final, also if the session is gone", async () => {
  const refuse = withError(200, -32603, true);
  const [pool, server] = await start("session", (message, response, self) => {
    self.forgotten = refuse;
    refuse(message, response);
  });
  await expect(pool.callTool("s__t")).rejects.toMatchObject({ rpcCode: -32603, sent: "yes" });
  expect(server.runs).toBe(1);
});

test("without a session id, a refusal in the words of another era is final where the era is the same", async () => {
  const refuse = withError(400, -32022, true, { supported: ["2026-07-28"] });
  const [pool, server] = await start("sessionless", refuse);
  await expect(pool.callTool("s__t")).rejects.toMatchObject({ rpcCode: -32022, sent: "yes" });
  expect(server.runs).toBe(1);
});

test("a redirect after which the server goes away: the call may have run", async () => {
  const [pool, server] = await start(
    "session",
    (_message, response, self) => {
      response.writeHead(307, { location: "/elsewhere", connection: "close" }).end();
      void self.close();
    },
    400,
  );
  const error = (await rejection(pool.callTool("s__t", {}, { totalTimeoutMs: 3_000 }))) as McpError;
  expect(server.runs).toBe(1);
  expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(error.sent).not.toBe("no");
});
