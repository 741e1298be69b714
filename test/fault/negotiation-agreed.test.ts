import { describe, expect, test } from "vitest";
import {
  askedOf,
  connect,
  give,
  plain,
  poolAt,
  refusedWith,
  refuse,
  resets,
  serveEra,
  statusOf,
} from "./negotiation-harness.ts";
import type { Answer } from "./negotiation-harness.ts";
import { failure, textOf } from "./support.ts";

const LATEST = "2025-11-25";
const json = { "content-type": "application/json" };
const noDiscovery = refuse(404, -32601);

/** `initialize`, answered with a status of the test's choice, or in a way of its own. */
function agree(
  options: { status?: number; version?: string; sessionId?: string; twice?: boolean } = {},
): Answer {
  const { status = 200, version = LATEST, sessionId, twice = false } = options;
  return ({ res, body }) => {
    const serverInfo = { name: "by hand", version: "1" };
    const result = { protocolVersion: version, capabilities: { tools: {} }, serverInfo };
    const message = JSON.stringify({ jsonrpc: "2.0", id: body?.id, result });
    const type = twice ? { "content-type": "text/event-stream" } : json;
    res.writeHead(status, {
      ...type,
      ...(sessionId === undefined ? {} : { "mcp-session-id": sessionId }),
    });
    res.end(twice ? `data: ${message}\n\ndata: ${message}\n\n` : message);
  };
}

/** What follows an agreement by hand: the scripted server knows nothing of that session. */
const byHand = {
  "server/discover": [noDiscovery],
  "notifications/initialized": [plain(202)],
  "tools/list": [give({ tools: [] })],
};

describe("once an InitializeResult has come", () => {
  const refusals: [string, Answer][] = [
    ["401", plain(401)],
    ["403", plain(403)],
    ["405", plain(405)],
    ["415", plain(415)],
    ["429", plain(429)],
    ["500", plain(500)],
    ["502", plain(502)],
    ["500 -32603", refuse(500, -32603, undefined, { nameless: true })],
    ["a reset", resets],
  ];

  test.each(refusals)(
    "initialized refused with %s is no end, and no sign of HTTP+SSE",
    async (_, no) => {
      const server = await serveEra(
        { era: "sessions" },
        { "server/discover": [noDiscovery], "notifications/initialized": [no] },
      );
      const pool = poolAt(server);
      expect(await connect(pool)).toMatchObject({
        era: "session",
        quirks: { "initialized-refused": 1 },
      });
      expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
      expect(server.executionCount("echo", "k")).toBe(1);
      expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
    },
  );

  test.each<[string, Answer]>([
    ["400", plain(400)],
    ["400 -32600", refuse(400, -32600, undefined, { nameless: true })],
  ])("initialized refused with %s is sent once more, with params", async (_, no) => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [noDiscovery], "notifications/initialized": [no] },
    );
    const pool = poolAt(server);
    expect(await connect(pool)).toMatchObject({ quirks: { "initialized-params": 1 } });
    const sent = server.requestsOf("notifications/initialized").map(({ body }) => body?.params);
    expect(sent).toEqual([undefined, {}]);
    expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
  });

  const unknown: [string, Answer, object][] = [
    ["404", plain(404), { code: "HTTP_ERROR", status: 404 }],
    [
      "400 -32000 without an id",
      refuse(400, -32000, undefined, { nameless: true }),
      { code: "RESPONSE_ERROR", status: 400, rpcCode: -32000 },
    ],
  ];

  test.each(unknown)(
    "initialized refused with %s, once: another replica knows it",
    async (_, no) => {
      const server = await serveEra(
        { era: "sessions" },
        { "server/discover": [noDiscovery], "notifications/initialized": [no] },
      );
      expect(await connect(poolAt(server))).toMatchObject({ era: "session" });
      expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
    },
  );

  test.each(unknown)(
    "initialized refused with %s for ever: the session is not kept",
    async (_, no, holds) => {
      const server = await serveEra(
        { era: "sessions" },
        {
          "server/discover": [noDiscovery],
          "notifications/initialized": Array.from({ length: 100 }, () => no),
        },
      );
      const error = await refusedWith(poolAt(server));
      expect(error).toMatchObject({ server: "s", method: "notifications/initialized", ...holds });
      expect(error.message).toContain("does not know the session that it has just given");
      expect(error.message).toContain("load balancer");
      expect(error.message).not.toContain("path of the URL");
      // Handshakes are bounded, and none of them is taken for a sign of HTTP+SSE.
      const { offers, gets } = askedOf(server);
      expect(gets).toBe(0);
      expect(offers.length).toBeGreaterThan(1);
      expect(offers.length).toBeLessThanOrEqual(8);
      expect(server.requestsOf("notifications/initialized").length).toBeLessThanOrEqual(64);
    },
  );

  test.each(unknown)("initialized refused with %s, strict: one handshake", async (_, no, holds) => {
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [noDiscovery], "notifications/initialized": [no] },
    );
    const pool = poolAt(server, { strict: true });
    expect(await refusedWith(pool)).toMatchObject({ server: "s", ...holds });
    expect(askedOf(server)).toEqual({ probes: 1, offers: [LATEST], gets: 0 });
    expect(statusOf(pool).quirks).toEqual({});
  });

  test("a request with a session that is answered with 404 says nothing of the URL's path", async () => {
    const server = await serveEra(
      { era: "sessions" },
      {
        "server/discover": [noDiscovery],
        "tools/call": Array.from({ length: 4 }, () => plain(404)),
      },
    );
    const pool = poolAt(server);
    await connect(pool);
    const error = await failure(pool.callTool("s__echo"));
    expect(error.message).not.toContain("path of the URL");
    expect(error.message).toContain("load balancer");
    expect(askedOf(server).gets).toBe(0);
  });
});

describe("an InitializeResult that comes in another way", () => {
  test.each([201, 202])("with status %i", async (status) => {
    const server = await serveEra(
      { era: "sessions" },
      { ...byHand, initialize: [agree({ status })] },
    );
    expect(await connect(poolAt(server))).toMatchObject({ era: "session" });
  });

  test("twice", async () => {
    const server = await serveEra(
      { era: "sessions" },
      { ...byHand, initialize: [agree({ twice: true })] },
    );
    expect(await connect(poolAt(server))).toMatchObject({ state: "ready", era: "session" });
  });

  test.each(["2024-10-07", "2026-01-01", "DRAFT-2026-v1"])(
    "of revision %s, which goes with each request",
    async (version) => {
      const server = await serveEra(
        { era: "sessions" },
        { ...byHand, initialize: [agree({ version })] },
      );
      const pool = poolAt(server);
      expect(await connect(pool)).toMatchObject({
        protocolVersion: version,
        quirks: { "version-unknown": 1 },
      });
      const [list] = server.requestsOf("tools/list");
      expect(list?.headers).toMatchObject({ "mcp-protocol-version": version });
    },
  );

  test("after two refusals that do not say which revision is spoken", async () => {
    const server = await serveEra(
      { era: "sessions", sessionVersion: "2024-11-05" },
      { "server/discover": [noDiscovery], initialize: [refuse(400, -32602), plain(400)] },
    );
    expect(await connect(poolAt(server))).toMatchObject({
      protocolVersion: "2024-11-05",
      quirks: { "version-refused": 1 },
    });
    expect(askedOf(server)).toEqual({
      probes: 1,
      offers: [LATEST, "2025-03-26", "2024-11-05"],
      gets: 0,
    });
  });
});
