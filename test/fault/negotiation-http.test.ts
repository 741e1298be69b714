import { describe, expect, test } from "vitest";
import type { Era } from "../support/stateless-server.ts";
import type { StatelessServerOptions } from "../support/stateless-server.ts";
import {
  askedOf,
  connect,
  cutsStream,
  discovers,
  endsEarly,
  give,
  plain,
  poolAt,
  refuse,
  serveEra,
  unsupported,
} from "./negotiation-harness.ts";
import type { Answer } from "./negotiation-harness.ts";
import { textOf } from "./support.ts";

const M = "2026-07-28";

/** What the probe is answered with, and what the user and the server see of it. */
interface Connects {
  readonly name: string;
  readonly probe?: readonly Answer[];
  /** What answers everything else. */
  readonly behind: Era;
  readonly options?: StatelessServerOptions;
  readonly version: string;
  readonly probes?: number;
  /** Revisions offered by `initialize`. */
  readonly offers?: readonly string[];
}

const sessions = (name: string, ...probe: Answer[]): Connects => ({
  name,
  probe,
  behind: "sessions",
  version: "2025-11-25",
  offers: ["2025-11-25"],
});

const CONNECTS: readonly Connects[] = [
  { name: "H1 stateless only", behind: "stateless", version: M },
  { name: "H1 both eras", behind: "both", version: M },
  { name: "H1 as a stream", behind: "stateless", options: { replies: "sse" }, version: M },
  {
    name: "H1 our version among others",
    behind: "stateless",
    options: { supportedVersions: ["2027-01-01", M, "2025-11-25"] },
    version: M,
  },
  {
    name: "H2 only a version with sessions is listed",
    probe: [discovers("2025-03-26", "2025-06-18")],
    behind: "sessions",
    options: { sessionVersion: "2025-06-18" },
    version: "2025-06-18",
    offers: ["2025-06-18"],
  },
  {
    name: "H2 and a newer one that we do not speak",
    probe: [discovers("2027-01-01", "2025-11-25")],
    behind: "both",
    version: "2025-11-25",
    offers: ["2025-11-25"],
  },

  sessions("H4 an empty result to whatever is asked", give({})),
  sessions("H4 the same as a stream", give({}, { sse: true })),
  sessions("H4 versions without capabilities", give({ supportedVersions: [M] })),

  sessions("H5 H13 200 -32601", refuse(200, -32601)),
  sessions("H5 H13 200 -32601 as a stream", refuse(200, -32601, undefined, { sse: true })),
  sessions(
    "H5 H12 200 -32001 that names nobody",
    refuse(200, -32001, undefined, { nameless: true }),
  ),
  sessions("H5 H10 200 -32022 without versions", refuse(200, -32022)),
  {
    name: "H5 H7 200 -32022 that lists ours",
    probe: [unsupported(200, M)],
    behind: "stateless",
    version: M,
    probes: 2,
  },

  ...[400, 404, 422, 500].map((status) => ({
    name: `H7 ${status} -32022 that lists ours`,
    probe: [unsupported(status, "2025-11-25", M)],
    behind: "both" as const,
    version: M,
    probes: 2,
  })),

  {
    name: "H9 -32022 that lists versions with sessions only",
    probe: [unsupported(400, "2024-11-05", "2025-06-18")],
    behind: "sessions",
    options: { sessionVersion: "2025-06-18" },
    version: "2025-06-18",
    offers: ["2025-06-18"],
  },

  sessions("H10 -32022 without data", refuse(400, -32022)),
  sessions("H10 -32022 with an empty list", refuse(400, -32022, { supported: [] })),
  {
    name: "H10 L5 -32022 without versions, and initialize refused",
    probe: [refuse(400, -32022)],
    behind: "stateless",
    version: M,
    offers: ["2025-11-25"],
  },

  ...[-32020, -32021].map((code) => ({
    name: `H11 400 ${code}, once`,
    probe: [refuse(400, code)],
    behind: "both" as const,
    version: M,
    probes: 2,
  })),
  {
    ...sessions("H11 400 -32020, again", refuse(400, -32020), refuse(400, -32020)),
    probes: 2,
  },

  ...[-32001, -32003, -32004].flatMap((code) =>
    [400, 404].map((status) => sessions(`H12 ${status} ${code}`, refuse(status, code))),
  ),

  ...[-32602, -32600, -32000, -32601, -32603, -32700].flatMap((code) => [
    sessions(`H13 400 ${code}`, refuse(400, code)),
    sessions(`H13 400 ${code} that names nobody`, refuse(400, code, undefined, { nameless: true })),
  ]),
  sessions("H13 the server itself: no session id"),

  sessions("H14 404 -32601", refuse(404, -32601)),
  {
    name: "H14 L5 404 -32601, and initialize refused: it does not discover (2.16)",
    probe: [refuse(404, -32601)],
    behind: "stateless",
    version: M,
    offers: ["2025-11-25"],
  },

  ...[400, 404, 405, 406, 410, 415, 422].flatMap((status) => [
    sessions(`H15 ${status}, empty`, plain(status)),
    sessions(`H15 ${status}, HTML`, plain(status, "<html>no</html>")),
    sessions(
      `H15 ${status}, JSON that is no JSON-RPC`,
      plain(status, '{"error":"no"}', { "content-type": "application/json" }),
    ),
  ]),

  {
    name: "H20 307 within the origin",
    probe: [plain(307, "", { location: "/elsewhere" })],
    behind: "stateless",
    version: M,
    probes: 2,
  },

  ...[
    ["ends", endsEarly],
    ["is cut", cutsStream],
  ].map(([how, answer]): Connects => ({
    name: `H21 a stream that ${how as string} before the answer, once`,
    probe: [answer as Answer],
    behind: "stateless",
    version: M,
    probes: 2,
  })),
];

describe("table 2b: the probe over HTTP, and the era it finds", () => {
  test.each(CONNECTS.map((row): [string, Connects] => [row.name, row]))("%s", async (_, row) => {
    const { probe = [], behind, options, version, probes = 1, offers = [] } = row;
    const server = await serveEra({ ...options, era: behind }, { "server/discover": probe });
    const pool = poolAt(server);
    expect(await connect(pool)).toMatchObject({
      state: "ready",
      era: version === M ? "stateless" : "session",
      protocolVersion: version,
    });
    expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(askedOf(server)).toEqual({ probes, offers, gets: 0 });
    expect(server.violations).toEqual([]);
    // Each request has an id of its own, and a late answer to a probe is none to anything else (1.4, 1.5).
    const ids = server.requests.flatMap(({ body }) => (body?.id == null ? [] : [body.id]));
    const sent = row.name.startsWith("H20") ? ids.slice(1) : ids;
    expect(new Set(sent).size).toBe(sent.length);
    // Some servers know integers only.
    for (const id of ids) expect(id).toBeTypeOf("number");
    expect(server.requestsOf("initialize").filter(({ era }) => era !== "session")).toEqual([]);
  });

  test("2.3 the probe says all that a request of the era must say, with the user's headers", async () => {
    const server = await serveEra({}, {});
    const pool = poolAt(
      server,
      { clientInfo: { name: "tester", version: "7" } },
      { headers: { authorization: "Bearer t" } },
    );
    await connect(pool);
    const [probe] = server.requestsOf("server/discover");
    expect(probe?.headers).toMatchObject({
      "mcp-protocol-version": M,
      "mcp-method": "server/discover",
      "content-type": "application/json",
      accept: expect.stringMatching(/application\/json.*text\/event-stream/),
      authorization: "Bearer t",
    });
    expect(probe?.headers).not.toHaveProperty("mcp-session-id");
    expect(probe?.body?.params).toEqual({
      _meta: {
        "io.modelcontextprotocol/protocolVersion": M,
        "io.modelcontextprotocol/clientInfo": { name: "tester", version: "7" },
        "io.modelcontextprotocol/clientCapabilities": {
          extensions: { "io.modelcontextprotocol/tasks": {} },
        },
      },
    });
    expect(server.violations).toEqual([]);
  });
});
