import { describe, expect, test } from "vitest";
import { listAll } from "../../../src/catalog/pages.ts";
import type { Connection } from "../../../src/connection/connection.ts";
import { resolveServer } from "../../../src/connection/options.ts";
import { McpConnectionError, McpResponseError } from "../../../src/core/errors.ts";
import { ResponseCache } from "../../../src/catalog/response-cache.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { rejection } from "../fakes.ts";

type Page = object | Error;

/** A connection whose pages are given by cursor; `first` is the page without one. */
function connectionOf(page: (cursor: unknown, request: number) => Page, pages = 200) {
  const asked: unknown[] = [];
  const connection = {
    server: resolveServer("s", { url: "http://127.0.0.1/mcp", limits: { pages } }),
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
  return { list, asked };
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

  test("an empty string is a cursor (fault 58)", async () => {
    const { list, asked } = connectionOf((cursor) =>
      cursor === undefined ? { tools: [1], nextCursor: "" } : { tools: [2] },
    );
    expect(await list()).toEqual([1, 2]);
    expect(asked).toEqual(["first", ""]);
  });

  test("null ends the list like an absent cursor", async () => {
    const { list } = connectionOf(() => ({ tools: [1], nextCursor: null }));
    expect(await list()).toEqual([1]);
  });

  test.each([undefined, null, {}, "text", 5])(
    "a page whose items are %j is refused",
    async (tools) => {
      const { list } = connectionOf(() => ({ tools }));
      expect(await rejection(list())).toMatchObject({ code: "PROTOCOL_ERROR", server: "s" });
    },
  );

  test("a page of 200,000 items is no problem for the stack", async () => {
    const { list } = connectionOf(() => ({ tools: Array.from({ length: 200_000 }, () => 0) }));
    expect(await list()).toHaveLength(200_000);
  });
});

describe("guards (8.28, fault 58)", () => {
  test.each([
    ["at once", (cursor: unknown) => ({ tools: [1], nextCursor: cursor ?? "a" })],
    ["in a ring", (cursor: unknown) => ({ tools: [1], nextCursor: cursor === "a" ? "b" : "a" })],
    ["an empty one", () => ({ tools: [1], nextCursor: "" })],
  ])("a cursor repeated %s ends it with an error", async (_, page) => {
    const { list, asked } = connectionOf(page);
    expect(await rejection(list())).toMatchObject({ code: "LIMIT_EXCEEDED", method: "tools/list" });
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  test("the page limit is exact", async () => {
    const pagesOf = (count: number) => (_: unknown, request: number) =>
      request < count ? { tools: [request], nextCursor: String(request) } : { tools: [request] };
    expect(await connectionOf(pagesOf(5), 5).list()).toHaveLength(5);
    const { list, asked } = connectionOf(pagesOf(6), 5);
    const error = await rejection(list());
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect((error as Error).message).toContain("limits.pages");
    expect(asked).toHaveLength(5);
  });

  test.each([5, {}, true, []])("a cursor that is %j ends it with an error", async (nextCursor) => {
    const { list } = connectionOf(() => ({ tools: [], nextCursor }));
    expect(await rejection(list())).toMatchObject({ code: "LIMIT_EXCEEDED" });
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
