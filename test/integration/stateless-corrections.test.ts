// What a stateless server rejects without running it, and what is put right before it is sent again, once.
// https://modelcontextprotocol.io/specification/2026-07-28/basic#error-codes

import { McpResponseError, McpTimeoutError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { failure } from "../fault/support.ts";
import {
  headerMismatch,
  missingCapability,
  RpcError,
  unsupportedVersion,
} from "../support/stateless-server.ts";
import type { StatelessRecord, StatelessServer } from "../support/stateless-server.ts";
import { connected, EVERYTHING, idsOf, messages, NOTE, serve, untilAborted } from "./stateless.ts";

describe("what is put right (4.14)", () => {
  const requests: readonly [string, (pool: McpClientPool) => Promise<unknown>][] = [
    ["tools/list", (pool) => pool.listTools("s")],
    ["tools/call", (pool) => pool.callTool("s__echo")],
    ["resources/list", (pool) => pool.listResources("s")],
    ["resources/templates/list", (pool) => pool.listResourceTemplates("s")],
    ["resources/read", (pool) => pool.readResource("s", NOTE)],
    ["prompts/list", (pool) => pool.listPrompts("s")],
    ["prompts/get", (pool) => pool.getPrompt("s__travel")],
    ["test/own", (pool) => pool.call("s", "test/own")],
  ];

  /** The requests of `method` that came while `ask` was under way. */
  async function during<T>(
    server: StatelessServer,
    method: string,
    ask: () => Promise<T>,
  ): Promise<StatelessRecord[]> {
    const before = messages(server, method).length;
    await ask();
    return messages(server, method).slice(before);
  }

  test.each(requests)(
    "-32022 is answered by the version in common, once: %s",
    async (method, ask) => {
      const server = await serve({ ...EVERYTHING, methods: { "test/own": () => ({}) } });
      const pool = await connected(server);
      server.reject(method, unsupportedVersion(["2025-11-25", "2026-07-28"]));
      const sent = await during(server, method, () => ask(pool));
      expect(sent.length).toBe(2);
      expect(new Set(idsOf(sent)).size).toBe(2);
      expect(sent.map(({ body }) => body?.params)).toEqual([
        sent[0]?.body?.params,
        sent[0]?.body?.params,
      ]);
      expect(messages(server, "server/discover").length).toBe(1);
    },
  );

  test.each(requests)("-32022 twice is an error: %s", async (method, ask) => {
    const server = await serve({ ...EVERYTHING, methods: { "test/own": () => ({}) } });
    const pool = await connected(server);
    server.reject(method, unsupportedVersion(["2026-07-28"]), 2);
    const sent = await during(server, method, () =>
      expect(ask(pool)).rejects.toMatchObject({ rpcCode: -32022, status: 400 }),
    );
    expect(sent.length).toBe(2);
    expect(messages(server, "server/discover").length).toBe(1);
    expect(pool.status()).toMatchObject([{ state: "ready", era: "stateless" }]);
  });

  test.each([[["2027-01-01"]], [[]], [undefined], [["x", 1]]])(
    "-32022 that names %j is surfaced with its data",
    async (supported) => {
      const server = await serve();
      const pool = await connected(server);
      const data = { supported, requested: "2026-07-28" };
      server.reject("tools/call", new RpcError(-32022, "no", data, 400));
      const error = await failure(pool.callTool("s__echo"));
      expect(error).toBeInstanceOf(McpResponseError);
      expect(error).toMatchObject({
        rpcCode: -32022,
        data: supported === undefined ? { requested: "2026-07-28" } : data,
      });
      expect(messages(server, "tools/call").length).toBe(1);
    },
  );

  test("-32022 that names sessions only: the era is agreed anew, once, and a call that may be repeated sent again", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.reject("tools/call", unsupportedVersion(["2025-06-18", "2025-11-25"]));
    await pool.callTool("s__echo", {}, { replay: "always" });
    expect(server.executionCount("echo")).toBe(1);
    expect(messages(server, "tools/call").length).toBe(2);
    expect(messages(server, "server/discover").length).toBe(2);
    expect(pool.status()).toMatchObject([{ era: "stateless", counts: { renewals: 1 } }]);
  });

  test("-32020 on a tool call has the tools listed and the call sent again, each once", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.reject("tools/call", headerMismatch());
    const lists = messages(server, "tools/list").length;
    await pool.callTool("s__echo");
    expect(messages(server, "tools/call").length).toBe(2);
    expect(messages(server, "tools/list").length).toBeGreaterThan(lists);
    expect(server.executionCount("echo")).toBe(1);
    server.reject("tools/call", headerMismatch("again"), 2);
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ rpcCode: -32020, rpcMessage: "again", status: 400 });
    expect(messages(server, "tools/call").length).toBe(4);
    expect(server.executionCount("echo")).toBe(1);
  });

  test.each(requests.filter(([method]) => method !== "tools/call"))(
    "-32020 elsewhere is an error at once: %s",
    async (method, ask) => {
      const server = await serve({ ...EVERYTHING, methods: { "test/own": () => ({}) } });
      const pool = await connected(server);
      server.reject(method, headerMismatch());
      const sent = await during(server, method, () =>
        expect(ask(pool)).rejects.toMatchObject({ rpcCode: -32020 }),
      );
      expect(sent.length).toBe(1);
    },
  );

  test("-32021 is surfaced, with what is missing and the option that declares it", async () => {
    const elicitation = { elicitation: { form: {} } };
    const tools = {
      ask: { requires: elicitation },
      both: { requires: { sampling: {}, roots: {} } },
      odd: { requires: { "com.example/x": {} } },
    };
    const server = await serve({ tools });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      rpcCode: -32021,
      status: 400,
      sent: "yes",
      data: { requiredCapabilities: elicitation },
    });
    expect(error.message).toMatch(/elicitation.*onElicitation/);
    expect((await failure(pool.callTool("s__both"))).message).toMatch(
      /sampling, roots.*onSampling.*roots/,
    );
    expect((await failure(pool.callTool("s__odd"))).message).toContain("com.example/x");
    expect(messages(server, "tools/call").length).toBe(3);
    expect(server.executionCount("ask")).toBe(0);
  });

  test.each(requests)("-32021 is surfaced for any request, at once: %s", async (method, ask) => {
    const server = await serve({ ...EVERYTHING, methods: { "test/own": () => ({}) } });
    const pool = await connected(server);
    server.reject(method, missingCapability({ sampling: {} }));
    const sent = await during(server, method, async () => {
      const error = await failure(ask(pool));
      expect(error).toMatchObject({ rpcCode: -32021, method });
      expect(error.message).toContain("onSampling");
    });
    expect(sent.length).toBe(1);
  });

  test.each(["json", "sse"] as const)(
    "one of each cause, each once, in one call, as %s: it runs once, under the third id",
    async (replies) => {
      const server = await serve({ replies });
      const pool = await connected(server);
      server.reject("tools/call", unsupportedVersion(["2026-07-28"]));
      server.reject("tools/call", headerMismatch());
      await pool.callTool("s__echo");
      const sent = messages(server, "tools/call");
      expect(sent.length).toBe(3);
      expect(new Set(idsOf(sent)).size).toBe(3);
      expect(server.executionCount("echo")).toBe(1);
    },
  );

  test("4.14: -32022 with 200 may be a tool's own word: put right for what is harmless, final for a tool", async () => {
    const server = await serve({ replies: "sse" });
    const pool = await connected(server);
    const { code, message, data } = unsupportedVersion(["2026-07-28"]);
    server.reject("tools/list", new RpcError(code, message, data, 200));
    expect(await pool.listTools("s", { cache: "reload" })).toHaveLength(pool.allTools.length);
    server.reject("tools/call", new RpcError(code, message, data, 200));
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({ rpcCode: code, sent: "yes" });
    expect(messages(server, "tools/call").length).toBe(1);
  });

  test.each(["json", "sse"] as const)(
    "4.14: a tool that ran and answers 200 with -32020, as a gateway does, runs once (%s)",
    async (replies) => {
      const handler = (): never => {
        throw new RpcError(-32020, "upstream says no", undefined, 200);
      };
      const server = await serve({ replies, tools: { relay: { handler } } });
      const pool = await connected(server);
      const error = await failure(pool.callTool("s__relay"));
      expect(error).toMatchObject({ rpcCode: -32020, sent: "yes" });
      expect(server.executionCount("relay")).toBe(1);
    },
  );

  test("1.4: the caller's id is for the first request only", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.reject("tools/call", unsupportedVersion(["2026-07-28"]));
    await pool.callTool("s__echo", {}, { requestId: "mine" });
    const [first, second] = idsOf(messages(server, "tools/call"));
    expect(first).toBe("mine");
    expect(second).not.toBe("mine");
  });

  test("a correction lives in the call's total time (8.22)", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.reject("tools/call", unsupportedVersion(["2026-07-28"]));
    server.options.tools = { echo: { handler: (_, { signal }) => untilAborted(signal) } };
    const error = await failure(pool.callTool("s__echo", {}, { totalTimeoutMs: 99 }));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total" });
    await server.until(({ cancelled }) => cancelled.length === 1);
  });
});
