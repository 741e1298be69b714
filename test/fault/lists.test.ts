import { describe, expect, test } from "vitest";
import { json, rpcResult } from "../support/http-server.ts";
import type { RequestContext, TestHttpServer } from "../support/http-server.ts";
import {
  collect,
  connected,
  failure,
  nextEvent,
  poolOf,
  serve,
  TestClock,
  textOf,
} from "./support.ts";

/** Answers `tools/list` with the page that `pageOf` gives for a cursor. */
function paginate(server: TestHttpServer, pageOf: (cursor: unknown) => object): void {
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== "tools/list") return false;
    json(res, 200, rpcResult(body.id ?? null, pageOf(body.params?.["cursor"])));
    return true;
  };
}

const inputSchema = { type: "object" };

describe("fault 57: one bad tool in a list", () => {
  test.each<[string, object[], string[], RegExp]>([
    [
      "listed twice",
      [
        { name: "echo", inputSchema, description: "first" },
        { name: "echo", inputSchema, description: "second" },
      ],
      ["s__good", "s__echo"],
      /s__echo.*twice/,
    ],
    ["without a schema", [{ name: "echo" }], ["s__good", "s__echo"], /s__echo.*schema/],
    [
      "with a schema of null",
      [{ name: "echo", inputSchema: null }],
      ["s__good", "s__echo"],
      /s__echo.*schema/,
    ],
    [
      "without a name",
      [{ inputSchema }, { name: "echo", inputSchema }],
      ["s__good", "s__echo"],
      /without a name/,
    ],
    ["that is null", [null as unknown as object], ["s__good"], /without a name/],
  ])("%s: the rest works, a warning", async (_name, bad, names, warning) => {
    const server = await serve({ tools: { good: {}, echo: {} } });
    paginate(server, () => ({ tools: [{ name: "good", inputSchema }, ...bad] }));
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    expect(pool.allTools.map(({ name }) => name)).toEqual(names);
    expect(pool.allTools.every(({ parameters }) => parameters["type"] === "object")).toBe(true);
    expect(warnings.map(({ server: from }) => from)).toEqual(["s"]);
    expect(warnings[0]?.message).toMatch(warning);
    for (const name of names) expect(await pool.callTool(name)).toEqual(textOf("{}"));
    expect(server.executionCount("good")).toBe(1);
  });

  test.each<[string, object]>([
    ["no schema at all", { type: "no such type" }],
    ["a reference that leads nowhere", { $ref: "#/$defs/missing" }],
    ["a reference to the network", { $ref: "http://127.0.0.1:1/schema.json" }],
    ["an unknown dialect", { $schema: "https://example.com/mine" }],
  ])("8 an output schema that is none (%s): called, one warning", async (_name, schema) => {
    const server = await serve({ tools: { odd: {}, good: {} } });
    const tools = [
      { name: "odd", inputSchema, outputSchema: schema },
      { name: "good", inputSchema },
    ];
    paginate(server, () => ({ tools }));
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    expect(await pool.callTool("s__odd")).toEqual(textOf("{}"));
    expect(await pool.callTool("s__odd")).toEqual(textOf("{}"));
    expect(await pool.callTool("s__good")).toEqual(textOf("{}"));
    expect(warnings).toMatchObject([{ server: "s", message: expect.stringContaining("s__odd") }]);
  });

  test("1.23 an input schema that cannot be compiled is shown untouched", async () => {
    const schema = { type: "object", properties: { a: { $ref: "#/nowhere" } }, "x-own": [1] };
    const server = await serve({ tools: { odd: { inputSchema: schema } } });
    const pool = await connected(server);
    expect(pool.allTools[0]?.parameters).toEqual(schema);
    expect(await pool.callTool("s__odd")).toEqual(textOf("{}"));
  });
});

describe("fault 58: pages without end", () => {
  const page = (name: string, nextCursor?: unknown): object => ({
    tools: [{ name, inputSchema }],
    ...(nextCursor === undefined ? {} : { nextCursor }),
  });

  let count = 0;

  test.each<[string, (cursor: unknown) => object, number]>([
    ["ever new cursors", (cursor) => page(`t${String(cursor)}`, `${String(cursor)}+`), 7],
    ["a circle of cursors", (cursor) => page("t", cursor === "a" ? "b" : "a"), 3],
    ["an ever new page for one cursor", () => page(`t${++count}`, "again"), 3],
  ])("%s: an error, the other servers work", async (_name, pageOf, requests) => {
    const [endless, good] = await Promise.all([serve(), serve()]);
    paginate(endless, pageOf);
    const pool = poolOf({ endless, good }, { limits: { pages: 7 } });
    const report = await pool.connect();
    expect(report.connected).toEqual(["good"]);
    expect(report.failed["endless"]).toMatchObject({
      code: "LIMIT_EXCEEDED",
      server: "endless",
      method: "tools/list",
    });
    expect(endless.requestsOf("tools/list").length).toBe(requests);
    expect(await failure(pool.listTools("endless"))).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(await pool.listTools()).toMatchObject([{ name: "good__echo" }]);
    expect(await pool.callTool("good__echo")).toEqual(textOf("{}"));
  });

  test("8.27 an empty-string cursor is a cursor: it is followed", async () => {
    const server = await serve();
    paginate(server, (cursor) =>
      cursor === undefined ? page("a", "") : page("b", cursor === "" ? "last" : undefined),
    );
    // The page after "last" would repeat a name: it must not come twice.
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    await pool.connect();
    expect(server.requestsOf("tools/list").map(({ body }) => body?.params?.["cursor"])).toEqual([
      undefined,
      "",
      "last",
    ]);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__a", "s__b"]);
    expect(warnings.length).toBe(1);
  });

  test("a repeated empty cursor is the end of the list, named once", async () => {
    const server = await serve();
    paginate(server, () => page("echo", ""));
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    await pool.listTools("s");
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo"]);
    expect(warnings).toMatchObject([{ server: "s", code: "empty-cursor" }]);
    expect(pool.status()[0]?.quirks).toEqual({ "empty-cursor": 2 });
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });

  test("strict: a repeated empty cursor is an error", async () => {
    const server = await serve();
    paginate(server, () => page("echo", ""));
    const pool = poolOf({ s: server }, { strict: true });
    const report = await pool.connect();
    expect(report.failed["s"]).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(pool.status()[0]?.quirks).toEqual({});
  });

  test("by default 200 pages are walked", async () => {
    const server = await serve();
    paginate(server, (cursor) => {
      const number = Number(cursor ?? 1);
      return page(`t${number}`, number < 200 ? String(number + 1) : undefined);
    });
    const pool = await connected(server);
    expect(pool.allTools.length).toBe(200);
    paginate(server, (cursor) => page("t", String(Number(cursor ?? 0) + 1)));
    const error = await failure(pool.listTools("s"));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(error.message).toContain("limits.pages");
    expect(server.requestsOf("tools/list").length).toBe(400);
    // What was known before stays.
    expect(pool.allTools.length).toBe(200);
  });
});

/** What the server answers to a method, by its name; `undefined` leaves it to the server. */
function answer(
  server: TestHttpServer,
  answerTo: { [method: string]: (context: RequestContext) => object | number | undefined },
): void {
  server.options.onRequest = (context) => {
    const { body, res } = context;
    const method = body?.method ?? "";
    const given = Object.hasOwn(answerTo, method) ? answerTo[method]?.(context) : undefined;
    if (given === undefined) return false;
    if (typeof given === "number") res.writeHead(given).end();
    else
      json(
        res,
        200,
        "code" in given ? rpcError(body?.id ?? null, given) : rpcResult(body?.id ?? null, given),
      );
    return true;
  };
}

function rpcError(id: string | number | null, error: object): object {
  return { jsonrpc: "2.0", id, error };
}

const NOT_FOUND = { code: -32601, message: "Method not found" };
const ECHO = { tools: [{ name: "echo", inputSchema }] };

describe("lists that are written otherwise", () => {
  test.each<[string, unknown, string[]]>([
    ["null", null, []],
    ["an empty object", {}, []],
    [
      "an object with indices",
      { 0: ECHO.tools[0], 2: { name: "two", inputSchema } },
      ["s__echo", "s__two"],
    ],
    ["null among the tools", [null, ECHO.tools[0], null], ["s__echo"]],
  ])("%s: the server is connected, its other tools are there", async (_name, tools, names) => {
    const server = await serve();
    answer(server, { "tools/list": () => ({ tools }) });
    const pool = await connected(server);
    expect(pool.allTools.map(({ name }) => name)).toEqual(names);
    expect(Object.values(pool.status()[0]?.quirks ?? {})).toEqual([expect.any(Number)]);
  });

  test.each(["resources", "prompts"] as const)("%s: null is none", async (kind) => {
    const server = await serve({ capabilities: { tools: {}, resources: {}, prompts: {} } });
    answer(server, {
      "resources/list": () => ({ resources: null }),
      "resources/templates/list": () => ({}),
      "prompts/list": () => ({ prompts: null }),
    });
    const pool = await connected(server);
    if (kind === "prompts") expect(await pool.listPrompts("s")).toEqual([]);
    else {
      expect(await pool.listResources("s")).toEqual([]);
      expect(await pool.listResourceTemplates("s")).toEqual([]);
    }
    expect(pool.allTools).toHaveLength(1);
  });

  test("content of unknown types is given to the caller as it came", async () => {
    const content = [
      { type: "json", json: { a: [1] } },
      { type: "text", text: "t", annotations: null },
    ];
    const server = await serve({ tools: { echo: {} } });
    answer(server, { "tools/call": () => ({ content, _meta: null, extra: 1 }) });
    const pool = await connected(server);
    expect(await pool.callTool("s__echo")).toEqual({ content, _meta: null, extra: 1 });
  });
});

describe("capabilities that are declared and not there, or there and not declared", () => {
  test("a method that lists what was declared is not known: an empty list, counted", async () => {
    const server = await serve({ capabilities: { tools: {}, resources: {} } });
    answer(server, {
      "resources/list": () => ({ resources: [{ uri: "a:b", name: "x" }] }),
      "resources/templates/list": () => NOT_FOUND,
    });
    const pool = await connected(server);
    expect(await pool.listResources("s")).toHaveLength(1);
    expect(await pool.listResourceTemplates("s")).toEqual([]);
    expect(pool.status()[0]?.quirks).toEqual({ "list-not-found": 1 });
  });

  test("tools that were not declared are shown, called, and followed", async () => {
    const server = await serve({ capabilities: {}, tools: { echo: {} } });
    const pool = await connected(server);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo"]);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(pool.status()[0]?.quirks).toEqual({ "undeclared-capability": 1 });
    expect(server.requestsOf("tools/list")).toHaveLength(1);
  });

  test.each<[string, object | number]>([
    ["-32601", NOT_FOUND],
    ["-32603", { code: -32603, message: "no" }],
    ["status 400", 400],
    ["status 404", 404],
    ["status 500", 500],
  ])(
    "tools that were not declared and are refused with %s: no warning, and not asked for again",
    async (_name, refusal) => {
      const server = await serve({ capabilities: {}, sessions: false });
      answer(server, { "tools/list": () => refusal });
      const pool = poolOf({ s: server });
      const warnings = collect(pool, "warning");
      expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
      expect(await pool.listTools("s")).toEqual([]);
      expect(await failure(pool.callTool("s__echo"))).toMatchObject({ code: "TOOL_NOT_FOUND" });
      expect(server.requestsOf("tools/list")).toHaveLength(1);
      expect(warnings).toEqual([]);
      expect(pool.status()[0]).toMatchObject({ state: "ready", quirks: {} });
    },
  );

  test("a session that a request for undeclared tools seems to lose is renewed, and does not ask again", async () => {
    const server = await serve({ capabilities: {} });
    answer(server, { "tools/list": () => 404 });
    const pool = poolOf({ s: server });
    await pool.connect();
    await pool.call("s", "ping");
    expect(pool.status()[0]?.state).toBe("ready");
    expect(server.requestsOf("tools/list").length).toBeLessThanOrEqual(2);
  });

  test("a server that says nothing to such a request is connected soon", async () => {
    const clock = new TestClock();
    const server = await serve({ capabilities: {} });
    server.options.onRequest = ({ body }) => body?.method === "tools/list";
    const pool = poolOf({ s: server }, { clock });
    const connecting = pool.connect();
    await server.until((one) => one.requestsOf("tools/list").length === 1);
    expect(clock.armed.some((delayMs) => delayMs > 2_500 && delayMs <= 3_000)).toBe(true);
    expect(await connecting).toMatchObject({ connected: ["s"], failed: {} });
    expect(await pool.listTools("s")).toEqual([]);
    expect(server.requestsOf("tools/list")).toHaveLength(1);
  });

  test("resources and prompts: asked for by the server's name only, and then used", async () => {
    const server = await serve({ capabilities: { tools: {} } });
    answer(server, {
      "resources/list": () => ({ resources: [{ uri: "a:b", name: "x" }] }),
      "resources/read": () => ({ contents: [{ uri: "a:b", text: "t" }] }),
      "prompts/list": () => NOT_FOUND,
    });
    const pool = await connected(server);
    expect(await failure(pool.readResource("s", "a:b"))).toMatchObject({ code: "UNSUPPORTED" });
    expect(await pool.listResources()).toEqual([]);
    expect(server.requestsOf("resources/list")).toHaveLength(0);
    expect(await pool.listResources("s")).toMatchObject([{ uri: "a:b" }]);
    expect(await pool.readResource("s", "a:b")).toMatchObject({ contents: [{ text: "t" }] });
    expect(await pool.listPrompts("s")).toEqual([]);
    expect(await pool.listPrompts("s")).toEqual([]);
    expect(server.requestsOf("prompts/list")).toHaveLength(1);
    expect(pool.status()[0]?.quirks).toEqual({ "undeclared-capability": 1 });
  });

  test("strict: what was not declared is not asked for", async () => {
    const server = await serve({ capabilities: {} });
    const pool = await connected(server, { strict: true });
    expect(await pool.listResources("s")).toEqual([]);
    expect(pool.allTools).toEqual([]);
    expect(server.requestsOf("tools/list")).toHaveLength(0);
    expect(server.requestsOf("resources/list")).toHaveLength(0);
  });
});

describe("tools that are loaded late", () => {
  test.each<[string, object | number]>([
    ["an empty list", { tools: [] }],
    ["null", { tools: null }],
  ])("%s right after the handshake: looked at again, without a caller", async (_name, first) => {
    const server = await serve();
    let asked = 0;
    answer(server, { "tools/list": () => (asked++ === 0 ? first : undefined) });
    const pool = poolOf({ s: server });
    const changed = nextEvent(pool, "tools.changed");
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    expect(await changed).toMatchObject({ added: [{ name: "s__echo" }] });
    expect(pool.status()[0]?.quirks).toMatchObject({ "list-late": 1 });
    expect(asked).toBe(2);
  });

  test.each<[string, object | number]>([
    ["status 500", 500],
    ["-32603", { code: -32603, message: "loading" }],
    ["no list", { tools: "loading" }],
  ])("%s at first, and again: reported, and looked at once more", async (_name, first) => {
    const server = await serve();
    let asked = 0;
    answer(server, { "tools/list": () => (asked++ < 2 ? first : undefined) });
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    const changed = nextEvent(pool, "tools.changed");
    expect((await pool.connect()).failed["s"]).toBeInstanceOf(Error);
    expect(asked).toBe(2);
    expect(await changed).toMatchObject({ added: [{ name: "s__echo" }] });
    expect(warnings).toMatchObject([
      { message: "the tools could not be listed" },
      { code: "list-late" },
    ]);
    // The list that came is the one that callers wait for: nobody lists again.
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(asked).toBe(3);
  });

  test("a call for a tool of an empty catalogue looks first", async () => {
    const server = await serve();
    let isLoaded = false;
    answer(server, { "tools/list": () => (isLoaded ? undefined : { tools: [] }) });
    const pool = await connected(server);
    isLoaded = true;
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.executionCount("echo")).toBe(1);
  });

  test("names that a model invents cost the server one look at most", async () => {
    const server = await serve();
    const pool = await connected(server);
    const before = server.requestsOf("tools/list").length;
    const errors = await Promise.all(
      Array.from({ length: 50 }, (_, n) => failure(pool.callTool(`s__made_up_${n}`))),
    );
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["TOOL_NOT_FOUND"]));
    expect(server.requestsOf("tools/list").length - before).toBeLessThanOrEqual(1);
  });

  test("strict: nothing is looked at again", async () => {
    const server = await serve();
    answer(server, { "tools/list": () => ({ tools: [] }) });
    const clock = new TestClock();
    const pool = await connected(server, { strict: true }, { clock });
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({ code: "TOOL_NOT_FOUND" });
    await clock.untilIdle();
    expect(server.requestsOf("tools/list")).toHaveLength(1);
  });
});
