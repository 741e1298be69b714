import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { ListenEnd } from "../../../../src/jsonrpc/transport.ts";
import { json, rpcResult, sseEvent } from "../../../support/http-server.ts";
import type { RequestContext } from "../../../support/http-server.ts";
import { call, failure, scripted, summary, type Link } from "./harness.ts";

const SSE = { "content-type": "text/event-stream" };
const NOTICE = { jsonrpc: "2.0", method: "notifications/x" };

/** Answers that end in good order, and hold no response. */
const ANSWERS: [string, (context: RequestContext) => void][] = [
  ["an empty stream", ({ res }) => res.writeHead(200, SSE).end()],
  ["a stream of comments", ({ res }) => res.writeHead(200, SSE).end(": hello\n\n")],
  ["a stream of notifications", ({ res }) => res.writeHead(200, SSE).end(sseEvent(NOTICE))],
  ["202", ({ res }) => res.writeHead(202).end()],
  ["204", ({ res }) => res.writeHead(204).end()],
  ["200 and nothing", ({ res }) => res.writeHead(200).end()],
  [
    "JSON and nothing",
    ({ res }) => res.writeHead(200, { "content-type": "application/json" }).end(),
  ],
  ["a notification", ({ res }) => json(res, 200, NOTICE)],
];

/** A change stream that is open. */
async function listening(
  post: (context: RequestContext) => void,
  strict = false,
): Promise<{
  link: Link;
  stream: ServerResponse;
  close: () => void;
  end: Promise<ListenEnd>;
  repaired: () => object;
}> {
  let stream: ServerResponse | undefined;
  const { link, repaired } = await scripted(post, {
    strict,
    get: ({ res }) => {
      stream = res;
      res.writeHead(200, SSE).flushHeaders();
    },
  });
  let onEnd: (end: ListenEnd) => void = () => {};
  const end = new Promise<ListenEnd>((resolve) => (onEnd = resolve));
  const handle = await new Promise<{ close(): void }>((resolve) => {
    const listen = link.transport.listen({ headers: [], onOpen: () => resolve(listen), onEnd });
  });
  if (stream === undefined) throw new Error("no stream");
  return { link, stream, close: () => handle.close(), end, repaired };
}

describe.each(ANSWERS)("the answer is %s", (_name, answer) => {
  test("the response comes on the change stream", async () => {
    const { link, stream, repaired } = await listening((context) => {
      answer(context);
      context.res.once("close", () => stream.write(sseEvent(rpcResult(1, {}))));
    });
    const { exchange } = link.send(call(1));
    await link.sink.until(() =>
      link.sink.messages.some((one) => !Array.isArray(one) && "id" in one && one.id === 1),
    );
    expect(exchange.failedCount).toBe(0);
    expect(repaired()).toMatchObject({ "answer-on-change-stream": 1 });
  });

  test("the change stream ends first", async () => {
    const { link, stream, end } = await listening((context) => {
      answer(context);
      context.res.once("close", () => setImmediate(() => stream.end()));
    });
    const error = await failure(link.send(call(1)).outcome);
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "yes", method: "tools/call" });
    expect(error.message).toContain("change stream");
    expect(await end).toMatchObject({ opened: true });
  });

  test.each(["no change stream", "strict"])("%s: the call fails at once", async (kind) => {
    const { link, close } = await listening(answer, kind === "strict");
    if (kind !== "strict") close();
    expect(["CONNECTION_LOST", "PROTOCOL_ERROR"]).toContain(
      await summary(link.send(call(1)).outcome),
    );
  });
});

test("a call that is closed meanwhile is not waited for", async () => {
  const { link, stream, close } = await listening(({ res }) => res.writeHead(202).end());
  const { exchange, handle } = link.send(call(1));
  while (exchange.head === undefined) await new Promise((done) => setImmediate(done));
  await new Promise((done) => setImmediate(done));
  handle.close();
  close();
  await new Promise((done) => stream.once("close", done));
  expect(exchange.failedCount).toBe(0);
});

test("the transport's close reports nothing", async () => {
  const { link } = await listening(({ res }) => res.writeHead(202).end());
  const { exchange } = link.send(call(1));
  while (exchange.head === undefined) await new Promise((done) => setImmediate(done));
  await new Promise((done) => setImmediate(done));
  await link.transport.close();
  expect(exchange.failedCount).toBe(0);
});

test("an answer that is cut is lost at once", async () => {
  const { link } = await listening(({ res }) => {
    res.writeHead(200, SSE).write(": hello\n\n", () => res.destroy());
  });
  expect(await summary(link.send(call(1)).outcome)).toBe("CONNECTION_LOST");
});

test("two change streams: the last one that ends counts", async () => {
  const streams: ServerResponse[] = [];
  const { link } = await scripted(({ res }) => res.writeHead(202).end(), {
    get: ({ res }) => {
      streams.push(res);
      res.writeHead(200, SSE).flushHeaders();
    },
  });
  const ends: Promise<ListenEnd>[] = [];
  for (let count = 0; count < 2; count++) {
    await new Promise<void>((onOpen) => {
      ends.push(new Promise((onEnd) => link.transport.listen({ headers: [], onOpen, onEnd })));
    });
  }
  const { exchange, outcome } = link.send(call(1));
  while (exchange.head === undefined) await new Promise((done) => setImmediate(done));
  streams[0]?.end();
  await ends[0];
  expect(exchange.failedCount).toBe(0);
  streams[1]?.end();
  expect(await summary(outcome)).toBe("CONNECTION_LOST");
});
