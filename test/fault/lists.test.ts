import { describe, expect, test } from "vitest";
import { json, rpcResult } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { collect, connected, failure, poolOf, serve, textOf } from "./support.ts";

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
  ])(
    "8 an output schema that cannot be compiled (%s): called, one warning",
    async (_name, schema) => {
      const server = await serve({ tools: { odd: {}, good: {} } });
      const tools = [
        { name: "odd", inputSchema, outputSchema: schema },
        { name: "good", inputSchema },
      ];
      paginate(server, () => ({ tools }));
      const pool = await connected(server, { outputValidation: "error" });
      const warnings = collect(pool, "warning");
      expect(await pool.callTool("s__odd")).toEqual(textOf("{}"));
      expect(await pool.callTool("s__odd")).toEqual(textOf("{}"));
      expect(await pool.callTool("s__good")).toEqual(textOf("{}"));
      expect(warnings).toMatchObject([{ server: "s", message: expect.stringContaining("s__odd") }]);
    },
  );

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

  test.each<[string, (cursor: unknown) => object, number]>([
    ["ever new cursors", (cursor) => page(`t${String(cursor)}`, `${String(cursor)}+`), 7],
    ["a repeated cursor", () => page("t", "again"), 2],
    ["a circle of cursors", (cursor) => page("t", cursor === "a" ? "b" : "a"), 3],
    ["a repeated empty cursor", () => page("t", ""), 2],
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
