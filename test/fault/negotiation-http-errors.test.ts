import { McpConnectionError, McpHttpError, McpTimeoutError } from "mcp-client-pool";
import type { McpErrorCode } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  askedOf,
  connect,
  discovers,
  hangs,
  OURS,
  plain,
  poolAt,
  refusedWith,
  refuse,
  serveEra,
  statusOf,
  unsupported,
} from "./negotiation-harness.ts";
import type { Answer } from "./negotiation-harness.ts";
import { TestClock } from "./support.ts";

const M = "2026-07-28";

/** What the probe is answered with, and the error it ends in. `initialize` is never sent. */
interface Fails {
  readonly name: string;
  readonly probe: readonly Answer[];
  readonly code: McpErrorCode;
  /** What the error says besides the server's name. */
  readonly says?: readonly string[];
  readonly holds?: object;
  readonly state: "failed" | "backoff" | "auth-required";
}

const FAILS: readonly Fails[] = [
  ...(
    [
      ["newer ones only", ["2027-01-01", "2028-01-01"]],
      ["an old draft", ["2024-10-07"]],
    ] as const
  ).map(([name, versions]): Fails => ({
    name: `H3 nothing in common: ${name}`,
    probe: [discovers(...versions)],
    code: "PROTOCOL_ERROR",
    says: [...versions, ...OURS],
    state: "failed",
  })),
  {
    name: "H3 no version at all",
    probe: [discovers()],
    code: "PROTOCOL_ERROR",
    says: OURS,
    state: "failed",
  },

  {
    name: "H7 -32022 that lists ours, again",
    probe: [unsupported(400, M), unsupported(400, M)],
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32022 },
    state: "failed",
  },

  ...[["2027-01-01"], ["2027-01-01", "2025-11-25"], ["DRAFT-2027-v1"], ["2024-10-07"]].map(
    (versions): Fails => ({
      name: `H8 -32022 that lists ${versions.join(", ")}`,
      probe: [unsupported(400, ...versions)],
      code: "PROTOCOL_ERROR",
      says: [...versions, ...OURS],
      state: "failed",
    }),
  ),

  {
    name: "H11 -32021, again",
    probe: [refuse(400, -32021), refuse(400, -32021)],
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32021 },
    state: "failed",
  },

  ...[408, 425, 429].flatMap((status): Fails[] => [
    {
      name: `H18 ${status}`,
      probe: [plain(status)],
      code: "HTTP_ERROR",
      holds: { status },
      state: "backoff",
    },
    {
      name: `H18 ${status} with a JSON-RPC error`,
      probe: [refuse(status, -32603, undefined, { nameless: true })],
      code: "RESPONSE_ERROR",
      holds: { status },
      state: "backoff",
    },
  ]),
  ...[429, 500, 503].map((status): Fails => ({
    name: `H18 ${status} with Retry-After`,
    probe: [plain(status, "", { "retry-after": "7" })],
    code: "HTTP_ERROR",
    holds: { status, retryAfterMs: 7_000 },
    state: "backoff",
  })),

  {
    name: "H20 302",
    probe: [plain(302, "", { location: "/elsewhere" })],
    code: "HTTP_ERROR",
    says: ["/elsewhere"],
    state: "failed",
  },
  {
    name: "H20 304",
    probe: [plain(304, "", {})],
    code: "HTTP_ERROR",
    state: "failed",
  },
];

describe("table 2b: what ends in an error never gets initialize", () => {
  test.each(FAILS.map((row): [string, Fails] => [row.name, row]))("%s", async (_, row) => {
    const { probe, code, says = [], holds = {}, state } = row;
    // It would take it, if it were asked.
    const server = await serveEra({ era: "both" }, { "server/discover": probe });
    const pool = poolAt(server);
    const error = await refusedWith(pool);
    expect(error).toMatchObject({ code, server: "s", ...holds });
    for (const text of ['"s"', ...says]) expect(error.message).toContain(text);
    const status = statusOf(pool);
    expect(status).toMatchObject({ state, lastError: { code } });
    expect(status.era).toBeUndefined();
    expect(askedOf(server)).toEqual({ probes: probe.length, offers: [], gets: 0 });
    // Nothing was learnt of its era: the next attempt asks as if it were the first.
    expect(await connect(pool)).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(server)).toEqual({ probes: probe.length + 1, offers: [], gets: 0 });
  });

  test("H18 Retry-After is given to the user", async () => {
    const server = await serveEra(
      {},
      { "server/discover": [plain(503, "", { "retry-after": "7" })] },
    );
    const error = await refusedWith(poolAt(server));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ retryable: true, retryAfterMs: 7_000 });
  });

  test("H19 refused: the address is named, and the era found when the server is there", async () => {
    const server = await serveEra({ era: "sessions" });
    await server.stop();
    const pool = poolAt(server);
    const error = await refusedWith(pool);
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    expect(error.message).toContain(server.url.host);
    await server.listen();
    expect(await connect(pool)).toMatchObject({ era: "session" });
    expect(askedOf(server)).toEqual({ probes: 1, offers: ["2025-11-25"], gets: 0 });
  });

  test("H19 a server that never answers: the error says what can be done about it", async () => {
    const server = await serveEra({ era: "both" }, { "server/discover": [hangs] });
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === 20_000;
    const pool = poolAt(server, { clock });
    const failing = refusedWith(pool);
    await server.until(({ requests }) => requests.length === 1);
    clock.release();
    const error = await failing;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ code: "TIMEOUT", limit: "handshake", timeoutMs: 20_000 });
    expect(error.message).toContain('protocol: "legacy"');
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    // Nothing waits for it any more.
    await server.until(({ openSockets }) => openSockets === 0);
  });

  test("H20 to another origin nothing is sent, credentials least of all", async () => {
    const other = await serveEra();
    const server = await serveEra(
      {},
      { "server/discover": [plain(307, "", { location: other.url.href })] },
    );
    const pool = poolAt(server, {}, { headers: { authorization: "Bearer secret" } });
    const error = await refusedWith(pool);
    expect(error).toMatchObject({ code: "HTTP_ERROR", status: 307 });
    expect(error.message).toContain(other.url.host);
    expect(error.message).not.toContain("secret");
    expect(other.requests).toEqual([]);
    onTestFinished(() => expect(other.connectionCount).toBe(0));
  });
});
