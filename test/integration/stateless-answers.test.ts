// How the answers of a stateless server are read: statuses, codes, streams, types of results.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

import {
  McpAuthError,
  McpHttpError,
  McpOutcomeUnknownError,
  McpProtocolError,
  McpResponseError,
} from "mcp-client-pool";
import type { McpClientPool, Progress } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { collect, failure, nextEvent } from "../fault/support.ts";
import { json, rpcError, sseEvent } from "../support/http-server.ts";
import { textResult } from "../support/stateless-server.ts";
import type { HandlerContext } from "../support/stateless-server.ts";
import {
  answer,
  connected,
  connectedChild,
  EVERYTHING,
  idsOf,
  messages,
  NOTE,
  serve,
} from "./stateless.ts";
import type { ByHand } from "./stateless.ts";

describe("how an answer is read", () => {
  test.each(["json", "sse"] as const)("200 as %s is a result (4.9)", async (replies) => {
    const server = await serve({ replies });
    const pool = await connected(server);
    expect(await pool.callTool("s__echo", { a: 1 })).toMatchObject({
      content: [{ type: "text", text: '{"a":1}' }],
    });
  });

  /** Code of a JSON-RPC error that is the body (`nobody's`: with the id null); otherwise the body is text. */
  type Body = { readonly code: number; readonly nobodys?: true } | undefined;
  const scope = { "www-authenticate": 'Bearer error="insufficient_scope", scope="write"' };
  const table: readonly [
    what: string,
    status: number,
    body: Body,
    type: unknown,
    error: object,
    // A second one if the server may have changed its era, or has withdrawn its authorization.
    probes: 1 | 2,
    headers?: Record<string, string>,
  ][] = [
    ["invalid parameters", 400, { code: -32602 }, McpResponseError, { rpcCode: -32602 }, 1],
    ["a code without meaning", 400, { code: -32000 }, McpResponseError, { rpcCode: -32000 }, 1],
    ["a reserved code", 400, { code: -32050 }, McpResponseError, { rpcCode: -32050 }, 1],
    ["no id", 400, { code: -32600, nobodys: true }, McpResponseError, { rpcCode: -32600 }, 2],
    ["no method, fault 17", 404, { code: -32601 }, McpResponseError, { rpcCode: -32601 }, 1],
    ["no such place", 404, undefined, McpHttpError, {}, 2],
    ["no authorization", 401, undefined, McpAuthError, { code: "AUTH_REQUIRED" }, 2],
    ["a wider scope", 403, undefined, McpAuthError, { code: "INSUFFICIENT_SCOPE" }, 1, scope],
    ["a policy", 403, undefined, McpHttpError, {}, 1],
    ["a policy in words", 403, { code: -32000 }, McpResponseError, { rpcCode: -32000 }, 1],
    ["no POST", 405, undefined, McpHttpError, {}, 2],
    ["not acceptable", 406, undefined, McpHttpError, {}, 2],
    ["gone", 410, undefined, McpHttpError, {}, 2],
    ["too large", 413, { code: -32600 }, McpResponseError, { rpcCode: -32600 }, 1],
    ["an unknown type", 415, undefined, McpHttpError, {}, 2],
    ["a failure", 500, undefined, McpHttpError, {}, 1],
    ["a failure in words", 500, { code: -32603 }, McpResponseError, { rpcCode: -32603 }, 1],
  ];

  test.each(table)(
    "4.8, 1.8, 1.16: %s: %i",
    async (_what, status, body, type, error, probes, headers) => {
      const server = await serve();
      const pool = await connected(server);
      const by: ByHand = (request) => {
        if (body === undefined) request.res.writeHead(status, headers).end("not here");
        else {
          const id = body.nobodys === true ? null : (request.body?.id ?? null);
          json(request.res, status, rpcError(id, body.code, "because"), headers);
        }
      };
      answer(server, "tools/call", by, 9);
      const thrown = await failure(pool.callTool("s__echo"));
      expect(thrown).toBeInstanceOf(type);
      const common = { server: "s", method: "tools/call", sent: "yes", status };
      expect(thrown).toMatchObject({ ...common, ...error });
      // The tool may change something: the call is not sent again to a server that still speaks this era.
      expect(messages(server, "tools/call").length).toBe(1);
      expect(messages(server, "server/discover").length).toBe(probes);
      expect(server.executionCount("echo")).toBe(0);
      expect(server.foreign).toEqual([]);
    },
  );

  test.each([502, 503, 504])(
    "4.8, 4.11: %i is no answer: OUTCOME_UNKNOWN, and one POST",
    async (status) => {
      const server = await serve();
      const pool = await connected(server);
      answer(server, "tools/call", ({ res }) => void res.writeHead(status).end(), 9);
      const error = await failure(pool.callTool("s__echo"));
      expect(error).toBeInstanceOf(McpOutcomeUnknownError);
      expect(error.cause).toMatchObject({ status });
      expect(messages(server, "tools/call").length).toBe(1);
    },
  );

  const refusals = table.filter(([, , , , , probes]) => probes === 2);
  test.each(refusals.filter(([, status]) => status !== 401))(
    "4.8, 4.14: %s: %i, again and again: a call that may be repeated is sent twice",
    async (_what, status, body) => {
      const server = await serve();
      const pool = await connected(server);
      const by: ByHand = ({ res, body: request }) => {
        if (body === undefined) res.writeHead(status).end("not here");
        else json(res, status, rpcError(null, body.code, `no ${String(request?.method)}`));
      };
      answer(server, "tools/call", by, 9);
      const thrown = await failure(pool.callTool("s__echo", {}, { replay: "always" }));
      expect(thrown).toMatchObject({ server: "s", method: "tools/call", sent: "yes", status });
      const sent = messages(server, "tools/call");
      expect(sent.length).toBe(2);
      expect(new Set(idsOf(sent)).size).toBe(2);
      expect(server.executionCount("echo")).toBe(0);
    },
  );

  test.each([404, 405, 410])(
    "4.8, 4.14: %i once, of a server that still speaks this era: calls that may be repeated go through",
    async (status) => {
      const server = await serve();
      const pool = await connected(server);
      answer(server, "tools/call", ({ res }) => void res.writeHead(status).end());
      const calls = [1, 2, 3].map((a) =>
        pool.callTool("s__echo", { a, key: `${a}` }, { replay: "always" }),
      );
      expect(await Promise.all(calls)).toMatchObject([{}, {}, {}]);
      expect(server.executionCount("echo")).toBe(3);
      expect(messages(server, "server/discover").length).toBe(2);
      expect(server.initializeCount).toBe(0);
      expect(pool.status()).toMatchObject([{ state: "ready", era: "stateless" }]);
    },
  );

  test.each([404, 405, 410])(
    "4.8, 4.14: %i once, of a server that still speaks this era: other calls fail alone",
    async (status) => {
      const server = await serve();
      const pool = await connected(server);
      answer(server, "tools/call", ({ res }) => void res.writeHead(status).end());
      expect(await failure(pool.callTool("s__echo", { key: "1" }))).toMatchObject({ status });
      const others = ["2", "3"].map((key) => pool.callTool("s__echo", { key }));
      expect(await Promise.all(others)).toMatchObject([{}, {}]);
      expect(["1", "2", "3"].map((key) => server.executionCount("echo", key))).toEqual([0, 1, 1]);
      expect(messages(server, "tools/call").length).toBe(3);
      expect(pool.status()).toMatchObject([{ state: "ready", era: "stateless" }]);
    },
  );

  test("an answer whose id is the number as a string is taken for it", async () => {
    const server = await serve();
    const pool = await connected(server);
    answer(server, "tools/call", ({ body, res }) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.end(sseEvent({ jsonrpc: "2.0", id: String(body?.id), result: textResult("right") }));
    });
    expect(await pool.callTool("s__echo")).toEqual(textResult("right"));
    expect(pool.status()[0]?.quirks).toEqual({ "id-as-string": 1 });
  });

  test("an event that is no message but names the call ends it, and shows what came", async () => {
    const server = await serve();
    const pool = await connected(server);
    answer(server, "tools/call", ({ body, res }) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      // The stream stays open: only the event can end the call.
      res.write(`data: {"jsonrpc":"2.0","id":${body?.id},"result":{"value":NaN}}\n\n`);
    });
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes" });
    expect(error.message).toContain("NaN");
  });

  test("1.7, 1.9: strict: an answer with an id of another type is nobody's", async () => {
    const server = await serve();
    const pool = await connected(server, { strict: true });
    const warnings = collect(pool, "warning");
    answer(server, "tools/call", ({ body, res }) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write(sseEvent({ jsonrpc: "2.0", id: String(body?.id), result: textResult("wrong") }));
      res.end(sseEvent({ jsonrpc: "2.0", id: body?.id, result: textResult("right") }));
    });
    expect(await pool.callTool("s__echo")).toEqual(textResult("right"));
    expect(warnings).toMatchObject([{ message: expect.stringContaining("no call waits for") }]);
  });

  test("4.9: notifications and comments first, one answer, and nothing after it; fault 33: we close", async () => {
    const server = await serve();
    const pool = await connected(server);
    const closed = new Promise<void>((resolve) => {
      answer(server, "tools/call", ({ body, res }) => {
        const token = (body?.params?.["_meta"] as { progressToken?: unknown } | undefined)
          ?.progressToken;
        const progress = (value: number): string =>
          sseEvent({
            jsonrpc: "2.0",
            method: "notifications/progress",
            params: { progressToken: token, progress: value },
          });
        const result = (text: string): string =>
          sseEvent({ jsonrpc: "2.0", id: body?.id, result: textResult(text) });
        res.once("close", resolve);
        res.writeHead(200, { "content-type": "text/event-stream" });
        // Left open.
        res.write(`: alive\n\n${progress(1)}: alive\n\n${result("first")}${result("second")}`);
        res.write(progress(2));
      });
    });
    const reports: Progress[] = [];
    const onProgress = (progress: Progress): void => void reports.push(progress);
    expect(await pool.callTool("s__echo", {}, { onProgress })).toEqual(textResult("first"));
    await closed;
    expect(reports).toEqual([{ progress: 1 }]);
    expect(pool.status()).toMatchObject([{ state: "ready", counts: { succeeded: 2 } }]);
  });

  test("1.12, 4.9: a server's request is a violation: reported, never answered, nobody asked (HTTP)", async () => {
    const asking = {
      id: "theirs",
      method: "elicitation/create",
      params: { message: "Who?", requestedSchema: { type: "object", properties: {} } },
    };
    const handler = (_args: unknown, context: HandlerContext): string => {
      context.notify(asking);
      context.notify({ id: 2, method: "ping" });
      return "done";
    };
    const server = await serve({ tools: { ask: { handler } } });
    const unasked = (): never => expect.fail("was not to be asked");
    const pool = await connected(server, {}, { onElicitation: unasked });
    const warnings = collect(pool, "warning");
    expect(await pool.callTool("s__ask")).toEqual({
      resultType: "complete",
      ...textResult("done"),
    });
    await pool.callTool("s__ask");
    expect(warnings[0]).toMatchObject({
      server: "s",
      message: expect.stringContaining("elicitation/create"),
    });
    expect(warnings[1]).toMatchObject({ message: expect.stringContaining("ping") });
    expect(server.requests.every(({ body }) => body?.method !== undefined)).toBe(true);
  });

  test.each(["auto", "2026-07-28"] as const)(
    "1.12: a server's request is a violation: reported, never answered, nobody asked (stdio, %s)",
    async (protocol) => {
      const params = { message: "Who?", requestedSchema: { type: "object", properties: {} } };
      const noise = { jsonrpc: "2.0", id: "theirs", method: "elicitation/create", params };
      const onElicitation = (): never => expect.fail("was not to be asked");
      const script = { replyNoise: JSON.stringify(noise) };
      const { pool, ledger } = await connectedChild(script, { onElicitation }, { protocol });
      const warning = nextEvent(pool, "warning");
      expect(await pool.callTool("s__echo")).toMatchObject({ content: [{ text: "echo" }] });
      const message = expect.stringContaining("elicitation/create");
      await expect(warning).resolves.toMatchObject({ message });
      // It has read everything that was sent before this.
      await pool.callTool("s__echo", { key: "last" });
      expect(ledger.count("last")).toBe(1);
    },
  );

  test("1.14, 1.15: a result without a type is complete", async () => {
    const server = await serve({
      ...EVERYTHING,
      omitResultType: true,
      caching: { "tools/list": null },
    });
    const pool = await connected(server);
    expect(await pool.callTool("s__echo", { a: 1 })).toEqual(textResult('{"a":1}'));
    expect(await pool.getPrompt("s__travel")).toMatchObject({ messages: [{ role: "user" }] });
    expect(await pool.readResource("s", NOTE)).toMatchObject({ contents: [{ uri: NOTE }] });
  });

  test.each(["partial", "", "Complete", null, 7, true, {}, ["complete"]])(
    "1.14: a result of type %j is invalid",
    async (resultType) => {
      const server = await serve();
      const pool = await connected(server);
      answer(server, "tools/call", ({ body, res }) => {
        const result = { resultType, ...textResult("odd") };
        json(res, 200, { jsonrpc: "2.0", id: body?.id, result });
      });
      const error = await failure(pool.callTool("s__echo"));
      expect(error).toBeInstanceOf(McpProtocolError);
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", method: "tools/call" });
      expect(messages(server, "tools/call").length).toBe(1);
    },
  );

  test.each([
    ["prompts/get", (pool: McpClientPool) => pool.getPrompt("s__travel")],
    ["resources/read", (pool: McpClientPool) => pool.readResource("s", NOTE)],
    ["tools/list", (pool: McpClientPool) => pool.listTools("s")],
    ["test/own", (pool: McpClientPool) => pool.call("s", "test/own")],
  ])("1.14, 12.2: %s cannot be answered with a task", async (method, ask) => {
    const server = await serve(EVERYTHING);
    const pool = await connected(server);
    const task = { resultType: "task", taskId: "t", status: "working", ttlMs: null };
    server.options.methods = { [method]: () => task };
    const error = await failure(ask(pool));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ method, message: expect.stringContaining("task") });
  });

  test.each([null, false, 0, "", [1], { a: null }])(
    "8.3: structured content may be any JSON value: %j",
    async (structuredContent) => {
      const handler = (): object => ({ ...textResult("x"), structuredContent });
      const server = await serve({ tools: { any: { outputSchema: {}, handler } } });
      const pool = await connected(server, { outputValidation: "error" });
      expect(await pool.callTool("s__any")).toMatchObject({ structuredContent });
    },
  );

  test("8.5, 8.9: isError is a result; arguments are the server's to judge", async () => {
    const inputSchema = { type: "object", properties: { flag: { type: "boolean" } } };
    const handler = (args: object): never => {
      throw new Error(JSON.stringify(args));
    };
    const server = await serve({ tools: { strict: { inputSchema, handler } } });
    const pool = await connected(server);
    expect(await pool.callTool("s__strict", { flag: null })).toMatchObject({
      isError: true,
      content: [{ text: 'Error: {"flag":null}' }],
    });
  });

  test("4.15: a redirect to another origin is refused, and no credential goes there", async () => {
    const [server, other] = [await serve(), await serve()];
    const pool = await connected(server, { headers: { authorization: "Bearer secret" } });
    answer(server, "tools/call", ({ res }) => {
      res.writeHead(307, { location: other.url.href }).end();
    });
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ status: 307 });
    expect(other.requests).toEqual([]);
    expect(messages(server, "tools/call").length).toBe(1);
  });
});
