import { once } from "node:events";
import { McpConnectionError, McpResponseError } from "mcp-client-pool";
import { Agent, buildConnector } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { json, rpcError } from "../support/http-server.ts";
import type { RequestContext } from "../support/http-server.ts";
import { connected, failure, poolOf, QUICK, serve, textOf } from "./support.ts";

describe("fault 1: connection refused", () => {
  test("a call waits through the attempts and runs once when the server is there", async () => {
    const server = await serve();
    await server.stop();
    const pool = poolOf({ away: server });
    let attempts = 0;
    const third = new Promise<void>((resolve) => {
      pool.on("server.connecting", () => {
        attempts += 1;
        if (attempts === 3) resolve();
      });
    });
    const calling = pool.call("away", "tools/call", { name: "echo", arguments: { key: "k" } });
    await third;
    expect(server.executionCount("echo")).toBe(0);
    await server.listen();
    expect(await calling).toEqual(textOf('{"key":"k"}'));
    expect(server.executionCount("echo")).toBe(1);
    expect(server.initializeCount).toBe(1);
  });

  test("when the budget is spent the error names the server and its address, and attempts go on", async () => {
    const server = await serve();
    await server.stop();
    const pool = poolOf({ away: server }, { reconnect: { ...QUICK, budgetMs: 50 } });
    const error = await failure(pool.call("away", "tools/call", { name: "echo", arguments: {} }));
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    expect(error).toMatchObject({ server: "away", method: "tools/call" });
    expect(error.message).toContain('"away"');
    expect(error.message).toContain(server.url.host);
    expect(["backoff", "connecting"]).toContain(pool.status()[0]?.state);
    await server.listen();
    await pool.connect();
    expect(server.executionCount("echo")).toBe(0);
  });

  test("connect() reports it after one attempt", async () => {
    const server = await serve();
    await server.stop();
    const pool = poolOf({ away: server });
    const { connected: names, failed } = await pool.connect();
    expect(names).toEqual([]);
    expect(failed["away"]).toMatchObject({ code: "CONNECTION_FAILED", server: "away" });
    expect(failed["away"]?.message).toContain(server.url.host);
    expect(pool.status()[0]).toMatchObject({ lastError: { code: "CONNECTION_FAILED" } });
  });
});

describe("fault 5: reset before the request was written", () => {
  /** Connections are reset while `resets.left` lasts; `disconnect` tells what becomes of idle ones. */
  function resettingAgent(): { agent: Agent; resets: { left: number; count: number } } {
    const connect = buildConnector({});
    const resets = { left: 0, count: 0 };
    const agent = new Agent({
      connect(options, callback) {
        if (resets.left === 0) return connect(options, callback);
        resets.left -= 1;
        resets.count += 1;
        const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
        queueMicrotask(() => callback(reset, null));
      },
    });
    return { agent, resets };
  }

  test.each([0, 1, 2])("while connecting, %i times: sent again, exec 1", async (times) => {
    const server = await serve();
    const { agent, resets } = resettingAgent();
    onTestFinished(() => agent.destroy());
    const pool = await connected(server, { dispatcher: agent });
    const isDisconnected = once(agent, "disconnect");
    server.dropSockets();
    await isDisconnected;
    resets.left = times;
    expect(await pool.callTool("s__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
    expect(resets.count).toBe(times);
    expect(server.executionCount("echo")).toBe(1);
    expect(server.initializeCount).toBe(1);
  });
});

describe("fault 15: the session is lost under 100 concurrent calls", () => {
  const keys = Array.from({ length: 100 }, (_, index) => `call ${index}`);

  test("3.9 exactly one new initialize, 100 results, exec 100", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    const results = await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    expect(results).toEqual(keys.map((key) => textOf(JSON.stringify({ key }))));
    expect(server.initializeCount).toBe(2);
    expect(server.requestsOf("initialize").length).toBe(2);
    expect(server.executionCount("echo")).toBe(100);
    expect(keys.filter((key) => server.executionCount("echo", key) !== 1)).toEqual([]);
    expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { failed: 0 } });
  });

  test("3.9 the status counts the sessions that were renewed, not the calls that waited for it", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    expect(server.initializeCount).toBe(2);
    expect(pool.status()[0]?.counts).toMatchObject({ renewals: 1, reconnects: 0, replays: 0 });
  });

  test("3.9 a 404 that comes after the renewal does not renew again", async () => {
    const server = await serve();
    const pool = await connected(server);
    const [first] = server.sessions;
    server.options.onRequest = async ({ body, headers }) => {
      const isLate = String(body?.params?.["arguments"] !== undefined && body.id).endsWith("3");
      if (isLate && headers["mcp-session-id"] === first) {
        await server.until(({ initializeCount }) => initializeCount === 2);
        await server.until((one) => one.requestsOf("tools/list").length === 2);
      }
    };
    server.forgetSessions();
    const results = await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    expect(results.length).toBe(100);
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("echo")).toBe(100);
  });

  test("1.3 3.8 what is sent again has a new id and the new session, and initialize has none", async () => {
    const server = await serve();
    const pool = await connected(server);
    const [first] = server.sessions;
    server.forgetSessions();
    await pool.callTool("s__echo", {}, { requestId: "mine" });
    const [second] = server.sessions;
    const calls = server.requestsOf("tools/call");
    expect(calls.map(({ headers }) => headers["mcp-session-id"])).toEqual([first, second]);
    expect(calls[0]?.body?.id).toBe("mine");
    expect(calls[1]?.body?.id).not.toBe("mine");
    const handshakes = server.requestsOf("initialize");
    expect(handshakes.map(({ headers }) => headers["mcp-session-id"])).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe("a session that cannot be had", () => {
  const answerCalls =
    (answer: (context: RequestContext) => void) =>
    (context: RequestContext): boolean => {
      if (context.body?.method !== "tools/call") return false;
      answer(context);
      return true;
    };

  test("fault 16: 404 again after renewal: one renewal, then an error, exec 0", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    server.options.onRequest = answerCalls(({ res }) =>
      json(res, 404, rpcError(null, -32001, "Session not found")),
    );
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ server: "s", method: "tools/call", status: 404 });
    expect(server.initializeCount).toBe(2);
    expect(server.requestsOf("tools/call").length).toBe(2);
    expect(server.executionCount("echo")).toBe(0);
    server.options.onRequest = () => false;
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(2);
  });

  test("fault 16: the same with an empty 404", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    server.options.onRequest = answerCalls(({ res }) => res.writeHead(404).end());
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({
      code: "HTTP_ERROR",
      status: 404,
    });
    expect(server.initializeCount).toBe(2);
    expect(server.requestsOf("tools/call").length).toBe(2);
  });

  test("fault 16: an empty 404 on a session that answers pings: no renewal, sent once", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.options.onRequest = answerCalls(({ res }) => res.writeHead(404).end());
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({
      code: "HTTP_ERROR",
      status: 404,
    });
    expect(server.initializeCount).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
    server.options.onRequest = () => false;
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });

  test("3.10 404 without a session is final: no renewal, asked once", async () => {
    const server = await serve({ sessions: false });
    const pool = await connected(server);
    server.options.onRequest = answerCalls(({ res }) => res.writeHead(404).end());
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ code: "HTTP_ERROR", status: 404, sent: "yes" });
    expect(server.initializeCount).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
  });

  test("3.10 400 with -32000 for a forgotten session, as the SDK's example answers: renewed once", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.options.onRequest = ({ body, headers, res }) => {
      if (body?.method === "initialize") return false;
      if (server.sessions.has(String(headers["mcp-session-id"]))) return false;
      json(res, 400, rpcError(null, -32000, "Bad Request: No valid session ID provided"));
      return true;
    };
    server.forgetSessions();
    expect(await pool.callTool("s__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("echo")).toBe(1);
  });

  test("3.10 400 with -32000 for ever: one renewal, then the server's error", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    server.options.onRequest = answerCalls(({ res }) =>
      json(res, 400, rpcError(null, -32000, "Bad Request: Server not initialized")),
    );
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({ rpcCode: -32000, status: 400 });
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("echo")).toBe(0);
  });
});
