// Interceptors in front of real servers, and the examples that users copy from.

import type { CallToolResult, JsonObject, McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { approval } from "../../examples/approval.ts";
import type { Question } from "../../examples/approval.ts";
import { redaction } from "../../examples/redaction.ts";
import { timing } from "../../examples/timing.ts";
import type { Timed } from "../../examples/timing.ts";
import { inputRequired, listRoots, textResult } from "../support/stateless-server.ts";
import type { TestHttpServer, TestTool } from "../support/http-server.ts";
import { serveStateless } from "../fault/stateless-harness.ts";
import { Ledger, scripted } from "../fault/stdio-harness.ts";
import {
  cut,
  failure,
  faulty,
  gate,
  nextEvent,
  poolOf,
  serve,
  unanswered,
} from "../fault/support.ts";

const TOOLS: Record<string, TestTool> = {
  pay: { description: "pays" },
  look: { description: "looks", annotations: { readOnlyHint: true } },
  fail: {
    handler: () => {
      throw new Error("card 4111 1111 1111 1111 refused");
    },
  },
};

async function shop(tools: Record<string, TestTool> = TOOLS): Promise<{
  server: TestHttpServer;
  pool: McpClientPool;
}> {
  const server = await serve({ tools });
  const pool = poolOf({ shop: { url: server.url, protocol: "legacy" } });
  expect((await pool.connect()).failed).toEqual({});
  return { server, pool };
}

function textOf({ content }: CallToolResult): string {
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

describe("what an interceptor is given", () => {
  test("options of its own, to write into, whether its caller gave any or not", async () => {
    const { server, pool } = await shop();
    const options = Object.freeze({ totalTimeoutMs: 60_000 });
    pool.use((request, next) => {
      Object.assign(request.options, { meta: { seen: true } });
      return next(request);
    });
    await pool.callTool("shop__pay", {});
    await pool.callTool("shop__pay", {}, options);
    await pool.call("shop", "tools/list");
    const sent = [...server.requestsOf("tools/call"), ...server.requestsOf("tools/list").slice(1)];
    expect(sent.map(({ body }) => body?.params?.["_meta"])).toEqual([
      { seen: true },
      { seen: true },
      { seen: true },
    ]);
  });

  test("a signal that is none makes a failed call, which is not sent later", async () => {
    const hold = gate();
    const server = await serve({ tools: { hold: { handler: () => hold.opened } } });
    const pool = poolOf({ s: server }, { limits: { inFlight: 1, queued: 5 } });
    await pool.connect();
    pool.use((request, next) =>
      request.params?.["arguments"] === WRONG
        ? next({ ...request, options: { signal: { aborted: false } as AbortSignal } })
        : next(request),
    );
    const first = pool.callTool("s__hold");
    await server.until(() => server.executionCount("hold") === 1);
    await expect(pool.callTool("s__hold", WRONG)).rejects.toThrow();
    hold.open();
    await first;
    await pool.callTool("s__hold");
    expect(server.executionCount("hold")).toBe(2);
    expect(pool.status()[0]?.counts).toMatchObject({ inFlight: 0, queued: 0, failed: 1 });
  });
});

const WRONG = { wrong: true };

describe("approval (examples/approval.ts)", () => {
  test("denied: a result that the model can read, and nothing was run", async () => {
    const { server, pool } = await shop();
    const asked: Question[] = [];
    pool.use(approval((question) => (asked.push(question), false)));
    const result = await pool.callTool("shop__pay", { sum: 5 });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain("pay");
    expect(asked).toMatchObject([{ server: "shop", tool: { name: "pay" }, args: { sum: 5 } }]);
    expect(server.executionCount("pay")).toBe(0);
    expect(server.requestsOf("tools/call")).toHaveLength(0);
  });

  test("allowed: run once; what only reads, and what is no call, is not asked about", async () => {
    const { server, pool } = await shop();
    const asked: string[] = [];
    pool.use(approval(async ({ tool }) => (asked.push(tool.name), true)));
    await pool.callTool("shop__pay", {});
    await pool.callTool("shop__look", {});
    await pool.listTools("shop");
    expect(asked).toEqual(["pay"]);
    expect([server.executionCount("pay"), server.executionCount("look")]).toEqual([1, 1]);
  });

  test("past the catalogue there is no way round it: nothing is known of the tool, so it is asked about", async () => {
    const { server, pool } = await shop();
    pool.use(approval(() => false));
    const result = await pool.call("shop", "tools/call", { name: "look", arguments: {} });
    expect(result["isError"]).toBe(true);
    expect(server.executionCount("look")).toBe(0);
  });

  test("what asking throws is the call's error, and nothing was run", async () => {
    const { server, pool } = await shop();
    const broken = new Error("the window was closed");
    pool.use(approval(() => Promise.reject(broken)));
    await expect(pool.callTool("shop__pay")).rejects.toBe(broken);
    expect(server.executionCount("pay")).toBe(0);
  });

  test("an abort ends the waiting; a late yes runs nothing", async () => {
    const { server, pool } = await shop();
    const door = gate();
    const asked = gate();
    pool.use(approval(async () => (asked.open(), await door.opened, true)));
    const abort = new AbortController();
    const call = pool.callTool("shop__pay", {}, { signal: abort.signal });
    await asked.opened;
    abort.abort(new Error("never mind"));
    await expect(call).rejects.toThrow("never mind");
    door.open();
    await pool.callTool("shop__look", {});
    expect(server.executionCount("pay")).toBe(0);
  });

  test("closeAll ends the waiting without a wait of its own; a late yes runs nothing", async () => {
    const { server, pool } = await shop();
    const door = gate();
    const asked = gate();
    pool.use(approval(async () => (asked.open(), await door.opened, true)));
    const call = failure(pool.callTool("shop__pay"));
    await asked.opened;
    // Nothing is under way: there is nothing to drain.
    await pool.closeAll({ drainMs: 1_000_000 });
    expect(await call).toMatchObject({ code: "CLOSED", sent: "no", method: "tools/call" });
    door.open();
    await server.until(({ openSockets }) => openSockets === 0);
    expect(server.executionCount("pay")).toBe(0);
  });

  test("the server is lost while the person thinks: the call waits for it, and runs once", async () => {
    const { server, pool } = await shop();
    const door = gate();
    const asked = gate();
    pool.use(approval(async () => (asked.open(), await door.opened, true)));
    const call = pool.callTool("shop__pay", { key: "k" });
    await asked.opened;
    await server.stop();
    const gone = nextEvent(pool, "server.disconnected");
    // Somebody else finds out.
    pool.call("shop", "tools/list").catch(() => {});
    await gone;
    door.open();
    server.forgetSessions();
    await server.listen();
    expect((await call).isError).toBeUndefined();
    expect(server.executionCount("pay", "k")).toBe(1);
    expect(server.initializeCount).toBe(2);
  });
});

describe("timing (examples/timing.ts)", () => {
  test("how each request ended, with whose name", async () => {
    const { pool } = await shop({
      ...TOOLS,
      lost: faulty(({ res }) => cut(res.writeHead(200, { "content-type": "text/event-stream" }))),
      hang: { handler: unanswered },
    });
    const times: Timed[] = [];
    pool.use(timing((timed) => void times.push(timed)));
    await pool.callTool("shop__look");
    await pool.callTool("shop__fail");
    await failure(pool.callTool("shop__lost"));
    await failure(pool.callTool("shop__hang", {}, { timeoutMs: 30 }));
    await expect(
      pool.callTool("shop__hang", {}, { signal: AbortSignal.timeout(30) }),
    ).rejects.toThrow();
    await failure(pool.call("shop", "no/such"));
    const seen = times
      .filter(({ what }) => what !== "tools/list")
      .map(({ what, outcome }) => [what, outcome]);
    expect(seen).toEqual([
      ["look", "ok"],
      ["fail", "tool-error"],
      ["lost", "OUTCOME_UNKNOWN"],
      ["hang", "TIMEOUT"],
      ["hang", "aborted"],
      ["no/such", "RESPONSE_ERROR"],
    ]);
    expect(times.every(({ server, tookMs }) => server === "shop" && tookMs >= 0)).toBe(true);
  });

  test("a report that throws is made once", async () => {
    const { server, pool } = await shop();
    let reports = 0;
    pool.use(
      timing(() => {
        reports += 1;
        throw new Error("no histogram");
      }),
    );
    await expect(pool.callTool("shop__pay")).rejects.toThrow("no histogram");
    expect([reports, server.executionCount("pay")]).toEqual([1, 1]);
  });
});

describe("redaction (examples/redaction.ts)", () => {
  const CARD = /\b\d{4}([ -]?\d{4}){3}\b/g;

  test("both ways, at any depth; keys, names and what does not match stay", async () => {
    const { server, pool } = await shop();
    pool.use(redaction(CARD));
    const args = {
      note: "card 4111 1111 1111 1111, and 5500-0000-0000-0004",
      deep: [{ "4111 1111 1111 1111": "key", number: 12 }],
    };
    await pool.callTool("shop__pay", args);
    const sent = server.requestsOf("tools/call")[0]?.body?.params?.["arguments"];
    expect(sent).toEqual({
      note: "card [redacted], and [redacted]",
      deep: [{ "4111 1111 1111 1111": "key", number: 12 }],
    });
    expect(args.note).toContain("4111");
    const failed = await pool.callTool("shop__fail");
    expect(textOf(failed)).toContain("card [redacted] refused");
  });

  test("a pattern without the flag g is replaced wherever it is found, too", async () => {
    const { server, pool } = await shop();
    pool.use(redaction(/secret/));
    await pool.callTool("shop__pay", { note: "secret, secret" });
    const sent = server.requestsOf("tools/call")[0]?.body?.params?.["arguments"];
    expect(sent).toEqual({ note: "[redacted], [redacted]" });
  });

  test("the result of a call that the server runs as a task is cleaned like any other", async () => {
    const server = await serveStateless({
      tools: {
        slow: {
          handler: (_args, { tasks }) =>
            tasks.createTask({
              pollIntervalMs: 1,
              onGet: (task) => task.complete(textResult("card 4111 1111 1111 1111")),
            }),
        },
      },
    });
    const pool = poolOf({ s: { url: server.url, protocol: "2026-07-28" } });
    await pool.connect();
    pool.use(redaction(CARD));
    const result = await pool.callTool("s__slow", {});
    expect(textOf(result)).toBe("card [redacted]");
  });
});

describe("around everything that happens inside next()", () => {
  test("a forgotten session is one request to an interceptor, and one execution", async () => {
    const { server, pool } = await shop();
    let runs = 0;
    pool.use((request, next) => {
      if (request.method === "tools/call") runs += 1;
      return next(request);
    });
    server.forgetSessions();
    await pool.callTool("shop__pay", { key: "k" });
    expect([runs, server.executionCount("pay", "k"), server.initializeCount]).toEqual([1, 1, 2]);
  });

  test("rounds of input of the stateless era happen inside", async () => {
    let runs = 0;
    const server = await serveStateless({
      tools: {
        ask: {
          handler: (_args, { inputResponses }) =>
            inputResponses === undefined
              ? inputRequired({ inputRequests: { r: listRoots() } })
              : "thanks",
        },
      },
    });
    const pool = poolOf(
      { s: { url: server.url, protocol: "2026-07-28" } },
      { roots: [{ uri: "file:///a" }] },
    );
    await pool.connect();
    pool.use((request, next) => {
      if (request.method === "tools/call") runs += 1;
      return next(request);
    });
    expect(textOf(await pool.callTool("s__ask"))).toBe("thanks");
    expect(runs).toBe(1);
  });

  test("over stdio, and for several servers: each is told whose request it is", async () => {
    const ledger = new Ledger();
    const server = await serve();
    const pool = poolOf({
      a: { url: server.url, protocol: "legacy" },
      b: { ...scripted(ledger), protocol: "legacy" },
    });
    await pool.connect();
    const seen: string[] = [];
    pool.use((request, next) => {
      seen.push(`${request.server} ${request.tool?.name}`);
      return next(request);
    });
    await pool.callTool("a__echo", { key: "k" });
    await pool.callTool("b__echo", { key: "k" });
    expect(seen).toEqual(["a echo", "b echo"]);
    expect([server.executionCount("echo", "k"), ledger.count("k")]).toEqual([1, 1]);
  });
});

describe("lists that a server lets us keep (stateless era)", () => {
  const KEPT = { "tools/list": { ttlMs: 600_000, cacheScope: "private" } };

  test.each<[string, (result: JsonObject) => JsonObject]>([
    ["given back as another", (result) => ({ ...result, tools: [] })],
    [
      "changed in place",
      (result) => {
        (result["tools"] as unknown[]).length = 0;
        return result;
      },
    ],
  ])("an answer that an interceptor has %s is not kept", async (_, change) => {
    const server = await serveStateless({ caching: KEPT });
    const pool = poolOf({ s: { url: server.url, protocol: "2026-07-28" } });
    await pool.connect();
    const remove = pool.use(async (request, next) => {
      const result = await next(request);
      return request.method === "tools/list" ? change(result) : result;
    });
    expect(await pool.listTools("s", { cache: "reload" })).toEqual([]);
    remove();
    expect((await pool.listTools("s")).map(({ name }) => name)).toEqual(["s__echo"]);
  });

  test("an answer that was only looked at is kept", async () => {
    const server = await serveStateless({ caching: KEPT });
    const pool = poolOf({ s: { url: server.url, protocol: "2026-07-28" } });
    await pool.connect();
    pool.use((request, next) => next(request));
    await pool.listTools("s", { cache: "reload" });
    const asked = server.requestsOf("tools/list").length;
    await pool.listTools("s");
    expect(server.requestsOf("tools/list")).toHaveLength(asked);
  });
});
