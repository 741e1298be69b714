import { McpOutcomeUnknownError } from "mcp-client-pool";
import type { ReplayOption } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { sseEvent } from "../support/http-server.ts";
import type { RequestContext, TestHttpServerOptions } from "../support/http-server.ts";
import {
  connected,
  cut,
  failure,
  faulty,
  serve,
  startStream,
  TestClock,
  textOf,
  toolResult,
  unanswered,
} from "./support.ts";

/** A tool whose stream breaks, and what a GET with a cursor is answered. */
function resumable(
  fault: (context: RequestContext) => void,
  resume: (context: RequestContext, cursor: string, call: RequestContext) => void,
): TestHttpServerOptions {
  let call: RequestContext;
  return {
    tools: {
      work: {
        handler(_args, context) {
          call = context;
          fault(context);
          return unanswered();
        },
      },
    },
    onRequest(context) {
      const cursor = context.headers["last-event-id"];
      if (context.method !== "GET" || typeof cursor !== "string") return false;
      resume(context, cursor, call);
      return true;
    },
  };
}

const PRIMING = "id: 1\nretry: 1\ndata: \n\n";
const cursors = (server: Awaited<ReturnType<typeof serve>>): unknown[] =>
  server.requestsOf("GET").flatMap(({ headers }) => headers["last-event-id"] ?? []);

describe("fault 25: cut after an event id", () => {
  test.each<[string, (context: RequestContext) => void]>([
    ["the connection breaks", (context) => cut(startStream(context), PRIMING)],
    // 3.24
    ["the server ends the stream", (context) => startStream(context).end(PRIMING)],
  ])("3.22 %s: resumed by GET, exec 1", async (_name, fault) => {
    const server = await serve(
      resumable(fault, (context, _cursor, call) => {
        startStream(context).end(sseEvent(toolResult(call, "late"), "2"));
      }),
    );
    const pool = await connected(server);
    expect(await pool.callTool("s__work")).toEqual(textOf("late"));
    expect(cursors(server)).toEqual(["1"]);
    const [resumption] = server.requests.filter(({ headers }) => headers["last-event-id"]);
    expect(server.sessions.has(String(resumption?.headers["mcp-session-id"]))).toBe(true);
    expect(server.executionCount("work")).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
  });

  test("3.21 cut again and again: each resumption continues where the last one broke, exec 1", async () => {
    const progress: number[] = [];
    const server = await serve(
      resumable(
        (context) => cut(startStream(context), PRIMING),
        (context, cursor, call) => {
          const stream = startStream(context);
          const next = Number(cursor) + 1;
          const params = { progressToken: call.body?.id, progress: next };
          const event = { jsonrpc: "2.0", method: "notifications/progress", params };
          if (next <= 6) cut(stream, sseEvent(event, String(next)));
          else stream.end(sseEvent(toolResult(call, "at last"), "9"));
        },
      ),
    );
    const pool = await connected(server);
    const result = await pool.callTool(
      "s__work",
      {},
      { onProgress: (p) => progress.push(p.progress) },
    );
    expect(result).toEqual(textOf("at last"));
    expect(cursors(server)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(progress).toEqual([2, 3, 4, 5, 6]);
    expect(server.executionCount("work")).toBe(1);
  });

  test.each([404, 405, 400])(
    "3.27 the GET is answered with %i: OUTCOME_UNKNOWN, exec 1",
    async (status) => {
      const server = await serve(
        resumable(
          (context) => cut(startStream(context), PRIMING),
          ({ res }) => res.writeHead(status).end(),
        ),
      );
      const pool = await connected(server);
      const error = await failure(pool.callTool("s__work"));
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", sent: "yes" });
      expect(server.executionCount("work")).toBe(1);
    },
  );

  test("3.27 resumptions that bring nothing: five, then OUTCOME_UNKNOWN, exec 1", async () => {
    const server = await serve(
      resumable(
        (context) => cut(startStream(context), PRIMING),
        (context) => cut(startStream(context)),
      ),
    );
    const pool = await connected(server);
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(cursors(server)).toEqual(["1", "1", "1", "1", "1"]);
    expect(server.executionCount("work")).toBe(1);
  });
});

describe("fault 26: cut without an id", () => {
  const cuts: [string, (context: RequestContext) => void][] = [
    ["in the stream", (context) => cut(startStream(context))],
    ["by the end of the stream", (context) => startStream(context).end(": end\n\n")],
    // Faults 6 and 7.
    ["before the head", ({ res }) => res.destroy()],
    // Fault 10.
    [
      "in a JSON body",
      ({ res }) => {
        res.writeHead(200, { "content-type": "application/json", "content-length": "999" });
        cut(res, '{"jsonrpc":');
      },
    ],
  ];
  const readOnly = { readOnlyHint: true };
  const idempotent = { idempotentHint: true };

  const lost: [string, boolean, object | undefined, ReplayOption | undefined][] = [
    ["U: nothing is known of the tool", false, undefined, undefined],
    ["U: trusted, but no hint", true, undefined, undefined],
    [
      "U: trusted, and the hints say no",
      true,
      { readOnlyHint: false, idempotentHint: false },
      "safe",
    ],
    ["U: read-only by the word of an untrusted server", false, readOnly, undefined],
    ["U: idempotent by the word of an untrusted server", false, idempotent, "safe"],
    ['U with replay "never"', false, undefined, "never"],
    ['R with replay "never"', true, readOnly, "never"],
  ];
  const replayed: typeof lost = [
    ["R: trusted and read-only", true, readOnly, undefined],
    ["R: trusted and idempotent", true, idempotent, "safe"],
    ['U with replay "always"', false, undefined, "always"],
  ];

  describe.each(cuts)("%s", (_where, fault) => {
    test.each(lost)("%s: OUTCOME_UNKNOWN, exec 1", async (_name, trusted, annotations, replay) => {
      const work = faulty(fault, annotations === undefined ? {} : { annotations });
      const server = await serve({ tools: { work } });
      const pool = await connected(server, { trusted });
      const error = await failure(pool.callTool("s__work", { key: "k" }, { replay }));
      expect(error).toBeInstanceOf(McpOutcomeUnknownError);
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", method: "tools/call" });
      expect(error.sent).not.toBe("no");
      expect(error.message).toMatch(/may have run once/);
      expect(server.executionCount("work")).toBe(1);
      // The next call is not affected.
      expect(await pool.callTool("s__work")).toEqual(textOf("done"));
      expect(server.executionCount("work", "k")).toBe(1);
      expect(server.initializeCount).toBe(1);
    });

    test.each(replayed)("%s: one result, exec 2", async (_name, trusted, annotations, replay) => {
      const work = faulty(fault, annotations === undefined ? {} : { annotations });
      const server = await serve({ tools: { work } });
      const pool = await connected(server, { trusted });
      expect(await pool.callTool("s__work", {}, { replay })).toEqual(textOf("done"));
      expect(server.executionCount("work")).toBe(2);
      const ids = server.requestsOf("tools/call").map(({ body }) => body?.id);
      expect(new Set(ids).size).toBe(2);
      expect(pool.status()[0]?.counts.replays).toBe(1);
    });

    test("R, again and again: one replay, then OUTCOME_UNKNOWN, exec 2", async () => {
      const server = await serve({
        tools: { work: faulty(fault, { times: 9, annotations: readOnly }) },
      });
      const pool = await connected(server, { trusted: true });
      expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      expect(server.executionCount("work")).toBe(2);
    });

    test('S: asked again; with replay "never" it is not', async () => {
      const server = await serve();
      const pool = await connected(server);
      let left = 2;
      server.options.onRequest = (context) => {
        if (context.body?.method !== "tools/list" || left-- <= 0) return false;
        fault(context);
        return true;
      };
      const error = await failure(pool.listTools("s", { replay: "never" }));
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      expect(server.requestsOf("tools/list").length).toBe(2);
      expect(await pool.listTools("s")).toMatchObject([{ name: "s__echo" }]);
      expect(server.requestsOf("tools/list").length).toBe(4);
    });
  });
});

describe("fault 27: retry: 5000", () => {
  const isWait = (delayMs: number): boolean => delayMs >= 4_000 && delayMs < 8_000;

  test("3.23 a broken call is not resumed before the server's wait is over", async () => {
    const clock = new TestClock();
    const server = await serve(
      resumable(
        (context) => cut(startStream(context), "retry: 5000\nid: 1\ndata: \n\n"),
        (context, _cursor, call) => {
          startStream(context).end(sseEvent(toolResult(call, "late")));
        },
      ),
    );
    const pool = await connected(server, {}, { clock });
    clock.holds = isWait;
    const calling = pool.callTool("s__work");
    await Promise.race([clock.untilHeld(), calling]);
    expect(clock.held[0]).toBeGreaterThanOrEqual(5_000);
    expect(cursors(server)).toEqual([]);
    clock.release();
    expect(await calling).toEqual(textOf("late"));
    expect(server.executionCount("work")).toBe(1);
  });

  test("3.16 3.23 nor is the change stream opened again", async () => {
    const clock = new TestClock();
    const server = await serve();
    server.options.onRequest = (context) => {
      if (context.method !== "GET") return false;
      startStream(context).end("retry: 5000\ndata: \n\n");
      return true;
    };
    clock.holds = isWait;
    const pool = await connected(server, {}, { clock });
    await clock.untilHeld();
    expect(clock.held[0]).toBeGreaterThanOrEqual(5_000);
    expect(server.requestsOf("GET").length).toBe(1);
    expect(pool.status()[0]?.state).toBe("ready");
    clock.release();
    await server.until((one) => one.requestsOf("GET").length === 2);
  });
});
