import { describe, expect, test } from "vitest";
import {
  classify,
  isDiscoverResult,
  mutualStateless,
  supportedOf,
} from "../../../src/eras/classify.ts";
import type { Observation, Verdict } from "../../../src/eras/classify.ts";

type WithoutRow<T> = T extends unknown ? Omit<T, "row"> : never;

/** One reaction to the probe, and what it must mean; `asked` says how many were answered before. */
interface Row {
  readonly row: string;
  readonly what: string;
  readonly seen: Observation;
  readonly asked?: number;
  readonly is: WithoutRow<Verdict>;
}

const M = "2026-07-28";

const STATELESS = { era: "stateless", version: M } as const;
const AGAIN = { era: "ask-again", version: M } as const;
const UNKNOWN = { era: "unknown" } as const;
const MAYBE = { era: "maybe-session" } as const;
const SESSION = { era: "session", version: undefined } as const;

const sessions = (version: "2024-11-05" | "2025-03-26" | "2025-06-18" | "2025-11-25") =>
  ({ era: "session", version }) as const;
const incompatible = (...supported: string[]) => ({ era: "incompatible", supported }) as const;

const result = (value: object): Observation => ({ kind: "result", result: value });
const discovered = (...supportedVersions: unknown[]): Observation =>
  result({ supportedVersions, capabilities: {} });
const status = (code: number): Observation => ({ kind: "http-error", status: code });
const rpc = (httpStatus: number | undefined, code: number, data?: unknown): Observation => ({
  kind: "rpc-error",
  code,
  data,
  status: httpStatus,
});
const refusal = (httpStatus: number | undefined, ...supported: unknown[]): Observation =>
  rpc(httpStatus, -32022, { supported, requested: M });

/** What an error says of versions when it says nothing that can be used. */
const UNUSABLE: readonly (readonly [string, unknown])[] = [
  ["no data", undefined],
  ["null", null],
  ["a text", "supported: 2026-07-28"],
  ["a number", 5],
  ["an empty object", {}],
  ["an empty list", { supported: [] }],
  ["a text for a list", { supported: M }],
  ["a list without any string", { supported: [1, null, {}] }],
];

/** Results that are none of `server/discover`. */
const OTHER_RESULTS: readonly (readonly [string, object])[] = [
  ["an empty object", {}],
  ["an empty list", []],
  ["a list of tools", { tools: [] }],
  ["versions without capabilities", { supportedVersions: [M] }],
  ["capabilities without versions", { capabilities: {} }],
  ["a text for versions", { supportedVersions: M, capabilities: {} }],
  ["a number among the versions", { supportedVersions: [M, 1], capabilities: {} }],
  ["null for capabilities", { supportedVersions: [M], capabilities: null }],
  ["a text for capabilities", { supportedVersions: [M], capabilities: "tools" }],
  ["an InitializeResult", { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} }],
];

const DISCOVER_ROWS: readonly (readonly [string, Observation, WithoutRow<Verdict>])[] = [
  ["the one version", discovered(M), STATELESS],
  ["ours among others", discovered("2027-01-01", M, "2025-11-25"), STATELESS],
  ["ours last", discovered("2025-11-25", M), STATELESS],
  [
    "with all that belongs to it",
    result({
      resultType: "complete",
      supportedVersions: [M],
      capabilities: { tools: {} },
      instructions: "Ask",
      ttlMs: 0,
      cacheScope: "private",
      _meta: {},
    }),
    STATELESS,
  ],
];

const HTTP_ROWS: readonly Row[] = [
  ...DISCOVER_ROWS.map(([what, seen, is]) => ({ row: "H1", what, seen, is })),
  { row: "H1", what: "to the second probe", seen: discovered(M), asked: 1, is: STATELESS },

  {
    row: "H2",
    what: "the newest of ours with sessions",
    seen: discovered("2025-03-26", "2025-06-18", "2024-11-05"),
    is: sessions("2025-06-18"),
  },
  {
    row: "H2",
    what: "a newer one that we do not speak beside it",
    seen: discovered("2027-01-01", "2025-11-25"),
    is: sessions("2025-11-25"),
  },
  { row: "H2", what: "the oldest", seen: discovered("2024-11-05"), is: sessions("2024-11-05") },

  {
    row: "H3",
    what: "only newer ones",
    seen: discovered("2027-01-01", "2028-01-01"),
    is: incompatible("2027-01-01", "2028-01-01"),
  },
  {
    row: "H3",
    what: "an old draft",
    seen: discovered("2024-10-07"),
    is: incompatible("2024-10-07"),
  },
  { row: "H3", what: "none", seen: discovered(), is: incompatible() },

  ...OTHER_RESULTS.map(([what, value]) => ({
    row: "H4",
    what,
    seen: result(value),
    is: SESSION,
  })),

  // H5: an error in a 2xx is read by its code.
  ...[undefined, 200].flatMap((code): Row[] => [
    { row: "H7", what: "H5: in a 2xx", seen: refusal(code, M), is: AGAIN },
    {
      row: "H8",
      what: "H5: in a 2xx",
      seen: refusal(code, "2027-01-01"),
      is: incompatible("2027-01-01"),
    },
    {
      row: "H9",
      what: "H5: in a 2xx",
      seen: refusal(code, "2025-06-18"),
      is: sessions("2025-06-18"),
    },
    { row: "H10", what: "H5: in a 2xx", seen: rpc(code, -32022), is: SESSION },
    { row: "H11", what: "H5: in a 2xx", seen: rpc(code, -32021), is: AGAIN },
    { row: "H12", what: "H5: in a 2xx", seen: rpc(code, -32001), is: SESSION },
    { row: "H13", what: "H5: in a 2xx", seen: rpc(code, -32601), is: SESSION },
  ]),

  { row: "H6", what: "what is no MCP", seen: { kind: "no-mcp" }, is: MAYBE },
  { row: "H6", what: "the same, again", seen: { kind: "no-mcp" }, asked: 1, is: MAYBE },

  // "Any status": this code is nobody else's.
  ...[400, 404, 405, 406, 422, 500, 503].flatMap((code): Row[] => [
    { row: "H7", what: `${code}`, seen: refusal(code, "2025-11-25", M), is: AGAIN },
    { row: "H7", what: `${code}, a second time`, seen: refusal(code, M), asked: 1, is: UNKNOWN },
  ]),
  {
    row: "H7",
    what: "ours between what is no version",
    seen: refusal(400, null, M, 7),
    is: AGAIN,
  },

  {
    row: "H8",
    what: "one that we do not speak",
    seen: refusal(400, "2027-01-01"),
    is: incompatible("2027-01-01"),
  },
  {
    row: "H8",
    what: "a version with sessions beside it, that is never taken",
    seen: refusal(400, "2027-01-01", "2025-11-25"),
    is: incompatible("2027-01-01", "2025-11-25"),
  },
  {
    row: "H8",
    what: "a draft",
    seen: refusal(400, "DRAFT-2027-v1"),
    is: incompatible("DRAFT-2027-v1"),
  },
  {
    row: "H8",
    what: "after a first question",
    seen: refusal(400, "2027-01-01"),
    asked: 1,
    is: incompatible("2027-01-01"),
  },

  {
    row: "H9",
    what: "the newest that is listed",
    seen: refusal(400, "2025-03-26", "2025-06-18"),
    is: sessions("2025-06-18"),
  },
  {
    row: "H9",
    what: "after a first question",
    seen: refusal(400, "2024-11-05"),
    asked: 1,
    is: sessions("2024-11-05"),
  },

  ...UNUSABLE.flatMap(([what, data]): Row[] => [
    { row: "H10", what, seen: rpc(400, -32022, data), is: SESSION },
    { row: "H10", what: `${what}, again`, seen: rpc(400, -32022, data), asked: 1, is: SESSION },
  ]),

  { row: "H11", what: "400 -32020", seen: rpc(400, -32020), is: AGAIN },
  { row: "H11", what: "400 -32021", seen: rpc(400, -32021, {}), is: AGAIN },
  {
    row: "H11",
    what: "-32020 again: somebody between strips headers",
    seen: rpc(400, -32020),
    asked: 1,
    is: SESSION,
  },
  { row: "H11", what: "-32021 again", seen: rpc(400, -32021), asked: 1, is: UNKNOWN },

  ...[-32001, -32003, -32004].flatMap((code) =>
    [400, 404, 405].map((at) => ({
      row: "H12",
      what: `${at} ${code}`,
      seen: rpc(at, code),
      is: SESSION,
    })),
  ),

  ...[-32700, -32600, -32601, -32602, -32603, -32000, -32099, 0, 1, -1].map((code) => ({
    row: "H13",
    what: `400 ${code}`,
    seen: rpc(400, code, { supported: [M] }),
    is: SESSION,
  })),
  { row: "H13", what: "404 -32600", seen: rpc(404, -32600), is: SESSION },

  { row: "H14", what: "404 -32601", seen: rpc(404, -32601), is: SESSION },
  { row: "H14", what: "404 -32601, again", seen: rpc(404, -32601), asked: 1, is: SESSION },

  ...[400, 402, 404, 405, 406, 409, 410, 411, 415, 422].map((code) => ({
    row: "H15",
    what: `${code}`,
    seen: status(code),
    is: SESSION,
  })),

  { row: "H16", what: "no authorization", seen: { kind: "unauthorized" }, is: MAYBE },

  { row: "H17", what: "403 without an answer", seen: status(403), is: MAYBE },
  { row: "H17", what: "403 -32000", seen: rpc(403, -32000), is: MAYBE },
  { row: "H17", what: "403 -32601", seen: rpc(403, -32601), is: MAYBE },

  ...[500, 501, 502, 503, 504, 520, 599].flatMap((code): Row[] => [
    { row: "H18", what: `${code}`, seen: status(code), is: MAYBE },
    { row: "H18", what: `${code}, a second time`, seen: status(code), asked: 1, is: MAYBE },
    { row: "H18", what: `${code} -32603`, seen: rpc(code, -32603), is: MAYBE },
    { row: "H18", what: `${code} -32601`, seen: rpc(code, -32601), is: MAYBE },
    ...[0, 7_000].flatMap((retryAfterMs): Row[] => [
      {
        row: "H18",
        what: `${code} with Retry-After ${retryAfterMs}`,
        seen: { kind: "http-error", status: code, retryAfterMs },
        is: UNKNOWN,
      },
      {
        row: "H18",
        what: `${code} -32603 with Retry-After ${retryAfterMs}`,
        seen: { kind: "rpc-error", code: -32603, data: undefined, status: code, retryAfterMs },
        is: UNKNOWN,
      },
    ]),
  ]),
  ...[408, 425, 429].flatMap((code): Row[] => [
    { row: "H18", what: `${code}`, seen: status(code), is: UNKNOWN },
    { row: "H18", what: `${code} -32603`, seen: rpc(code, -32603), is: UNKNOWN },
    {
      row: "H18",
      what: `${code} with Retry-After`,
      seen: { kind: "http-error", status: code, retryAfterMs: 7_000 },
      is: UNKNOWN,
    },
  ]),

  { row: "H19", what: "unreachable", seen: { kind: "unreachable" }, is: UNKNOWN },

  ...[300, 301, 302, 303, 304, 307, 308].map((code) => ({
    row: "H20",
    what: `${code}`,
    seen: status(code),
    is: UNKNOWN,
  })),

  { row: "H21", what: "once", seen: { kind: "broken-off" }, is: AGAIN },
  { row: "H21", what: "twice", seen: { kind: "broken-off" }, asked: 1, is: MAYBE },

  { row: "H22", what: "silence", seen: { kind: "silence" }, is: MAYBE },
  { row: "H22", what: "silence, a second time", seen: { kind: "silence" }, asked: 1, is: MAYBE },

  { row: "H23", what: "a close", seen: { kind: "closed" }, is: MAYBE },
  { row: "H23", what: "a close, a second time", seen: { kind: "closed" }, asked: 1, is: MAYBE },
];

const DUPLEX_ROWS: readonly Row[] = [
  ...DISCOVER_ROWS.map(([what, seen, is]) => ({ row: "S1", what, seen, is })),
  {
    row: "H2",
    what: "S1: a server of both eras that lists none of the stateless ones",
    seen: discovered("2025-11-25"),
    is: sessions("2025-11-25"),
  },
  {
    row: "H3",
    what: "S1: nothing in common",
    seen: discovered("2027-01-01"),
    is: incompatible("2027-01-01"),
  },

  { row: "S2", what: "ours is listed", seen: refusal(undefined, M, "2025-11-25"), is: AGAIN },
  { row: "S2", what: "the same, again", seen: refusal(undefined, M), asked: 1, is: UNKNOWN },
  {
    row: "S2",
    what: "none of ours",
    seen: refusal(undefined, "2027-01-01"),
    is: incompatible("2027-01-01"),
  },
  {
    row: "S2",
    what: "none of ours, sessions beside it",
    seen: refusal(undefined, "2025-11-25", "2027-01-01"),
    is: incompatible("2025-11-25", "2027-01-01"),
  },
  {
    row: "S2",
    what: "only versions with sessions",
    seen: refusal(undefined, "2025-03-26", "2024-11-05"),
    is: sessions("2025-03-26"),
  },
  ...UNUSABLE.map(([what, data]) => ({
    row: "S2",
    what,
    seen: rpc(undefined, -32022, data),
    is: SESSION,
  })),

  { row: "S3", what: "-32021", seen: rpc(undefined, -32021), is: AGAIN },
  { row: "S3", what: "-32021, again", seen: rpc(undefined, -32021), asked: 1, is: UNKNOWN },

  ...[-32601, -32602, -32600, -32700, -32603, -32000, -32001, -32002, -32020, 0, 1].map((code) => ({
    row: "S4",
    what: `${code}`,
    seen: rpc(undefined, code),
    is: SESSION,
  })),
  {
    row: "S4",
    what: "a transport that does not carry it",
    seen: { kind: "unsendable" },
    is: SESSION,
  },

  ...OTHER_RESULTS.map(([what, value]) => ({ row: "S5", what, seen: result(value), is: SESSION })),

  { row: "S6", what: "silence", seen: { kind: "silence" }, is: SESSION },

  { row: "S7", what: "the process ended", seen: { kind: "died" }, is: { era: "respawn" } },
  { row: "S7", what: "in the end", seen: { kind: "died" }, asked: 1, is: { era: "respawn" } },

  { row: "S10", what: "what is no MCP", seen: { kind: "no-mcp" }, is: MAYBE },
  { row: "S10", what: "the same, again", seen: { kind: "no-mcp" }, asked: 1, is: MAYBE },
  { row: "H19", what: "a time limit", seen: { kind: "unreachable" }, is: UNKNOWN },
];

const named = (rows: readonly Row[]): [string, Row][] =>
  rows.map((row) => [`${row.row} ${row.what} -> ${row.is.era}`, row]);

describe("table 2b: the probe over HTTP", () => {
  test.each(named(HTTP_ROWS))("%s", (_name, { row, seen, asked = 0, is }) => {
    expect(classify(seen, { channel: "exchange", asked })).toEqual({ row, ...is });
  });

  test("every row of it is here, but H5, which is others'", () => {
    const rows = Array.from({ length: 22 }, (_, index) => `H${index + 1}`);
    expect(rows.filter((row) => !HTTP_ROWS.some((one) => one.row === row))).toEqual(["H5"]);
  });
});

describe("table 2c: the probe on stdio", () => {
  test.each(named(DUPLEX_ROWS))("%s", (_name, { row, seen, asked = 0, is }) => {
    expect(classify(seen, { channel: "duplex", asked })).toEqual({ row, ...is });
  });

  test("2.4 sessions are no matter of one code: whatever is not of the stateless era means them", () => {
    for (let code = -32_100; code <= -31_900; code++) {
      if (code === -32022 || code === -32021) continue;
      expect(classify(rpc(undefined, code), { channel: "duplex", asked: 0 })).toMatchObject(
        SESSION,
      );
    }
  });
});

describe("helpers", () => {
  test("2.15 a DiscoverResult needs versions and capabilities, and no more", () => {
    expect(isDiscoverResult({ supportedVersions: [], capabilities: {} })).toBe(true);
    for (const [, value] of OTHER_RESULTS) expect(isDiscoverResult(value)).toBe(false);
  });

  test("2.8 the stateless version in common, if there is one", () => {
    expect(mutualStateless([M])).toBe(M);
    expect(mutualStateless(["2027-01-01", M, "2025-11-25"])).toBe(M);
    expect(mutualStateless(["2025-11-25", "2027-01-01"])).toBeUndefined();
    expect(mutualStateless([undefined, 2026, [M]])).toBeUndefined();
    expect(mutualStateless([])).toBeUndefined();
  });

  test("what can be used of data.supported", () => {
    expect(supportedOf({ supported: [M, 1, "2025-11-25", null] })).toEqual([M, "2025-11-25"]);
    for (const [, data] of UNUSABLE) expect(supportedOf(data)).toEqual([]);
  });
});
