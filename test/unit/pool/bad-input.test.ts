// What a caller can get wrong: each mistake is a typed error that names what and where, and shows no secret.

import { McpClientPool } from "mcp-client-pool";
import type { McpToolNotFoundError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { check, connectedPool, rejected, SECRET, thrown, wrong } from "./bad-input-harness.ts";
import type { Expected } from "./bad-input-harness.ts";

describe("names that are not in the pool", () => {
  test("an unknown server: the near match and what there is", async () => {
    const pool = await connectedPool();
    const expected: Expected = {
      code: "SERVER_NOT_FOUND",
      says: [/no server "gihub"/, /did you mean "github"/, /files, github/],
    };
    check(await rejected(() => pool.call("gihub", "ping")), expected);
    check(await rejected(() => pool.listTools("gihub")), expected);
    check(await rejected(() => pool.removeClient("gihub")), expected);
    check(await rejected(() => pool.notify("gihub", "notifications/x")), expected);
    check(await rejected(() => pool.readResource("gihub", "test:a")), expected);
    check(await rejected(() => pool.setLogLevel("gihub", "info")), expected);
    check(await rejected(() => pool.getPrompt("gihub__review")), expected);
    check(await rejected(() => pool.subscribeResource("gihub", "test:a", () => {})), expected);
  });

  test("an unknown server of an empty pool: what to do", async () => {
    const pool = new McpClientPool();
    const expected: Expected = { code: "SERVER_NOT_FOUND", says: ["addClient"] };
    check(await rejected(() => pool.call("github", "ping")), expected);
  });

  test.each([
    ["a misspelt tool", "files__red_file", ["files__read_file"]],
    ["a misspelt server", "file__read_file", ["files__read_file", "github__read_file"]],
    ["without its server", "read_file", ["files__read_file", "github__read_file"]],
    ["nothing like it", "files__zzzzzzzzzzzzzzzzzzzzzzzz", []],
  ])("an unknown tool, %s: near matches", async (_, name, nearMatches) => {
    const pool = await connectedPool();
    const error = await rejected(() => pool.callTool(name));
    check(error, { code: "TOOL_NOT_FOUND", says: [`no tool "${name}"`] });
    expect(error).toMatchObject({ name: "McpToolNotFoundError", tool: name });
    const { nearMatches: given } = error as McpToolNotFoundError;
    expect(given.length).toBeLessThanOrEqual(3);
    if (nearMatches.length === 0) expect(given).toEqual([]);
    expect(given.slice(0, nearMatches.length)).toEqual(nearMatches);
    for (const near of nearMatches) check(error, { code: "TOOL_NOT_FOUND", says: [near] });
  });

  test("a removed server is no longer known, nor are its tools", async () => {
    const pool = await connectedPool();
    await pool.removeClient("files");
    const gone: Expected = { code: "SERVER_NOT_FOUND", says: [/no server "files"/] };
    check(await rejected(() => pool.call("files", "ping")), gone);
    check(await rejected(() => pool.removeClient("files")), gone);
    const error = await rejected(() => pool.callTool("files__read_file"));
    check(error, { code: "TOOL_NOT_FOUND" });
    expect(error).toMatchObject({ nearMatches: ["github__read_file"] });
  });

  test("a disabled server: the error says so", async () => {
    const pool = await connectedPool();
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path: "servers.spare.disabled",
      says: [/server "spare" is disabled/],
    };
    check(await rejected(() => pool.call("spare", "ping")), expected);
    check(await rejected(() => pool.listTools("spare")), expected);
    check(await rejected(() => pool.callTool("spare__read_file")), expected);
  });
});

describe("unknown options, with a suggestion", () => {
  test.each<[string, unknown, string, string]>([
    ["of the pool", { server: {} }, "server", "servers"],
    ["of the pool, a connection option", { lasy: true }, "lasy", "lazy"],
    ["nested in the pool's", { timeouts: { conectMs: 1 } }, "timeouts.conectMs", "connectMs"],
    ["nested in the pool's limits", { limits: { page: 1 } }, "limits.page", "pages"],
    ["of a handler", { onSampling: { handler() {}, tool: true } }, "onSampling.tool", "tools"],
    [
      "of a server over HTTP",
      { servers: { s: { url: "http://h/", heders: { a: SECRET } } } },
      "servers.s.heders",
      "headers",
    ],
    [
      "of a child process",
      { servers: { s: { command: "x", arg: [SECRET] } } },
      "servers.s.arg",
      "args",
    ],
    [
      "nested in a server's",
      { servers: { s: { command: "x", timeouts: { conectMs: 1 } } } },
      "servers.s.timeouts.conectMs",
      "connectMs",
    ],
    [
      "nested in a server's reconnect",
      { servers: { s: { command: "x", reconnect: { budgetMS: 1 } } } },
      "servers.s.reconnect.budgetMS",
      "budgetMs",
    ],
  ])("%s", (_, options, path, suggestion) => {
    check(
      thrown(() => new McpClientPool(wrong(options))),
      { code: "INVALID_CONFIG", path, says: [path, `did you mean "${suggestion}"`] },
    );
  });

  test.each([
    ["timeoutMS", "timeoutMs"],
    ["timeout", "timeoutMs"],
    ["signals", "signal"],
    ["replays", "replay"],
  ])("of a call: %s", async (key, suggestion) => {
    const pool = await connectedPool();
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path: key,
      says: [key, `did you mean "${suggestion}"`],
    };
    const options = wrong({ [key]: SECRET });
    check(await rejected(() => pool.callTool("files__read_file", {}, options)), expected);
    check(await rejected(() => pool.call("files", "ping", {}, options)), expected);
    check(await rejected(() => pool.listTools("files", options)), expected);
  });

  test("of connect, removeClient and closeAll", async () => {
    const pool = await connectedPool();
    const expected: Expected = { code: "INVALID_CONFIG", path: "drainMS", says: [/"drainMs"/] };
    const options = wrong({ drainMS: 1 });
    check(await rejected(() => pool.removeClient("files", options)), expected);
    expect(pool.status().map(({ server }) => server)).toContain("files");
    check(await rejected(() => pool.connect(wrong({ signals: 1 }))), {
      code: "INVALID_CONFIG",
      path: "signals",
      says: [/"signal"/],
    });
  });
});

describe("wrong types", () => {
  test.each([[null], [5], ["http://127.0.0.1/"], [[]], [() => {}]])(
    "options of the pool: %j",
    (given) => {
      check(
        thrown(() => new McpClientPool(wrong(given))),
        { code: "INVALID_CONFIG", says: ["must be an object"] },
      );
    },
  );

  test.each<[string, unknown]>([
    ["servers", [{ command: "node" }]],
    ["servers", "mcp.json"],
    ["servers", null],
    ["clientInfo", "me"],
    ["clientInfo.version", { name: "me" }],
    ["clientInfo", { name: "me", version: "1", size: 1n }],
    ["onElicitation", true],
    ["onSampling", "auto"],
    ["onSampling.handler", {}],
    ["onLog", "console"],
    ["roots", "file:///tmp"],
    ["clock", {}],
    ["lazy", 1],
    ["trusted", "all"],
    ["timeouts", 5],
    ["reconnect", false],
    ["listen", "never"],
    ["outputValidation", true],
    ["tools", ["*"]],
  ])("option %s of the pool", (path, value) => {
    const [key = ""] = path.split(".");
    const error = thrown(() => new McpClientPool(wrong({ [key]: value })));
    check(error, { code: "INVALID_CONFIG", says: [key] });
    expect(String(Reflect.get(error as object, "path"))).toMatch(key);
  });

  test.each<[string, unknown]>([
    ["timeoutMs", "60s"],
    ["timeoutMs", 0],
    ["timeoutMs", NaN],
    ["totalTimeoutMs", Infinity],
    ["signal", new AbortController()],
    ["onProgress", true],
    ["meta", SECRET],
    ["requestId", 1.5],
    ["requestId", null],
    ["replay", true],
  ])("option %s of a call: %j", async (key, value) => {
    const pool = await connectedPool();
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path: key,
      says: [`option ${key} must be`],
    };
    const options = wrong({ [key]: value });
    check(await rejected(() => pool.callTool("files__read_file", {}, options)), expected);
    check(await rejected(() => pool.listTools(undefined, options)), expected);
  });

  test.each<[string, (pool: McpClientPool) => unknown, string]>([
    ["a tool's name", (pool) => pool.callTool(wrong(5)), "name of a tool"],
    ["no tool's name", (pool) => pool.callTool(wrong(undefined)), "name of a tool"],
    [
      "a tool's arguments",
      (pool) => pool.callTool("files__read_file", wrong([SECRET])),
      "arguments",
    ],
    [
      "a tool's arguments, null",
      (pool) => pool.callTool("files__read_file", wrong(null)),
      "arguments",
    ],
    ["a call's options", (pool) => pool.callTool("files__read_file", {}, wrong(5)), "options"],
    [
      "a call's options, null",
      (pool) => pool.callTool("files__read_file", {}, wrong(null)),
      "options",
    ],
    ["a method", (pool) => pool.call("files", wrong(5)), "method"],
    ["an empty method", (pool) => pool.call("files", ""), "method"],
    ["params", (pool) => pool.call("files", "ping", wrong([SECRET])), "params"],
    ["params of a notification", (pool) => pool.notify("files", "x/y", wrong(SECRET)), "params"],
    ["a URI", (pool) => pool.readResource("files", wrong(undefined)), "uri"],
    ["a listener", (pool) => pool.subscribeResource("files", "test:a", wrong(5)), "listener"],
    ["a prompt's name", (pool) => pool.getPrompt(wrong(5)), "server__prompt"],
    ["a prompt's name without a server", (pool) => pool.getPrompt("review"), "server__prompt"],
    ["a prompt's arguments", (pool) => pool.getPrompt("files__p", wrong(SECRET)), "arguments"],
    ["a log level", (pool) => pool.setLogLevel("files", wrong("loud")), "log level"],
    [
      "a completion's reference",
      (pool) => pool.complete("files", wrong(5), { name: "a", value: "" }),
      "ref",
    ],
    [
      "a completion's argument",
      (pool) => pool.complete("files", { type: "ref/prompt", name: "p" }, wrong(SECRET)),
      "argument",
    ],
    ["a drain time", (pool) => pool.removeClient("files", { drainMs: wrong("soon") }), "drainMs"],
    ["a drain time below zero", (pool) => pool.removeClient("files", { drainMs: -1 }), "drainMs"],
    ["options of removeClient", (pool) => pool.removeClient("files", wrong(null)), "options"],
    ["options of connect", (pool) => pool.connect(wrong(null)), "options"],
    ["a signal of connect", (pool) => pool.connect({ signal: wrong(5) }), "signal"],
    ["a listener of events", (pool) => pool.on("warning", wrong(undefined)), "listener"],
  ])("%s", async (_, action, says) => {
    const pool = await connectedPool();
    check(await rejected(() => action(pool)), { code: "INVALID_CONFIG", says: [says] });
    expect(pool.status().map(({ server }) => server)).toContain("files");
  });

  test("arguments that JSON cannot say", async () => {
    const pool = await connectedPool();
    const cycle: Record<string, unknown> = { token: SECRET };
    cycle["self"] = cycle;
    for (const args of [cycle, { big: 1n }]) {
      const error = await rejected(() => pool.callTool("files__read_file", args));
      check(error, { code: "INVALID_CONFIG" });
      expect(error).toMatchObject({ server: "files", method: "tools/call", sent: "no" });
    }
  });
});

describe("roots (7.7, 13.14)", () => {
  const bad: [string, unknown, string][] = [
    ["another scheme", [{ uri: `https://example.com/${SECRET}` }], "roots[0].uri"],
    ["a bare path", [{ uri: "file:///a" }, { uri: "/tmp" }], "roots[1].uri"],
    ["a way up", [{ uri: "file:///a/../b" }], "roots[0].uri"],
    ["an escaped way up", [{ uri: "file:///a/%2E%2e/b" }], "roots[0].uri"],
    ["no URI", [{}], "roots[0].uri"],
    ["null", [null], "roots[0].uri"],
  ];

  test.each(bad)("%s", async (_, roots, path) => {
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path,
      says: [path.replace(/[[\]]/g, "\\$&")],
    };
    check(
      thrown(() => new McpClientPool({ roots: wrong(roots) })),
      { ...expected, says: [] },
    );
    const pool = await connectedPool({ roots: [] });
    const error = await rejected(() => pool.setRoots(wrong(roots)));
    check(error, { ...expected, says: [] });
    expect((error as Error).message).toContain(path);
  });

  test.each([[undefined], [null], ["file:///a"], [{ uri: "file:///a" }]])(
    "setRoots(%j) is no array",
    async (roots) => {
      const pool = await connectedPool({ roots: [] });
      const error = await rejected(() => pool.setRoots(wrong(roots)));
      check(error, { code: "INVALID_CONFIG", path: "roots" });
    },
  );

  test("setRoots of a pool made without roots", async () => {
    const pool = await connectedPool();
    const error = await rejected(() => pool.setRoots([{ uri: "file:///a" }]));
    check(error, { code: "INVALID_CONFIG", path: "roots", says: ["made with the option roots"] });
  });
});

test.each<[string, (pool: McpClientPool) => unknown]>([
  ["connect", (pool) => pool.connect()],
  ["addClient", (pool) => pool.addClient("new", { command: "node" })],
  ["removeClient", (pool) => pool.removeClient("files")],
  ["listTools", (pool) => pool.listTools()],
  ["callTool", (pool) => pool.callTool("files__read_file")],
  ["call", (pool) => pool.call("files", "ping")],
  ["notify", (pool) => pool.notify("files", "notifications/x")],
  ["listResources", (pool) => pool.listResources()],
  ["listResourceTemplates", (pool) => pool.listResourceTemplates()],
  ["readResource", (pool) => pool.readResource("files", "test:a")],
  ["subscribeResource", (pool) => pool.subscribeResource("files", "test:a", () => {})],
  ["listPrompts", (pool) => pool.listPrompts()],
  ["getPrompt", (pool) => pool.getPrompt("files__p")],
  [
    "complete",
    (pool) => pool.complete("files", { type: "ref/prompt", name: "p" }, { name: "a", value: "" }),
  ],
  ["setLogLevel", (pool) => pool.setLogLevel("files", "info")],
  ["setRoots", (pool) => pool.setRoots([])],
])("%s after closeAll: CLOSED, and what to do", async (_, action) => {
  const pool = await connectedPool({ roots: [] });
  await pool.closeAll();
  check(await rejected(() => action(pool)), { code: "CLOSED", says: ["new McpClientPool"] });
  await pool.closeAll();
  expect(pool.allTools).toEqual([]);
});
