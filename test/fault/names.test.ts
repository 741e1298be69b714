import { McpToolNotFoundError, splitToolName } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import type { TestHttpServer, TestTool } from "../support/http-server.ts";
import { collect, connected, failure, poolOf, serve, textOf } from "./support.ts";

const ACCEPTABLE = /^[A-Za-z0-9_-]{1,64}$/;
const LONG = "x".repeat(200);

function toolsOf(names: readonly string[]): Record<string, TestTool> {
  return Object.fromEntries(names.map((name) => [name, { handler: () => `I am ${name}` }]));
}

/** Calls every tool of the pool, and expects each to have been itself, once. */
async function expectRouted(
  pool: Awaited<ReturnType<typeof connected>>,
  servers: Readonly<Record<string, TestHttpServer>>,
): Promise<void> {
  for (const { name, server, tool } of pool.allTools) {
    const before = servers[server]?.executionCount(tool.name);
    expect(await pool.callTool(name)).toEqual(textOf(`I am ${tool.name}`));
    expect(servers[server]?.executionCount(tool.name)).toBe((before ?? 0) + 1);
  }
}

describe("fault 56: names", () => {
  test.each<[string, string[]]>([
    ["plain", ["echo", "read_file", "a-b", "A", "0", "_", "-"]],
    [
      "odd characters",
      ["a b", "a.b", "a/b", "ä", "名前", "😀", "a\nb", "\u202ea", "", " ", "a\u0000"],
    ],
    ["separators", ["a__b", "__a", "a__", "__", "_", "___", "a__b__c", "_a"]],
    ["200 characters", [LONG, `${LONG}y`, `y${LONG}`, LONG.slice(0, 61), LONG.slice(0, 62)]],
    ["alike once sanitised", ["a b", "a_b", "a.b", "a-b", "a/b", "a__b", "A_b", "a😀b"]],
    ["named as others' hashes", ["x_deadbeef", "deadbeef", "_deadbeef", "x_DEADBEEF", "x_deadbee"]],
    ["names of Object.prototype", ["constructor", "toString", "hasOwnProperty", "valueOf"]],
  ])("%s: acceptable, unique, in the server's order, and routed", async (_name, names) => {
    const server = await serve({ tools: toolsOf(names) });
    const pool = await connected(server);
    // What the test server lists: an object's own order puts integers first.
    const listed = Object.keys(toolsOf(names));
    expect(pool.allTools.map(({ tool }) => tool.name)).toEqual(listed);
    const shown = pool.allTools.map(({ name }) => name);
    expect(shown.filter((name) => !ACCEPTABLE.test(name))).toEqual([]);
    expect(new Set(shown).size).toBe(names.length);
    expect(shown.map((name) => splitToolName(name)?.server)).toEqual(names.map(() => "s"));
    await expectRouted(pool, { s: server });
  });

  test("a tool may be named as another's name was made: both are there, and routed", async () => {
    const first = await serve({ tools: toolsOf(["a b", LONG]) });
    const made = (await connected(first)).allTools.map(({ name }) => splitToolName(name)?.tool);
    const server = await serve({ tools: toolsOf(["a b", LONG, ...made.map(String)]) });
    const pool = await connected(server);
    expect(new Set(pool.allTools.map(({ name }) => name)).size).toBe(4);
    await expectRouted(pool, { s: server });
  });

  test("plain names are kept as they are, and lead back", async () => {
    const server = await serve({ tools: toolsOf(["read_file", "a__b", "__x"]) });
    const pool = await connected(server);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__read_file", "s__a__b", "s____x"]);
    expect(pool.allTools.map(({ name }) => splitToolName(name)?.tool)).toEqual([
      "read_file",
      "a__b",
      "__x",
    ]);
  });

  test("the same tools on many servers do not clash", async () => {
    const names = ["echo", "b__echo", "a b", LONG];
    const serverNames = ["a", "a-b", "a_b", "_a", "-", "x".repeat(32)];
    const servers = Object.fromEntries(
      await Promise.all(
        serverNames.map(async (name) => [name, await serve({ tools: toolsOf(names) })] as const),
      ),
    );
    const pool = poolOf(servers);
    expect((await pool.connect()).connected).toEqual(serverNames);
    const shown = pool.allTools.map(({ name }) => name);
    expect(new Set(shown).size).toBe(names.length * serverNames.length);
    expect(shown.filter((name) => !ACCEPTABLE.test(name))).toEqual([]);
    expect(pool.allTools.map(({ name }) => splitToolName(name)?.server)).toEqual(
      serverNames.flatMap((name) => names.map(() => name)),
    );
    await expectRouted(pool, servers);
  });

  test.each(["", "a b", "a__b", "a_", "_", "__", "ä", "a.b", "x".repeat(33), "a\n"])(
    "a server cannot be named %j, because the name could not be taken apart",
    async (name) => {
      const server = await serve();
      const pool = poolOf({});
      expect(await failure(pool.addClient(name, server.url))).toMatchObject({
        code: "INVALID_CONFIG",
      });
      expect(server.requests).toEqual([]);
    },
  );

  test("the names are the same in another pool, in another order, and after a restart", async () => {
    const names = ["a b", LONG, "echo", "x_deadbeef", "名前"];
    const server = await serve({ tools: toolsOf(names) });
    const backwards = await serve({ tools: toolsOf(names.toReversed()) });
    const pool = await connected(server);
    const other = await connected(backwards);
    const shown = pool.allTools.map(({ name }) => name);
    expect(other.allTools.map(({ name }) => name)).toEqual(shown.toReversed());
    const changes = collect(pool, "tools.changed");
    await server.restart();
    await pool.listTools("s");
    expect(server.initializeCount).toBe(2);
    expect(pool.allTools.map(({ name }) => name)).toEqual(shown);
    expect(changes).toEqual([]);
    await expectRouted(pool, { s: server });
  });

  test("a name that is not there is refused with near matches, and nothing is sent", async () => {
    const server = await serve({ tools: toolsOf(["create_issue", "a b"]) });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__create_isue"));
    expect(error).toBeInstanceOf(McpToolNotFoundError);
    expect(error).toMatchObject({ nearMatches: ["s__create_issue"], sent: "no" });
    // The server's own name is no name in the pool: routing does not guess.
    expect(await failure(pool.callTool("s__a b"))).toBeInstanceOf(McpToolNotFoundError);
    expect(server.requestsOf("tools/call")).toEqual([]);
  });
});

describe("fault 56: 5,000 tools", () => {
  const names = Array.from({ length: 5_001 }, (_, index) => `tool ${index}`);

  test("all are shown, in order, under unique names, and are routed", async () => {
    const server = await serve({ tools: toolsOf(names.slice(0, 5_000)) });
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    await pool.connect();
    expect(pool.allTools.map(({ tool }) => tool.name)).toEqual(names.slice(0, 5_000));
    expect(new Set(pool.allTools.map(({ name }) => name)).size).toBe(5_000);
    expect(warnings).toEqual([]);
    for (const index of [0, 2_500, 4_999]) {
      const name = pool.allTools[index]?.name ?? "";
      expect(await pool.callTool(name)).toEqual(textOf(`I am tool ${index}`));
    }
  });

  test("one more is left out, with a warning, until the limit is raised", async () => {
    const server = await serve({ tools: toolsOf(names) });
    const pool = poolOf({ s: server, more: { url: server.url, limits: { tools: 5_001 } } });
    const warnings = collect(pool, "warning");
    await pool.connect();
    const count = (from: string): number =>
      pool.allTools.filter((tool) => tool.server === from).length;
    expect([count("s"), count("more")]).toEqual([5_000, 5_001]);
    expect(warnings).toMatchObject([{ server: "s", message: expect.stringContaining("5000") }]);
  });
});
