// Calls in a row that lose their connection: callers wait, unsent, until a ping of the pool's own is answered.

import { McpCircuitOpenError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcError } from "../support/http-server.ts";
import type { RequestContext, TestHttpServer } from "../support/http-server.ts";
import { settled } from "../support/manual-clock.ts";
import {
  byHand,
  collect,
  connected,
  cut,
  failure,
  lose,
  serve,
  startStream,
  textOf,
  unanswered,
} from "./support.ts";

/** Long enough to look around while it is open, short enough to wait for. */
const BREAKER = { failures: 5, openMs: 80, maxOpenMs: 80 };
const FOR_EVER = { ...BREAKER, openMs: 3_600_000, maxOpenMs: 3_600_000 };

type Fault = (context: RequestContext) => void;

const RESET: Fault = ({ req }) => req.socket.resetAndDestroy();
const FAULTS: [string, Fault][] = [
  ["reset", RESET],
  ["closed", ({ req }) => req.socket.destroy()],
  ["cut in the middle of a stream", (context) => cut(startStream(context))],
  ["502", ({ res }) => void res.writeHead(502).end()],
  ["503", ({ res }) => void res.writeHead(503).end()],
  ["504", ({ res }) => void res.writeHead(504).end()],
];

/** A server with a tool `work` that does what `work` says, and is well without it. */
async function faultyServer(): Promise<{ server: TestHttpServer; fault: { run?: Fault } }> {
  const fault: { run?: Fault } = {};
  const handler = (_args: unknown, context: RequestContext): unknown => {
    if (fault.run === undefined) return "done";
    fault.run(context);
    return unanswered();
  };
  const readOnly = { annotations: { readOnlyHint: true } };
  const server = await serve({ tools: { work: { handler }, read: { handler, ...readOnly } } });
  return { server, fault };
}

function circuitOf(pool: McpClientPool): string | undefined {
  return pool.status().find(({ server }) => server === "s")?.circuit;
}

/** Pings are answered like calls behind a proxy that has lost its server, until the function that this gives is called. */
function refusePings(server: TestHttpServer): () => void {
  let isRefused = true;
  server.options.onRequest = ({ body, res }) => {
    if (!isRefused || body?.method !== "ping") return false;
    res.writeHead(502).end();
    return true;
  };
  return () => {
    isRefused = false;
  };
}

async function untilClosed(pool: McpClientPool): Promise<void> {
  while (circuitOf(pool) !== "closed") await settled();
}

async function failTimes(pool: McpClientPool, times: number): Promise<void> {
  for (let count = 0; count < times; count++) {
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  }
}

describe("it opens", () => {
  test.each(FAULTS)(
    "%s, five in a row: callers wait, and what they ask is not sent",
    async (_name, run) => {
      const { server, fault } = await faultyServer();
      const pool = await connected(server, { breaker: FOR_EVER });
      const opened = collect(pool, "server.circuit-opened");
      refusePings(server);
      fault.run = run;
      await failTimes(pool, 4);
      expect([circuitOf(pool), opened]).toEqual(["closed", []]);
      await failTimes(pool, 1);
      expect(circuitOf(pool)).toBe("open");
      expect(opened).toMatchObject([{ server: "s", error: { server: "s", method: "tools/call" } }]);
      expect(Math.round(opened[0]?.forMs ?? 0)).toBe(3_600_000);
      delete fault.run;
      const calls = Array.from({ length: 20 }, () =>
        failure(pool.callTool("s__work", {}, { totalTimeoutMs: 200 })),
      );
      for (const error of await Promise.all(calls)) {
        expect(error).toBeInstanceOf(McpCircuitOpenError);
        expect(error).toMatchObject({ code: "CIRCUIT_OPEN", sent: "no", retryable: true });
      }
      expect(server.executionCount("work")).toBe(5);
      expect(server.requestsOf("tools/call")).toHaveLength(5);
    },
  );

  test("an answer in between begins the count anew", async () => {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: FOR_EVER });
    for (let round = 0; round < 3; round++) {
      fault.run = RESET;
      await failTimes(pool, 4);
      delete fault.run;
      await pool.callTool("s__work");
    }
    expect(circuitOf(pool)).toBe("closed");
  });

  test("32 calls that are lost together are one failure", async () => {
    const server = await serve({ tools: byHand(() => {}) });
    const pool = await connected(server, { breaker: FOR_EVER });
    refusePings(server);
    for (let round = 1; round <= 5; round++) {
      expect(circuitOf(pool)).toBe("closed");
      const calls = Array.from({ length: 32 }, () => failure(pool.callTool("s__work")));
      await server.until((one) => one.executionCount("work") === 32 * round);
      server.dropSockets();
      for (const error of await Promise.all(calls)) {
        expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      }
    }
    expect(circuitOf(pool)).toBe("open");
  });
});

describe("it never opens", () => {
  const TIMES = 12;

  test.each<[string, Fault, object]>([
    [
      "tool errors",
      ({ res, body }) =>
        json(res, 200, {
          jsonrpc: "2.0",
          id: body?.id,
          result: { content: [], isError: true },
        }),
      {},
    ],
    [
      "JSON-RPC errors",
      ({ res, body }) => json(res, 200, rpcError(body?.id ?? null, -32_603, "no")),
      {},
    ],
    [
      "JSON-RPC errors with the status of a gateway",
      ({ res, body }) => json(res, 503, rpcError(body?.id ?? null, -32_603, "no")),
      {},
    ],
    ["500", ({ res }) => void res.writeHead(500).end(), {}],
    [
      "pages instead of answers",
      ({ res }) => void res.writeHead(200, { "content-type": "text/html" }).end("<p>"),
      {},
    ],
    ["timeouts", () => {}, { timeoutMs: 10 }],
    ["timeouts after the head", (context) => void startStream(context), { timeoutMs: 10 }],
    ["429 for ever", ({ res }) => void res.writeHead(429, { "retry-after": "60" }).end(), {}],
    ["a session that is unknown", ({ res }) => void res.writeHead(404).end(), {}],
  ])("%s", async (name, run, options) => {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: { ...FOR_EVER, failures: 3 } });
    fault.run = run;
    for (let count = 0; count < (name === "a session that is unknown" ? 4 : TIMES); count++) {
      const outcome = await pool
        .callTool("s__work", {}, options)
        .catch((error: unknown) => error as { code?: string });
      expect(outcome).not.toMatchObject({ code: "CIRCUIT_OPEN" });
    }
    expect(circuitOf(pool)).toBe("closed");
    delete fault.run;
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
  });

  test("refused connections are the reconnect's affair", async () => {
    const { server } = await faultyServer();
    const pool = await connected(server, { breaker: { ...FOR_EVER, failures: 2 } });
    await lose(pool, server);
    for (let count = 0; count < 6; count++) {
      const error = await failure(pool.callTool("s__work", {}, { totalTimeoutMs: 40 }));
      expect(error).toMatchObject({ sent: "no" });
      expect(error.code).not.toBe("CIRCUIT_OPEN");
    }
    expect(circuitOf(pool)).toBe("closed");
    await server.listen();
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
  });

  test("calls that are given up by their callers", async () => {
    const server = await serve({ tools: byHand(() => {}) });
    const pool = await connected(server, { breaker: { ...FOR_EVER, failures: 1 } });
    for (let count = 1; count <= TIMES; count++) {
      const caller = new AbortController();
      const call = pool.callTool("s__work", {}, { signal: caller.signal });
      const ended = expect(call).rejects.toBe("enough");
      await server.until((one) => one.executionCount("work") === count);
      caller.abort("enough");
      await ended;
    }
    expect(circuitOf(pool)).toBe("closed");
  });
});

describe("it closes again", () => {
  async function opened(): Promise<{
    server: TestHttpServer;
    fault: { run?: Fault };
    pool: McpClientPool;
    events: string[];
    answerPings: () => void;
  }> {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: BREAKER });
    const events: string[] = [];
    pool.on("server.circuit-opened", ({ server: name }) => events.push(`${name} opened`));
    pool.on("server.circuit-closed", ({ server: name }) => events.push(`${name} closed`));
    const answerPings = refusePings(server);
    fault.run = RESET;
    await failTimes(pool, BREAKER.failures);
    expect(events).toEqual(["s opened"]);
    return { server, fault, pool, events, answerPings };
  }

  test("a ping that is answered closes it; callers that waited are served, and none of them was risked", async () => {
    const { server, fault, pool, events, answerPings } = await opened();
    const calls = Array.from({ length: 30 }, () => pool.callTool("s__work", { key: "waited" }));
    await server.until((one) => one.requestsOf("ping").length >= 3);
    expect(server.executionCount("work", "waited")).toBe(0);
    delete fault.run;
    answerPings();
    for (const call of calls) expect(await call).toEqual(textOf("done"));
    expect(server.executionCount("work", "waited")).toBe(30);
    expect([circuitOf(pool), events]).toEqual(["closed", ["s opened", "s closed"]]);
  });

  test("a tool that goes on losing its connection opens it again, and no call of it runs twice", async () => {
    const { server, pool, events, answerPings } = await opened();
    answerPings();
    await untilClosed(pool);
    let calls = BREAKER.failures;
    // The list that is fetched when it closes is an answer as well, and may begin the count anew.
    for (; events.length < 3 && calls < 20; calls++) await failTimes(pool, 1);
    expect(events).toEqual(["s opened", "s closed", "s opened"]);
    expect(server.executionCount("work")).toBe(calls);
  });

  test("a session that was lost meanwhile is begun anew by the ping, and callers do not hear of it", async () => {
    const { server, fault, pool, answerPings } = await opened();
    const call = pool.callTool("s__work", { key: "waited" });
    server.forgetSessions();
    delete fault.run;
    answerPings();
    expect(await call).toEqual(textOf("done"));
    expect(server.executionCount("work", "waited")).toBe(1);
    expect(server.requestsOf("initialize")).toHaveLength(2);
  });

  test("callers that have waited for the reconnect budget are told why, later ones at once", async () => {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: BREAKER, reconnect: { budgetMs: 300 } });
    refusePings(server);
    fault.run = RESET;
    await failTimes(pool, BREAKER.failures);
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "CIRCUIT_OPEN" });
    // Or with the outcome of the attempt that happens to be under way.
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ sent: "no" });
    expect(server.executionCount("work")).toBe(BREAKER.failures);
  });

  test("connect() closes it at once", async () => {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: FOR_EVER });
    const closed = collect(pool, "server.circuit-closed");
    const answerPings = refusePings(server);
    fault.run = RESET;
    await failTimes(pool, 5);
    delete fault.run;
    answerPings();
    await pool.connect();
    expect([circuitOf(pool), closed]).toEqual(["closed", [{ server: "s" }]]);
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
  });

  test("a pool with an open circuit closes like any other", async () => {
    const { server, fault } = await faultyServer();
    const pool = await connected(server, { breaker: FOR_EVER });
    fault.run = RESET;
    await failTimes(pool, 5);
    await pool.closeAll();
    await server.until(({ openSockets }) => openSockets === 0);
  });
});

describe("fault 19: a 503 storm", () => {
  const CALLS = 200;
  const WINDOW_SECONDS = 10;

  test.each<[string, object, (pool: McpClientPool) => Promise<unknown>, string]>([
    ["class R, with the breaker", {}, (pool) => pool.callTool("s__read"), "tools/call"],
    [
      "class R, without it",
      { failures: 1_000_000 },
      (pool) => pool.callTool("s__read"),
      "tools/call",
    ],
    ["class S, without it", { failures: 1_000_000 }, (pool) => pool.call("s", "ping"), "ping"],
  ])("%s: retries stay inside the budget", async (_name, breaker, ask, method) => {
    const { server } = await faultyServer();
    // A server that answers 503 gets one call after the other: most callers have no turn within their time.
    const timeouts = { totalTimeoutMs: 2_000 };
    const pool = await connected(server, { trusted: true, breaker, timeouts });
    const startedAt = performance.now();
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== method) return false;
      res.writeHead(503, { "retry-after": "0" }).end();
      return true;
    };
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next++ < CALLS) {
        const error = await failure(ask(pool));
        const { code } = error;
        expect(["HTTP_ERROR", "OUTCOME_UNKNOWN", "CIRCUIT_OPEN", "TIMEOUT"]).toContain(code);
        if (code === "CIRCUIT_OPEN" || code === "TIMEOUT") expect(error.sent).toBe("no");
      }
    };
    await Promise.all(Array.from({ length: 100 }, worker));
    const seconds = (performance.now() - startedAt) / 1_000 + WINDOW_SECONDS;
    const sent = server.requestsOf(method).length;
    expect(sent).toBeLessThanOrEqual(CALLS * 1.2 + 10 * seconds);
    expect(server.executionCount("read")).toBe(0);
    // Without the breaker something is tried again, or there would be nothing to bound.
    if ("failures" in breaker) {
      expect(pool.status()[0]?.counts.replays).toBeGreaterThan(0);
    }
  });
});
