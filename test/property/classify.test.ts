import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classify, classifyInitialize, observe } from "../../src/eras/classify.ts";
import type { Observation, ProbeContext, Verdict } from "../../src/eras/classify.ts";
import {
  McpAuthError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../src/core/errors.ts";
import { SESSION_VERSIONS, STATELESS_VERSIONS } from "../../src/spec/versions.ts";

const OURS: readonly string[] = [...SESSION_VERSIONS, ...STATELESS_VERSIONS];

/** Newer than all that we speak, or drafts. */
const newer = fc.oneof(
  fc.constantFrom("2026-07-29", "2027-01-01", "DRAFT-2027-v1", "draft"),
  fc
    .record({ year: fc.integer({ min: 2027, max: 9999 }), day: fc.integer({ min: 10, max: 28 }) })
    .map(({ year, day }) => `${year}-01-${day}`),
);
const version = fc.oneof(fc.constantFrom(...OURS), newer, fc.constantFrom("2024-10-07", ""));
const versions = fc.array(fc.oneof({ weight: 9, arbitrary: version }, fc.anything()), {
  maxLength: 6,
});

const result = fc.oneof(
  fc.record({ supportedVersions: versions, capabilities: fc.object() }),
  fc.record(
    { supportedVersions: fc.oneof(versions, fc.anything()), capabilities: fc.anything() },
    { requiredKeys: [] },
  ),
  fc.object(),
  fc.array(fc.anything()),
);
const code = fc.oneof(
  fc.constantFrom(-32020, -32021, -32022, -32600, -32601, -32602, -32603, -32000, -32001, -32004),
  fc.integer(),
  fc.double(),
);
const data = fc.oneof(fc.record({ supported: fc.oneof(versions, fc.anything()) }), fc.anything());
const httpStatus = fc.oneof(
  fc.constantFrom(200, 301, 400, 401, 403, 404, 405, 408, 425, 429, 500, 503),
  fc.integer({ min: 100, max: 599 }),
);
const status = fc.option(httpStatus, { nil: undefined });
const retryAfterMs = fc.option(fc.nat(), { nil: undefined });

const observation: fc.Arbitrary<Observation> = fc.oneof(
  fc.record({ kind: fc.constant("result" as const), result }),
  fc.record({ kind: fc.constant("rpc-error" as const), code, data, status, retryAfterMs }),
  fc.record({ kind: fc.constant("http-error" as const), status: httpStatus, retryAfterMs }),
  fc.constantFrom(
    ...(
      [
        "unauthorized",
        "no-mcp",
        "broken-off",
        "closed",
        "unreachable",
        "unsendable",
        "silence",
        "died",
      ] as const
    ).map((kind) => ({ kind })),
  ),
);
const context: fc.Arbitrary<ProbeContext> = fc.record({
  channel: fc.constantFrom("exchange" as const, "duplex" as const),
  asked: fc.oneof(fc.constantFrom(0, 1), fc.nat(10)),
});

/** As much of an error as decides. */
const failure: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .record({ rpcCode: code, rpcMessage: fc.string(), data, status })
    .map((options) => new McpResponseError("x", options)),
  httpStatus.map((one) => new McpHttpError("x", { status: one })),
  fc
    .record({
      kind: fc.constantFrom("CONNECTION_FAILED" as const, "CONNECTION_LOST" as const),
      sent: fc.constantFrom("no" as const, "unknown" as const, "yes" as const),
    })
    .map(({ kind, sent }) => new McpConnectionError(kind, "x", { sent })),
  fc.constantFrom(
    new McpAuthError("AUTH_REQUIRED", "x"),
    new McpProtocolError("x"),
    new McpTimeoutError("x", { limit: "total", timeoutMs: 1 }),
    new McpError("UNSUPPORTED", "x"),
  ),
  fc.anything(),
);

const ROW = /^(?:H(?:[1-9]|1\d|2[0-3])|S(?:[1-7]|10))$/;

/** A verdict that somebody can follow. */
function check(verdict: Verdict): void {
  expect(verdict.row).toMatch(ROW);
  switch (verdict.era) {
    case "stateless":
    case "ask-again":
      expect(STATELESS_VERSIONS).toContain(verdict.version);
      break;
    case "session":
      expect([undefined, ...SESSION_VERSIONS]).toContain(verdict.version);
      break;
    case "incompatible":
      expect(verdict.supported.filter((one) => typeof one !== "string")).toEqual([]);
      break;
    case "maybe-session":
    case "respawn":
    case "unknown":
      expect(Object.keys(verdict).toSorted()).toEqual(["era", "row"]);
  }
}

describe("any reaction to the probe", () => {
  test("2.6 gives a verdict that can be followed, and no version that is not ours", () => {
    fc.assert(
      fc.property(observation, context, (seen, where) => {
        check(classify(seen, where));
      }),
      { numRuns: 2_000 },
    );
  });

  test("the same gives the same, and nothing that was seen is changed", () => {
    fc.assert(
      fc.property(observation, context, (seen, where) => {
        const before = fc.stringify(seen);
        expect(classify(seen, where)).toEqual(classify(seen, where));
        expect(fc.stringify(seen)).toEqual(before);
      }),
    );
  });

  test("2.9 is asked for again once at most: what was asked already is not", () => {
    fc.assert(
      fc.property(observation, context, fc.integer({ min: 1, max: 9 }), (seen, where, asked) => {
        expect(classify(seen, { ...where, asked }).era).not.toBe("ask-again");
      }),
      { numRuns: 2_000 },
    );
  });

  test("2.8 H8 -32022 with only newer versions never means sessions", () => {
    const list = fc.array(newer, { minLength: 1, maxLength: 5 });
    const where = fc.oneof(fc.constant(undefined), fc.constantFrom(200, 400, 404, 422));
    fc.assert(
      fc.property(list, where, context, (supported, at, on) => {
        const seen = { kind: "rpc-error", code: -32022, data: { supported }, status: at } as const;
        expect(classify(seen, on)).toMatchObject({ era: "incompatible", supported });
      }),
    );
  });

  test("H8 H9 whoever lists a newer version is never asked for a session after -32022", () => {
    fc.assert(
      fc.property(versions, newer, versions, context, (before, one, after, where) => {
        const seen = {
          kind: "rpc-error",
          code: -32022,
          data: { supported: [...before, one, ...after] },
          status: where.channel === "exchange" ? 400 : undefined,
        } as const;
        expect(classify(seen, where).era).not.toBe("session");
      }),
    );
  });

  test("H1 S1 stateless is who says so: a DiscoverResult that lists our version", () => {
    fc.assert(
      fc.property(observation, context, (seen, where) => {
        const { era } = classify(seen, where);
        const listed =
          seen.kind === "result" &&
          (seen.result as { supportedVersions?: unknown }).supportedVersions;
        const isOurs =
          Array.isArray(listed) && listed.some((one) => isOneOf(STATELESS_VERSIONS, one));
        if (era === "stateless") expect(isOurs).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("H6 H16 H18 H19 H20 H23 what may pass by itself never decides the era", () => {
    const passing: fc.Arbitrary<Observation> = fc.oneof(
      fc.constantFrom(
        { kind: "unauthorized" as const },
        { kind: "unreachable" as const },
        { kind: "no-mcp" as const },
        { kind: "closed" as const },
      ),
      fc
        .oneof(
          fc.constantFrom(403, 408, 425, 429),
          fc.integer({ min: 500, max: 599 }),
          fc.integer({ min: 300, max: 308 }),
        )
        .map((one) => ({ kind: "http-error" as const, status: one })),
    );
    fc.assert(
      fc.property(passing, context, (seen, where) => {
        expect(["unknown", "maybe-session"]).toContain(classify(seen, where).era);
      }),
    );
  });

  test("H18 H19 a server that says when to come back, or is not there, is asked nothing else", () => {
    const waiting: fc.Arbitrary<Observation> = fc.oneof(
      fc.constant({ kind: "unreachable" as const }),
      fc.constantFrom(408, 425, 429).map((one) => ({ kind: "http-error" as const, status: one })),
      fc.record({
        kind: fc.constant("http-error" as const),
        status: fc.integer({ min: 500, max: 599 }),
        retryAfterMs: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(waiting, context, (seen, where) => {
        expect(classify(seen, where).era).toBe("unknown");
      }),
    );
  });
});

describe("any failure", () => {
  test("of the probe is an observation that gives a verdict", () => {
    fc.assert(
      fc.property(failure, context, fc.boolean(), (error, where, isOver) => {
        check(classify(observe(error, where.channel, isOver), where));
      }),
      { numRuns: 2_000 },
    );
  });

  test("of initialize leaves one of three things to do", () => {
    fc.assert(
      fc.property(failure, (error) => {
        expect(["stateless", "try-http-sse", "fail"]).toContain(classifyInitialize(error));
      }),
      { numRuns: 2_000 },
    );
  });

  test("L3 L6 the stateless era after all is concluded only from what the server itself said", () => {
    fc.assert(
      fc.property(failure, (error) => {
        if (classifyInitialize(error) === "stateless")
          expect(error).toBeInstanceOf(McpResponseError);
      }),
    );
  });
});

function isOneOf(list: readonly unknown[], value: unknown): boolean {
  return list.includes(value);
}
