// From the seed to here: one test, or one group, per behaviour of the Python class this package grew out of.

import {
  McpClientPool,
  McpConnectionError,
  McpOutcomeUnknownError,
  McpResponseError,
  SEPARATOR,
  SESSION_VERSIONS,
  splitToolName,
} from "mcp-client-pool";
import type { CallToolResult, Clock, PoolEvent, PoolEvents, PoolOptions } from "mcp-client-pool";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { json, rpcError, rpcResult, sseEvent, startHttpServer } from "../support/http-server.ts";
import type {
  RequestContext,
  TestHttpServer,
  TestHttpServerOptions,
} from "../support/http-server.ts";

const STDIO_SERVER = fileURLToPath(new URL("../support/stdio-server.mjs", import.meta.url));

async function serve(options: TestHttpServerOptions = {}): Promise<TestHttpServer> {
  const server = await startHttpServer(options);
  onTestFinished(() => server.close());
  return server;
}

/** Reconnects at once, and is closed at the end of the test. */
function makePool(options: PoolOptions = {}): McpClientPool {
  const reconnect = { jitterMs: 1, initialMs: 5, maxMs: 5 };
  const pool = new McpClientPool({ reconnect, ...options });
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  return pool;
}

function next<K extends PoolEvent>(pool: McpClientPool, event: K): Promise<PoolEvents[K]> {
  return new Promise((resolve) => {
    const off = pool.on(event, (payload) => {
      off();
      resolve(payload);
    });
  });
}

function textOf(result: CallToolResult): string {
  return result.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

function names(pool: McpClientPool): string[] {
  return pool.allTools.map((tool) => tool.name);
}

/** Two turns of the loop: the ends of sockets that the other side dropped have been read. */
async function noticed(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Answers one method in a way of the test's own. */
function on(
  method: string,
  reply: (context: RequestContext, id: string | number) => void,
): NonNullable<TestHttpServerOptions["onRequest"]> {
  return (context) => {
    const { body } = context;
    if (body?.method !== method || body.id == null) return false;
    reply(context, body.id);
    return true;
  };
}

test("`McpClientPool()`: made without options, connected to nothing", async () => {
  const pool = makePool();
  expect(pool.allTools).toEqual([]);
  expect(pool.status()).toEqual([]);
  expect(await pool.connect()).toEqual({ connected: [], failed: {}, skipped: [] });
});

describe("`add_client(name, base_url, **session_kwargs)`", () => {
  test("connects, lists the tools, sends the headers", async () => {
    const server = await serve();
    const pool = makePool();
    await pool.addClient("weather", String(server.url), { headers: { "x-key": "k1" } });
    expect(names(pool)).toEqual(["weather__echo"]);
    expect(server.requests.every(({ headers }) => headers["x-key"] === "k1")).toBe(true);
  });

  test("a duplicate name raises, and the first is not touched", async () => {
    const server = await serve();
    const pool = makePool();
    await pool.addClient("weather", server.url);
    await expect(pool.addClient("weather", server.url)).rejects.toMatchObject({
      code: "INVALID_CONFIG",
    });
    expect(server.initializeCount).toBe(1);
    expect(names(pool)).toEqual(["weather__echo"]);
  });

  test("session_kwargs survive every reconnect: the seed lost them", async () => {
    const server = await serve();
    const pool = makePool();
    await pool.addClient("weather", server.url, { headers: { authorization: "Bearer t" } });
    await server.restart();
    await noticed();
    await pool.callTool("weather__echo", { key: "after restart" });
    server.forgetSessions();
    await pool.callTool("weather__echo", { key: "after renewal" });
    await pool.removeClient("weather");
    expect(server.initializeCount).toBe(3);
    expect(server.requestsOf("DELETE")).toHaveLength(1);
    const lost = server.requests.filter(({ headers }) => headers.authorization !== "Bearer t");
    expect(lost).toEqual([]);
  });
});

describe("`list_tools(name)`", () => {
  test("`{name: server__tool, description, parameters}`; a missing description is empty", async () => {
    const inputSchema = { type: "object", properties: { city: { type: "string" } } };
    const server = await serve({
      tools: { forecast: { description: "Tomorrow", inputSchema }, bare: {} },
    });
    const pool = makePool();
    await pool.addClient("weather", server.url);
    const tools = await pool.listTools("weather");
    expect(tools).toMatchObject([
      { name: "weather__forecast", description: "Tomorrow", parameters: inputSchema },
      { name: "weather__bare", description: "", parameters: { type: "object" } },
    ]);
    expect(SEPARATOR).toBe("__");
    expect(tools.map(({ name }) => splitToolName(name))).toEqual([
      { server: "weather", tool: "forecast" },
      { server: "weather", tool: "bare" },
    ]);
  });

  test("every page is fetched; the seed stopped after the first", async () => {
    const pages = [["a", "b"], ["c"], ["d"]];
    const server = await serve({
      onRequest: on("tools/list", ({ res, body }, id) => {
        const at = Number(body?.params?.["cursor"] ?? 0);
        const tools = (pages[at] ?? []).map((name) => ({ name, inputSchema: { type: "object" } }));
        const more = at + 1 < pages.length ? { nextCursor: String(at + 1) } : {};
        json(res, 200, rpcResult(id, { tools, ...more }));
      }),
    });
    const pool = makePool();
    await pool.addClient("s", server.url);
    const listed = await pool.listTools("s");
    expect(listed.map(({ tool }) => tool.name)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("`all_tools`", () => {
  test("live: it follows list_changed, a new session and a removal", async () => {
    const tools: NonNullable<TestHttpServerOptions["tools"]> = { one: {} };
    const server = await serve({ tools, getStream: true });
    const pool = makePool();
    await pool.addClient("s", server.url);
    expect(names(pool)).toEqual(["s__one"]);

    tools["two"] = {};
    const changed = next(pool, "tools.changed");
    server.notifyToolsChanged();
    expect((await changed).added.map(({ name }) => name)).toEqual(["s__two"]);
    expect(names(pool)).toEqual(["s__one", "s__two"]);

    delete tools["one"];
    const relisted = next(pool, "tools.changed");
    server.forgetSessions();
    await pool.callTool("s__two");
    expect((await relisted).removed.map(({ name }) => name)).toEqual(["s__one"]);
    expect(names(pool)).toEqual(["s__two"]);

    await pool.removeClient("s");
    expect(pool.allTools).toEqual([]);
  });

  test("immutable, and in order of addition whoever connects first", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = await serve({
      tools: { z: {}, a: {} },
      onRequest: async ({ body }) => {
        if (body?.method === "initialize") await held;
      },
    });
    const fast = await serve({ tools: { m: {} } });
    const pool = makePool({ servers: { slow: { url: slow.url }, fast: { url: fast.url } } });
    const loaded = next(pool, "tools.changed");
    const connecting = pool.connect();
    expect((await loaded).server).toBe("fast");
    const snapshot = pool.allTools;
    release();
    await connecting;
    expect(names(pool)).toEqual(["slow__z", "slow__a", "fast__m"]);
    expect(snapshot.map(({ name }) => name)).toEqual(["fast__m"]);
    expect(Object.isFrozen(snapshot)).toBe(true);
  });
});

describe("`call(name, method, params, request_id)`", () => {
  test("gives the result, for any method, with the caller's id on the wire", async () => {
    const server = await serve({
      onRequest: on("x/anything", ({ res, body }, id) => {
        json(res, 200, rpcResult(id, { got: body?.params }));
      }),
    });
    const pool = makePool();
    await pool.addClient("s", server.url);
    const result = await pool.call("s", "x/anything", { a: [1] }, { requestId: "mine" });
    expect(result).toEqual({ got: { a: [1] } });
    expect(server.requestsOf("x/anything")[0]?.body).toEqual({
      jsonrpc: "2.0",
      id: "mine",
      method: "x/anything",
      params: { a: [1] },
    });
  });

  test("the server's error is a typed one; the seed raised a RuntimeError", async () => {
    const server = await serve({
      onRequest: on("x/bad", ({ res }, id) => json(res, 200, rpcError(id, -32050, "no such luck"))),
    });
    const pool = makePool();
    await pool.addClient("s", server.url);
    const error = await pool.call("s", "x/bad").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      code: "RESPONSE_ERROR",
      rpcCode: -32050,
      rpcMessage: "no such luck",
      server: "s",
      method: "x/bad",
      sent: "yes",
    });
  });
});

test("default `request_id` computed once: here every id is another (1.3)", async () => {
  const server = await serve();
  const pool = makePool();
  await pool.addClient("s", server.url);
  await Promise.all(Array.from({ length: 50 }, () => pool.callTool("s__echo")));
  server.forgetSessions();
  await Promise.all(Array.from({ length: 50 }, () => pool.callTool("s__echo")));
  const ids = server.requests.map(({ body }) => body?.id).filter((id) => id != null);
  expect(ids.length).toBeGreaterThanOrEqual(100);
  expect(new Set(ids).size).toBe(ids.length);
});

test("SSE: `data[0]`, whatever it is: here the response is found by its id (3.17, 3.19)", async () => {
  const server = await serve({
    replies: "sse",
    getStream: true,
    capabilities: { tools: {}, logging: {} },
    onRequest: on("tools/call", ({ res }, id) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      const log = { level: "info", data: "at work" };
      res.write("id: 1\ndata:\n\n");
      res.write(`: a comment\n\n${sseEvent({ jsonrpc: "2.0", id: "q", method: "ping" })}`);
      res.write(sseEvent({ jsonrpc: "2.0", method: "notifications/message", params: log }));
      res.write(sseEvent(rpcResult("somebody else", { content: [] })));
      res.write("event: keepalive\ndata: not JSON\n\n");
      res.end(sseEvent(rpcResult(id, { content: [{ type: "text", text: "mine" }] })));
    }),
  });
  const pool = makePool();
  await pool.addClient("s", server.url);
  const logged = next(pool, "log");
  expect(textOf(await pool.callTool("s__echo"))).toBe("mine");
  expect(await logged).toMatchObject({ server: "s", level: "info", data: "at work" });
  await server.until(({ requests }) => requests.some(({ body }) => body?.id === "q"));
  const pong = server.requests.find(({ body }) => body?.id === "q");
  expect(pong?.body).toMatchObject({ id: "q", result: {} });
});

test.each([
  "application/json",
  "application/json; charset=utf-8",
  "Application/JSON;charset=UTF-8",
  "text/event-stream",
  "text/event-stream; charset=utf-8",
  "Text/Event-Stream ;x=y",
])("`Content-Type` compared for equality: here %j is understood (3.3)", async (type) => {
  const isStream = type.toLowerCase().startsWith("text/event-stream");
  const server = await serve({
    onRequest: on("tools/call", ({ res }, id) => {
      const answer = rpcResult(id, { content: [{ type: "text", text: "ok" }] });
      res.writeHead(200, { "content-type": type });
      res.end(isStream ? sseEvent(answer) : JSON.stringify(answer));
    }),
  });
  const pool = makePool();
  await pool.addClient("s", server.url);
  expect(textOf(await pool.callTool("s__echo"))).toBe("ok");
});

test.each(SESSION_VERSIONS)(
  "handshake: `initialize`, session id, `notifications/initialized`, DELETE, on %s (3.5, 3.7, 3.8, 3.11)",
  async (version) => {
    const server = await serve({ protocolVersion: version });
    const pool = makePool();
    await pool.addClient("s", server.url);
    await pool.callTool("s__echo");
    const [session] = server.sessions;
    await pool.closeAll();

    const [probe, first, ...rest] = server.requests;
    expect(probe?.body).toMatchObject({ method: "server/discover" });
    expect(first?.body).toMatchObject({ method: "initialize" });
    expect(first?.headers["mcp-session-id"]).toBeUndefined();
    expect(first?.body?.params?.["capabilities"]).not.toHaveProperty("tools");
    expect(rest[0]?.body).toEqual({ jsonrpc: "2.0", method: "notifications/initialized" });
    for (const { headers } of rest) {
      expect(headers["mcp-session-id"]).toBe(session);
      expect(headers["mcp-protocol-version"]).toBe(version);
    }
    expect(rest.at(-1)?.method).toBe("DELETE");
    expect(server.sessions.size).toBe(0);
    expect(pool.status()[0]?.protocolVersion).toBe(version);
  },
);

describe("reconnect for 30 s, every 2 s, each caller on its own, then replays blindly", () => {
  test("here one reconnect is shared by all callers, and each call runs once", async () => {
    const server = await serve();
    const pool = makePool();
    await pool.addClient("s", server.url);
    await server.stop();
    await noticed();
    server.forgetSessions();
    const disconnected = next(pool, "server.disconnected");
    const calls = Array.from({ length: 20 }, (_, key) =>
      pool.callTool("s__echo", { key: String(key) }),
    );
    expect(await disconnected).toMatchObject({ server: "s", error: { code: "CONNECTION_FAILED" } });
    await server.listen();
    await Promise.all(calls);
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("echo")).toBe(20);
    for (let key = 0; key < 20; key++) expect(server.executionCount("echo", `${key}`)).toBe(1);
    expect(pool.status()[0]?.counts).toMatchObject({ reconnects: 1, replays: 0 });
  });

  test("no blind replay: a call that may have run is not run again", async () => {
    const server = await serve({
      tools: { pay: { handler: (_, { res }) => void res.socket?.destroy() } },
    });
    const pool = makePool();
    await pool.addClient("s", server.url);
    const error = await pool.callTool("s__pay").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ server: "s", method: "tools/call", sent: "unknown" });
    await pool.call("s", "ping");
    expect(server.executionCount("pay")).toBe(1);
  });

  test("the budget ends the wait, not the attempts: the server is found when it is back", async () => {
    const server = await serve();
    const pool = makePool({
      reconnect: { jitterMs: 1, initialMs: 5, maxMs: 5, budgetMs: 40, backgroundMaxMs: 5 },
    });
    await pool.addClient("s", server.url);
    await server.stop();
    await noticed();
    const error = await pool.callTool("s__echo").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    const reconnected = next(pool, "server.reconnected");
    await server.listen();
    await reconnected;
    await pool.callTool("s__echo");
    expect(server.executionCount("echo")).toBe(1);
  });

  test("jittered: the waits follow the clock's randomness", async () => {
    const delaysWith = async (random: number): Promise<number[]> => {
      const server = await serve();
      const delays: number[] = [];
      const clock: Clock = {
        ...systemClock,
        setTimer: (callback, delayMs, background) => {
          // A look at the port, every 50 to 100 ms, is no attempt.
          const isWait = delayMs < 400 && delayMs !== 50 + 50 * random;
          if (isWait) delays.push(delayMs);
          return systemClock.setTimer(callback, isWait ? 1 : delayMs, background);
        },
        random: () => random,
      };
      const pool = makePool({ clock, reconnect: {} });
      await pool.addClient("s", server.url);
      await server.stop();
      await noticed();
      delays.length = 0;
      const call = pool.callTool("s__echo").catch(() => {});
      await next(pool, "server.connecting");
      await next(pool, "server.connecting");
      await pool.closeAll({ drainMs: 0 });
      await call;
      return delays.slice(0, 2);
    };
    // At once, but for up to 100 ms; then 250 ms ± 20 %.
    expect(await delaysWith(0)).toEqual([0, 200]);
    expect(await delaysWith(0.5)).toEqual([50, 250]);
  });
});

test("404 after a server restart → `RuntimeError`: here one renewal, and the same calls succeed (3.9)", async () => {
  const server = await serve();
  const pool = makePool();
  await pool.addClient("s", server.url);
  await server.restart();
  await noticed();
  await Promise.all(
    Array.from({ length: 30 }, (_, key) => pool.callTool("s__echo", { key: String(key) })),
  );
  expect(server.initializeCount).toBe(2);
  expect(server.executionCount("echo")).toBe(30);
});

test("`McpConnectionError`: kept, with a code, the server's name, and whether it was sent", async () => {
  const server = await serve();
  await server.close();
  const pool = makePool();
  const error = await pool.addClient("weather", server.url).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(McpConnectionError);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", server: "weather", sent: "no" });
  expect((error as Error).message).toContain(server.url.origin);
  expect(pool.status()).toEqual([]);
});

describe("`close_all()`", () => {
  test("lets calls end, ends the sessions, leaves no socket; twice is once", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const server = await serve({
      getStream: true,
      tools: { slow: { handler: () => held.then(() => "done") } },
    });
    const pool = makePool();
    await pool.addClient("s", server.url);
    const call = pool.callTool("s__slow");
    await server.until(() => server.executionCount("slow") === 1);
    const closing = Promise.all([pool.closeAll(), pool.closeAll()]);
    await expect(pool.callTool("s__slow")).rejects.toMatchObject({ code: "CLOSED" });
    release();
    expect(textOf(await call)).toBe("done");
    await closing;
    expect(server.requestsOf("DELETE")).toHaveLength(1);
    await server.until(({ openSockets }) => openSockets === 0);
    expect(pool.allTools).toEqual([]);
  });

  test("`await using`", async () => {
    const server = await serve();
    {
      await using pool = new McpClientPool({ servers: { s: { url: server.url } } });
      await pool.connect();
      await pool.callTool("s__echo");
    }
    expect(server.sessions.size).toBe(0);
    await server.until(({ openSockets }) => openSockets === 0);
  });
});

test("STDIO named in a comment only: here a child process is a server like any other", async () => {
  const server = await serve();
  const pool = makePool({
    servers: {
      web: { url: server.url },
      local: { command: process.execPath, args: [STDIO_SERVER, '{"tools":["echo"]}'] },
    },
  });
  expect(await pool.connect()).toMatchObject({ connected: ["web", "local"], failed: {} });
  expect(names(pool)).toEqual(["web__echo", "local__echo"]);
  expect(textOf(await pool.callTool("local__echo", { text: "hello" }))).toBe("hello");
  expect(textOf(await pool.callTool("web__echo", { text: "hello" }))).toBe('{"text":"hello"}');
});

test("`print` warnings: here events, and nothing writes to the console", async () => {
  const written = vi.fn();
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, method).mockImplementation(written);
  }
  vi.spyOn(process, "emitWarning").mockImplementation(written);
  const server = await serve({ tools: { ok: {} }, capabilities: { tools: {}, logging: {} } });
  const noisy = JSON.stringify({ banner: "hello", stderrLines: ["chatter"], tools: ["crash"] });
  const pool = makePool({
    servers: {
      web: { url: server.url },
      noisy: { command: process.execPath, args: [STDIO_SERVER, noisy] },
      dead: { command: "no-such-command-anywhere" },
    },
  });
  const warnings: PoolEvents["warning"][] = [];
  pool.on("warning", (warning) => void warnings.push(warning));
  const { failed } = await pool.connect();
  expect(Object.keys(failed)).toEqual(["dead"]);
  await server.restart();
  await noticed();
  await pool.callTool("web__ok");
  await pool.callTool("noisy__crash").catch(() => {});
  await pool.closeAll();
  expect(warnings).toContainEqual(
    expect.objectContaining({ server: "noisy", message: expect.stringContaining("hello") }),
  );
  expect(written).not.toHaveBeenCalled();
});
