// Calls of the stateless era that are given up, and calls whose answer is lost: what is told to the server, what is
// sent again, and how often a tool runs.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/cancellation

import { McpOutcomeUnknownError, McpTimeoutError } from "mcp-client-pool";
import type { CallOptions, McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { failure, nextEvent } from "../fault/support.ts";
import { sseEvent } from "../support/http-server.ts";
import { until } from "../support/processes.ts";
import { textResult, toolCall } from "../support/stateless-server.ts";
import type { HandlerContext, Stage, StatelessServerOptions } from "../support/stateless-server.ts";
import {
  answer,
  connected,
  connectedChild,
  EVERYTHING,
  idsOf,
  messages,
  NOTE,
  serve,
  untilAborted,
} from "./stateless.ts";
import type { ByHand } from "./stateless.ts";

describe("cancellation", () => {
  const slow: StatelessServerOptions = {
    tools: { echo: {}, slow: { handler: (_, { signal }) => untilAborted(signal) } },
  };

  test("4.10, 8.24: over HTTP the stream is closed, and nothing is said", async () => {
    const server = await serve(slow);
    const pool = await connected(server);
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const call = pool.callTool("s__slow", {}, { signal: abort.signal }).catch((e: unknown) => e);
    await server.until(() => server.executionCount("slow") === 1);
    abort.abort(reason);
    expect(await call).toBe(reason);
    await server.until(({ cancelled }) => cancelled.length === 1);
    expect(server.cancelled).toMatchObject([{ method: "tools/call", name: "slow" }]);
    await pool.callTool("s__echo");
    expect(messages(server, "notifications/cancelled")).toEqual([]);
    expect(server.executionCount("slow")).toBe(1);
  });

  test.each(["json", "sse"] as const)(
    "4.10, 8.22: a timeout closes the stream too, and the call is not repeated (%s)",
    async (form) => {
      const handler = (_: object, context: HandlerContext): Promise<string> => {
        if (form === "sse") context.openStream();
        return untilAborted(context.signal);
      };
      const server = await serve({ tools: { slow: { handler } } });
      const pool = await connected(server);
      const error = await failure(
        pool.callTool("s__slow", {}, { timeoutMs: 50, replay: "always" }),
      );
      expect(error).toBeInstanceOf(McpTimeoutError);
      // A head is a reaction of the server's.
      const sent = form === "sse" ? "yes" : "unknown";
      expect(error).toMatchObject({ limit: "silence", sent });
      await server.until(({ cancelled }) => cancelled.length === 1);
      expect(messages(server, "notifications/cancelled")).toEqual([]);
      expect(server.executionCount("slow")).toBe(1);
    },
  );

  test("4.10, 8.22: the total limit ends a call that reports progress for ever", async () => {
    const handler = (_: object, { progress, signal }: HandlerContext): Promise<string> => {
      let value = 0;
      const timer = setInterval(() => progress((value += 1)), 5);
      return untilAborted(signal).finally(() => clearInterval(timer));
    };
    const server = await serve({ tools: { busy: { handler } } });
    const pool = await connected(server);
    const options = { timeoutMs: 60, totalTimeoutMs: 99, onProgress: () => {} };
    const error = await failure(pool.callTool("s__busy", {}, options));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total" });
    await server.until(({ cancelled }) => cancelled.length === 1);
    expect(messages(server, "notifications/cancelled")).toEqual([]);
  });

  test("8.25: an abort before anything is written sends nothing, one after the end is nothing", async () => {
    const server = await serve(slow);
    const pool = await connected(server);
    const reason = new Error("never mind");
    const call = pool.callTool("s__echo", {}, { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
    const abort = new AbortController();
    await pool.callTool("s__echo", {}, { signal: abort.signal });
    abort.abort();
    await pool.callTool("s__echo");
    expect(messages(server, "tools/call").length).toBe(2);
    expect(server.cancelled).toEqual([]);
  });

  const given: readonly [string, (abort: AbortController) => CallOptions][] = [
    ["an abort", ({ signal }) => ({ signal })],
    ["a timeout", () => ({ timeoutMs: 99 })],
    ["the total limit", () => ({ totalTimeoutMs: 99 })],
  ];

  test.each(given)(
    "6.6, 8.24: on stdio %s sends notifications/cancelled",
    async (what, options) => {
      const { pool, ledger } = await connectedChild();
      const abort = new AbortController();
      const args = { key: "run", releaseFile: `${ledger.file}.never` };
      const call = pool.callTool("s__slow", args, { ...options(abort), requestId: "mine" });
      const outcome = call.catch((error: unknown) => error);
      await until(() => ledger.count("run") === 1, "the call to run");
      if (what === "an abort") abort.abort();
      const error = await outcome;
      if (what === "an abort") expect(error).toBe(abort.signal.reason);
      else expect(error).toBeInstanceOf(McpTimeoutError);
      await until(() => ledger.count("aborted run") === 1, "the call to be cancelled");
      expect(ledger.count('cancelled "mine"')).toBe(1);
      expect(ledger.count("run")).toBe(1);
      // The process lives on (6.11).
      await pool.callTool("s__echo");
      expect(ledger.starts).toBe(1);
    },
  );
});

describe("a lost answer (4.11, 4.12, 4.13, fault 34)", () => {
  const stages: readonly Stage[] = ["answer", "stream", "event"];
  const marked = {
    risky: {},
    reads: { annotations: { readOnlyHint: true } },
    sets: { annotations: { idempotentHint: true } },
  };

  test.each(stages)(
    "cut at the %s, class U: OUTCOME_UNKNOWN after one execution",
    async (stage) => {
      const server = await serve({ tools: marked });
      const pool = await connected(server, { trusted: true });
      server.cut("tools/call", stage);
      const error = await failure(pool.callTool("s__risky"));
      expect(error).toBeInstanceOf(McpOutcomeUnknownError);
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", method: "tools/call" });
      expect(error.message).toContain("risky");
      expect(error.sent).not.toBe("no");
      expect(server.executionCount("risky")).toBe(1);
      // The next call is served, with an id that was never used.
      await pool.callTool("s__risky");
      const ids = idsOf(server.requests);
      expect(new Set(ids).size).toBe(ids.length);
    },
  );

  test.each(stages.flatMap((stage) => ["reads", "sets"].map((tool) => [stage, tool] as const)))(
    "cut at the %s, %s of a trusted server: once more, with a new id",
    async (stage, tool) => {
      const server = await serve({ tools: marked });
      const pool = await connected(server, { trusted: true });
      server.cut("tools/call", stage);
      await expect(pool.callTool(`s__${tool}`, { a: 1 })).resolves.toBeDefined();
      expect(server.executionCount(tool)).toBe(2);
      expect(pool.status()).toMatchObject([{ counts: { replays: 1 } }]);
      const sent = messages(server, "tools/call");
      expect(new Set(idsOf(sent)).size).toBe(2);
      // The same again, headers included.
      const [first, second] = sent;
      expect(second?.body?.params).toEqual(first?.body?.params);
      expect(second?.headers).toMatchObject({ "mcp-method": "tools/call", "mcp-name": tool });
    },
  );

  test("13.6: annotations of a server that is not trusted permit nothing", async () => {
    const server = await serve({ tools: marked });
    const pool = await connected(server);
    server.cut("tools/call", "stream");
    expect(await failure(pool.callTool("s__reads"))).toBeInstanceOf(McpOutcomeUnknownError);
    expect(server.executionCount("reads")).toBe(1);
  });

  const safe: readonly [string, (pool: McpClientPool, options: CallOptions) => Promise<unknown>][] =
    [
      ["tools/list", (pool, options) => pool.listTools("s", options)],
      ["resources/list", (pool, options) => pool.listResources("s", options)],
      ["resources/templates/list", (pool, options) => pool.listResourceTemplates("s", options)],
      ["resources/read", (pool, options) => pool.readResource("s", NOTE, options)],
      ["prompts/list", (pool, options) => pool.listPrompts("s", options)],
      ["prompts/get", (pool, options) => pool.getPrompt("s__travel", {}, options)],
      [
        "completion/complete",
        (pool, options) => {
          const ref = { type: "ref/prompt", name: "travel" } as const;
          return pool.complete("s", ref, { name: "to", value: "" }, undefined, options);
        },
      ],
      ["server/discover", (pool, options) => pool.call("s", "server/discover", {}, options)],
    ];

  test.each(safe)("class S is asked again, once, with a new id: %s", async (method, ask) => {
    const server = await serve(EVERYTHING);
    const pool = await connected(server);
    const before = messages(server, method).length;
    server.cut(method, "stream");
    await ask(pool, {});
    const sent = messages(server, method).slice(before);
    expect(sent.length).toBe(2);
    expect(new Set(idsOf(sent)).size).toBe(2);
    server.cut(method, "stream", 2);
    await expect(ask(pool, {})).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(messages(server, method).length).toBe(before + 4);
  });

  test('replay: "never" forbids it to every class, "always" permits it to every class', async () => {
    const server = await serve({ ...EVERYTHING, tools: marked });
    const pool = await connected(server, { trusted: true });
    server.cut("resources/read", "stream");
    await expect(pool.readResource("s", NOTE, { replay: "never" })).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
    });
    expect(messages(server, "resources/read").length).toBe(1);
    server.cut("tools/call", "stream");
    await expect(pool.callTool("s__reads", {}, { replay: "never" })).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
    });
    expect(server.executionCount("reads")).toBe(1);
    server.cut("tools/call", "stream");
    await pool.callTool("s__risky", {}, { replay: "always" });
    expect(server.executionCount("risky")).toBe(2);
  });

  test("4.7, 4.12: event ids and retry are nothing here: no GET, no Last-Event-ID, no wait", async () => {
    const server = await serve(EVERYTHING);
    const pool = await connected(server);
    const withId: ByHand = ({ res }) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write("id: 1\nretry: 600000\ndata:\n\n", () => res.destroy());
    };
    answer(server, "tools/call", withId);
    expect(await failure(pool.callTool("s__echo"))).toBeInstanceOf(McpOutcomeUnknownError);
    answer(server, "resources/read", withId);
    await pool.readResource("s", NOTE);
    expect(messages(server, "resources/read").length).toBe(2);
    expect(server.requestsOf("GET")).toEqual([]);
  });

  test("4.13: a stream that breaks after its answer has lost nothing", async () => {
    const server = await serve();
    const pool = await connected(server);
    answer(server, "tools/call", ({ body, res }) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      const event = sseEvent({ jsonrpc: "2.0", id: body?.id, result: textResult("there") });
      res.write(event, () => res.destroy());
    });
    expect(await pool.callTool("s__echo")).toEqual(textResult("there"));
    await pool.callTool("s__echo");
    expect(messages(server, "tools/call").length).toBe(2);
  });

  test("4.13: what was never written is sent when the server is back, whatever its class", async () => {
    const server = await serve({ tools: marked });
    const pool = await connected(server, { listen: false });
    await server.stop();
    const down = nextEvent(pool, "server.disconnected");
    // Class S: whatever became of its first attempt, it finds out that nobody is there.
    pool.listTools("s").catch(() => {});
    await down;
    const call = pool.callTool("s__risky");
    await server.listen();
    await expect(call).resolves.toBeDefined();
    expect(server.executionCount("risky")).toBe(1);
  });

  test("fifty calls cut at once: each is unknown, each ran once", async () => {
    const server = await serve({ tools: marked });
    const pool = await connected(server);
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const hold = server.hold("tools/call", "stream");
    const calls = keys.map((key) => failure(pool.callTool("s__risky", { key })));
    await server.until(() => hold.waiting === 50);
    hold.cut();
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(["OUTCOME_UNKNOWN"]));
    expect(keys.map((key) => server.executionCount("risky", key))).toEqual(keys.map(() => 1));
  });

  test("6.9: a process that dies in a call, class U: OUTCOME_UNKNOWN, and the next one is asked", async () => {
    const { pool, ledger } = await connectedChild();
    const error = await failure(pool.callTool("s__crash", { key: "boom" }));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    await pool.callTool("s__echo", { key: "after" });
    expect([ledger.count("boom"), ledger.count("after"), ledger.starts]).toEqual([1, 1, 2]);
    expect(ledger.count("initialize 2025-11-25")).toBe(0);
    expect(pool.status()).toMatchObject([{ era: "stateless" }]);
  });

  test('6.9: with replay: "always" it runs once more, on the next process, and not a third time', async () => {
    const { pool, ledger } = await connectedChild();
    const error = await failure(pool.callTool("s__crash", { key: "boom" }, { replay: "always" }));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect([ledger.count("boom"), ledger.starts >= 2]).toEqual([2, true]);
  });

  test("toolCall matches by name: one of two calls is cut, the other is answered", async () => {
    const server = await serve({ tools: marked });
    const pool = await connected(server);
    server.cut(toolCall("risky", "a"), "answer");
    const [a, b] = await Promise.all([
      failure(pool.callTool("s__risky", { key: "a" })),
      pool.callTool("s__risky", { key: "b" }),
    ]);
    expect(a).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(b).toMatchObject({ content: [{ text: '{"key":"b"}' }] });
  });
});
