import { describe, expect, test } from "vitest";
import type { McpErrorCode } from "mcp-client-pool";
import type { StatelessServerOptions } from "../support/stateless-server.ts";
import { unsupportedVersion } from "../support/stateless-server.ts";
import {
  askedOf,
  connect,
  give,
  OURS,
  plain,
  poolAt,
  refusedWith,
  refuse,
  resets,
  serveEra,
  serveHttpSse,
  statusOf,
  unsupported,
} from "./negotiation-harness.ts";
import type { Answer } from "./negotiation-harness.ts";
import { QUICK, textOf } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";

/** The server knows no probe; what `initialize` is answered with, and what becomes of it. */
interface Connects {
  readonly name: string;
  readonly initialize?: readonly Answer[];
  readonly options: StatelessServerOptions;
  readonly version: string;
  readonly offers?: readonly string[];
}

/** Offered to a server that refuses the newest and does not say which it has. */
const OLDER = ["2025-03-26", "2024-11-05"] as const;

const SESSION_VERSIONS = OURS.filter((version) => version !== M);

const versions = (...supported: string[]): object => ({ supported, requested: LATEST });

const noDiscovery = refuse(404, -32601);

const CONNECTS: readonly Connects[] = [
  ...SESSION_VERSIONS.flatMap((version) =>
    (["json", "sse"] as const).map((replies) => ({
      name: `L1 an InitializeResult of ${version} as ${replies}`,
      options: { era: "sessions" as const, sessionVersion: version, replies },
      version,
    })),
  ),

  ...[200, 400].map((status) => ({
    name: `L4 ${status} with the versions that are spoken: the newest is offered`,
    initialize: [refuse(status, -32602, versions("2024-11-05", "2025-03-26", "2024-10-07"))],
    options: { era: "sessions" as const, sessionVersion: "2025-03-26" },
    version: "2025-03-26",
    offers: [LATEST, "2025-03-26"],
  })),

  {
    name: "L5 -32022 with the stateless version",
    options: { era: "stateless" },
    version: M,
  },
  {
    name: "L5 -32022 without data",
    initialize: [refuse(400, -32022)],
    options: { era: "stateless" },
    version: M,
  },
  {
    name: "L5 200 -32022",
    initialize: [unsupported(200, M)],
    options: { era: "stateless" },
    version: M,
  },
  {
    name: "L5 -32020",
    initialize: [refuse(400, -32020)],
    options: { era: "stateless" },
    version: M,
  },
  {
    name: "L5 another code, with the stateless version in its data",
    initialize: [refuse(400, -32602, versions(M))],
    options: { era: "stateless" },
    version: M,
  },
];

describe("table L: initialize over HTTP, and the era it finds", () => {
  test.each(CONNECTS.map((row): [string, Connects] => [row.name, row]))("%s", async (_, row) => {
    const { initialize = [], options, version, offers = [LATEST] } = row;
    const server = await serveEra(options, { "server/discover": [noDiscovery], initialize });
    const pool = poolAt(server);
    expect(await connect(pool)).toMatchObject({
      state: "ready",
      era: version === M ? "stateless" : "session",
      protocolVersion: version,
    });
    expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(askedOf(server)).toEqual({ probes: 1, offers, gets: 0 });
    expect(server.violations).toEqual([]);
    const ids = server.requests.flatMap(({ body }) => (body?.id == null ? [] : [body.id]));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("L5 2.16 what a server without discovery offers is taken for granted, and asked for", async () => {
    const server = await serveEra(
      { resources: { "test://one": {} } },
      { "server/discover": [noDiscovery] },
    );
    const pool = poolAt(server);
    await connect(pool);
    // The first real request was the proof, right after initialize.
    const methods = server.requests.map(({ body }) => body?.method);
    expect(methods.slice(0, 3)).toEqual(["server/discover", "initialize", "tools/list"]);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo"]);
    expect(await pool.listResources("s")).toMatchObject([{ resource: { uri: "test://one" } }]);
    // It does not know this list, which is therefore empty.
    expect(await pool.listPrompts("s")).toEqual([]);
    expect(server.violations).toEqual([]);
  });
});

describe("L2: a server of 2024-11-05 behind the same address", () => {
  const refusals: [string, Answer][] = [
    ["400", plain(400)],
    ["404", plain(404)],
    ["405", plain(405)],
    ["400 -32000", refuse(400, -32000)],
    ["404 -32601", refuse(404, -32601)],
  ];

  test.each(refusals)(
    "POST is answered with %s: the stream is found by GET",
    async (name, answer) => {
      // A 400 may also be about the revision: two older ones are offered first.
      const is400 = name.startsWith("400");
      const server = await serveHttpSse({ "server/discover": [answer], initialize: [answer] });
      const pool = poolAt(server);
      expect(await connect(pool)).toMatchObject({ era: "session", protocolVersion: "2024-11-05" });
      await pool.callTool("s__echo");
      // In vain, and then at the endpoint; HTTP+SSE is older than the probe, which is not repeated there.
      const { probes, offers, gets } = askedOf(server);
      expect({ probes, gets }).toEqual({ probes: 1, gets: 1 });
      expect(offers).toEqual([...(is400 ? [LATEST, ...OLDER] : [LATEST]), LATEST]);
      const paths = server.requests.map(({ method, path }) => `${method} ${path}`);
      expect(paths.slice(offers.length, offers.length + 2)).toEqual(["GET /mcp", "POST /messages"]);
    },
  );

  test.each([400, 404, 405])(
    "no stream at that address: what POST was answered with, %i, is the error",
    async (status) => {
      const server = await serveEra(
        { era: "sessions" },
        {
          "server/discover": [plain(status)],
          initialize: [plain(status, "wrong door"), plain(400), plain(400)],
        },
      );
      const pool = poolAt(server);
      const error = await refusedWith(pool);
      expect(error).toMatchObject({ code: "HTTP_ERROR", status, method: "initialize" });
      expect(error.message).toContain("wrong door");
      expect(error.message).toContain('"s"');
      const offers = status === 400 ? [LATEST, ...OLDER] : [LATEST];
      expect(askedOf(server)).toEqual({ probes: 1, offers, gets: 1 });
      expect(statusOf(pool)).toMatchObject({ state: "failed" });
    },
  );
});

interface Fails {
  readonly name: string;
  readonly initialize: readonly Answer[];
  readonly code: McpErrorCode;
  readonly holds?: object;
  readonly offers?: number;
  readonly state: "failed" | "backoff" | "auth-required";
}

const FAILS: readonly Fails[] = [
  {
    name: "L3 401",
    initialize: [plain(401)],
    code: "AUTH_REQUIRED",
    state: "auth-required",
  },
  {
    name: "L3 403",
    initialize: [plain(403)],
    code: "HTTP_ERROR",
    holds: { status: 403 },
    state: "failed",
  },
  {
    name: "L3 403 with a JSON-RPC error",
    initialize: [refuse(403, -32000)],
    code: "RESPONSE_ERROR",
    state: "failed",
  },
  {
    name: "L3 a scope too narrow",
    initialize: [plain(403, "", { "www-authenticate": 'Bearer error="insufficient_scope"' })],
    code: "INSUFFICIENT_SCOPE",
    state: "auth-required",
  },
  {
    name: "L4 the listed version is refused too",
    initialize: [
      refuse(200, -32602, versions("2025-03-26")),
      refuse(200, -32602, versions("2025-03-26")),
    ],
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32602 },
    offers: 2,
    state: "failed",
  },
  {
    name: "L4 none of the listed versions is ours",
    initialize: [refuse(200, -32602, versions("2024-10-07"))],
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32602 },
    state: "failed",
  },
  {
    name: "L6 500",
    initialize: [plain(500)],
    code: "HTTP_ERROR",
    holds: { status: 500 },
    state: "backoff",
  },
  {
    name: "L6 503 with a JSON-RPC error",
    initialize: [refuse(503, -32603)],
    code: "RESPONSE_ERROR",
    holds: { status: 503 },
    state: "backoff",
  },
  { name: "L6 a reset", initialize: [resets], code: "CONNECTION_LOST", state: "backoff" },
  {
    name: "L6 a result that is no InitializeResult",
    initialize: [give({})],
    code: "PROTOCOL_ERROR",
    state: "failed",
  },
];

describe("table L: what ends in an error", () => {
  test.each(FAILS.map((row): [string, Fails] => [row.name, row]))("%s", async (_, row) => {
    const { initialize, code, holds = {}, offers = 1, state } = row;
    const server = await serveEra(
      { era: "sessions" },
      { "server/discover": [noDiscovery], initialize },
    );
    const pool = poolAt(server);
    const error = await refusedWith(pool);
    expect(error).toMatchObject({ code, server: "s", method: "initialize", ...holds });
    expect(error.message).toContain('"s"');
    expect(statusOf(pool)).toMatchObject({ state });
    // It is no evidence of HTTP+SSE.
    expect(askedOf(server)).toMatchObject({ probes: 1, gets: 0 });
    expect(askedOf(server).offers).toHaveLength(offers);
    expect(await connect(pool)).toMatchObject({ era: "session", protocolVersion: LATEST });
  });
});

describe("2.5 what the probe costs", () => {
  test("a server with sessions pays for it once, over all reconnects and renewals", async () => {
    const server = await serveEra({ era: "sessions" });
    const pool = poolAt(server, { reconnect: QUICK });
    await connect(pool);
    for (let round = 0; round < 5; round++) {
      server.forgetSessions();
      await pool.callTool("s__echo", { key: `renewed ${round}` });
    }
    for (let round = 0; round < 5; round++) {
      await server.restart();
      // Class S: a socket that died unseen costs it an attempt and no more.
      await pool.call("s", "tools/list");
    }
    expect(server.executionCount("echo")).toBe(5);
    expect(askedOf(server)).toEqual({
      probes: 1,
      offers: Array.from({ length: 11 }, () => LATEST),
      gets: 0,
    });
    expect(statusOf(pool)).toMatchObject({ era: "session", counts: { renewals: 10 } });
  });

  test("over HTTP+SSE too, where each new stream is a new session", async () => {
    const server = await serveHttpSse({
      "server/discover": [plain(405)],
      initialize: [plain(405)],
    });
    const pool = poolAt(server, { reconnect: QUICK });
    await connect(pool);
    for (let round = 0; round < 3; round++) {
      server.dropSockets();
      await server.until(({ openSockets }) => openSockets === 0);
      await pool.call("s", "tools/list");
    }
    expect(askedOf(server)).toEqual({
      probes: 1,
      offers: Array.from({ length: 5 }, () => LATEST),
      gets: 4,
    });
  });

  test("a stateless server is asked once, and never for a session", async () => {
    const server = await serveEra({ era: "both" });
    const pool = poolAt(server, { reconnect: QUICK });
    await connect(pool);
    for (let round = 0; round < 5; round++) {
      server.dropConnections();
      await server.until(({ openSockets }) => openSockets === 0);
      await pool.call("s", "tools/list");
    }
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
  });

  test("2.2 without auto there is none", async () => {
    const server = await serveEra({ era: "sessions" });
    const pool = poolAt(server, { protocol: "legacy" });
    expect(await connect(pool)).toMatchObject({ era: "session" });
    expect(askedOf(server)).toEqual({ probes: 0, offers: [LATEST], gets: 0 });
  });
});

describe("2.7 an era that holds is never given up without being asked for again", () => {
  test.each([
    ["safe", 0],
    ["always", 1],
  ] as const)(
    "a 404 without an answer, once: the probe confirms the era; replay: %s, the tool runs %i times",
    async (replay, times) => {
      const server = await serveEra({ era: "both" }, { "tools/call": [plain(404)] });
      const pool = poolAt(server);
      await connect(pool);
      const call = pool.callTool("s__echo", { key: "k" }, { replay });
      if (times === 1) expect(await call).toMatchObject(textOf('{"key":"k"}'));
      else await expect(call).rejects.toMatchObject({ code: "HTTP_ERROR", status: 404 });
      expect(server.executionCount("echo", "k")).toBe(times);
      // The next one goes its way.
      expect(await pool.callTool("s__echo", { key: "next" })).toMatchObject(
        textOf('{"key":"next"}'),
      );
      expect(server.executionCount("echo", "next")).toBe(1);
      expect(askedOf(server)).toEqual({ probes: 2, offers: [], gets: 0 });
      expect(statusOf(pool)).toMatchObject({ era: "stateless", counts: { renewals: 1 } });
    },
  );

  test("many calls find out at once: one probe for all of them", async () => {
    const server = await serveEra({ era: "stateless" });
    const pool = poolAt(server);
    await connect(pool);
    server.setEra("sessions");
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    for (const key of keys) expect(server.executionCount("echo", key)).toBe(1);
    expect(askedOf(server)).toEqual({ probes: 2, offers: [LATEST], gets: 0 });
    expect(statusOf(pool)).toMatchObject({ era: "session", counts: { renewals: 1 } });
  });

  test("fault 17 a method that is not there says nothing of the era", async () => {
    const server = await serveEra({ era: "stateless" });
    const pool = poolAt(server);
    await connect(pool);
    await expect(pool.call("s", "no/such")).rejects.toMatchObject({
      code: "RESPONSE_ERROR",
      rpcCode: -32601,
      status: 404,
    });
    expect(server.requestsOf("no/such")).toHaveLength(1);
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    expect(statusOf(pool)).toMatchObject({ state: "ready", counts: { renewals: 0 } });
  });

  test("2.8 2.9 -32022 on a call, with our version: once more, with another id", async () => {
    const server = await serveEra({ era: "stateless" });
    const pool = poolAt(server);
    await connect(pool);
    server.reject("tools/call", unsupportedVersion([M]));
    await pool.callTool("s__echo", { key: "k" });
    const ids = server.requestsOf("tools/call").map(({ body }) => body?.id);
    expect(new Set(ids).size).toBe(2);
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    expect(server.violations).toEqual([]);
  });

  test("2.8 -32022 on a call, with newer versions only: the error, and never initialize", async () => {
    const server = await serveEra({ era: "both" });
    const pool = poolAt(server);
    await connect(pool);
    server.reject("tools/call", unsupportedVersion(["2027-01-01"]), 5);
    await expect(pool.callTool("s__echo")).rejects.toMatchObject({ rpcCode: -32022 });
    expect(server.executionCount("echo")).toBe(0);
    expect(askedOf(server).offers).toEqual([]);
  });
});
