// Arguments that are mirrored into headers, from the list of tools to the call; what is unit-tested is not repeated.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters

import { McpConfigError, McpToolNotFoundError } from "mcp-client-pool";
import type { JsonObject, McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { collect, failure, nextEvent } from "../fault/support.ts";
import { headerMismatch } from "../support/stateless-server.ts";
import type { StatelessServer, StatelessTool } from "../support/stateless-server.ts";
import { connected, connectedChild, idsOf, messages, serve } from "./stateless.ts";

type Property = Readonly<Record<string, unknown>>;

/** A string that is mirrored. */
const mirrored = (header: string, type = "string"): Property => ({ type, "x-mcp-header": header });

const schema = (properties: Record<string, Property>): JsonObject => ({
  type: "object",
  properties: properties as JsonObject,
});

const tool = (properties: Record<string, Property>): StatelessTool => ({
  inputSchema: schema(properties),
});

/** One definition for each way to be invalid; the part of the reason that says which. */
const INVALID: readonly [name: string, definition: StatelessTool, reason: string][] = [
  ["empty", tool({ a: mirrored("") }), "empty"],
  ["spaced", tool({ a: mirrored("a b") }), "token"],
  ["numeric", tool({ a: mirrored("A", "number") }), "number"],
  ["doubled", tool({ a: mirrored("A"), b: mirrored("a") }), "another property"],
  ["listed", tool({ a: { type: "array", items: mirrored("A") } }), "not reached"],
];

/** `mcp-param-*` of the newest call. */
function paramsOf(server: StatelessServer): Record<string, unknown> {
  const headers = Object.entries(messages(server, "tools/call").at(-1)?.headers ?? {});
  return Object.fromEntries(headers.filter(([name]) => name.startsWith("mcp-param-")));
}

const namesOf = (pool: McpClientPool): string[] => pool.allTools.map(({ name }) => name);

describe("tools whose annotations are invalid", () => {
  const tools = {
    first: {},
    ...Object.fromEntries(INVALID.map(([name, definition]) => [name, definition])),
    last: tool({ a: mirrored("A") }),
  };

  test.each([undefined, 1, 2])(
    "10.2, 10.3, 10.4: are left out, the others stay; %s to a page",
    async (pageSize) => {
      const server = await serve({ tools, ...(pageSize === undefined ? {} : { pageSize }) });
      const pool = await connected(server);
      expect(namesOf(pool)).toEqual(["s__first", "s__last"]);
      const listed = await pool.listTools("s");
      expect(listed.map(({ name }) => name)).toEqual(["s__first", "s__last"]);
      const { tools: raw } = await pool.call(
        "s",
        "tools/list",
        pageSize === 1 ? { cursor: "page-1" } : {},
      );
      const names = (raw as { name: string }[]).map(({ name }) => name);
      expect(names).toEqual({ 1: [], 2: ["first"] }[pageSize ?? 0] ?? ["first", "last"]);
      await pool.callTool("s__last", { a: "x" });
      expect(paramsOf(server)).toEqual({ "mcp-param-a": "x" });
    },
  );

  test("10.4: each is reported with its name and the reason, once", async () => {
    const server = await serve();
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools(tools);
    await changed;
    await pool.listTools("s", { cache: "reload" });
    expect(warnings.length).toBe(INVALID.length);
    for (const [index, [name, , reason]] of INVALID.entries()) {
      expect(warnings[index]).toMatchObject({ server: "s" });
      expect(warnings[index]?.message).toContain(`"${name}"`);
      expect(warnings[index]?.message).toContain(reason);
    }
  });

  test.each(INVALID)("10.4: cannot be called, by whatever way: %s", async (name, _, reason) => {
    const server = await serve({ tools });
    const pool = await connected(server);
    const notFound = await failure(pool.callTool(`s__${name}`, { a: 1 }));
    expect(notFound).toBeInstanceOf(McpToolNotFoundError);
    const refused = await failure(pool.call("s", "tools/call", { name, arguments: { a: 1 } }));
    expect(refused).toBeInstanceOf(McpConfigError);
    expect(refused).toMatchObject({ code: "INVALID_CONFIG", server: "s", sent: "no" });
    expect(refused.message).toContain(`"${name}"`);
    expect(refused.message).toContain(reason);
    expect(messages(server, "tools/call")).toEqual([]);
  });

  test("10.4: one that is put right can be called, one that is spoilt no more", async () => {
    const server = await serve({ tools: { one: tool({ a: mirrored("") }), two: {} } });
    const pool = await connected(server);
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools({ one: tool({ a: mirrored("A") }), two: tool({ a: mirrored("") }) });
    await expect(changed).resolves.toMatchObject({
      added: [{ name: "s__one" }],
      removed: [{ name: "s__two" }],
    });
    await pool.callTool("s__one", { a: "now" });
    expect(paramsOf(server)).toEqual({ "mcp-param-a": "now" });
    const refused = await failure(pool.call("s", "tools/call", { name: "two" }));
    expect(refused).toBeInstanceOf(McpConfigError);
  });

  test("10.1: on stdio nothing is left out, and whatever there is can be called", async () => {
    const extraTools = INVALID.map(([name, { inputSchema }]) => ({ name, inputSchema }));
    const { pool, ledger } = await connectedChild({ tools: ["mirrored", "broken"], extraTools });
    const names = ["mirrored", "broken", ...INVALID.map(([name]) => name)];
    expect(namesOf(pool)).toEqual(names.map((name) => `s__${name}`));
    for (const name of names) await pool.callTool(`s__${name}`, { key: `ran ${name}`, a: 1 });
    expect(names.map((name) => ledger.count(`ran ${name}`))).toEqual(names.map(() => 1));
  });

  test("10.1: in the session era nothing is left out, and nothing is mirrored", async () => {
    const server = await serve({ era: "sessions", tools });
    const pool = await connected(server);
    expect(namesOf(pool)).toEqual(Object.keys(tools).map((name) => `s__${name}`));
    await pool.callTool("s__numeric", { a: 1 });
    await pool.callTool("s__last", { a: "x" });
    expect(server.executionCount("last")).toBe(1);
    expect(paramsOf(server)).toEqual({});
    expect(messages(server, "tools/call").at(-1)?.headers).not.toHaveProperty("mcp-name");
  });
});

describe("the headers of a call", () => {
  const region = mirrored("Region");
  const nested = { type: "object", properties: { unit: mirrored("Unit", "integer") } };
  const full = tool({ region, nested, on: mirrored("On", "boolean"), query: { type: "string" } });

  const given: readonly [string, JsonObject, Record<string, string>][] = [
    [
      "each from its exact path",
      { region: "eu", nested: { unit: 5 }, on: true, query: "q" },
      { region: "eu", unit: "5", on: "true" },
    ],
    ["nothing for what is absent", {}, {}],
    ["nothing for null, at any step", { region: null, nested: null, on: null }, {}],
    ["nothing for null inside", { nested: { unit: null } }, {}],
    ["nothing where the path ends early", { nested: "unit", region: "eu" }, { region: "eu" }],
    [
      "falsy values too",
      { region: "", nested: { unit: 0 }, on: false },
      { region: "=?base64??=", unit: "0", on: "false" },
    ],
    [
      "the largest of integers",
      { nested: { unit: Number.MIN_SAFE_INTEGER } },
      { unit: "-9007199254740991" },
    ],
    ["what does not fit its type, as it is", { region: 7, on: "yes" }, { region: "7", on: "yes" }],
  ];

  test.each(given)("10.5, 10.6, 10.11: %s", async (_what, args, expected) => {
    const server = await serve({ tools: { full } });
    const pool = await connected(server);
    await pool.callTool("s__full", args);
    const headers = Object.entries(expected).map(([name, value]) => [`mcp-param-${name}`, value]);
    expect(paramsOf(server)).toEqual(Object.fromEntries(headers));
    expect(messages(server, "tools/call").at(-1)?.body?.params).toMatchObject({ arguments: args });
  });

  test.each([
    [{ nested: { unit: 2 ** 53 } }, "nested.unit"],
    [{ region: { a: 1 } }, "region"],
    [{ region: ["eu"] }, "region"],
  ])("10.6: what cannot be mirrored is refused before anything is sent: %j", async (args, path) => {
    const server = await serve({ tools: { full } });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__full", args));
    expect(error).toBeInstanceOf(McpConfigError);
    expect(error).toMatchObject({ sent: "no", path: `arguments.${path}`, server: "s" });
    expect(messages(server, "tools/call")).toEqual([]);
  });

  const encoded = (text: string): string => `=?base64?${Buffer.from(text).toString("base64")}?=`;

  test.each([
    ["plain", "eu-west 1", "eu-west 1"],
    ["unicode", "世界", encoded("世界")],
    ["a tab inside", "a\tb", encoded("a\tb")],
    ["space around", " a ", encoded(" a ")],
    ["line breaks", "a\r\nX-Evil: 1", encoded("a\r\nX-Evil: 1")],
    ["the sentinel itself", "=?base64?YQ==?=", encoded("=?base64?YQ==?=")],
  ])("10.7, 10.8, 13.10: %s", async (_what, value, header) => {
    const server = await serve({ tools: { full } });
    const pool = await connected(server);
    await pool.callTool("s__full", { region: value });
    expect(paramsOf(server)).toEqual({ "mcp-param-region": header });
    expect(messages(server, "tools/call").at(-1)?.headers).not.toHaveProperty("x-evil");
    expect(server.executionCount("full")).toBe(1);
  });

  const odd = ["plain.name", "mis named", " padded ", "tab\tbed", "wörld 世界", "a\r\nX-Evil: 1"];

  test.each(odd)("10.9, 13.10: Mcp-Name of a tool, a prompt and a URI: %j", async (name) => {
    const uri = `test:///${name}`;
    const server = await serve({
      tools: { [name]: {} },
      prompts: { [name]: {} },
      resources: { [uri]: {} },
    });
    const pool = await connected(server);
    const [listed] = pool.allTools;
    await pool.callTool(listed?.name ?? "", {});
    const [prompt] = await pool.listPrompts("s");
    await pool.getPrompt(prompt?.name ?? "");
    await pool.readResource("s", uri);
    const isPlain = name === "plain.name" || name === "mis named";
    const header = (text: string): string => (isPlain ? text : encoded(text));
    const sent = ["tools/call", "prompts/get", "resources/read"].map(
      (method) => messages(server, method)[0]?.headers["mcp-name"],
    );
    expect(sent).toEqual([header(name), header(name), header(uri)]);
    expect(server.requests.some(({ headers }) => "x-evil" in headers)).toBe(false);
  });

  test.each(["x/\r\nX-Evil: 1", "x/世界", "x/\n"])(
    "4.2, 10.9, 13.10: a method that fits into no header is refused at once: %j",
    async (method) => {
      const server = await serve();
      const pool = await connected(server);
      const error = await failure(pool.call("s", method, {}, { totalTimeoutMs: 99 }));
      expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
      expect(messages(server, method)).toEqual([]);
      expect(pool.status()).toMatchObject([{ state: "ready" }]);
    },
  );

  test("10.11: a parameter called Method, Name or Protocol-Version touches no other header", async () => {
    const names = tool({
      a: mirrored("Method"),
      b: mirrored("Name"),
      c: mirrored("Protocol-Version"),
      d: { type: "string" },
    });
    const server = await serve({ tools: { names, plain: tool({ d: { type: "string" } }) } });
    const pool = await connected(server);
    await pool.callTool("s__names", { a: "tools/list", b: "other", c: "1999-01-01", d: "secret" });
    expect(messages(server, "tools/call")[0]?.headers).toMatchObject({
      "mcp-method": "tools/call",
      "mcp-name": "names",
      "mcp-protocol-version": "2026-07-28",
    });
    expect(paramsOf(server)).toEqual({
      "mcp-param-method": "tools/list",
      "mcp-param-name": "other",
      "mcp-param-protocol-version": "1999-01-01",
    });
    await pool.callTool("s__plain", { d: "secret" });
    expect(paramsOf(server)).toEqual({});
  });

  test("4.4, 4.13: a call that is repeated has them again", async () => {
    const reads = { ...full, annotations: { readOnlyHint: true } };
    const server = await serve({ tools: { reads } });
    const pool = await connected(server, { trusted: true });
    server.cut("tools/call", "stream");
    await pool.callTool("s__reads", { region: "eu" });
    const sent = messages(server, "tools/call").map(({ headers }) => headers["mcp-param-region"]);
    expect(sent).toEqual(["eu", "eu"]);
  });

  test("4.4: so has a raw call, whoever makes it", async () => {
    const server = await serve({ tools: { full } });
    const pool = await connected(server);
    await pool.call("s", "tools/call", { name: "full", arguments: { region: "eu" } });
    expect(paramsOf(server)).toEqual({ "mcp-param-region": "eu" });
    await pool.call("s", "tools/call", { name: "full" });
    expect(paramsOf(server)).toEqual({});
  });
});

describe("the newest schema (10.10)", () => {
  const old = { work: tool({ a: mirrored("Old") }) };
  const fresh = { work: tool({ a: mirrored("New"), b: mirrored("More", "integer") }) };
  const caching = { "tools/list": { ttlMs: 600_000, cacheScope: "public" } };

  test("as soon as the server says that its tools changed, the new annotations hold", async () => {
    const server = await serve({ tools: old });
    const pool = await connected(server);
    await pool.callTool("s__work", { a: "x", b: 1 });
    expect(paramsOf(server)).toEqual({ "mcp-param-old": "x" });
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools(fresh);
    await changed;
    await pool.callTool("s__work", { a: "x", b: 1 });
    expect(paramsOf(server)).toEqual({ "mcp-param-new": "x", "mcp-param-more": "1" });
    expect(messages(server, "tools/call").length).toBe(2);
  });

  test.each([undefined, 1])(
    "-32020, of tools that changed in silence: listed past every cache, sent again once, the catalogue told; %s to a page",
    async (pageSize) => {
      const more = pageSize === undefined ? {} : { pageSize };
      const server = await serve({ tools: { first: {}, ...old }, caching, ...more });
      const pool = await connected(server);
      const changed = nextEvent(pool, "tools.changed");
      server.options.tools = { first: {}, ...fresh };
      await expect(pool.callTool("s__work", { a: "x", b: 1 })).resolves.toBeDefined();
      expect(server.executionCount("work")).toBe(1);
      expect(paramsOf(server)).toEqual({ "mcp-param-new": "x", "mcp-param-more": "1" });
      const sent = messages(server, "tools/call");
      expect(sent.length).toBe(2);
      expect(new Set(idsOf(sent)).size).toBe(2);
      await expect(changed).resolves.toMatchObject({ changed: [{ name: "s__work" }] });
      const known = pool.allTools.find(({ name }) => name === "s__work");
      expect(known?.parameters).toEqual(fresh.work.inputSchema);
      // Learnt for good.
      await pool.callTool("s__work", { a: "y" });
      expect(messages(server, "tools/call").length).toBe(3);
    },
  );

  test("a tool that was never listed is called without, and learnt by -32020", async () => {
    const server = await serve({ tools: {} });
    const pool = await connected(server);
    server.options.tools = fresh;
    await pool.call("s", "tools/call", { name: "work", arguments: { a: "x" } });
    const sent = messages(server, "tools/call").map(({ headers }) => headers["mcp-param-new"]);
    expect(sent).toEqual([undefined, "x"]);
    expect(server.executionCount("work")).toBe(1);
  });

  test("twenty calls at once meet the change: each runs once", async () => {
    const server = await serve({ tools: old });
    const pool = await connected(server);
    server.options.tools = fresh;
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    // Until all have come with their old headers, the client cannot know better.
    const hold = server.hold("tools/list");
    const calls = keys.map((key) => pool.callTool("s__work", { a: key, key }));
    await server.until(() => messages(server, "tools/call").length === keys.length);
    hold.release();
    await Promise.all(calls);
    expect(keys.map((key) => server.executionCount("work", key))).toEqual(keys.map(() => 1));
    expect(messages(server, "tools/call").length).toBe(2 * keys.length);
  });

  test("annotations that turn out to be invalid: not sent again, and gone from the catalogue", async () => {
    const server = await serve({ tools: { ...old, other: {} } });
    const pool = await connected(server);
    const changed = nextEvent(pool, "tools.changed");
    server.options.tools = { work: tool({ a: mirrored("") }), other: {} };
    server.reject("tools/call", headerMismatch());
    const error = await failure(pool.callTool("s__work", { a: "x" }));
    expect(error).toBeInstanceOf(McpConfigError);
    expect(error.message).toContain('"work"');
    expect(messages(server, "tools/call").length).toBe(1);
    expect(server.executionCount("work")).toBe(0);
    await expect(changed).resolves.toMatchObject({ removed: [{ name: "s__work" }] });
  });

  test("the list that is fetched for it is lost: the call did not run, and is not said to have", async () => {
    const server = await serve({ tools: old });
    const pool = await connected(server, { listen: false });
    server.options.tools = fresh;
    server.cut("tools/list", "stream", 9);
    const error = await failure(pool.callTool("s__work", { a: "x" }));
    expect(error.code).not.toBe("OUTCOME_UNKNOWN");
    expect(server.executionCount("work")).toBe(0);
  });
});
