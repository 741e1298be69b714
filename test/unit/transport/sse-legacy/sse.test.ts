import type { ServerResponse } from "node:http";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/core/clock.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import type { DuplexTransport } from "../../../../src/jsonrpc/transport.ts";
import { createSseTransport } from "../../../../src/transport/sse-legacy/sse.ts";
import {
  rpcResult,
  sseEvent,
  startHttpServer,
  type RequestContext,
  type TestHttpServer,
} from "../../../support/http-server.ts";
import { call, failure, RecordingSink, TestExchange, type Outcome } from "../http/harness.ts";
import { repairLog } from "../../fakes.ts";

let server: TestHttpServer;
let transport: DuplexTransport;
let sink: RecordingSink;
let quirks: ReturnType<typeof repairLog>;
const NOTICE = { jsonrpc: "2.0", method: "notifications/message" } as const;
/** The server's side of the open stream. */
let stream: ServerResponse;

afterEach(async () => {
  await transport.close();
  await server.until((one) => one.openSockets === 0);
  await server.close();
});

async function setup(
  endpoint: string,
  post: (context: RequestContext) => void = ({ res }) => res.writeHead(202).end("Accepted"),
  options: {
    messageBytes?: number;
    handshakeMs?: number;
    strict?: boolean;
    contentType?: string | null;
  } = {},
): Promise<void> {
  server = await startHttpServer({
    onRequest(context) {
      if (context.method !== "GET") {
        post(context);
        return true;
      }
      stream = context.res;
      const { contentType = "text/event-stream" } = options;
      stream.writeHead(200, contentType === null ? {} : { "content-type": contentType });
      stream.write(`: hello\n\n${endpoint === "" ? "" : `event: endpoint\ndata: ${endpoint}\n\n`}`);
      return true;
    },
  });
  transport = createSseTransport({
    server: "old",
    url: server.url,
    headers: { authorization: "Bearer t" },
    clock: systemClock,
    quirks: (quirks = repairLog({ strict: options.strict ?? false })),
    limits: { messageBytes: options.messageBytes ?? 10_000, inFlight: 128 },
    timeouts: { connectMs: 5_000, handshakeMs: options.handshakeMs ?? 10_000 },
  });
  sink = new RecordingSink();
}

function start(signal: AbortSignal = new AbortController().signal): Promise<void> {
  return transport.start(sink, signal);
}

function send(message: JsonRpcMessage): { exchange: TestExchange; outcome: Promise<Outcome> } {
  const exchange = new TestExchange(message);
  transport.send(message, exchange);
  return { exchange, outcome: exchange.outcome };
}

test("5.1 5.2 5.4 posts to the endpoint, receives on the stream, keeps the user's headers", async () => {
  await setup("/messages?session=1");
  await start();
  stream.write("event: endpoint\ndata: /other\n\n");
  const { exchange } = send(call(1));
  await server.until((one) => one.requestsOf("POST").length === 1);
  const broken = "event: ping\ndata: x\n\ndata: {broken\n\n";
  stream.write(sseEvent(rpcResult(1, {})) + broken + sseEvent(NOTICE));
  await sink.until(() => sink.messages.length === 2);
  expect(sink.messages).toMatchObject([{ id: 1 }, NOTICE]);
  expect(quirks.counts).toEqual({ "bad-event": 1 });
  expect(exchange.writtenCount).toBe(1);
  expect(server.requestsOf("POST")[0]).toMatchObject({
    path: "/messages?session=1",
    headers: { authorization: "Bearer t", "content-type": "application/json" },
  });
  expect(server.requestsOf("GET")[0]?.headers["accept"]).toBe("text/event-stream");
  const notification = { jsonrpc: "2.0", method: "notifications/initialized" } as const;
  expect((await send(notification).outcome).kind).toBe("accepted");
});

test("a POST that fails fails its request, unless the response had come", async () => {
  await setup("/messages", ({ res, body }) => {
    if (body?.id === 1) {
      res.writeHead(500).end("broken");
      return;
    }
    stream.write(sseEvent(rpcResult(2, {})));
    void sink
      .until(() => sink.received.length === 1)
      .then(() =>
        res.writeHead(500).end(() => setImmediate(() => stream.write(sseEvent(NOTICE, "x")))),
      );
  });
  await start();
  expect(await failure(send(call(1)).outcome)).toMatchObject({ code: "HTTP_ERROR", status: 500 });
  const { exchange } = send(call(2));
  await sink.until(() => sink.messages.length === 2);
  expect(exchange.failedCount).toBe(0);
});

test("5.5 the loss of the stream is the loss of the connection", async () => {
  await setup("/messages");
  await start();
  stream.destroy();
  await sink.until(() => sink.closed.length === 1);
  expect(sink.closed).toMatchObject([{ code: "CONNECTION_LOST", retryable: true }]);
  expect(await failure(send(call(1)).outcome)).toMatchObject({ code: "CLOSED", sent: "no" });
  await transport.close();
  expect(sink.closed.length).toBe(1);
});

test("an event beyond the limit loses the connection", async () => {
  await setup("/messages", undefined, { messageBytes: 1_000 });
  await start();
  stream.write(`data: ${"x".repeat(2_000)}`);
  await sink.until(() => sink.closed.length === 1);
  expect(sink.closed).toMatchObject([{ code: "LIMIT_EXCEEDED" }]);
});

test.each(["http://127.0.0.1:1/messages", "https://127.0.0.1/messages", "http://[bad"])(
  "5.3 an endpoint of another origin is refused: %s",
  async (endpoint) => {
    await setup(endpoint);
    await expect(start()).rejects.toMatchObject({ code: "PROTOCOL_ERROR" });
    expect(sink.closed).toEqual([]);
  },
);

test("5.6 waits for the endpoint no longer than allowed", async () => {
  await setup("", undefined, { handshakeMs: 20 });
  await expect(start()).rejects.toMatchObject({ code: "TIMEOUT", limit: "handshake" });
});

test("start follows its signal, and close", async () => {
  await setup("");
  const controller = new AbortController();
  const started = start(controller.signal);
  await server.until((one) => one.requests.length === 1);
  controller.abort(new Error("mine"));
  await expect(started).rejects.toThrow("mine");
  await expect(start()).rejects.toMatchObject({ code: "CLOSED" });
});

test("close during start rejects it, and reports nothing", async () => {
  await setup("");
  const started = start();
  const rejected = expect(started).rejects.toMatchObject({ code: "CLOSED" });
  await server.until((one) => one.requests.length === 1);
  await transport.close();
  await rejected;
  expect(sink.closed).toEqual([]);
});

test("close reports itself once, and no exchange", async () => {
  await setup("/messages", () => {});
  await start();
  const { exchange } = send(call(1));
  await server.until((one) => one.requestsOf("POST").length === 1);
  await Promise.all([transport.close(), transport.close()]);
  expect(sink.closed).toMatchObject([{ code: "CLOSED" }]);
  expect(exchange.failedCount).toBe(0);
});

test.each([
  [401, "AUTH_REQUIRED"],
  [404, "HTTP_ERROR"],
  [200, "HTTP_ERROR"],
])("start rejects where GET is answered %i", async (status, code) => {
  await setup("/messages");
  server.options.onRequest = ({ res }) => {
    res.writeHead(status, { "content-type": "text/html" }).end("no");
    return true;
  };
  await expect(start()).rejects.toMatchObject({ code, status });
});

test("start rejects where nobody listens, and where the stream ends early", async () => {
  await setup("");
  const ending = start();
  await server.until((one) => one.requests.length === 1);
  stream.end();
  await expect(ending).rejects.toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
  await server.stop();
  transport = createSseTransport({
    server: "old",
    url: server.url,
    headers: {},
    clock: systemClock,
    quirks: repairLog(),
    limits: { messageBytes: 1_000, inFlight: 128 },
    timeouts: { connectMs: 5_000, handshakeMs: 10_000 },
  });
  await expect(start()).rejects.toMatchObject({ code: "CONNECTION_FAILED", retryable: true });
});

test.each(["application/json", "text/plain", null])(
  "a stream labelled %s is read",
  async (type) => {
    await setup("/messages", undefined, { contentType: type });
    await start();
    expect((await send({ jsonrpc: "2.0", method: "notifications/x" }).outcome).kind).toBe(
      "accepted",
    );
    expect(quirks.counts).toEqual({ "wrong-content-type": 1 });
  },
);

test("strict: a stream with a wrong label is none", async () => {
  await setup("/messages", undefined, { contentType: "text/plain", strict: true });
  await expect(start()).rejects.toMatchObject({ code: "HTTP_ERROR", status: 200 });
});

test.each(["http://localhost:PORT/messages", "http://[::1]:PORT/messages"])(
  "an endpoint under another name of this machine is posted to where the stream is: %s",
  async (template) => {
    await setup("");
    const started = start();
    await server.until((one) => one.requests.length === 1);
    const endpoint = new URL(`${template.replace("PORT", server.url.port)}?s=1`);
    stream.write(`event: endpoint\ndata: ${endpoint.href}\n\n`);
    await started;
    await send({ jsonrpc: "2.0", method: "notifications/x" }).outcome;
    // It arrives at the address of the stream, under the name that the server gave.
    expect(server.requestsOf("POST")[0]).toMatchObject({
      path: "/messages?s=1",
      headers: { host: endpoint.host },
    });
    expect(quirks.counts).toEqual({ "loopback-name": 1 });
  },
);

test("strict: an endpoint under another name is of another origin", async () => {
  await setup("", undefined, { strict: true });
  const started = start();
  const refused = expect(started).rejects.toMatchObject({ code: "PROTOCOL_ERROR" });
  await server.until((one) => one.requests.length === 1);
  stream.write(`event: endpoint\ndata: http://localhost:${server.url.port}/messages\n\n`);
  await refused;
});

test.each<[string, string, (id: unknown) => string]>([
  ["JSON", "application/json", (id) => JSON.stringify(rpcResult(id as number, {}))],
  ["JSON without a label", "", (id) => JSON.stringify(rpcResult(id as number, {}))],
  ["an event", "text/event-stream", (id) => sseEvent(rpcResult(id as number, {}))],
])("the response in the body of the POST is taken: %s", async (_name, type, text) => {
  await setup("/messages", ({ res, body }) => {
    res.writeHead(200, type === "" ? {} : { "content-type": type }).end(text(body?.id));
  });
  await start();
  const { exchange, outcome } = send(call(1));
  expect((await outcome).kind).toBe("response");
  expect(sink.received[0]?.exchange).toBe(exchange);
  expect(quirks.counts).toMatchObject({ "answer-in-post-body": 1 });
});

test.each([
  [200, "Accepted"],
  [200, '{"ok":true}'],
  [200, ""],
  [202, "<html>taken</html>"],
  [204, ""],
  [200, "{".repeat(20_000)],
])("a POST that is answered %i %s says only that the request was taken", async (status, text) => {
  await setup("/messages", ({ res }) => res.writeHead(status).end(text === "" ? undefined : text));
  await start();
  const { exchange } = send(call(1));
  await server.until((one) => one.requestsOf("POST").length === 1);
  expect((await send({ jsonrpc: "2.0", method: "notifications/x" }).outcome).kind).toBe("accepted");
  stream.write(sseEvent(rpcResult(1, {})));
  await sink.until(() => sink.messages.length === 1);
  expect(exchange.failedCount).toBe(0);
  expect(sink.invalid).toEqual([]);
  expect(quirks.counts).toEqual({});
});

test("strict: a body says nothing, whatever is in it", async () => {
  await setup(
    "/messages",
    ({ res, body }) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.end(JSON.stringify(rpcResult(body?.id ?? 0, {})));
    },
    { strict: true },
  );
  await start();
  send(call(1));
  await server.until((one) => one.requestsOf("POST").length === 1);
  expect((await send({ jsonrpc: "2.0", method: "notifications/x" }).outcome).kind).toBe("accepted");
  expect(sink.messages).toEqual([]);
});

test("the response on the stream, before the answer to its POST ends, costs no socket", async () => {
  let post: ServerResponse | undefined;
  await setup("/messages", ({ res, body }) => {
    if (body?.id !== 1) return void res.writeHead(202).end();
    (post = res).writeHead(200).write("taken");
  });
  await start();
  const message = call(1);
  const exchange = new TestExchange(message);
  const handle = transport.send(message, exchange);
  await server.until(() => post !== undefined);
  stream.write(sseEvent(rpcResult(1, {})));
  await sink.until(() => sink.messages.length === 1);
  handle.close();
  post?.end();
  await send({ jsonrpc: "2.0", method: "notifications/x" }).outcome;
  expect(server.connectionCount).toBeLessThanOrEqual(3);
  expect(post?.writableFinished).toBe(true);
});
