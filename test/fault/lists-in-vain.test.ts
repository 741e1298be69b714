// Lists that lead nowhere, fail at first, or cannot be had: the tools work all the same.

import { describe, expect, test } from "vitest";
import { json, rpcError, rpcResult } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { collect, connected, failure, poolOf, serve, textOf } from "./support.ts";

/** Answers `tools/list` with a result, or with an error of that code. */
function listing(server: TestHttpServer, answer: () => object | number | undefined): void {
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== "tools/list") return false;
    const given = answer();
    if (given === undefined) return false;
    const id = body.id ?? null;
    json(res, 200, typeof given === "number" ? rpcError(id, given, "no") : rpcResult(id, given));
    return true;
  };
}

const page = { tools: [{ name: "t", inputSchema: { type: "object" } }], nextCursor: "again" };

test("one page for every cursor: the list is that page, named once", async () => {
  const server = await serve();
  listing(server, () => page);
  const pool = poolOf({ s: server });
  const warnings = collect(pool, "warning");
  await pool.connect();
  expect(pool.allTools).toMatchObject([{ name: "s__t" }]);
  expect(server.requestsOf("tools/list")).toHaveLength(2);
  await pool.listTools();
  expect(warnings).toMatchObject([{ code: "item-on-two-pages" }, { code: "cursor-repeated" }]);
});

test("strict: one page for every cursor is an error", async () => {
  const server = await serve();
  listing(server, () => page);
  const { failed } = await poolOf({ s: server }, { strict: true }).connect();
  expect(failed["s"]).toMatchObject({ code: "LIMIT_EXCEEDED", method: "tools/list" });
});

test("a call that waited for a list which was refused was not sent, and says so", async () => {
  const server = await serve();
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== "tools/list") return false;
    res.writeHead(410).end();
    return true;
  };
  const pool = poolOf({ s: { url: server.url, lazy: true } });
  const error = await failure(pool.callTool("s__echo"));
  expect(error).toMatchObject({ code: "HTTP_ERROR", method: "tools/list", sent: "no" });
  expect(server.requestsOf("tools/call")).toHaveLength(0);
});

describe("a first list that fails", () => {
  test.each([
    ["-32603", -32_603],
    ["no list", { tools: "loading" }],
  ])("%s: connect() waits for the next look", async (_, first) => {
    const server = await serve();
    let asked = 0;
    listing(server, () => (asked++ === 0 ? first : undefined));
    const pool = poolOf({ s: server });
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    expect(asked).toBe(2);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(pool.status()[0]?.quirks).toMatchObject({ "list-late": 1 });
  });

  test("strict: connect() fails at once", async () => {
    const server = await serve();
    let asked = 0;
    listing(server, () => (asked++ === 0 ? -32_603 : undefined));
    const { failed } = await poolOf({ s: server }, { strict: true }).connect();
    expect(failed["s"]).toMatchObject({ code: "RESPONSE_ERROR" });
    expect(asked).toBe(1);
  });
});

test("a tool that was added without a word is found by a call for it", async () => {
  const server = await serve({ tools: { echo: {} } });
  const pool = await connected(server);
  server.options.tools = { echo: {}, late: {} };
  expect(await pool.callTool("s__late")).toEqual(textOf("{}"));
  expect(server.executionCount("late")).toBe(1);
});

describe("a server that has tools and no method that lists them", () => {
  const serveUnlisted = async (): Promise<TestHttpServer> => {
    const server = await serve();
    listing(server, () => -32_601);
    return server;
  };

  test("its tools are called by their names", async () => {
    const server = await serveUnlisted();
    const pool = await connected(server);
    expect(pool.allTools).toEqual([]);
    expect(await pool.callTool("s__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(pool.status()[0]?.quirks).toMatchObject({ "list-not-found": expect.any(Number) });
  });

  test("the list is there later: what it does not have is not called", async () => {
    const server = await serveUnlisted();
    const pool = await connected(server);
    listing(server, () => undefined);
    await pool.listTools("s");
    expect(await failure(pool.callTool("s__other"))).toMatchObject({ code: "TOOL_NOT_FOUND" });
    expect(server.requestsOf("tools/call")).toHaveLength(0);
  });

  test("what tools.deny hides, and any tool of a pool with pins, is not called", async () => {
    const server = await serveUnlisted();
    const { url } = server;
    const pools = [
      poolOf({ s: { url, tools: { deny: ["e*"] } } }),
      poolOf({ s: server }, { pin: new Map<string, string>() }),
    ];
    for (const pool of pools) {
      await pool.connect();
      expect(await failure(pool.callTool("s__echo"))).toMatchObject({ code: "TOOL_NOT_FOUND" });
    }
    expect(server.requestsOf("tools/call")).toHaveLength(0);
  });
});
