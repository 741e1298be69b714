import { describe, expect, test } from "vitest";
import { json, rpcError, rpcResult } from "../support/http-server.ts";
import type { RequestContext, TestHttpServer, TestTool } from "../support/http-server.ts";
import { settled } from "../support/manual-clock.ts";
import { inProcess, OwnTransport, turnsUntil } from "./custom.ts";
import { collect, connected, failure, gate, poolOf, serve, TestClock, textOf } from "./support.ts";

describe("refusals on a session that are no lost session (3.10)", () => {
  const refuse = (server: TestHttpServer, status: number, code: number, withId: boolean): void => {
    let left = 1;
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== "tools/call" || left-- <= 0) return false;
      json(res, status, rpcError(withId ? (body.id ?? null) : null, code, "no"));
      return true;
    };
  };

  test.each([
    [400, -32000, true],
    [404, -32601, true],
    [404, -32601, false],
  ])("%i with %i, its id given: %s; is final: sent once", async (status, code, withId) => {
    const server = await serve();
    const pool = await connected(server);
    refuse(server, status, code, withId);
    const error = await failure(pool.callTool("s__echo", {}, { replay: "always" }));
    expect(error).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: code, status, sent: "yes" });
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.initializeCount).toBe(1);
    expect(pool.status()[0]?.state).toBe("ready");
  });

  test("400 with -32000 and without an id renews the session, as the SDK's example means it", async () => {
    const server = await serve();
    const pool = await connected(server);
    // A server that has forgotten the session refuses everything of it, whichever connection it comes over.
    server.options.onRequest = ({ body, res }) => {
      if (server.initializeCount > 1 || body?.method === "initialize") return false;
      json(res, 400, rpcError(null, -32000, "no"));
      return true;
    };
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("echo")).toBe(1);
  });

  test("400 with -32000 and without an id, on a session that answers pings, is about the call: sent once", async () => {
    const server = await serve();
    const pool = await connected(server);
    refuse(server, 400, -32000, false);
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({ rpcCode: -32000, status: 400 });
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.initializeCount).toBe(1);
    expect(server.executionCount("echo")).toBe(0);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });
});

describe("expressions that never end (13.15)", () => {
  const outputSchema = { properties: { a: { type: "string", pattern: "^(a+)+$" } } };

  /** What matching `^(a+)+$` with this many characters costs; each further one doubles it. */
  function cost(characters: number): number {
    const start = performance.now();
    /^(a+)+$/.test(`${"a".repeat(characters)}!`);
    return performance.now() - start;
  }

  test("in an output schema: the call returns, long before the expression would", async () => {
    let text = "a";
    const { client } = inProcess(undefined, ({ method }) => {
      if (method === "tools/list") return { tools: [{ name: "t", inputSchema: {}, outputSchema }] };
      if (method !== "tools/call") return undefined;
      return { content: [], structuredContent: { a: text } };
    });
    const pool = poolOf({});
    const warnings = collect(pool, "warning");
    await pool.addClient("m", { transport: client, outputValidation: "warn" });
    await pool.callTool("m__t");
    expect(warnings).toEqual([]);
    text = "b";
    await pool.callTool("m__t");
    expect(warnings.length).toBe(1);
    const known = 24;
    const unit = cost(known);
    text = `${"a".repeat(known + 7)}!`;
    const start = performance.now();
    expect(await pool.callTool("m__t")).toMatchObject({ structuredContent: { a: text } });
    // Matched to its end it would cost 2 ** 7 units.
    expect((performance.now() - start) / unit).toBeLessThan(2 ** 6);
  });
});

describe("requests of a server to its client", () => {
  const question = (id: string | number, requestedSchema: unknown): object => ({
    jsonrpc: "2.0",
    id,
    method: "elicitation/create",
    params: { message: "?", requestedSchema },
  });
  const schema = { type: "object", properties: {} };

  test("5,000 whose answers are never taken cost no more than some hundred answers", async () => {
    const own = new OwnTransport();
    const free = gate();
    own.taken = () => free.opened;
    const pool = poolOf({});
    await pool.addClient("m", { transport: own });
    for (let id = 0; id < 5_000; id++) own.onmessage?.({ jsonrpc: "2.0", id, method: "ping" });
    await settled();
    expect(own.answers.length).toBeGreaterThan(0);
    expect(own.answers.length).toBeLessThanOrEqual(512);
    // What has been taken makes room.
    free.open();
    await settled();
    own.onmessage?.({ jsonrpc: "2.0", id: "after", method: "ping" });
    await settled();
    expect(own.answers.at(-1)).toEqual({ jsonrpc: "2.0", id: "after", result: {} });
    expect(await pool.callTool("m__t")).toEqual({});
  });

  test("an id that is being worked on is refused with -32600, and not asked twice (1.3)", async () => {
    const held = gate();
    let asked = 0;
    const { client, server, seen } = inProcess();
    const onElicitation = async (): Promise<{ action: "decline" }> => {
      asked += 1;
      await held.opened;
      return { action: "decline" };
    };
    const pool = poolOf({}, { onElicitation });
    await pool.addClient("m", { transport: client });
    const answers = (): unknown[] => seen.filter(({ method }) => method === undefined);
    for (let n = 0; n < 2; n++) server.send(question(1, schema) as never);
    await turnsUntil(() => answers().length === 1);
    expect(answers()).toMatchObject([{ id: 1, error: { code: -32600 } }]);
    held.open();
    await turnsUntil(() => answers().length === 2);
    expect(answers()[1]).toMatchObject({ id: 1, result: { action: "decline" } });
    expect(asked).toBe(1);
    // Answered, it is free again.
    server.send(question(1, schema) as never);
    await turnsUntil(() => answers().length === 3);
    expect(asked).toBe(2);
  });

  test.each<[string, unknown, object, number]>([
    [
      "an expression that only /u refuses (7.17)",
      { type: "object", properties: { a: { type: "string", pattern: "^[\\w-.]+$" } } },
      { result: { action: "accept", content: { a: "x" } } },
      1,
    ],
    ["a type that is none", { type: "nothing" }, { error: { code: -32602 } }, 0],
    ["properties that are none", { type: "object", properties: 5 }, { error: { code: -32602 } }, 0],
    ["an array", [], { error: { code: -32602 } }, 0],
  ])("an elicitation whose schema has %s", async (_name, requested, answer, asks) => {
    let asked = 0;
    const { client, server, seen } = inProcess();
    const onElicitation = (): { action: "accept"; content: { a: string } } => {
      asked += 1;
      return { action: "accept", content: { a: "x" } };
    };
    const pool = poolOf({}, { onElicitation });
    await pool.addClient("m", { transport: client });
    server.send(question("q", requested) as never);
    await turnsUntil(() => seen.some(({ id, method }) => id === "q" && method === undefined));
    expect(seen.find(({ id }) => id === "q")).toMatchObject(answer);
    expect(asked).toBe(asks);
  });
});

describe("tasks (12.16)", () => {
  const task = { taskId: "1", status: "working", createdAt: "", lastUpdatedAt: "", ttl: null };
  const required = { execution: { taskSupport: "required" } } as TestTool;

  function answer({ body, res }: RequestContext, result: object): true {
    json(res, 200, rpcResult(body?.id ?? null, result));
    return true;
  }

  /** A server whose tool `t` runs as the task that is `created`; `poll` answers `tasks/get`. */
  function tasks(
    created: unknown,
    poll: (context: RequestContext) => boolean,
  ): Promise<TestHttpServer> {
    return serve({
      capabilities: { tools: {}, tasks: { requests: { tools: { call: {} } } } },
      tools: { t: required },
      onRequest(context) {
        const method = context.body?.method;
        if (method === "tools/call") return answer(context, { task: created });
        if (method === "tasks/get") return poll(context);
        return method === "tasks/result" && answer(context, textOf("done"));
      },
    });
  }

  test("503 on tasks/get: asked again", async () => {
    let polls = 0;
    const server = await tasks({ ...task, pollInterval: 1 }, (context) => {
      if (++polls > 2) return answer(context, { ...task, status: "completed" });
      context.res.writeHead(503).end();
      return true;
    });
    const pool = await connected(server);
    expect(await pool.callTool("s__t")).toEqual(textOf("done"));
    expect(polls).toBe(3);
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.initializeCount).toBe(1);
  });

  test('pollInterval "soon": asked at the default interval', async () => {
    const clock = new TestClock();
    const server = await tasks({ ...task, pollInterval: "soon" }, (context) =>
      answer(context, { ...task, status: "completed", pollInterval: "soon" }),
    );
    const pool = await connected(server, {}, { clock });
    clock.holds = (delayMs) => delayMs === 1_000;
    const call = pool.callTool("s__t");
    await clock.untilHeld();
    expect(server.requestsOf("tasks/get").length).toBe(0);
    clock.release();
    expect(await call).toEqual(textOf("done"));
    expect(server.requestsOf("tasks/get").length).toBe(1);
  });

  test.each([null, {}, { taskId: 5, status: "working" }, "1"])(
    "task: %j breaks the protocol",
    async (created) => {
      const server = await tasks(created, () => false);
      const pool = await connected(server);
      const error = await failure(pool.callTool("s__t"));
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", method: "tools/call" });
      expect(server.requestsOf("tasks/get").length).toBe(0);
    },
  );
});

test("what is null in a list is left out with a warning (fault 57)", async () => {
  const good = { uri: "file:///a", uriTemplate: "file:///{a}", name: "a" };
  const bad = [null, 5, {}, { uri: 5, uriTemplate: 5, name: 5 }, good];
  const lists: { [method: string]: object } = {
    "resources/list": { resources: bad },
    "resources/templates/list": { resourceTemplates: bad },
    "prompts/list": { prompts: bad },
  };
  const capabilities = { tools: {}, resources: {}, prompts: {} };
  const { client } = inProcess(capabilities, ({ method }) => lists[method ?? ""]);
  const pool = poolOf({});
  const warnings = collect(pool, "warning");
  await pool.addClient("m", { transport: client });
  expect(await pool.listResources("m")).toMatchObject([{ uri: "file:///a" }]);
  expect(await pool.listResourceTemplates("m")).toMatchObject([{ uriTemplate: "file:///{a}" }]);
  expect(await pool.listPrompts("m")).toMatchObject([{ name: "m__a" }]);
  expect(warnings.map(({ server }) => server)).toEqual(["m", "m", "m"]);
  for (const { message } of warnings) expect(message).toContain("left out");
});

test.each([{}, { completion: null }, { completion: { values: "a" } }])(
  "8.16 a completion of %j breaks the protocol",
  async (answer) => {
    const { client } = inProcess({ completions: {} }, ({ method }) =>
      method === "completion/complete" ? answer : undefined,
    );
    const pool = poolOf({});
    await pool.addClient("m", { transport: client });
    const argument = { name: "a", value: "" };
    const error = await failure(pool.complete("m", { type: "ref/prompt", name: "p" }, argument));
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "m", sent: "yes" });
  },
);

test("an input schema that is an array is shown as taking any object (fault 57)", async () => {
  const { client } = inProcess(undefined, ({ method }) =>
    method === "tools/list" ? { tools: [{ name: "t", inputSchema: [] }] } : undefined,
  );
  const pool = poolOf({});
  const warnings = collect(pool, "warning");
  await pool.addClient("m", { transport: client });
  expect(pool.allTools.map(({ parameters }) => parameters)).toEqual([{ type: "object" }]);
  expect(warnings).toMatchObject([{ server: "m", message: expect.stringContaining("m__t") }]);
});

test("the option meta stands beside the _meta of the parameters", async () => {
  const { client, seen } = inProcess();
  const pool = poolOf({});
  await pool.addClient("m", { transport: client });
  await pool.call("m", "x", { a: 1, _meta: { own: 1, both: 1 } }, { meta: { both: 2 } });
  expect(seen.at(-1)).toMatchObject({ method: "x" });
  expect(seen.at(-1)?.params).toEqual({ a: 1, _meta: { own: 1, both: 2 } });
});

test("what a server did not declare is not asked of it (2.12)", async () => {
  const server = await serve();
  const pool = await connected(server);
  const before = server.requests.length;
  const argument = { name: "a", value: "" };
  for (const [capability, asking] of [
    ["completions", pool.complete("s", { type: "ref/prompt", name: "p" }, argument)],
    ["resources", pool.readResource("s", "file:///a")],
    ["prompts", pool.getPrompt("s__p")],
  ] as const) {
    const error = await failure(asking);
    expect(error).toMatchObject({ code: "UNSUPPORTED", server: "s", sent: "no" });
    expect(error.message).toContain(capability);
  }
  expect(server.requests.length).toBe(before);
});
