import { McpAuthError, McpHttpError } from "mcp-client-pool";
import type { McpErrorCode } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import {
  askedOf,
  connect,
  cutsStream,
  endsEarly,
  hangs,
  plain,
  poolAt,
  refusedWith,
  refuse,
  resets,
  serveEra,
  serveHttpSse,
  statusOf,
} from "./negotiation-harness.ts";
import type { Answer } from "./negotiation-harness.ts";
import { collect, TestClock, textOf } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";
const json = { "content-type": "application/json" };

/** What the probe is answered with, where that is no evidence; and the error, if initialize is answered alike. */
interface Guess {
  readonly name: string;
  readonly answer: readonly Answer[];
  readonly code: McpErrorCode;
  readonly holds?: object;
  readonly state: "failed" | "backoff" | "auth-required";
}

const GUESSES: readonly Guess[] = [
  ...(
    [
      ["HTML", plain(200, "<html>hello</html>")],
      ["text", plain(200, "hello", { "content-type": "text/plain" })],
      ["unparsable JSON", plain(200, '{"jsonrpc":', json)],
      ["JSON that is no JSON-RPC", plain(200, '{"hello":"world"}', json)],
      ["an empty body", plain(200, "", json)],
      ["202", plain(202)],
      ["204", plain(204, "", {})],
    ] as const
  ).map(([what, answer]): Guess => ({
    name: `H6 2xx with ${what}`,
    answer: [answer],
    code: "PROTOCOL_ERROR",
    state: "failed",
  })),

  {
    name: "H16 401",
    answer: [plain(401, "", { "www-authenticate": "Bearer" })],
    code: "AUTH_REQUIRED",
    state: "auth-required",
  },
  {
    name: "H16 401 with a JSON-RPC error",
    answer: [refuse(401, -32000)],
    code: "AUTH_REQUIRED",
    state: "auth-required",
  },
  {
    name: "H16 403 that asks for a wider scope",
    answer: [plain(403, "", { "www-authenticate": 'Bearer error="insufficient_scope"' })],
    code: "INSUFFICIENT_SCOPE",
    state: "auth-required",
  },
  {
    name: "H17 403",
    answer: [plain(403)],
    code: "HTTP_ERROR",
    holds: { status: 403 },
    state: "failed",
  },
  {
    name: "H17 403 with a JSON-RPC error",
    answer: [refuse(403, -32000)],
    code: "RESPONSE_ERROR",
    holds: { status: 403 },
    state: "failed",
  },

  ...[500, 501, 502, 503, 504, 520].flatMap((status): Guess[] => [
    {
      name: `H18 ${status}`,
      answer: [plain(status)],
      code: "HTTP_ERROR",
      holds: { status },
      state: "backoff",
    },
    {
      name: `H18 ${status} with a JSON-RPC error`,
      answer: [refuse(status, -32603, undefined, { nameless: true })],
      code: "RESPONSE_ERROR",
      holds: { status },
      state: "backoff",
    },
  ]),

  ...[endsEarly, cutsStream].flatMap((first) =>
    [endsEarly, cutsStream].map((second): Guess => ({
      name: `H21 a stream that ${first === endsEarly ? "ends" : "is cut"}, then one that ${second === endsEarly ? "ends" : "is cut"}`,
      answer: [first, second],
      code: "CONNECTION_LOST",
      state: "backoff",
    })),
  ),

  {
    name: "H23 a reset before the answer",
    answer: [resets],
    code: "CONNECTION_LOST",
    state: "backoff",
  },
];

const named = GUESSES.map((row): [string, Guess] => [row.name, row]);

describe("table 2b: a probe that is no evidence", () => {
  test.each(named)("%s: initialize in the same attempt", async (_, { answer }) => {
    const server = await serveEra({ era: "sessions" }, { "server/discover": answer });
    const pool = poolAt(server);
    const warnings = collect(pool, "warning");
    expect(await connect(pool)).toMatchObject({
      state: "ready",
      era: "session",
      protocolVersion: LATEST,
      quirks: { "probe-refused": 1 },
    });
    expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(askedOf(server)).toEqual({ probes: answer.length, offers: [LATEST], gets: 0 });
    expect(warnings.filter(({ code }) => code === "probe-refused")).toHaveLength(1);
  });

  test.each(named)("%s, and initialize alike: one error", async (_, row) => {
    const { answer, code, holds = {}, state } = row;
    const server = await serveEra(
      { era: "both" },
      { "server/discover": answer, initialize: answer.slice(0, 1) },
    );
    const pool = poolAt(server);
    const error = await refusedWith(pool);
    expect(error).toMatchObject({ code, server: "s", method: "initialize", ...holds });
    expect(error.message).toContain('"s"');
    // Of a lost connection, and of credentials, one of the two says it all.
    const isPlain = code === "CONNECTION_LOST" || error instanceof McpAuthError;
    if (!isPlain) expect(error.message).toContain("server/discover");
    expect(statusOf(pool)).toMatchObject({ state, lastError: { code }, quirks: {} });
    expect(askedOf(server)).toEqual({ probes: answer.length, offers: [LATEST], gets: 0 });
    // Nothing was learnt of its era: the next attempt asks as if it were the first.
    expect(await connect(pool)).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(server)).toMatchObject({ probes: answer.length + 1, offers: [LATEST] });
  });

  test.each(named)("%s, strict: the error, and no initialize", async (_, row) => {
    const { answer, code, holds = {}, state } = row;
    const server = await serveEra({ era: "both" }, { "server/discover": answer });
    const pool = poolAt(server, { strict: true });
    expect(await refusedWith(pool)).toMatchObject({ code, server: "s", ...holds });
    expect(statusOf(pool)).toMatchObject({ state });
    expect(askedOf(server)).toEqual({ probes: answer.length, offers: [], gets: 0 });
  });

  test("of a pinned stateless revision it is the end, and no initialize", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [plain(500)] });
    expect(await refusedWith(poolAt(server, { protocol: M }))).toMatchObject({ status: 500 });
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
  });

  test("a server that is known to be stateless is in trouble, and gets no initialize", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [plain(500)] });
    const cacheStore = new Map<string, string>();
    const first = poolAt(server, { cacheStore });
    // The first attempt meets the 500 and begins a session, which is only a guess.
    expect(await connect(first)).toMatchObject({ era: "session" });
    await first.closeAll({ drainMs: 0 });
    server.newClient();
    const second = poolAt(server, { cacheStore });
    expect(await connect(second)).toMatchObject({ era: "stateless" });
    await second.closeAll({ drainMs: 0 });
    server.newClient();
    let isRefused = false;
    server.options.onRequest = ({ body, res }) => {
      if (isRefused || body?.method !== "server/discover") return false;
      isRefused = true;
      res.writeHead(500).end();
      return true;
    };
    const third = poolAt(server, { cacheStore });
    expect(await refusedWith(third)).toMatchObject({ status: 500 });
    expect(askedOf(server).offers).toHaveLength(1);
  });
});

describe("which of two failures is told", () => {
  test("401 to the probe, another refusal of initialize: credentials are what is missing", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [plain(401)], initialize: [plain(500)] },
    );
    const pool = poolAt(server);
    expect(await refusedWith(pool)).toBeInstanceOf(McpAuthError);
    expect(statusOf(pool)).toMatchObject({ state: "auth-required" });
  });

  test("401 to initialize alone", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [plain(500)], initialize: [plain(401)] },
    );
    expect(await refusedWith(poolAt(server))).toMatchObject({
      code: "AUTH_REQUIRED",
      method: "initialize",
    });
  });

  test("401 to the probe, and the connection breaks: the network is what is wrong", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [plain(401)], initialize: [resets] },
    );
    const pool = poolAt(server);
    expect(await refusedWith(pool)).toMatchObject({ code: "CONNECTION_LOST" });
    expect(statusOf(pool)).toMatchObject({ state: "backoff" });
  });

  test("otherwise what initialize was answered with, and the probe's failure with it", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [plain(403, "go away")], initialize: [plain(501, "not here")] },
    );
    const error = await refusedWith(poolAt(server));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ status: 501, method: "initialize", cause: { status: 403 } });
    for (const text of ["not here", "server/discover", "go away"]) {
      expect(error.message).toContain(text);
      expect(error.stack).toContain(text);
    }
  });

  test("401 to the probe hides no server of 2024-11-05", async () => {
    const server = await serveHttpSse({
      "server/discover": [plain(401)],
      initialize: [plain(405)],
    });
    expect(await connect(poolAt(server))).toMatchObject({ protocolVersion: "2024-11-05" });
    expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST, LATEST], gets: 1 });
  });
});

describe("a guess is not believed for long", () => {
  class LateClock extends TestClock {
    laterMs = 0;
    override wallTime(): number {
      return super.wallTime() + this.laterMs;
    }
  }

  const MINUTE_MS = 60_000;

  test("for minutes in the same process, and then the probe is sent again", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [plain(500)] });
    const clock = new LateClock();
    const pool = poolAt(server, { clock, cacheStore: new Map() });
    expect(await connect(pool)).toMatchObject({ era: "session" });
    // Sessions that are renewed meanwhile do not make it older.
    for (const laterMs of [4 * MINUTE_MS, 8 * MINUTE_MS]) {
      clock.laterMs = laterMs;
      server.forgetSessions();
      await pool.callTool("s__echo");
      expect(askedOf(server).probes).toBe(1);
    }
    expect(askedOf(server).offers).toHaveLength(3);
    clock.laterMs = 11 * MINUTE_MS;
    server.forgetSessions();
    await pool.callTool("s__echo");
    expect(statusOf(pool)).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: { length: 3 } });
  });

  test("another process asks for itself", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [plain(500)] });
    const cacheStore = new Map<string, string>();
    const one = poolAt(server, { cacheStore });
    expect(await connect(one)).toMatchObject({ era: "session" });
    await one.closeAll({ drainMs: 0 });
    server.newClient();
    expect(await connect(poolAt(server, { cacheStore }))).toMatchObject({ era: "stateless" });
  });
});

describe("H22: a probe that is never answered over HTTP", () => {
  /** Waits for the patience; everything else runs on. */
  function held(delayMs: number): TestClock {
    const clock = new TestClock();
    clock.holds = (one) => one === delayMs;
    return clock;
  }

  test("initialize goes out beside it, on another socket, and its answer decides", async () => {
    const server = await serveEra({ era: "sessions" }, { "server/discover": [hangs] });
    const clock = held(5_000);
    const pool = poolAt(server, { clock });
    const connecting = connect(pool);
    await server.until(({ requests }) => requests.length === 1);
    await clock.untilHeld();
    expect(askedOf(server).offers).toEqual([]);
    clock.release();
    expect(await connecting).toMatchObject({
      era: "session",
      quirks: { "probe-unanswered": 1 },
    });
    expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
    expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
    // Nobody waits for the probe any more: its socket is gone, and the pool has one.
    await server.until(({ openSockets }) => openSockets === 1);
  });

  test("a slow server without sessions: its answer to the probe comes, and ends initialize", async () => {
    const answers: (() => void)[] = [];
    const server = await serveEra({ era: "stateless" }, { initialize: [hangs] });
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== "server/discover" || answers.length > 0) return false;
      answers.push(() => {
        const result = { supportedVersions: [M], capabilities: { tools: {} } };
        res.writeHead(200, json).end(JSON.stringify({ jsonrpc: "2.0", id: body.id, result }));
      });
      return true;
    };
    const clock = held(5_000);
    const pool = poolAt(server, { clock });
    const connecting = connect(pool);
    await server.until(() => answers.length === 1);
    await clock.untilHeld();
    clock.release();
    await server.until(({ requests }) => requests.length === 2);
    answers[0]?.();
    expect(await connecting).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(statusOf(pool).quirks).toEqual({});
    expect(askedOf(server)).toMatchObject({ probes: 1, offers: [LATEST] });
  });

  test("initialize is refused: that is told soon, and not after the handshake's whole time", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [hangs], initialize: [plain(401)] },
    );
    const clock = held(5_000);
    const pool = poolAt(server, { clock });
    const failing = refusedWith(pool);
    await server.until(({ requests }) => requests.length === 1);
    await clock.untilHeld();
    clock.holds = (one) => one === 5_000 || one === 2_000;
    clock.release();
    await clock.untilHeld();
    clock.release();
    expect(await failing).toMatchObject({ code: "AUTH_REQUIRED", method: "initialize" });
    expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
  });

  test("strict: the probe alone has the handshake's time", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [hangs] });
    const clock = held(20_000);
    const pool = poolAt(server, { clock, strict: true });
    const failing = refusedWith(pool);
    await server.until(({ requests }) => requests.length === 1);
    clock.release();
    expect(await failing).toMatchObject({ code: "TIMEOUT", limit: "handshake" });
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
  });
});
