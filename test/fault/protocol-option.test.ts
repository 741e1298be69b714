import { describe, expect, test } from "vitest";
import {
  askedOf,
  connect,
  plain,
  poolAt,
  refusedWith,
  refuse,
  serveEra,
  statusOf,
} from "./negotiation-harness.ts";
import { failure } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";

describe("what was asked for is what is spoken", () => {
  test.each(["legacy", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const)(
    "2.6 2.10 %s: initialize and nothing before it, whatever the server could",
    async (protocol) => {
      const version = protocol === "legacy" ? LATEST : protocol;
      const server = await serveEra({ era: "both", sessionVersion: version });
      const pool = poolAt(server, { protocol });
      expect(await connect(pool)).toMatchObject({ era: "session", protocolVersion: version });
      await pool.callTool("s__echo");
      expect(askedOf(server)).toEqual({ probes: 0, offers: [version], gets: 0 });
      expect(server.requests[0]?.body?.method).toBe("initialize");
      expect(server.requests.filter(({ era }) => era === "stateless")).toEqual([]);
      expect(server.violations).toEqual([]);
    },
  );

  test("2.2 2026-07-28: the probe, and never initialize", async () => {
    const server = await serveEra({ era: "both" });
    const pool = poolAt(server, { protocol: M });
    expect(await connect(pool)).toMatchObject({ era: "stateless", protocolVersion: M });
    await pool.callTool("s__echo");
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    expect(server.requests.filter(({ era }) => era !== "stateless")).toEqual([]);
    expect(server.violations).toEqual([]);
  });

  test("2.16 2026-07-28, of a server that does not discover: its first answer is the proof", async () => {
    const server = await serveEra({}, { "server/discover": [refuse(404, -32601)] });
    const pool = poolAt(server, { protocol: M });
    expect(await connect(pool)).toMatchObject({ era: "stateless", protocolVersion: M });
    await pool.callTool("s__echo", { key: "k" });
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    expect(server.violations).toEqual([]);
  });

  test.each([
    ["that refuses it", []],
    ["with a status and nothing else", [plain(405)]],
    ["that lists its versions", [refuse(400, -32022, { supported: [LATEST] })]],
  ])(
    "2026-07-28, of a server with sessions only, %s: the error says what to do",
    async (_, probe) => {
      const server = await serveEra({ era: "sessions" }, { "server/discover": probe });
      const pool = poolAt(server, { protocol: M });
      const error = await refusedWith(pool);
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "s", retryable: false });
      expect(error.message).toContain('"s"');
      expect(error.message).toContain(M);
      expect(error.message).toContain('protocol: "auto"');
      expect(statusOf(pool)).toMatchObject({ state: "failed" });
      expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
      expect(await failure(pool.call("s", "tools/list"))).toMatchObject({ sent: "no" });
    },
  );

  test("a revision with sessions, of a server that has none: its versions are in the error", async () => {
    const server = await serveEra({ era: "stateless" });
    const error = await refusedWith(poolAt(server, { protocol: "2025-06-18" }));
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "s", retryable: false });
    expect(error.cause).toMatchObject({ rpcCode: -32022, data: { supported: [M] } });
    for (const text of [`"s" (${server.url.href})`, "2025-06-18", 'protocol: "auto"']) {
      expect(error.message).toContain(text);
    }
    expect(askedOf(server)).toEqual({ probes: 0, offers: ["2025-06-18"], gets: 0 });
  });
});
