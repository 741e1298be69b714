// A connection that stands, and answers that are lost, late, foreign, doubled, or no answers at all.

import { once } from "node:events";
import type { Socket } from "node:net";
import { McpOutcomeUnknownError, McpProtocolError, McpTimeoutError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcError, rpcResult, sseEvent } from "../../support/http-server.ts";
import type { RequestContext, TestHttpServer } from "../../support/http-server.ts";
import {
  byHand,
  collect,
  connected,
  cut,
  failure,
  faulty,
  serve,
  startStream,
  textOf,
  toolResult,
} from "../support.ts";

const READ_ONLY = { readOnlyHint: true };

/** How an answer can be lost after the tool ran: faults 6 and 7 before its head, fault 10 within its body. */
const LOSSES: [string, string, (context: RequestContext) => void][] = [
  ["reset", "6, 7", ({ req }) => (req.socket as Socket).resetAndDestroy()],
  ["closed", "6, 7", ({ req }) => req.socket.destroy()],
  ["half closed", "6, 7", ({ req }) => void req.socket.end()],
  [
    "a content-length that is not reached",
    "10",
    ({ res }) => {
      res.writeHead(200, { "content-type": "application/json", "content-length": "999" });
      cut(res, '{"jsonrpc":"2.0",');
    },
  ],
  [
    "a chunked body without its end",
    "10",
    (context) => {
      context.res.writeHead(200, { "content-type": "application/json" });
      // Whole, but for the chunk that says so.
      cut(context.res, JSON.stringify(toolResult(context, "done")));
    },
  ],
];

describe.each(LOSSES)("%s (faults %s)", (_name, _faults, lose) => {
  test("class U, faults 6 and 10: OUTCOME_UNKNOWN, exec 1, and the next call works", async () => {
    const server = await serve({ tools: { work: faulty(lose) } });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__work", { key: "k" }));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ server: "s", method: "tools/call" });
    expect(error.sent).not.toBe("no");
    expect(server.executionCount("work", "k")).toBe(1);
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.executionCount("work", "k")).toBe(1);
  });

  test("class R, faults 7 and 10: one result, exec 2", async () => {
    const server = await serve({ tools: { work: faulty(lose, { annotations: READ_ONLY }) } });
    const pool = await connected(server, { trusted: true });
    expect(await pool.callTool("s__work", { key: "k" })).toEqual(textOf("done"));
    expect(server.executionCount("work", "k")).toBe(2);
  });

  test("class R, fault 7, each time: an error that owns up, exec 2 and no more", async () => {
    const work = faulty(lose, { annotations: READ_ONLY, times: 9 });
    const server = await serve({ tools: { work } });
    const pool = await connected(server, { trusted: true });
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.executionCount("work")).toBe(2);
  });
});

describe("fault 9: the headers never come", () => {
  test("a timeout, cancelled on the wire, its socket freed, exec 1", async () => {
    const closed: Promise<unknown>[] = [];
    const tools = byHand(({ res }) => void closed.push(once(res, "close")));
    const server = await serve({ tools: { ...tools, echo: {} } });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__work", { key: "k" }, { timeoutMs: 50 }));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "silence", timeoutMs: 50, sent: "unknown", server: "s" });
    expect(error.message).toContain("may have run");
    await server.until((one) => one.requestsOf("notifications/cancelled").length === 1);
    const [call] = server.requestsOf("tools/call");
    const [cancelled] = server.requestsOf("notifications/cancelled");
    expect(cancelled?.body?.params).toMatchObject({ requestId: call?.body?.id });
    await Promise.all(closed);
    expect(closed.length).toBe(1);
    expect(server.executionCount("work", "k")).toBe(1);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(1);
  });

  test("class R is not repeated either: the server may still be at work", async () => {
    const tools = { work: { ...byHand(() => {})["work"], annotations: READ_ONLY } };
    const server = await serve({ tools });
    const pool = await connected(server, { trusted: true });
    expect(await failure(pool.callTool("s__work", {}, { timeoutMs: 50 }))).toMatchObject({
      code: "TIMEOUT",
    });
    await server.until((one) => one.requestsOf("notifications/cancelled").length === 1);
    expect(server.executionCount("work")).toBe(1);
  });
});

/** Answers each `tools/call` of `work` in this way; the tool `echo` is not touched. */
async function misbehaving(
  answer: (context: RequestContext) => void,
): Promise<{ server: TestHttpServer; pool: Awaited<ReturnType<typeof connected>> }> {
  const server = await serve({ tools: { ...byHand(answer), echo: {} } });
  return { server, pool: await connected(server) };
}

async function expectAlive({
  server,
  pool,
}: Awaited<ReturnType<typeof misbehaving>>): Promise<void> {
  expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { inFlight: 0 } });
  expect(server.initializeCount).toBe(1);
}

describe("fault 11: an answer that is none", () => {
  const page = `<!doctype html><title>Welcome</title>${"<p>nothing to see</p>".repeat(10_000)}`;

  test.each<[string, number, Record<string, string>, string]>([
    ["200 with HTML", 200, { "content-type": "text/html; charset=utf-8" }, page],
    ["200 with HTML and no type", 200, {}, page],
    ["200 with an empty body", 200, { "content-type": "application/json" }, ""],
    ["200 with nothing at all", 200, {}, ""],
    ["202 to a request", 202, {}, ""],
    ["204 to a request", 204, {}, ""],
  ])("%s: McpProtocolError, a capped excerpt, exec 1", async (_name, status, headers, body) => {
    const one = await misbehaving(({ res }) => res.writeHead(status, headers).end(body));
    const error = await failure(one.pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", server: "s" });
    expect(error).toMatchObject({ method: "tools/call" });
    expect(error.message).toContain(`HTTP ${status}`);
    if (body !== "") expect(error.message).toContain("Welcome");
    expect(error.message.length).toBeLessThan(600);
    expect(JSON.stringify(error).length).toBeLessThan(1_200);
    expect(one.server.executionCount("work")).toBe(1);
    await expectAlive(one);
  });
});

describe("fault 12: a response with a foreign id", () => {
  const foreign = (id: unknown): object => rpcResult(id as string, { content: [] });

  test("in JSON, which can hold nothing else: told of, and the call ends at once", async () => {
    let id: unknown;
    const one = await misbehaving(({ res }) => json(res, 200, foreign(id)));
    const warnings = collect(one.pool, "warning");
    for (id of ["nobody's", 123_456]) {
      const error = await failure(one.pool.callTool("s__work"));
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", server: "s" });
      expect(error.message).toContain(String(id));
    }
    const messages = warnings.map(({ message }) => message).join("\n");
    expect(messages).toContain("nobody's");
    expect(messages).toContain("123456");
    expect(one.server.executionCount("work")).toBe(2);
    await expectAlive(one);
  });

  test("on a stream: ignored and told of, then a timeout", async () => {
    let id: unknown;
    const one = await misbehaving((context) => void startStream(context, sseEvent(foreign(id))));
    const warnings = collect(one.pool, "warning");
    for (id of ["nobody's", 123_456]) {
      const error = await failure(one.pool.callTool("s__work", {}, { timeoutMs: 50 }));
      expect(error).toMatchObject({ code: "TIMEOUT", limit: "silence" });
      expect(error.sent).not.toBe("no");
    }
    const messages = warnings.map(({ message }) => message).join("\n");
    expect(messages).toContain("nobody's");
    expect(messages).toContain("123456");
    expect(one.server.executionCount("work")).toBe(2);
    await expectAlive(one);
  });

  test("the own id as a string where it was a number is taken for it", async () => {
    const one = await misbehaving(({ body, res }) => json(res, 200, foreign(String(body?.id))));
    expect(await one.pool.callTool("s__work")).toEqual({ content: [] });
    await expectAlive(one);
  });

  test("the call's own response behind it is taken", async () => {
    const one = await misbehaving((context) => {
      startStream(context, sseEvent(foreign("x"))).end(sseEvent(toolResult(context, "mine")));
    });
    expect(await one.pool.callTool("s__work")).toEqual(textOf("mine"));
    await expectAlive(one);
  });
});

describe("fault 13: the response twice", () => {
  test.each<[string, (context: RequestContext) => object[]]>([
    ["the same", (context) => [toolResult(context, "first"), toolResult(context, "first")]],
    ["another result", (context) => [toolResult(context, "first"), toolResult(context, "second")]],
    [
      "an error",
      (context) => [toolResult(context, "first"), rpcError(context.body?.id ?? null, -32603, "no")],
    ],
  ])("%s on the stream: the first wins, exec 1", async (_name, answers) => {
    const one = await misbehaving((context) => {
      const events = answers(context).map((answer) => sseEvent(answer));
      startStream(context).end(events.join(""));
    });
    expect(await one.pool.callTool("s__work")).toEqual(textOf("first"));
    expect(one.server.executionCount("work")).toBe(1);
    await expectAlive(one);
  });

  test("an error first: that is the answer", async () => {
    const one = await misbehaving((context) => {
      const error = sseEvent(rpcError(context.body?.id ?? null, -32603, "no"));
      startStream(context).end(error + sseEvent(toolResult(context, "late")));
    });
    expect(await failure(one.pool.callTool("s__work"))).toMatchObject({ rpcCode: -32603 });
    await expectAlive(one);
  });

  test("in one batch: the first wins", async () => {
    const one = await misbehaving((context) =>
      json(context.res, 200, [toolResult(context, "first"), toolResult(context, "second")]),
    );
    expect(await one.pool.callTool("s__work")).toEqual(textOf("first"));
    await expectAlive(one);
  });
});

describe("fault 14: JSON that is no message", () => {
  const deep = 100_000;
  const bodies: [string, string][] = [
    ["malformed", '{"jsonrpc": "2.0", "id": 1, "resul'],
    ["arrays 100,000 levels deep", "[".repeat(deep) + "]".repeat(deep)],
    [
      "a result 100,000 levels deep",
      `{"jsonrpc":"2.0","id":1,"result":{"a":${'{"a":'.repeat(deep)}1${"}".repeat(deep)}}}`,
    ],
    ["an empty array", "[]"],
    ["an array of numbers", "[1,2,3]"],
    ["null", "null"],
    ["a string", '"hello"'],
    ["an object that is no message", '{"hello":"world"}'],
    ["a message of JSON-RPC 1.0", '{"id":1,"result":{}}'],
    ["neither result nor error", '{"jsonrpc":"2.0","id":1}'],
    ["result and error", '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}'],
  ];

  test.each(bodies)("%s: McpProtocolError, and the connection lives", async (_name, body) => {
    const one = await misbehaving(({ res }) => {
      res.writeHead(200, { "content-type": "application/json" }).end(body);
    });
    const error = await failure(one.pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(["PROTOCOL_ERROR", "LIMIT_EXCEEDED"]).toContain(error.code);
    expect(error).toMatchObject({ server: "s", method: "tools/call", sent: "yes" });
    expect(error.message.length).toBeLessThan(600);
    expect(one.server.executionCount("work")).toBe(1);
    await expectAlive(one);
  });

  test.each(bodies)("%s, on a stream: told of, and the answer behind it taken", async (_, body) => {
    const one = await misbehaving((context) => {
      const answer = sseEvent(toolResult(context, "done"));
      startStream(context).end(sseEvent(body) + answer);
    });
    const warnings = collect(one.pool, "warning");
    expect(await one.pool.callTool("s__work")).toEqual(textOf("done"));
    expect(warnings.length).toBe(1);
    expect(warnings[0]?.message.length).toBeLessThan(600);
    await expectAlive(one);
  });
});
