// Streamable HTTP and HTTP+SSE against the SDK's servers: headers, sessions, resumption, sockets.

import { McpClientPool } from "mcp-client-pool";
import { Agent } from "undici";
import { describe, expect, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { until } from "../support/processes.ts";
import { KINDS, jsonOf, once, SSE_REPLIES, startBench, STREAMABLE } from "./kinds.ts";
import type { Bench } from "./kinds.ts";
import type { Seen } from "./servers/http.ts";

const requestsOf = (bench: Bench): readonly Seen[] => bench.running.host?.requests ?? [];

describe.each(STREAMABLE)("$name", (kind) => {
  test("every request carries what it must, and the user's headers beside it (3.1, 3.5 - 3.8)", async () => {
    const headers = {
      Authorization: "Bearer secret",
      Accept: "text/plain",
      "Mcp-Session-Id": "forged",
      "MCP-Protocol-Version": "1999-01-01",
    };
    {
      await using bench = await startBench(kind, {}, { headers });
      await bench.pool.callTool("s__echo");
      await bench.pool.closeAll();
      // The first is the probe of the era, which is no part of the session.
      const [, initialize, ...rest] = requestsOf(bench);
      expect(initialize?.headers).toMatchObject({
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        authorization: "Bearer secret",
      });
      expect(initialize?.headers).not.toHaveProperty("mcp-session-id");
      expect(initialize?.headers).not.toHaveProperty("mcp-protocol-version");
      expect(new Set(rest.map(({ method }) => method))).toEqual(new Set(["POST", "GET", "DELETE"]));
      const sessions = new Set(rest.map((seen) => seen.headers["mcp-session-id"]));
      expect(sessions.size).toBe(1);
      expect(sessions).not.toContain("forged");
      for (const { method, headers: sent } of rest) {
        expect(sent).toMatchObject({
          authorization: "Bearer secret",
          "mcp-protocol-version": "2025-11-25",
        });
        if (method === "GET") expect(sent.accept).toBe("text/event-stream");
        if (method === "POST") expect(sent.accept).toBe("application/json, text/event-stream");
      }
    }
  });

  test("the session is ended by DELETE when the pool closes (3.11)", async () => {
    await using bench = await startBench(kind);
    expect(bench.running.host?.sessionCount).toBe(1);
    await bench.pool.closeAll();
    expect(bench.count("session ended by DELETE")).toBe(1);
    expect(bench.running.host?.sessionCount).toBe(0);
  });

  test("a session that is gone is renewed once for all callers, and each call runs once (3.8, 3.9)", async () => {
    await using bench = await startBench(kind, {}, { headers: { "X-Tenant": "a" } });
    const { pool, running } = bench;
    const old = requestsOf(bench).find((seen) => seen.headers["mcp-session-id"] !== undefined);
    await running.host?.loseSessions();
    const before = requestsOf(bench).length;
    const keys = Array.from({ length: 20 }, (_, index) => `renewed-${index}`);
    const results = await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    expect(results.map((result) => jsonOf(result))).toEqual(keys.map((key) => ({ key })));
    expect(keys.map((key) => bench.count(`echo ${key}`))).toEqual(keys.map(() => 1));
    expect(bench.count("initialized")).toBe(2);
    expect(running.host?.sessionCount).toBe(1);
    expect(pool.status()).toMatchObject([{ state: "ready" }]);
    const since = requestsOf(bench).slice(before);
    expect(since.every(({ headers }) => headers["x-tenant"] === "a")).toBe(true);
    const handshakes = since.filter(({ headers }) => headers["mcp-session-id"] === undefined);
    expect(handshakes).toHaveLength(1);
    expect(since.at(-1)?.headers["mcp-session-id"]).not.toBe(old?.headers["mcp-session-id"]);
  });

  test("a user's own dispatcher is used for everything, and is not closed", async () => {
    const agent = new Agent();
    const methods = new Set<string>();
    const dispatcher = agent.compose((dispatch) => (options, handler) => {
      methods.add(options.method);
      return dispatch(options, handler);
    });
    await using bench = await startBench(kind, {}, { dispatcher });
    await bench.pool.callTool("s__echo");
    await bench.pool.closeAll();
    expect(methods).toEqual(new Set(["POST", "GET", "DELETE"]));
    expect(agent.closed).toBe(false);
    await agent.destroy();
  });
});

describe.each(SSE_REPLIES)("$name", (kind) => {
  test("an answer whose stream the server ended is fetched with Last-Event-ID, and the tool runs once (3.22, 3.24)", async () => {
    await using bench = await startBench(kind);
    const result = await bench.pool.callTool("s__detach", { key: "a" });
    expect(result.content).toEqual([{ type: "text", text: "fetched" }]);
    expect(bench.count("detach a")).toBe(1);
    const resumed = requestsOf(bench).filter(
      ({ method, headers }) => method === "GET" && headers["last-event-id"] !== undefined,
    );
    expect(resumed).toHaveLength(1);
  });

  test("the GET stream is opened again where it ended, and nothing is missed (3.16, 3.21, 3.22)", async () => {
    await using bench = await startBench(kind);
    const { pool } = bench;
    const heard: string[] = [];
    await pool.subscribeResource("s", "test:///note.txt", ({ uri }) => heard.push(uri));
    await pool.subscribeResource("s", "test:///blob.bin", ({ uri }) => heard.push(uri));
    await pool.callTool("s__touch", { uri: "test:///note.txt" });
    await until(() => heard.length === 1, "the event whose id is the cursor");
    const result = await pool.callTool("s__hush", { uri: "test:///blob.bin" });
    expect(result.content).toEqual([{ type: "text", text: "hushed" }]);
    await until(() => heard.length === 2, "what was reported into the silence");
    expect(heard).toEqual(["test:///note.txt", "test:///blob.bin"]);
    expect(bench.count("initialized")).toBe(1);
  });
});

const httpSse = KINDS.filter(({ name }) => name.includes("HTTP+SSE"));

describe.each(httpSse)("$name", (kind) => {
  test("is found behind a URL that answers no POST (table L2, 5.7)", async () => {
    await using bench = await startBench(kind, {}, { transport: "auto" });
    expect(requestsOf(bench)[0]).toMatchObject({ method: "POST", path: "/sse" });
    expect(jsonOf(await bench.pool.callTool("s__echo", { key: "a" }))).toEqual({ key: "a" });
  });

  test("messages go to the endpoint that the stream named, with the user's headers (5.1, 5.2, 5.4)", async () => {
    const headers = { Authorization: "Bearer secret" };
    await using bench = await startBench(kind, {}, { headers });
    await bench.pool.callTool("s__echo");
    const [stream, ...posts] = requestsOf(bench);
    expect(stream).toMatchObject({ method: "GET", path: "/sse" });
    expect(stream?.headers).toMatchObject({ accept: "text/event-stream", ...lower(headers) });
    expect(posts.length).toBeGreaterThan(2);
    for (const { method, path, headers: sent } of posts) {
      expect(method).toBe("POST");
      expect(path).toMatch(/^\/message\?tenant=a(%20|\+)b&sessionId=[-0-9a-f]+$/);
      expect(sent).toMatchObject(lower(headers));
      expect(sent).not.toHaveProperty("mcp-session-id");
    }
  });

  test("a lost stream is a lost session: what was in flight is not sent again (5.5)", async () => {
    await using bench = await startBench(kind);
    const { pool } = bench;
    const call = pool.callTool("s__wait", { key: "a" }).catch((cause: unknown) => cause);
    await bench.untilRecorded("waiting a");
    const again = once(pool, "server.reconnected");
    await bench.running.host?.loseSessions();
    expect(await call).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s" });
    await again;
    await pool.callTool("s__echo", { key: "after" });
    expect(bench.count("wait a")).toBe(1);
    expect(bench.count("initialized")).toBe(2);
  });
});

test("the user's headers are sent after a restart of the server too (3.9)", async () => {
  const server = await startHttpServer({ replies: "sse", getStream: true });
  try {
    await using pool = new McpClientPool({ reconnect: { jitterMs: 0, initialMs: 10 } });
    await pool.addClient("s", server.url, { headers: { "X-Api-Key": "k" } });
    await server.restart();
    const seen = server.requests.length;
    // A list may be repeated: whether the broken socket is noticed before or after it was written does not matter.
    await pool.listTools("s");
    await pool.callTool("s__echo", { key: "a" });
    expect(server.executionCount("echo", "a")).toBe(1);
    expect(server.initializeCount).toBe(2);
    const since = server.requests.slice(seen);
    expect(since.length).toBeGreaterThan(2);
    expect(since.map(({ headers }) => headers["x-api-key"])).toEqual(since.map(() => "k"));
  } finally {
    await server.close();
  }
});

function lower(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
