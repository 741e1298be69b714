// The requests of a call that needs input, over HTTP: which methods may ask, what an answer must have, what goes along.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { McpConfigError, McpProtocolError, McpTimeoutError } from "mcp-client-pool";
import type { ElicitResult, McpClientPool, Progress } from "mcp-client-pool";
import { describe, expect, test, vi } from "vitest";
import { failure } from "../fault/support.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { headerMismatch, inputRequired, unsupportedVersion } from "../support/stateless-server.ts";
import type { HandlerContext as ToolContext } from "../support/stateless-server.ts";
import {
  ADA,
  asking,
  connected,
  EVERYTHING,
  FORM,
  given,
  idsOf,
  messages,
  metaOf,
  NOTE,
  paramsOf,
  person,
  PREFIX,
  serve,
  start,
} from "./stateless.ts";

const unasked = (): never => expect.fail("was not to be asked");

describe("what the server sends (7.25)", () => {
  test.each([
    ["neither questions nor a state", {}],
    ["a state that is a number", { requestState: 1 }],
    ["a state that is an object", { requestState: { secret: true } }],
    ["a state that is null", { requestState: null }],
    ["questions in an array", { inputRequests: [FORM] }],
    ["questions that are null", { inputRequests: null, requestState: "s" }],
    ["questions that are text", { inputRequests: "q" }],
  ])("%s: a violation", async (_what, input) => {
    const round = { resultType: "input_required", ...input };
    const { server, pool } = await start(asking(round), { onElicitation: unasked });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", method: "tools/call" });
    expect(server.executionCount("ask")).toBe(1);
  });

  test.each([
    ["tools/list", (pool: McpClientPool) => pool.listTools("s")],
    ["resources/list", (pool: McpClientPool) => pool.listResources("s")],
    ["resources/templates/list", (pool: McpClientPool) => pool.listResourceTemplates("s")],
    ["prompts/list", (pool: McpClientPool) => pool.listPrompts("s")],
    [
      "completion/complete",
      (pool: McpClientPool) =>
        pool.complete("s", { type: "ref/prompt", name: "travel" }, { name: "to", value: "" }),
    ],
    ["server/discover", (pool: McpClientPool) => pool.call("s", "server/discover")],
    ["tasks/get", (pool: McpClientPool) => pool.call("s", "tasks/get", { taskId: "t" })],
    ["test/own", (pool: McpClientPool) => pool.call("s", "test/own")],
  ])("7.24: %s cannot be answered with input_required", async (method, ask) => {
    const { server, pool } = await start(EVERYTHING, { onElicitation: unasked });
    const before = messages(server, method).length;
    const round = { resultType: "input_required", inputRequests: { q: FORM }, requestState: "s" };
    server.options.methods = { [method]: () => round };
    const error = await failure(ask(pool));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ method, sent: "yes" });
    expect(messages(server, method).length).toBe(before + 1);
  });

  test("7.27: what an earlier round gave is not carried on", async () => {
    const { server, pool } = await start(
      asking(
        inputRequired({ inputRequests: { one: FORM }, requestState: "first" }),
        inputRequired({ inputRequests: { two: FORM } }),
        inputRequired({ requestState: "third" }),
        inputRequired({ inputRequests: { four: FORM }, requestState: "" }),
      ),
      { onElicitation: () => ADA },
    );
    await given(pool);
    const request = { name: "ask", arguments: {} };
    expect(paramsOf(server)).toEqual([
      request,
      { ...request, inputResponses: { one: ADA }, requestState: "first" },
      { ...request, inputResponses: { two: ADA } },
      { ...request, requestState: "third" },
      { ...request, inputResponses: { four: ADA }, requestState: "" },
    ]);
  });

  test("7.24, 7.27: a prompt and a resource may ask as well", async () => {
    const question = inputRequired({ inputRequests: { q: FORM }, requestState: "{}" });
    const reply = ({ inputResponses, requestState }: ToolContext): unknown =>
      inputResponses === undefined ? question : JSON.stringify({ inputResponses, requestState });
    const { server, pool } = await start(
      {
        prompts: { travel: { get: (_args, context) => reply(context) } },
        resources: { [NOTE]: { read: (_uri, context) => reply(context) } },
      },
      { onElicitation: () => ADA },
    );
    const text = JSON.stringify({ inputResponses: { q: ADA }, requestState: "{}" });
    await expect(pool.getPrompt("s__travel", { to: "Rome" })).resolves.toMatchObject({
      messages: [{ content: { text } }],
    });
    await expect(pool.readResource("s", NOTE)).resolves.toMatchObject({ contents: [{ text }] });
    for (const [method, params] of [
      ["prompts/get", { name: "travel", arguments: { to: "Rome" } }],
      ["resources/read", { uri: NOTE }],
    ] as const) {
      const [first, second] = messages(server, method);
      expect(first?.body?.params).toMatchObject(params);
      expect(second?.body?.params).toMatchObject(params);
      expect(second?.headers["mcp-name"]).toBe(first?.headers["mcp-name"]);
    }
  });

  test("7.31: an answer that depended on input is not kept, whatever its ttlMs", async () => {
    const question = inputRequired({ inputRequests: { q: FORM } });
    const read = (_uri: string, { inputResponses }: ToolContext): unknown =>
      inputResponses === undefined ? question : "for Ada alone";
    const onElicitation = vi.fn<() => ElicitResult>(() => ADA);
    const caching = { "resources/read": { ttlMs: 600_000, cacheScope: "public" } };
    const { pool } = await start({ resources: { [NOTE]: { read } }, caching }, { onElicitation });
    await pool.readResource("s", NOTE);
    await pool.readResource("s", NOTE);
    expect(onElicitation).toHaveBeenCalledTimes(2);
  });

  test("12.12: after the questions a task may follow", async () => {
    let leg = 0;
    const handler = (_args: object, { tasks }: ToolContext): unknown => {
      leg += 1;
      if (leg === 1) return inputRequired({ inputRequests: { q: FORM } });
      return tasks.createTask({ onGet: (task) => task.complete({ content: [] }) });
    };
    const { pool } = await start({ tools: { ask: { handler } } }, { onElicitation: () => ADA });
    await expect(pool.callTool("s__ask")).resolves.toMatchObject({ content: [] });
  });
});

describe("what goes along with the next request", () => {
  const property = (header: string): object => ({ type: "string", "x-mcp-header": header });
  const inputSchema = { type: "object", properties: { region: property("Region") } };
  const question = inputRequired({ inputRequests: { q: FORM }, requestState: "state" });

  test("7.27, 4.6: the same headers, the same capabilities, the caller's _meta; an id and a token of its own", async () => {
    const { tools } = asking(question, question);
    const server = await serve({ tools: { "ask ü": { ...tools?.["ask"], inputSchema } } });
    const pool = await connected(server, {}, { onElicitation: () => ADA, roots: [] });
    const name = pool.allTools[0]?.name ?? "";
    const options = { meta: { "example.com/own": 1 }, onProgress: () => {} };
    await pool.callTool(name, { region: "eu ✓" }, options);
    const sent = messages(server, "tools/call");
    expect(sent.length).toBe(3);
    const [first] = sent;
    for (const { headers } of sent) {
      expect(headers["mcp-param-region"]).toMatch(/^=\?base64\?/);
      for (const header of ["mcp-name", "mcp-method", "mcp-protocol-version", "mcp-param-region"]) {
        expect(headers[header]).toBe(first?.headers[header]);
      }
    }
    const ids = idsOf(sent);
    expect(new Set(ids).size).toBe(3);
    const metas = sent.map(metaOf);
    expect(metas.map(({ progressToken }) => progressToken)).toEqual(ids);
    for (const meta of metas) {
      expect({ ...meta, progressToken: 0 }).toEqual({ ...metas[0], progressToken: 0 });
      expect(meta).toMatchObject({
        "example.com/own": 1,
        [`${PREFIX}clientCapabilities`]: { elicitation: {}, roots: {} },
      });
    }
  });

  test("8.21: progress goes on where it was, over all requests of a call", async () => {
    let leg = 0;
    const handler = (_args: object, { progress }: ToolContext): unknown => {
      leg += 1;
      for (const value of [
        [1, 2, 3],
        [1, 3, 4],
        [0.5, 4.5, 4.25],
      ][leg - 1] ?? [])
        progress(value, 5);
      return leg < 3 ? question : "done";
    };
    const { pool } = await start({ tools: { ask: { handler } } }, { onElicitation: () => ADA });
    const reports: Progress[] = [];
    await pool.callTool("s__ask", {}, { onProgress: (progress) => void reports.push(progress) });
    expect(reports.map(({ progress }) => progress)).toEqual([1, 2, 3, 4, 4.5]);
  });

  test("7.30, 8.22: each request has its own silence, and all together one total", async () => {
    const clock = new ManualClock();
    const someone = person(ADA);
    const { onElicitation } = someone;
    const { server, pool } = await start(asking(question), { clock, onElicitation });
    const call = failure(pool.callTool("s__ask", {}, { timeoutMs: 1_000, totalTimeoutMs: 10_000 }));
    await someone.asked;
    await clock.run(9_500);
    const hold = server.hold("tools/call");
    someone.answer();
    await server.until(() => hold.waiting === 1);
    await clock.run(499);
    expect(hold.waiting).toBe(1);
    await clock.run(1);
    const error = await call;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", timeoutMs: 10_000, sent: "yes" });
    await server.until(() => hold.waiting === 0);
    expect(messages(server, "notifications/cancelled")).toEqual([]);
  });

  test("7.30: a second request that is not answered times out by itself", async () => {
    const clock = new ManualClock();
    const { server, pool } = await start(asking(question), { clock, onElicitation: () => ADA });
    let isSecond = false;
    const hold = server.hold(
      ({ body }) => (isSecond ||= body?.params?.["requestState"] === "state"),
    );
    const call = failure(pool.callTool("s__ask", {}, { timeoutMs: 1_000, totalTimeoutMs: 10_000 }));
    await server.until(() => hold.waiting === 1);
    await clock.run(1_000);
    const error = await call;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "silence", timeoutMs: 1_000 });
    expect(server.executionCount("ask")).toBe(2);
  });

  test.each([
    ["-32022", unsupportedVersion(["2026-07-28"])],
    ["-32020", headerMismatch()],
  ])(
    "4.14, 7.27: what was rejected with %s is sent again with its answers; nobody is asked twice",
    async (_code, rejection) => {
      const onElicitation = vi.fn<() => ElicitResult>(() => ADA);
      const { server, pool } = await start(asking(question), { onElicitation });
      server.reject(({ body }) => body?.params?.["requestState"] === "state", rejection);
      await given(pool);
      const [, second, third] = paramsOf(server);
      expect(second).toMatchObject({ inputResponses: { q: ADA }, requestState: "state" });
      expect(third).toEqual(second);
      expect(new Set(idsOf(messages(server, "tools/call"))).size).toBe(3);
      expect(onElicitation).toHaveBeenCalledTimes(1);
      expect(server.executionCount("ask")).toBe(2);
      expect(
        server.requests.filter(
          ({ body }) => body?.method === "tools/list" && "requestState" in (body.params ?? {}),
        ),
      ).toEqual([]);
    },
  );

  test("10.4: a tool that is spoilt between two requests is not called again", async () => {
    const { server, pool } = await start(asking(question), { onElicitation: () => ADA });
    server.reject(({ body }) => body?.params?.["requestState"] === "state", headerMismatch());
    const spoilt = { type: "object", properties: { a: property("") } };
    const { ask } = server.options.tools ?? {};
    const hold = server.hold("tools/call");
    const call = failure(pool.callTool("s__ask"));
    await server.until(() => hold.waiting === 1);
    server.options.tools = { ask: { ...ask, inputSchema: spoilt }, echo: {} };
    hold.release();
    const error = await call;
    expect(server.executionCount("ask")).toBe(1);
    expect(error.sent).not.toBe("no");
    expect([error, error.cause].some((one) => one instanceof McpConfigError)).toBe(true);
  });
});
