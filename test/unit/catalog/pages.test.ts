import { describe, expect, test } from "vitest";
import { listAll } from "../../../src/catalog/pages.ts";
import type { Connection } from "../../../src/connection/connection.ts";
import { resolveServer } from "../../../src/connection/options.ts";
import { McpConnectionError, McpHttpError, McpResponseError } from "../../../src/core/errors.ts";
import { ResponseCache } from "../../../src/catalog/response-cache.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { rejection, repairLog } from "../fakes.ts";

type Page = object | Error;

/** A connection whose pages are given by cursor; `first` is the page without one. */
function connectionOf(
  page: (cursor: unknown, request: number) => Page,
  {
    pages = 200,
    listItems = 100_000,
    listBytes = 64 * 1024 * 1024,
    strict = false,
    era = "session",
  } = {},
) {
  const asked: unknown[] = [];
  const quirks = repairLog({ strict });
  const connection = {
    quirks,
    description: { era, protocolVersion: era === "session" ? "2025-11-25" : "2026-07-28" },
    server: resolveServer("s", {
      url: "http://127.0.0.1/mcp",
      limits: { pages, listItems, listBytes },
    }),
    async request(_method: string, params: { cursor?: unknown }): Promise<object> {
      asked.push("cursor" in params ? params.cursor : "first");
      const result = page(params.cursor, asked.length);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  const cache = new ResponseCache({
    store: new Map(),
    clock: new ManualClock(),
    onWarning: () => {},
  });
  const list = (): Promise<unknown[]> =>
    listAll({ connection: connection as unknown as Connection, cache }, "tools/list", "tools");
  return { list, asked, quirks };
}

const invalidCursor = (): McpResponseError =>
  new McpResponseError("x", { rpcCode: -32602, rpcMessage: "invalid cursor" });

describe("walking (8.27)", () => {
  test("to the page without a cursor, in order, the cursor verbatim", async () => {
    const odd = "a b/ü==\n";
    const { list, asked } = connectionOf((cursor) =>
      cursor === undefined
        ? { tools: [1, 2], nextCursor: odd }
        : cursor === odd
          ? { tools: [], nextCursor: "last" }
          : { tools: [3] },
    );
    expect(await list()).toEqual([1, 2, 3]);
    expect(asked).toEqual(["first", odd, "last"]);
  });

  test.each(["session", "stateless"])(
    "an empty string is a cursor where it leads on (fault 58): %s",
    async (era) => {
      const { list, asked, quirks } = connectionOf(
        (cursor) => (cursor === undefined ? { tools: [1], nextCursor: "" } : { tools: [2] }),
        { era },
      );
      expect(await list()).toEqual([1, 2]);
      expect(asked).toEqual(["first", ""]);
      expect(quirks.counts).toEqual({});
    },
  );

  test("null ends the list like an absent cursor", async () => {
    const { list } = connectionOf(() => ({ tools: [1], nextCursor: null }));
    expect(await list()).toEqual([1]);
  });

  test.each<[string, unknown, unknown[]]>([
    ["absent", undefined, []],
    ["null (Go)", null, []],
    ["an empty object (Lua)", {}, []],
    [
      "an object with indices (PHP)",
      { 0: { name: "a" }, 2: { name: "b" } },
      [{ name: "a" }, { name: "b" }],
    ],
    ["one item", { name: "a" }, [{ name: "a" }]],
  ])("a page whose items are %s: taken for what is meant", async (_, tools, items) => {
    const { list, quirks } = connectionOf(() => ({ tools }));
    expect(await list()).toEqual(items);
    expect(quirks.counts).toEqual({ "list-not-array": 1 });
    const strict = connectionOf(() => ({ tools }), { strict: true });
    expect(await rejection(strict.list())).toMatchObject({ code: "PROTOCOL_ERROR", server: "s" });
    expect(strict.quirks.counts).toEqual({});
  });

  test.each(["text", 5, true, { a: 1 }])("a page whose items are %j is refused", async (tools) => {
    const { list } = connectionOf(() => ({ tools }));
    expect(await rejection(list())).toMatchObject({ code: "PROTOCOL_ERROR", server: "s" });
  });

  test("an item that two pages have comes once, in its first place", async () => {
    const pageOf = (cursor: unknown): object =>
      cursor === undefined
        ? { tools: [{ name: "a" }, { name: "b" }, { name: "b" }], nextCursor: "2" }
        : { tools: [{ name: "b" }, { name: "c" }] };
    const { list, quirks } = connectionOf(pageOf);
    expect(await list()).toEqual([{ name: "a" }, { name: "b" }, { name: "b" }, { name: "c" }]);
    expect(quirks.counts).toEqual({ "item-on-two-pages": 1 });
    expect(await connectionOf(pageOf, { strict: true }).list()).toHaveLength(5);
  });

  test("a page of 200,000 items is no problem for the stack", async () => {
    const page = { tools: Array.from({ length: 200_000 }, () => 0) };
    const { list } = connectionOf(() => page, { listItems: 200_000 });
    expect(await list()).toHaveLength(200_000);
  });
});

describe("guards (8.28, fault 58)", () => {
  test.each<
    [string, (cursor: unknown, request: number) => Page, { era?: string; strict?: boolean }]
  >([
    ["at once, strict", () => ({ tools: [1], nextCursor: "a" }), { strict: true }],
    ["at once, with ever new items", (_, n) => ({ tools: [n], nextCursor: "a" }), {}],
    ["in a ring", (cursor) => ({ tools: [1], nextCursor: cursor === "a" ? "b" : "a" }), {}],
    [
      "in a ring, without items",
      (cursor) => ({ tools: [], nextCursor: cursor === "a" ? "b" : "a" }),
      {},
    ],
    [
      "as an empty one, with ever new items, stateless",
      (_, n) => ({ tools: [n], nextCursor: "" }),
      { era: "stateless" },
    ],
    ["as an empty one, strict", () => ({ tools: [1], nextCursor: "" }), { strict: true }],
  ])("a cursor repeated %s ends it with an error", async (_, page, options) => {
    const { list, asked } = connectionOf(page, options);
    expect(await rejection(list())).toMatchObject({ code: "LIMIT_EXCEEDED", method: "tools/list" });
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  test.each<[string, unknown[], unknown[]]>([
    ["empty", [1, 2], []],
    ["the same again", [1, 2], [2]],
  ])("a last page that names itself, %s: the end of the list", async (_, items, last) => {
    const { list, quirks } = connectionOf((cursor, request) =>
      cursor === undefined
        ? { tools: items.slice(0, 1), nextCursor: "end" }
        : { tools: request === 2 ? items.slice(1) : last, nextCursor: "end" },
    );
    expect(await list()).toEqual([1, 2]);
    expect(quirks.counts).toMatchObject({ "cursor-repeated": 1 });
  });

  test.each<[string, object]>([
    ["session", {}],
    ["stateless", { era: "stateless" }],
  ])("the same page for every cursor: the list is that page, %s", async (_, options) => {
    const { list, asked, quirks } = connectionOf(
      () => ({ tools: [1, 2], nextCursor: "a" }),
      options,
    );
    expect(await list()).toEqual([1, 2]);
    expect(asked).toEqual(["first", "a"]);
    expect(quirks.counts).toMatchObject({ "cursor-repeated": 1 });
  });

  test("the page limit is exact", async () => {
    const pagesOf = (count: number) => (_: unknown, request: number) =>
      request < count ? { tools: [request], nextCursor: String(request) } : { tools: [request] };
    expect(await connectionOf(pagesOf(5), { pages: 5 }).list()).toHaveLength(5);
    const { list, asked } = connectionOf(pagesOf(6), { pages: 5 });
    const error = (await rejection(list())) as Error;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect((error as Error).message).toContain("limits.pages");
    expect(asked).toHaveLength(5);
  });

  test.each([{}, true, false, []])("a cursor that is %j is none", async (nextCursor) => {
    const { list, asked, quirks } = connectionOf(() => ({ tools: [1], nextCursor }));
    expect(await list()).toEqual([1]);
    expect(asked).toHaveLength(1);
    expect(quirks.counts).toEqual({ "cursor-not-string": 1 });
  });

  test("a cursor that is a number goes back as it came", async () => {
    const { list, asked, quirks } = connectionOf((cursor) =>
      cursor === undefined ? { tools: [1], nextCursor: 50 } : { tools: [2] },
    );
    expect(await list()).toEqual([1, 2]);
    expect(asked).toEqual(["first", 50]);
    expect(quirks.counts).toEqual({ "cursor-not-string": 1 });
  });

  test.each([5, {}, true, false, 0, []])(
    "strict: a cursor that is %j ends it with an error",
    async (nextCursor) => {
      const { list } = connectionOf(() => ({ tools: [], nextCursor }), { strict: true });
      expect(await rejection(list())).toMatchObject({ code: "LIMIT_EXCEEDED" });
    },
  );

  describe.each(["", 0])("the cursor %j that means the end", (nextCursor) => {
    const first = { tools: [1, 2], nextCursor };
    test.each<[string, Page]>([
      ["the first page again", first],
      ["an empty page", { tools: [], nextCursor }],
      ["an empty page without a cursor", { tools: [] }],
      ["null for a page", { tools: null }],
      ["-32602", invalidCursor()],
      ["-32603", new McpResponseError("x", { rpcCode: -32603, rpcMessage: "no" })],
      ["status 500", new McpHttpError("x", { status: 500 })],
    ])("is asked for once, and answered with %s", async (_, second) => {
      const { list, asked, quirks } = connectionOf((cursor) =>
        cursor === undefined ? first : second,
      );
      expect(await list()).toEqual([1, 2]);
      expect(asked).toEqual(["first", nextCursor]);
      expect(quirks.counts).toMatchObject({ "empty-cursor": 1 });
    });

    test("on the last of several pages", async () => {
      const { list, asked } = connectionOf((cursor) =>
        cursor === "b"
          ? { tools: [2], nextCursor }
          : cursor === nextCursor
            ? first
            : { tools: [1], nextCursor: "b" },
      );
      expect(await list()).toEqual([1, 2]);
      expect(asked).toEqual(["first", "b", nextCursor]);
    });

    test("after a page that it led to", async () => {
      const { list, asked, quirks } = connectionOf((cursor) =>
        cursor === undefined ? first : { tools: [3], nextCursor },
      );
      expect(await list()).toEqual([1, 2, 3]);
      expect(asked).toHaveLength(2);
      expect(quirks.counts).toEqual({ "empty-cursor": 1 });
    });

    test("a connection that is lost on the way is no end", async () => {
      const lost = new McpConnectionError("CONNECTION_LOST", "x");
      const { list } = connectionOf((cursor) => (cursor === undefined ? first : lost));
      expect(await rejection(list())).toBe(lost);
    });
  });

  test("a stale cursor: from the start once, without doubled items", async () => {
    const { list, asked } = connectionOf((cursor, request) =>
      cursor === undefined
        ? { tools: [request], nextCursor: "next" }
        : request === 2
          ? invalidCursor()
          : { tools: ["end"] },
    );
    expect(await list()).toEqual([3, "end"]);
    expect(asked).toEqual(["first", "next", "first", "next"]);
  });

  test("stale again: the server's own error, after one restart", async () => {
    const { list, asked } = connectionOf((cursor) =>
      cursor === undefined ? { tools: [1], nextCursor: "next" } : invalidCursor(),
    );
    expect(await rejection(list())).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: -32602 });
    expect(asked).toHaveLength(4);
  });

  test("-32602 to the first page, or another error, is no stale cursor", async () => {
    const first = connectionOf(() => invalidCursor());
    expect(await rejection(first.list())).toMatchObject({ rpcCode: -32602 });
    expect(first.asked).toHaveLength(1);
    const lost = connectionOf((cursor) =>
      cursor === undefined
        ? { tools: [1], nextCursor: "next" }
        : new McpConnectionError("CONNECTION_LOST", "x"),
    );
    expect(await rejection(lost.list())).toMatchObject({ code: "CONNECTION_LOST" });
    expect(lost.asked).toHaveLength(2);
  });
});

describe("limits while a list is walked", () => {
  const endless = (page: (n: number) => object[]) => (_cursor: unknown, request: number) => {
    return { tools: page(request), nextCursor: `c${request}` };
  };

  test("items beyond limits.listItems are left out, and no further page is asked for", async () => {
    const { list, asked, quirks } = connectionOf(
      endless((n) => [{ name: `a${n}` }, { name: `b${n}` }, { name: `c${n}` }]),
      { listItems: 7 },
    );
    expect(await list()).toHaveLength(7);
    expect(asked).toHaveLength(3);
    expect(quirks.counts).toEqual({ "list-too-long": 1 });
    expect(quirks.warnings.join()).toMatch(/tools\/list.*limits\.listItems/);
  });

  test.each<[string, object]>([
    ["text", { name: "n", description: "d".repeat(1_000) }],
    ["objects that are empty", Array.from({ length: 40 }, () => ({}))],
    ["long keys", { name: "n", ["k".repeat(1_000)]: 1 }],
    ["nested objects", { name: "n", a: JSON.parse('{"a":'.repeat(40) + "1" + "}".repeat(40)) }],
  ])("more than limits.listBytes of %s: refused at the page that is too much", async (_, item) => {
    const { list, asked } = connectionOf(
      endless(() => [item]),
      { listBytes: 10_000, strict: true },
    );
    const error = (await rejection(list())) as Error;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", server: "s", method: "tools/list" });
    expect(error.message).toContain("limits.listBytes");
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.length).toBeLessThan(20);
  });

  test("a cursor that is no cursor any more is not sent back", async () => {
    const { list, asked } = connectionOf((_cursor, request) => {
      return { tools: [], nextCursor: "x".repeat(request === 1 ? 65_536 : 65_537) };
    });
    const error = (await rejection(list())) as Error;
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(error.message.length).toBeLessThan(300);
    expect(asked).toHaveLength(2);
  });

  test("of a long page other work gets its turn", async () => {
    const items = Array.from({ length: 20_000 }, (_, n) => ({ name: `t${n}` }));
    const { list } = connectionOf(() => ({ tools: items }));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    expect(await list()).toHaveLength(20_000);
    isDone = true;
    expect(turns).toBeGreaterThan(30);
  });
});
