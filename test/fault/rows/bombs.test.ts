// Small causes, huge effects: schemas that double, values that are compared all with all, floods without end.
// What is not bounded does not end within the time that a test has.

import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcResult, sseEvent } from "../../support/http-server.ts";
import type { TestHttpServer } from "../../support/http-server.ts";
import { inProcess } from "../custom.ts";
import {
  byHand,
  collect,
  connected,
  failure,
  poolOf,
  serve,
  startStream,
  textOf,
} from "../support.ts";

/**
 * `n` levels, each of which refers twice to the next: 2 ** n checks, unless somebody stops; of `allOf` 2 ** (n / 2),
 * because every other level fails with its first.
 */
function doubling(levels: number, of: "allOf" | "anyOf" | "oneOf"): object {
  const $defs: Record<string, object> = { d0: { type: "object", required: ["missing"] } };
  for (let level = 1; level <= levels; level++) {
    const next = { $ref: `#/$defs/d${level - 1}` };
    // What fails is what has to be looked at on every branch.
    $defs[`d${level}`] =
      of === "allOf" ? { allOf: [{ not: next }, { not: next }] } : { [of]: [next, next] };
  }
  return { $defs, $ref: `#/$defs/d${levels}` };
}

/** Doubles by itself, as deep as the value is. */
const SELF_DOUBLING = {
  $id: "https://schema.test/tree",
  properties: { a: { allOf: [{ $ref: "#" }, { $ref: "#" }] } },
  not: { required: ["b"] },
};

function nested(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
}

/** A pool with the tool `m__t`, which gives `value` and says that it fits `outputSchema`. */
async function withOutput(
  outputSchema: object,
  value: object,
  outputValidation: "warn" | "error" = "error",
): Promise<{ pool: McpClientPool; warnings: { message: string }[]; seen: { method?: string }[] }> {
  const { client, seen } = inProcess(undefined, ({ method }) => {
    if (method === "tools/list") return { tools: [{ name: "t", inputSchema: {}, outputSchema }] };
    return method === "tools/call" ? { content: [], structuredContent: value } : undefined;
  });
  const pool = poolOf({});
  const warnings = collect(pool, "warning");
  await pool.addClient("m", { transport: client, outputValidation });
  return { pool, warnings, seen };
}

describe("bombs: output schemas (1.22, 13.8)", () => {
  const items = Array.from({ length: 60_000 }, (_, index) => ({ index, text: `item ${index}` }));

  test.each<[string, object, object]>([
    ["40 levels of anyOf that double", doubling(40, "anyOf"), {}],
    ["40 levels of oneOf that double", doubling(40, "oneOf"), {}],
    ["80 levels of allOf that double", doubling(80, "allOf"), {}],
    ["a schema that doubles with the depth of the value", SELF_DOUBLING, nested(60)],
    ["a schema that is itself", { $id: "https://schema.test/self", $ref: "#" }, {}],
    ["uniqueItems over 60,000 objects", { properties: { a: { uniqueItems: true } } }, { a: items }],
    [
      "an expression that never ends",
      { properties: { a: { pattern: "^(a|a)*$" } } },
      { a: `${"a".repeat(60)}!` },
    ],
    [
      "an expression for names that never ends",
      { patternProperties: { "^(a+)+$": {} } },
      { [`${"a".repeat(60)}!`]: 1 },
    ],
    [
      "an expression in propertyNames that never ends",
      { propertyNames: { pattern: "^(a|a)*$" } },
      { [`${"a".repeat(60)}!`]: 1 },
    ],
  ])("%s: the call has its result, and the next one too", async (_name, schema, value) => {
    const { pool, seen, warnings } = await withOutput(schema, value, "warn");
    expect(await pool.callTool("m__t")).toEqual({ content: [], structuredContent: value });
    expect(await pool.callTool("m__t")).toMatchObject({ content: [] });
    expect(seen.filter(({ method }) => method === "tools/call").length).toBe(2);
    const causes = warnings.map(({ message }) => message);
    expect(causes.filter((message) => !message.includes("m__t"))).toEqual([]);
  });

  test("a check without an end, where the caller wants an error: it says so, and has the result", async () => {
    const value = { a: `${"a".repeat(60)}!` };
    const { pool } = await withOutput({ properties: { a: { pattern: "^(a|a)*$" } } }, value);
    expect(await failure(pool.callTool("m__t"))).toMatchObject({
      name: "McpOutputError",
      code: "PROTOCOL_ERROR",
      message: expect.stringContaining("could not be checked"),
      verdict: "unchecked",
      sent: "yes",
      result: { content: [], structuredContent: value },
    });
  });

  test("a schema that refers to itself, as trees do, is one: it is checked", async () => {
    const tree = {
      type: "object",
      properties: { value: { type: "number" }, children: { type: "array", items: { $ref: "#" } } },
    };
    const good = { value: 1, children: [{ value: 2, children: [] }] };
    const { pool, warnings } = await withOutput(tree, good);
    expect(await pool.callTool("m__t")).toMatchObject({ structuredContent: good });
    expect(warnings).toEqual([]);
    const bad = await withOutput(tree, { value: 1, children: [{ value: "two" }] });
    expect(await failure(bad.pool.callTool("m__t"))).toMatchObject({
      code: "PROTOCOL_ERROR",
      message: expect.stringContaining("does not fit"),
      verdict: "misfit",
      result: { structuredContent: { value: 1 } },
    });
    expect(bad.warnings).toEqual([]);
  });

  test.each<[string, object]>([
    ["too large", { description: "x".repeat(300_000) }],
    ["a remote reference", { $ref: "http://127.0.0.1:9/schema.json" }],
    ["a file", { $ref: "file:///etc/passwd" }],
  ])("%s: the call has its result; what cannot be checked is told of once", async (_, schema) => {
    const { pool, warnings } = await withOutput(schema, {}, "warn");
    for (let call = 0; call < 2; call++) {
      expect(await pool.callTool("m__t")).toEqual({ content: [], structuredContent: {} });
    }
    expect(warnings).toMatchObject([{ message: expect.stringContaining("m__t") }]);
    const strict = await withOutput(schema, {});
    expect(await failure(strict.pool.callTool("m__t"))).toMatchObject({
      verdict: "unchecked",
      result: { content: [], structuredContent: {} },
    });
  });

  test("5,000 alternatives are looked through", async () => {
    const alternatives = Array.from({ length: 5_000 }, (_, index) => ({ const: { a: index } }));
    const { pool } = await withOutput({ anyOf: alternatives }, { a: 4_999 });
    expect(await pool.callTool("m__t")).toMatchObject({ structuredContent: { a: 4_999 } });
    const bad = await withOutput({ anyOf: alternatives }, { a: 5_000 });
    expect(await failure(bad.pool.callTool("m__t"))).toMatchObject({ verdict: "misfit" });
  });

  test("a remote $ref is never fetched", async () => {
    const canary = await serve();
    const { pool, warnings } = await withOutput({ $ref: `${canary.url.href}/schema` }, {}, "warn");
    await pool.callTool("m__t");
    expect(warnings.length).toBe(1);
    expect(canary.connectionCount).toBe(0);
  });
});

function listing(server: TestHttpServer, answer: (cursor: unknown) => object): void {
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== "tools/list") return false;
    json(res, 200, rpcResult(body.id ?? null, answer(body.params?.["cursor"])));
    return true;
  };
}

describe("bombs: lists", () => {
  const inputSchema = { type: "object" };

  test("a page of 100,000 tools: the limit of them, one warning", async () => {
    const server = await serve();
    const tools = Array.from({ length: 100_000 }, (_, index) => ({
      name: `t${index}`,
      inputSchema,
    }));
    // 10 MB would be refused for their bytes alone.
    listing(server, () => ({ tools }));
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"] });
    expect(pool.allTools.length).toBe(5_000);
    expect(warnings.length).toBe(1);
  });

  test("pages of many tools without end: as many as the limit allows, and no page more", async () => {
    const [server, good] = await Promise.all([serve(), serve()]);
    listing(server, (cursor) => {
      const page = Number(cursor ?? 0);
      const tools = Array.from({ length: 50 }, (_, index) => ({
        name: `${page}-${index}`,
        inputSchema,
      }));
      return { tools, nextCursor: String(page + 1) };
    });
    const pool = poolOf({ s: server, good });
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s", "good"] });
    expect(pool.allTools.filter((tool) => tool.server === "s")).toHaveLength(5_000);
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining("limits.tools"),
    ]);
    expect(server.requestsOf("tools/list").length).toBeLessThanOrEqual(102);
  });

  test("a thousand warnings' worth of bad tools do not drown the user", async () => {
    const server = await serve();
    listing(server, () => ({
      tools: Array.from({ length: 5_000 }, (_, index) => ({ name: `t${index}` })),
    }));
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    await pool.connect();
    expect(pool.allTools.length).toBe(5_000);
    expect(warnings.length).toBeGreaterThan(0);
    for (const { message } of warnings) expect(message.length).toBeLessThan(500);
  });
});

describe("bombs: floods on a stream", () => {
  const MIB = 1_048_576;

  test.each<[string, (index: number) => string]>([
    ["comments", () => `: ${"x".repeat(1_000)}\n`],
    ["events of other names", () => `event: x\ndata: ${"x".repeat(1_000)}\n\n`],
    ["ids", (index) => `id: ${"i".repeat(1_000)}${index}\n\n`],
    [
      "progress for nobody",
      (index) =>
        sseEvent({
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken: index, progress: 1 },
        }),
    ],
    ["responses to nobody", (index) => sseEvent(rpcResult(`nobody ${index}`, {}))],
    ["what is no JSON", () => sseEvent("x".repeat(1_000))],
  ])("%s, 20,000 times: the answer behind them, memory flat", async (_name, noise) => {
    const text = Array.from({ length: 20_000 }, (_, index) => noise(index)).join("");
    const server = await serve({
      tools: byHand((context) => {
        const stream = startStream(context, text);
        const id = context.body?.id ?? null;
        stream.end(sseEvent(rpcResult(id, { content: [{ type: "text", text: "done" }] })));
      }),
    });
    const pool = await connected(server);
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    const peakBefore = process.resourceUsage().maxRSS;
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect((process.resourceUsage().maxRSS - peakBefore) * 1_024).toBeLessThan(64 * MIB);
    expect(server.executionCount("work")).toBe(2);
  });
});
