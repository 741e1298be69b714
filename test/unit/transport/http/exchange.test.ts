import { Agent } from "undici";
import { afterEach, expect, test } from "vitest";
import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
} from "../../../../src/core/errors.ts";
import { gzipSync } from "node:zlib";
import {
  json,
  rpcError,
  rpcResult,
  sseEvent,
  startHttpServer,
  type TestHttpServer,
  type TestHttpServerOptions,
} from "../../../support/http-server.ts";
import { call, connect, failure, type Link } from "./harness.ts";

let server: TestHttpServer;
let link: Link;

async function setup(
  options: TestHttpServerOptions,
  transport?: Parameters<typeof connect>[1],
): Promise<void> {
  server = await startHttpServer({ sessions: false, ...options });
  link = await connect(server.url, transport);
}

afterEach(async () => {
  await link.transport.close();
  await server.until((one) => one.openSockets === 0);
  await server.close();
});

test("3.3 a JSON answer is delivered with its exchange, after head and write", async () => {
  await setup({});
  const { exchange, outcome } = link.send(call(1, { a: "ü" }));
  expect(await outcome).toMatchObject({ kind: "response", message: { id: 1 } });
  expect(exchange.writtenCount).toBe(1);
  expect(exchange.head?.status).toBe(200);
  expect(exchange.head?.header("content-type")).toBe("application/json");
  expect(link.sink.received[0]?.exchange).toBe(exchange);
});

test.each(["Application/JSON; charset=utf-8", " application/json ;x=y"])(
  "3.3 the media type is what stands before the semicolon: %s",
  async (type) => {
    await setup({
      onRequest: ({ res }) => {
        res.writeHead(200, { "content-type": type }).end(JSON.stringify(rpcResult(1, {})));
        return true;
      },
    });
    expect((await link.send(call(1)).outcome).kind).toBe("response");
  },
);

test("3.1 3.6 the user's headers are sent and override nothing", async () => {
  await setup(
    {},
    {
      headers: {
        authorization: "Bearer t",
        Accept: "text/html",
        "Content-Type": "text/plain",
        "MCP-Protocol-Version": "x",
        "mcp-session-id": "x",
        "Last-Event-ID": "x",
        "Mcp-Method": "x",
        "Mcp-Name": "x",
        "Mcp-Param-Region": "x",
        Host: "evil",
        "Content-Length": "1",
        Connection: "close",
        "Transfer-Encoding": "chunked",
      },
    },
  );
  const headers = ["mcp-protocol-version", "2025-11-25"];
  await link.send(call(1), { headers }).outcome;
  await link.send(call(2), { headers }).outcome;
  await link.send(call(3)).outcome;
  const [first, second, third] = server.requests;
  expect(first?.headers).toMatchObject({
    authorization: "Bearer t",
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
    host: server.url.host,
  });
  expect(first?.headers["mcp-session-id"]).toBeUndefined();
  expect(first?.headers["mcp-param-region"]).toBeUndefined();
  expect(second?.rawHeaders.filter((one) => one !== "0")).toEqual(first?.rawHeaders);
  expect(third?.headers["mcp-protocol-version"]).toBeUndefined();
});

test.each([200, 202, 204])("3.4 any 2xx accepts a notification: %i", async (status) => {
  await setup({
    onRequest: ({ res }) => {
      res.writeHead(status, { "content-type": "application/json" });
      res.end(status === 200 ? "{}" : undefined);
      return true;
    },
  });
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
  expect((await link.send(notification).outcome).kind).toBe("accepted");
  const response = { jsonrpc: "2.0", id: 4, result: {} } as const;
  expect((await link.send(response).outcome).kind).toBe("accepted");
  expect(link.sink.received).toEqual([]);
});

test("a batch of 2025-03-26 is delivered as it came", async () => {
  await setup({
    onRequest: ({ res }) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.end(JSON.stringify([{ jsonrpc: "2.0", method: "notifications/x" }, rpcResult(1, {})]));
      return true;
    },
  });
  expect((await link.send(call(1)).outcome).kind).toBe("response");
});

test.each([
  [200, "text/html", "<html>\u0007hello</html>"],
  [200, "application/json", ""],
  [202, "application/json", ""],
  [204, undefined, ""],
  [200, undefined, "x"],
  [200, "application/json", "{not json"],
  [200, "application/json", "null"],
  [200, "application/json", `{"jsonrpc":"2.0","id":1,"result":{"a":${"[".repeat(100_000)}`],
])("a request is not answered by %i %s", async (status, type, body) => {
  await setup({
    onRequest: ({ res, server: { requests } }) => {
      if (requests.length > 1) return false;
      res.writeHead(status, type === undefined ? {} : { "content-type": type }).end(body);
      return true;
    },
  });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toBeInstanceOf(McpProtocolError);
  expect(error).toMatchObject({ sent: "yes", server: "test", method: "tools/call" });
  expect(error.message.length).toBeLessThan(600);
  expect((await link.send(call(2)).outcome).kind).toBe("response");
});

test.each([400, 403, 404, 406, 413, 415, 500])(
  "a JSON-RPC error with HTTP %i is that error, with the status",
  async (status) => {
    await setup({
      onRequest: ({ res, body }) => {
        json(res, status, rpcError(body?.id === 1 ? null : 2, -32001, "Session not found"));
        return true;
      },
    });
    for (const id of [1, 2]) {
      const error = await failure(link.send(call(id)).outcome);
      expect(error).toBeInstanceOf(McpResponseError);
      expect(error).toMatchObject({ rpcCode: -32001, status, sent: "yes" });
    }
    const foreign = await failure(link.send(call(3)).outcome);
    expect(foreign).toBeInstanceOf(McpHttpError);
    expect(foreign).toMatchObject({ status });
    const notification = { jsonrpc: "2.0", method: "notifications/x" } as const;
    expect(await failure(link.send(notification).outcome)).toMatchObject({
      code: "HTTP_ERROR",
      status,
    });
  },
);

test("an error without id in a 200 fails the request that it answers", async () => {
  await setup({
    onRequest: ({ res }) => (json(res, 200, rpcError(null, -32700, "Parse error")), true),
  });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ rpcCode: -32700, status: 200 });
});

test("401 and 403 carry the challenge", async () => {
  const challenges = ['Bearer resource_metadata="https://x"', 'Bearer error="insufficient_scope"'];
  await setup({
    onRequest: ({ res, body }) => {
      const isFirst = body?.id === 1;
      const challenge = body?.id === 3 ? {} : { "www-authenticate": challenges[isFirst ? 0 : 1] };
      res.writeHead(isFirst ? 401 : 403, challenge).end("no");
      return true;
    },
  });
  const required = await failure(link.send(call(1)).outcome);
  expect(required).toBeInstanceOf(McpAuthError);
  expect(required).toMatchObject({ code: "AUTH_REQUIRED", status: 401, challenge: challenges[0] });
  const scope = await failure(link.send(call(2)).outcome);
  expect(scope).toMatchObject({
    code: "INSUFFICIENT_SCOPE",
    status: 403,
    challenge: challenges[1],
  });
  expect(await failure(link.send(call(3)).outcome)).toMatchObject({
    code: "HTTP_ERROR",
    status: 403,
    excerpt: "no",
  });
});

test("Retry-After and a capped excerpt come with an HTTP error", async () => {
  await setup({
    onRequest: ({ res }) => {
      res.writeHead(429, { "retry-after": "7" }).end("\u001b[31m" + "x".repeat(200_000));
      return true;
    },
  });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ status: 429, retryAfterMs: 7_000, retryable: true });
  expect(error instanceof McpHttpError && error.excerpt.length).toBeLessThan(600);
  expect(error.message).not.toContain("\u001b");
});

test("307 and 308 of the same origin are followed with body and headers, three times", async () => {
  await setup(
    {
      onRequest: ({ path, res }) => {
        const hop = Number(/hop=(\d)/.exec(path)?.[1] ?? 0);
        if (hop === 3) return false;
        res.writeHead(hop % 2 === 0 ? 307 : 308, { location: `/mcp?hop=${hop + 1}` }).end("moved");
        return true;
      },
    },
    { headers: { authorization: "Bearer t" } },
  );
  const { exchange, outcome } = link.send(call(1), { headers: ["mcp-session-id", "s"] });
  expect((await outcome).kind).toBe("response");
  expect(exchange.writtenCount).toBe(1);
  expect(server.requests.length).toBe(4);
  expect(server.requests[3]).toMatchObject({
    text: server.requests[0]?.text,
    headers: { authorization: "Bearer t", "mcp-session-id": "s" },
  });
  expect(server.executionCount("echo")).toBe(1);
});

test("the fourth redirect, and any other, is an error", async () => {
  await setup({
    onRequest: ({ res, body }) => {
      res.writeHead(body?.id === 1 ? 307 : 302, { location: "/again" }).end();
      return true;
    },
  });
  expect(await failure(link.send(call(1)).outcome)).toMatchObject({ status: 307 });
  expect(server.requests.length).toBe(4);
  expect(await failure(link.send(call(2)).outcome)).toMatchObject({ status: 302 });
});

test("a redirect to another origin is refused: it sees nothing, and its secrets are not shown", async () => {
  const other = await startHttpServer();
  const location = new URL(other.url);
  location.username = "user";
  location.password = "canary";
  location.search = "?token=canary";
  await setup(
    { onRequest: ({ res }) => (res.writeHead(308, { location: location.href }).end(), true) },
    { headers: { authorization: "Bearer t" } },
  );
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "HTTP_ERROR", status: 308 });
  expect(error.message).toContain(other.url.origin);
  expect(JSON.stringify(error)).not.toContain("canary");
  expect(other.connectionCount).toBe(0);
  await other.close();
});

test("10 a body that is cut short is a lost connection", async () => {
  await setup({
    onRequest: ({ res, body }) => {
      const length = body?.id === 1 ? { "content-length": "1000" } : {};
      res.writeHead(200, { "content-type": "application/json", ...length });
      res.write('{"jsonrpc":', () => res.destroy());
      return true;
    },
  });
  for (const id of [1, 2]) {
    const error = await failure(link.send(call(id)).outcome);
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "yes" });
  }
});

test("6 a connection that breaks before the head leaves the outcome unknown", async () => {
  await setup({ onRequest: ({ req }) => (req.socket.destroy(), true) });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "unknown", retryable: true });
});

test("1 a refused connection names server, address and code", async () => {
  await setup({}, { headers: {} });
  await server.stop();
  const { exchange, outcome } = link.send(call(1));
  const error = await failure(outcome);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  expect(error.message).toContain('"test"');
  expect(error.message).toContain(server.url.href);
  expect(error.message).toContain("ECONNREFUSED");
  expect(exchange.writtenCount).toBe(0);
});

test("23 a body over the limit is refused, announced or not", async () => {
  await setup(
    {
      onRequest: ({ res, body }) => {
        const text = JSON.stringify(rpcResult(body?.id ?? 0, { text: "x".repeat(5_000) }));
        if (body?.id === 1) json(res, 200, rpcResult(1, { text: "x".repeat(5_000) }));
        else res.writeHead(200, { "content-type": "application/json" }).end(text);
        return true;
      },
    },
    { limits: { messageBytes: 5_000, inFlight: 128 } },
  );
  for (const id of [1, 2]) {
    expect(await failure(link.send(call(id)).outcome)).toMatchObject({
      code: "LIMIT_EXCEEDED",
      sent: "yes",
    });
  }
});

test("22 a gzip body is decoded, a bomb is not", async () => {
  await setup(
    {
      onRequest: ({ res, body }) => {
        const id = body?.id ?? 0;
        const size = id === 1 ? 1_000 : 5_000_000;
        const encoding = id === 3 ? "zstd" : "gzip";
        res.writeHead(200, { "content-type": "application/json", "content-encoding": encoding });
        res.end(gzipSync(JSON.stringify(rpcResult(id, { text: "x".repeat(size) }))));
        return true;
      },
    },
    { limits: { messageBytes: 100_000, inFlight: 128 } },
  );
  expect((await link.send(call(1)).outcome).kind).toBe("response");
  expect(await failure(link.send(call(2)).outcome)).toMatchObject({ code: "LIMIT_EXCEEDED" });
  const error = await failure(link.send(call(3)).outcome);
  expect(error.code).toBe("PROTOCOL_ERROR");
  expect(error.message).toContain("zstd");
});

test("a header that cannot be sent fails as configuration, with nothing sent", async () => {
  await setup({}, { headers: { "x-bad": "a\r\nb: c" } });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
  expect(server.requests).toEqual([]);
});

test("a closed exchange reports nothing; queued, it is not sent and costs no socket", async () => {
  const agent = new Agent({ connections: 1 });
  await setup({}, { dispatcher: agent });
  const first = link.send(call(1));
  const dropped = link.send(call(2));
  dropped.handle.close();
  dropped.handle.close();
  await first.outcome;
  await link.send(call(3)).outcome;
  expect(server.requests.map((one) => one.body?.id)).toEqual([1, 3]);
  expect(server.connectionCount).toBe(1);
  expect(dropped.exchange.failedCount + dropped.exchange.writtenCount).toBe(0);
  await agent.close();
});

test("close ends exchanges of every kind without a report, and a user's dispatcher stays open", async () => {
  const agent = new Agent();
  await setup(
    {
      getStream: true,
      onRequest: ({ res, body }) => {
        if (body?.id === 1) return true;
        if (body?.id !== 2) return false;
        res.writeHead(200, { "content-type": "text/event-stream" }).write(sseEvent("", "e1"));
        return true;
      },
    },
    { dispatcher: agent },
  );
  const silent = link.send(call(1));
  const streaming = link.send(call(2), { resume: { headers: [] } });
  let ended = 0;
  link.transport.listen({ headers: [], onOpen() {}, onEnd: () => (ended += 1) });
  await server.until((one) => one.openStreams === 1 && one.requests.length === 3);
  await link.transport.close();
  await server.until((one) => one.openSockets === 0);
  expect(silent.exchange.failedCount + streaming.exchange.failedCount + ended).toBe(0);
  expect(await failure(link.send(call(3)).outcome)).toMatchObject({ code: "CLOSED", sent: "no" });
  expect(agent.destroyed).toBe(false);
  await agent.close();
});

test("3.11 endSession sends DELETE once and settles with any outcome", async () => {
  await setup({
    onRequest: ({ method, res }) => method === "DELETE" && (res.writeHead(405).end(), true),
  });
  await link.transport.endSession(["mcp-session-id", "s"], 5_000);
  expect(server.requests[0]).toMatchObject({
    method: "DELETE",
    headers: { "mcp-session-id": "s" },
  });
  server.options.onRequest = () => true;
  await link.transport.endSession(["mcp-session-id", "s"], 1);
  await server.stop();
  await link.transport.endSession(["mcp-session-id", "s"], 5_000);
});
