// Errors of a tool's own, behind a balancer that gives each request to another replica: never taken for a lost session.

import { describe, expect, test } from "vitest";
import { json, rpcError } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { connected, failure, serve } from "./support.ts";

/** How a replica refuses a session that it does not know. */
interface Unknown {
  readonly status: number;
  readonly code?: number;
}

/** Two replicas by turns: every second request of a session meets one that does not know it. */
async function servePerRequest(unknown: Unknown): Promise<{
  server: TestHttpServer;
  /** From here on the tool runs, and then fails so. */
  fail: (status: number, code: number | undefined) => void;
  ran: () => number;
}> {
  const server = await serve();
  let turn = 0;
  let runs = 0;
  let own: { status: number; code: number | undefined } | undefined;
  server.options.onRequest = ({ req, body, res }) => {
    if (req.headers["mcp-session-id"] === undefined) return false;
    const isWrong = turn++ % 2 === 1;
    if (isWrong) {
      if (unknown.code === undefined) res.writeHead(unknown.status).end();
      else json(res, unknown.status, rpcError(null, unknown.code, "no session"));
      return true;
    }
    if (own === undefined || body?.method !== "tools/call") return false;
    runs += 1;
    if (own.code === undefined) res.writeHead(own.status).end();
    else json(res, own.status, rpcError(body.id ?? null, own.code, "failed"));
    return true;
  };
  return {
    server,
    fail: (status, code) => (own = { status, code }),
    ran: () => runs,
  };
}

describe("behind replicas by turns, a tool that ran and then failed", () => {
  test.each([
    [{ status: 404 }, 200, -32603],
    [{ status: 404 }, 200, -32000],
    [{ status: 404 }, 400, -32000],
    [{ status: 404 }, 403, undefined],
    [{ status: 404 }, 401, undefined],
    [{ status: 404 }, 500, undefined],
    [{ status: 400, code: -32000 }, 200, -32603],
    [{ status: 400, code: -32000 }, 200, -32000],
    [{ status: 400, code: -32000 }, 400, -32000],
    [{ status: 400 }, 200, -32603],
    [{ status: 400 }, 403, undefined],
  ] as const)(
    "sessions refused with %j, the tool with %i and %s: it ran once",
    async (unknown, status, code) => {
      const { server, fail, ran } = await servePerRequest(unknown);
      const pool = await connected(server, { protocol: "legacy" });
      for (let key = 0; key < 4; key++) await pool.callTool("s__echo", { key: `${key}` });
      fail(status, code);
      await failure(pool.callTool("s__echo", {}, { totalTimeoutMs: 5_000 }));
      expect(ran()).toBe(1);
    },
  );
});
