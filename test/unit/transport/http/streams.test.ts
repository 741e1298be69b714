import type { ServerResponse } from "node:http";
import { Agent } from "undici";
import { afterEach, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../../src/core/clock.ts";
import type { ListenOptions } from "../../../../src/jsonrpc/transport.ts";
import {
  rpcResult,
  sseEvent,
  startHttpServer,
  type RequestContext,
  type TestHttpServer,
  type TestHttpServerOptions,
} from "../../../support/http-server.ts";
import { repairLog } from "../../fakes.ts";
import { call, connect, failure, RESUME, type Link } from "./harness.ts";

const SSE = { "content-type": "text/event-stream" };
const PROGRESS = { jsonrpc: "2.0", method: "notifications/progress", params: {} };

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

/** POSTs and GETs answered by different functions. */
function script(
  post: (context: RequestContext) => void,
  get: (context: RequestContext, attempt: number) => void = () => {},
): TestHttpServerOptions {
  return {
    onRequest(context) {
      if (context.method === "GET") get(context, context.server.requestsOf("GET").length);
      else post(context);
      return true;
    },
  };
}

function answer(res: ServerResponse, text: string, end: "end" | "cut" | "open" = "end"): void {
  res.writeHead(200, SSE);
  res.write(text, () => {
    if (end === "end") res.end();
    if (end === "cut") res.destroy();
  });
}

/** Remembers the delays that are asked for and waits one millisecond instead. */
function impatientClock(delays: number[], random = 0.5): Clock {
  return {
    ...systemClock,
    random: () => random,
    setTimer(callback, delayMs, background) {
      delays.push(delayMs);
      return systemClock.setTimer(callback, Math.min(delayMs, 1), background);
    },
  };
}

test("3.17 3.20 28 32 notifications, priming, foreign events, comments and the response", async () => {
  const response = JSON.stringify(rpcResult(1, { text: "ü€😀" }), null, 1);
  const quirks = repairLog();
  await setup(
    script(({ res }) =>
      answer(
        res,
        [
          "id: 1\ndata: \n\n",
          ": a comment\n\n",
          "event: ping\ndata: no json\n\n",
          "unknown: field\nretry: soon\n\n",
          `event: message\ndata: ${JSON.stringify(PROGRESS)}\n\n`,
          "data: {broken\n\n",
          response.replace(/^/gm, "data: ") + "\n\n",
        ].join(""),
      ),
    ),
    { quirks },
  );
  const { exchange, outcome } = link.send(call(1));
  expect(await outcome).toMatchObject({ message: { result: { text: "ü€😀" } } });
  expect(link.sink.messages).toMatchObject([PROGRESS, { id: 1 }]);
  expect(link.sink.received.every((one) => one.exchange === exchange)).toBe(true);
  expect(link.sink.invalid).toEqual([]);
  expect(quirks.counts).toEqual({ "bad-event": 1 });
  expect(quirks.warnings).toEqual([expect.stringContaining("({broken)")]);
  expect(exchange.failedCount).toBe(0);
});

test("strict: five events that are no messages are errors of their own, the others are counted", async () => {
  const quirks = repairLog({ strict: true });
  await setup(
    script(({ res }) => answer(res, "data: {broken\n\n".repeat(9) + sseEvent(rpcResult(1, {})))),
    { quirks },
  );
  expect(await link.send(call(1)).outcome).toMatchObject({ message: { id: 1 } });
  expect(link.sink.invalid).toHaveLength(5);
  expect(link.sink.invalid[0]).toMatchObject({ code: "PROTOCOL_ERROR", server: "test" });
});

test.each([
  ["LF", "\n"],
  ["CR", "\r"],
  ["CRLF", "\r\n"],
])("3.18 28 one byte at a time, with %s and a BOM", async (_name, newline) => {
  const text = `\u{feff}id: 1\ndata: {"jsonrpc":"2.0","id":1,\ndata: "result":{"t":"é€😀"}}\n\n`;
  const bytes = Buffer.from(text.replaceAll("\n", newline));
  await setup(
    script(({ res }) => {
      res.writeHead(200, SSE).flushHeaders();
      res.socket?.setNoDelay(true);
      let next = 0;
      // The stream is left open: the last line must not wait for what follows it.
      const step = (): void => {
        if (next < bytes.length) {
          res.write(bytes.subarray(next, ++next), () => setImmediate(step));
        }
      };
      step();
    }),
  );
  expect(await link.send(call(1)).outcome).toMatchObject({ message: { result: { t: "é€😀" } } });
});

test("26 the piece of a last event is discarded, and a cut without an id is a lost connection", async () => {
  await setup(
    script(({ res, body }) =>
      answer(
        res,
        `data: ${JSON.stringify(rpcResult(1, {})).slice(0, -1)}\n`,
        body?.id === 1 ? "end" : "cut",
      ),
    ),
  );
  for (const id of [1, 2]) {
    const { outcome } = link.send(call(id), { resume: RESUME });
    expect(await failure(outcome)).toMatchObject({ code: "CONNECTION_LOST", sent: "yes" });
  }
  expect(server.requestsOf("GET")).toEqual([]);
});

test("34 without permission a stream with ids is not resumed", async () => {
  await setup(script(({ res }) => answer(res, sseEvent(PROGRESS, "e1"), "cut")));
  const { outcome } = link.send(call(1));
  expect(await failure(outcome)).toMatchObject({ code: "CONNECTION_LOST", sent: "yes" });
  expect(server.requestsOf("GET")).toEqual([]);
});

test.each(["end", "cut"] as const)(
  "3.22 3.24 25 a stream that ends (%s) after an id is resumed by GET, again and again",
  async (end) => {
    await setup(
      script(
        ({ res }) => answer(res, sseEvent("", "é1"), end),
        ({ res }, attempt) => {
          if (attempt < 4) answer(res, sseEvent(PROGRESS, `e${attempt + 1}`), end);
          else answer(res, sseEvent(rpcResult(1, {}), "e9"), "open");
        },
      ),
      { headers: { authorization: "Bearer t" } },
    );
    const { exchange, outcome } = link.send(call(1), { resume: RESUME });
    expect((await outcome).kind).toBe("response");
    expect(exchange.failedCount).toBe(0);
    const gets = server.requestsOf("GET");
    const cursors = gets.map((one) => one.headers["last-event-id"]);
    expect(cursors).toEqual([Buffer.from("é1").toString("latin1"), "e2", "e3", "e4"]);
    expect(gets[0]?.headers).toMatchObject({
      accept: "text/event-stream",
      authorization: "Bearer t",
      "mcp-session-id": "s1",
    });
    expect(server.requestsOf("POST").length).toBe(1);
  },
);

test.each([
  [0, 500],
  [0.999, 550],
])("3.23 27 retry is obeyed and stretched by a tenth at most", async (random, expected) => {
  const delays: number[] = [];
  await setup(
    script(
      ({ res }) => answer(res, `retry: 500\n${sseEvent("", "e1")}`),
      ({ res }) => answer(res, sseEvent(rpcResult(1, {}))),
    ),
    { clock: impatientClock(delays, random) },
  );
  expect((await link.send(call(1), { resume: RESUME }).outcome).kind).toBe("response");
  expect(delays[0]).toBe(expected);
});

test("3.27 attempts without an event are limited, and an event counts anew", async () => {
  await setup(
    script(
      ({ res }) => answer(res, sseEvent("", "e1")),
      ({ res, req }, attempt) => {
        if (attempt === 1) res.writeHead(503).end();
        else if (attempt === 2) answer(res, sseEvent(PROGRESS, "e2"));
        else if (attempt === 3) req.socket.destroy();
        else answer(res, ": nothing\n\n");
      },
    ),
  );
  const error = await failure(link.send(call(1), { resume: RESUME }).outcome);
  expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "yes", retryable: false });
  expect(server.requestsOf("GET").length).toBe(4);
});

test.each([
  [400, {}],
  [404, {}],
  [405, {}],
  [200, { "content-type": "text/html" }],
])(
  "3.27 a resume that is answered %i is not repeated on the same replica",
  async (status, headers) => {
    await setup(
      script(
        ({ res }) => answer(res, sseEvent("", "e1")),
        ({ res }) => res.writeHead(status, headers).end("no"),
      ),
    );
    const error = await failure(link.send(call(1), { resume: RESUME }).outcome);
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "yes", retryable: false });
    expect(error.message).toContain(String(status));
    // Of several replicas another one may know the session: a 404 is asked about over seven more connections.
    expect(server.requestsOf("GET").length).toBe(status === 404 ? 8 : 1);
  },
);

test("3.20 an id with NUL is ignored, an empty one resets the cursor", async () => {
  await setup(
    script(
      ({ res, body }) => answer(res, sseEvent("", "e1") + sseEvent("", body?.id === 1 ? "" : "\0")),
      ({ res }) => answer(res, sseEvent(rpcResult(2, {}))),
    ),
  );
  expect(await failure(link.send(call(1), { resume: RESUME }).outcome)).toMatchObject({
    code: "CONNECTION_LOST",
  });
  expect((await link.send(call(2), { resume: RESUME }).outcome).kind).toBe("response");
  expect(server.requestsOf("GET").map((one) => one.headers["last-event-id"])).toEqual(["e1"]);
});

test("close during the wait cancels the resumption", async () => {
  const delays: number[] = [];
  const cleared: object[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimer(_callback, delayMs) {
      delays.push(delayMs);
      return {};
    },
    clearTimer: (timer) => void cleared.push(timer),
  };
  await setup(
    script(({ res }) => answer(res, `retry: 60000\n${sseEvent(PROGRESS, "e1")}`)),
    { clock },
  );
  const { exchange, handle } = link.send(call(1), { resume: RESUME });
  await link.sink.until(() => link.sink.received.length === 1);
  while (delays.length === 0) await new Promise((resolve) => setImmediate(resolve));
  handle.close();
  expect(cleared.length).toBe(1);
  expect(exchange.failedCount).toBe(0);
});

test.each(["single line", "many lines", "no line end"])(
  "31 an event beyond the limit ends its stream: %s",
  async (shape) => {
    let closed: Promise<unknown> | undefined;
    await setup(
      script(({ res }) => {
        closed = new Promise((resolve) => res.once("close", resolve));
        res.writeHead(200, SSE);
        const line = shape === "many lines" ? `data: ${"x".repeat(1_000)}\n` : "x".repeat(1_000);
        if (shape !== "many lines") res.write("data: ");
        for (let index = 0; index < 20; index++) res.write(line);
        if (shape === "single line") res.write("\n\n");
      }),
      { limits: { messageBytes: 10_000, inFlight: 128 } },
    );
    const { exchange, outcome } = link.send(call(1), { resume: RESUME });
    expect(await failure(outcome)).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes" });
    await closed;
    expect(exchange.failedCount).toBe(1);
  },
);

test("3.25 33 closes a stream the server leaves open, without a report", async () => {
  await setup(script(({ res }) => answer(res, sseEvent(rpcResult(1, {}), "e1"), "open")));
  const { exchange, handle, outcome } = link.send(call(1), { resume: RESUME });
  expect((await outcome).kind).toBe("response");
  handle.close();
  await server.until((one) => one.openSockets === 0);
  expect(exchange.failedCount).toBe(0);
  expect(server.requestsOf("GET")).toEqual([]);
});

test("more than a few streams left open are closed at once", async () => {
  let closed = 0;
  let onEnough!: () => void;
  const enough = new Promise<void>((resolve) => (onEnough = resolve));
  await setup(
    script(({ res, body }) => {
      res.once("close", () => ++closed === 16 && onEnough());
      answer(res, sseEvent(rpcResult(body?.id ?? 0, {})), "open");
    }),
    { clock: { ...systemClock, setTimer: () => ({}), clearTimer: () => {} } },
  );
  const sent = Array.from({ length: 80 }, (_, id) => link.send(call(id)));
  for (const { outcome } of sent) expect((await outcome).kind).toBe("response");
  await enough;
});

test("a socket is used again after a stream that the server ends", async () => {
  const agent = new Agent({ connections: 1 });
  await setup({ replies: "sse" }, { dispatcher: agent });
  for (let id = 1; id <= 20; id++) {
    expect((await link.send(call(id)).outcome).kind).toBe("response");
  }
  expect(server.connectionCount).toBe(1);
  await agent.close();
});

test("the response twice is delivered and breaks nothing", async () => {
  const event = sseEvent(rpcResult(1, {}));
  await setup(script(({ res }) => answer(res, event + event)));
  const { exchange, outcome } = link.send(call(1));
  expect((await outcome).kind).toBe("response");
  expect(exchange.failedCount).toBe(0);
});

interface Listening {
  readonly opened: Promise<void>;
  readonly end: Promise<Parameters<ListenOptions["onEnd"]>[0]>;
}

function listen(lastEventId?: string): Listening {
  let onOpen!: () => void;
  let onEnd!: ListenOptions["onEnd"];
  const opened = new Promise<void>((resolve) => (onOpen = resolve));
  const end = new Promise<Parameters<ListenOptions["onEnd"]>[0]>((resolve) => (onEnd = resolve));
  link.transport.listen({ headers: ["mcp-session-id", "s"], lastEventId, onOpen, onEnd });
  return { opened, end };
}

test("3.13 3.21 a listening stream delivers, and gives back cursor and retry", async () => {
  await setup({ getStream: true });
  const { opened, end } = listen("e0");
  await opened;
  server.push(PROGRESS, "e7");
  server.push({ jsonrpc: "2.0", id: 5, method: "ping" });
  await link.sink.until(() => link.sink.received.length === 2);
  expect(link.sink.received.every((one) => one.exchange === undefined)).toBe(true);
  server.endStreams();
  expect(await end).toEqual({
    opened: true,
    error: undefined,
    status: 200,
    lastEventId: "e7",
    retryMs: undefined,
  });
  expect(server.requests[0]?.headers).toMatchObject({
    accept: "text/event-stream",
    "last-event-id": "e0",
    "mcp-session-id": "s",
  });
});

test.each([400, 404, 405, 406, 501, 503])("3.15 %i to GET is no error", async (status) => {
  await setup(
    script(
      () => {},
      ({ res }) => res.writeHead(status).end("{}"),
    ),
  );
  expect(await listen().end).toMatchObject({ opened: false, error: undefined, status });
});

test("3.15 a JSON 200 is no stream; 401 and 403 are errors; a cut is one", async () => {
  const statuses = [200, 401, 403];
  await setup(
    script(
      () => {},
      ({ res }, attempt) => {
        const status = statuses[attempt - 1];
        if (status === undefined) answer(res, sseEvent(PROGRESS), "cut");
        else res.writeHead(status, { "content-type": "application/json" }).end("{}");
      },
    ),
  );
  expect(await listen().end).toMatchObject({ opened: false, error: undefined, status: 200 });
  expect(await listen().end).toMatchObject({ error: { code: "AUTH_REQUIRED" }, status: 401 });
  expect(await listen().end).toMatchObject({ error: { code: "HTTP_ERROR" }, status: 403 });
  expect(await listen().end).toMatchObject({ opened: true, error: { code: "CONNECTION_LOST" } });
  await server.stop();
  expect(await listen().end).toMatchObject({
    opened: false,
    error: { code: "CONNECTION_FAILED" },
    status: undefined,
  });
});

test("a stream that is closed leaves no socket behind", async () => {
  await setup({ getStream: true });
  const handle = link.transport.listen({ headers: [], onOpen() {}, onEnd() {} });
  await server.until((one) => one.openStreams === 1);
  handle.close();
  await server.until((one) => one.openSockets === 0);
  expect(server.connectionCount).toBe(1);
});

test("streams that stay open use up no socket for calls", async () => {
  await setup({ getStream: true });
  for (let index = 0; index < 140; index++) listen();
  await server.until((one) => one.openStreams === 140);
  expect((await link.send(call(1)).outcome).kind).toBe("response");
});
