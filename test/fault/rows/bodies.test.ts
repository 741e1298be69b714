// What comes in the body, and where the request is sent instead: statuses, encodings, sizes, proxies.

import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { McpHttpError, McpResponseError } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { json, rpcError, rpcResult, sseEvent } from "../../support/http-server.ts";
import type { RequestContext } from "../../support/http-server.ts";
import {
  byHand,
  collect,
  connected,
  failure,
  logMessage,
  LOG_CAPABILITY,
  poolOf,
  serve,
  startStream,
  textOf,
  toolResult,
} from "../support.ts";

const MIB = 1024 * 1024;

describe("fault 20: redirects", () => {
  const HEADERS = { authorization: "Bearer canary", "x-tenant": "canary" };

  test.each([307, 308])(
    "%i within the origin: followed with body and headers, exec 1",
    async (status) => {
      const server = await serve();
      const pool = await connected(server, { headers: HEADERS });
      server.options.onRequest = ({ path, res, body }) => {
        if (path !== "/mcp" || body?.method !== "tools/call") return false;
        res.writeHead(status, { location: "/elsewhere?x=1" }).end();
        return true;
      };
      expect(await pool.callTool("s__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
      const [first, second] = server.requestsOf("tools/call");
      expect([first?.path, second?.path]).toEqual(["/mcp", "/elsewhere?x=1"]);
      expect(second?.text).toBe(first?.text);
      expect(second?.headers).toMatchObject(HEADERS);
      expect(second?.headers["mcp-session-id"]).toBe(first?.headers["mcp-session-id"]);
      expect(server.executionCount("echo", "k")).toBe(1);
    },
  );

  test.each([307, 308])("%i in a circle: an error after a few, exec 0", async (status) => {
    const server = await serve();
    const pool = await connected(server);
    server.options.onRequest = ({ res, body }) => {
      if (body?.method !== "tools/call") return false;
      res.writeHead(status, { location: "/mcp" }).end();
      return true;
    };
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ status, server: "s" });
    expect(server.requestsOf("tools/call").length).toBeLessThan(10);
    expect(server.executionCount("echo")).toBe(0);
  });

  const targets: [string, (port: string) => string][] = [
    ["another port", (port) => `http://127.0.0.1:${port}/mcp?token=canary`],
    ["another host", (port) => `http://localhost:${port}/mcp`],
    ["another scheme", (port) => `https://127.0.0.1:${port}/mcp`],
    ["without a scheme", (port) => `//127.0.0.1:${port}/mcp`],
    ["with credentials", (port) => `http://user:canary@127.0.0.1:${port}/mcp`],
  ];

  describe.each(targets)("to %s", (_name, target) => {
    test.each([301, 302, 303, 307, 308])(
      "%i: refused, and the other server is not asked anything",
      async (status) => {
        const [server, other] = await Promise.all([serve(), serve()]);
        const pool = await connected(server, { headers: HEADERS });
        server.options.onRequest = ({ res, body }) => {
          if (body?.method !== "tools/call") return false;
          res.writeHead(status, { location: target(other.url.port) }).end();
          return true;
        };
        const error = await failure(pool.callTool("s__echo", { key: "k" }));
        expect(error).toMatchObject({ code: "HTTP_ERROR", status, server: "s" });
        expect(error.message).toContain("not followed");
        expect(error.message).not.toContain("canary");
        expect(other.connectionCount).toBe(0);
        expect([server.executionCount("echo"), other.executionCount("echo")]).toEqual([0, 0]);
      },
    );
  });
});

describe("fault 21: a JSON-RPC error under an HTTP error", () => {
  test.each([400, 406, 413, 415, 500])(
    "%i: that error, with the status, sent once",
    async (status) => {
      const server = await serve({ sessions: false });
      const pool = await connected(server);
      const data = { reason: "told by the server" };
      server.options.onRequest = ({ res, body }) => {
        if (body?.method !== "tools/call") return false;
        const answer = {
          jsonrpc: "2.0",
          id: body.id,
          error: { code: -32099, message: "no", data },
        };
        json(res, status, answer);
        return true;
      };
      const error = await failure(pool.callTool("s__echo"));
      expect(error).toBeInstanceOf(McpResponseError);
      expect(error).toMatchObject({ rpcCode: -32099, rpcMessage: "no", data, status, server: "s" });
      expect(error).toMatchObject({ sent: "yes", method: "tools/call" });
      expect(server.requestsOf("tools/call").length).toBe(1);
      expect(pool.status()[0]?.state).toBe("ready");
    },
  );

  test.each([406, 413, 415, 500])(
    "%i without one: the status, an excerpt, sent once",
    async (status) => {
      const server = await serve();
      const pool = await connected(server);
      server.options.onRequest = ({ res, body }) => {
        if (body?.method !== "tools/call") return false;
        res.writeHead(status, { "content-type": "text/plain" }).end("no, thank you\u001b[31m");
        return true;
      };
      const error = await failure(pool.callTool("s__echo"));
      expect(error).toBeInstanceOf(McpHttpError);
      expect(error).toMatchObject({ status, excerpt: "no, thank you\\u{1b}[31m", sent: "yes" });
      expect(server.requestsOf("tools/call").length).toBe(1);
      expect(server.initializeCount).toBe(1);
    },
  );
});

/** Answers the call `n` of `work` with these bytes. */
function encoded(encoding: string, encode: (text: string) => Buffer) {
  return (context: RequestContext): void => {
    const body = encode(JSON.stringify(toolResult(context, "grüße ".repeat(1_000))));
    const headers = { "content-type": "application/json", "content-encoding": encoding };
    context.res.writeHead(200, headers).end(body);
  };
}

/** Small to send and to make, huge when it is decoded: many members of one gzip stream. */
function bomb(mebibytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MIB, " "));
  return Buffer.concat(Array.from({ length: mebibytes }, () => member));
}

describe("fault 22: encodings", () => {
  test.each<[string, string, (text: string) => Buffer]>([
    ["gzip", "gzip", gzipSync],
    ["GZip", "GZip", gzipSync],
    ["x-gzip", "x-gzip", gzipSync],
    ["deflate", "deflate", deflateSync],
    ["deflate without its wrapper", "deflate", deflateRawSync],
    ["br", "br", brotliCompressSync],
    ["identity", "identity", (text) => Buffer.from(text)],
  ])("%s: the result, exec 1", async (_name, encoding, encode) => {
    const server = await serve({ tools: byHand(encoded(encoding, encode)) });
    const pool = await connected(server);
    expect(await pool.callTool("s__work")).toEqual(textOf("grüße ".repeat(1_000)));
    expect(server.executionCount("work")).toBe(1);
  });

  test.each<[string, string, Buffer]>([
    ["an encoding that nobody knows", "x-nothing", Buffer.from("x")],
    ["what is not gzip", "gzip", Buffer.from("this is not gzip")],
    ["gzip that is cut short", "gzip", gzipSync("x".repeat(1_000)).subarray(0, 20)],
  ])("%s: McpProtocolError, exec 1", async (_name, encoding, body) => {
    const server = await serve({ tools: byHand(encoded(encoding, () => body)) });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__work"));
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", server: "s" });
    expect(server.executionCount("work")).toBe(1);
    expect(await pool.call("s", "ping")).toEqual({});
  });

  test("a bomb of 512 MiB: the limit, and memory stays flat", async () => {
    const body = bomb(512);
    expect(body.length).toBeLessThan(MIB);
    const server = await serve({ tools: byHand(encoded("gzip", () => body)) });
    const pool = await connected(server);
    const peakBefore = process.resourceUsage().maxRSS;
    const error = await failure(pool.callTool("s__work"));
    const grownMib = (process.resourceUsage().maxRSS - peakBefore) / 1_024;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes", server: "s" });
    expect(error.message).toContain("limits.messageBytes");
    expect(grownMib).toBeLessThan(100);
    expect(server.executionCount("work")).toBe(1);
    expect(await pool.call("s", "ping")).toEqual({});
  });

  test("a bomb under an error status: the status", async () => {
    const server = await serve({
      tools: byHand(({ res }) => res.writeHead(500, { "content-encoding": "gzip" }).end(bomb(64))),
    });
    const pool = await connected(server);
    expect(await failure(pool.callTool("s__work"))).toMatchObject({
      status: 500,
      excerpt: "… (65536 characters)",
    });
  });

  test("a stream that is encoded: the result, exec 1", async () => {
    const server = await serve({
      tools: byHand((context) => {
        const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" };
        const events = gzipSync(sseEvent(toolResult(context, "done")));
        context.res.writeHead(200, headers).end(events);
      }),
    });
    const pool = await connected(server);
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.executionCount("work")).toBe(1);
  });

  test("strict, a stream that is encoded: McpProtocolError at once, exec 1", async () => {
    const server = await serve({
      tools: byHand((context) => {
        const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" };
        const events = gzipSync(sseEvent(toolResult(context, "done")));
        context.res.writeHead(200, headers).end(events);
      }),
    });
    const pool = await connected(server, { strict: true });
    const error = await failure(pool.callTool("s__work"));
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes" });
    expect(error.message).toContain("gzip");
    expect(server.executionCount("work")).toBe(1);
  });
});

describe("fault 23: a result of 50 MB", () => {
  const SIZE = 50_000_000;
  const big = { big: { handler: () => "x".repeat(SIZE) } };

  test.each(["json", "sse"] as const)("%s: the limit is 10 MiB, exec 1", async (replies) => {
    const server = await serve({ tools: { ...big, echo: {} }, replies });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__big"));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes", server: "s" });
    expect(error.message).toContain(String(10 * MIB));
    expect(error.message).toContain("limits.messageBytes");
    expect(server.executionCount("big")).toBe(1);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(1);
  });

  test.each(["json", "sse"] as const)("%s: it passes when the limit is raised", async (replies) => {
    const server = await serve({ tools: big, replies });
    const pool = await connected(server, { limits: { messageBytes: 64 * MIB } });
    const { content } = await pool.callTool("s__big");
    expect(content[0]).toMatchObject({ type: "text" });
    expect((content[0] as { text: string }).text.length).toBe(SIZE);
    expect(server.executionCount("big")).toBe(1);
  });
});

/** Passes requests on, and gives each answer only when it has the whole of it. */
async function bufferingProxy(target: URL): Promise<URL> {
  const proxy = createServer((req, res) => {
    const upstream = httpRequest(
      {
        agent: false,
        host: target.hostname,
        port: target.port,
        path: req.url,
        method: req.method,
        headers: req.headers,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () => {
          const { "transfer-encoding": _chunked, connection: _hop, ...headers } = answer.headers;
          const body = Buffer.concat(chunks);
          res.writeHead(answer.statusCode ?? 502, { ...headers, "content-length": body.length });
          res.end(body);
        });
        answer.on("error", () => res.destroy());
      },
    );
    upstream.on("error", () => res.destroy());
    // Who gives up here is not waited for there.
    res.on("close", () => upstream.destroy());
    req.pipe(upstream);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    return new Promise<void>((resolve) => proxy.close(() => resolve()));
  });
  return new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`);
}

describe("fault 24: a proxy that keeps a stream until it ends", () => {
  test("the result, with all that came before it, exec 1", async () => {
    const server = await serve({
      capabilities: LOG_CAPABILITY,
      tools: byHand((context) => {
        const stream = startStream(context, `: hello\n\n${sseEvent(logMessage("on the way"))}`);
        setImmediate(() => stream.end(sseEvent(toolResult(context, "done"))));
      }),
    });
    const pool = poolOf({ s: { url: await bufferingProxy(server.url) } });
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    const logs = collect(pool, "log");
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(logs.map(({ data }) => data)).toEqual(["on the way"]);
    expect(server.executionCount("work")).toBe(1);
  });

  test("a change stream that never gets through delays no call for ever", async () => {
    const server = await serve({ getStream: true });
    const pool = poolOf({ s: { url: await bufferingProxy(server.url) } });
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    expect(await pool.callTool("s__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
    expect(server.executionCount("echo", "k")).toBe(1);
  });

  test("an answer of its own while the server is away is that of a gateway, exec 0", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== "tools/call") return false;
      res.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
      return true;
    };
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", cause: { status: 502 } });
    expect(server.executionCount("echo")).toBe(0);
  });
});

// Kept apart: what is answered under the wrong id must not be taken for the error of fault 21.
test("fault 21: an error of another request is no answer, whatever the status", async () => {
  const server = await serve({ sessions: false });
  const pool = await connected(server);
  server.options.onRequest = ({ res, body }) => {
    if (body?.method !== "tools/call") return false;
    json(res, 500, rpcError("another", -32099, "no"));
    return true;
  };
  const error = await failure(pool.callTool("s__echo"));
  expect(error).toBeInstanceOf(McpHttpError);
  expect(error).toMatchObject({ status: 500 });
  server.options.onRequest = ({ res, body }) => {
    if (body?.method !== "tools/call") return false;
    json(res, 500, rpcResult(body.id ?? null, { content: [] }));
    return true;
  };
  expect(await failure(pool.callTool("s__echo"))).toMatchObject({ status: 500 });
});
