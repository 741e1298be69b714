import { describe, expect, test } from "vitest";
import * as errors from "../../../src/core/errors.ts";
import { classifyInitialize, observe } from "../../../src/eras/classify.ts";
import type { Observation, ProbeContext } from "../../../src/eras/classify.ts";

type Channel = ProbeContext["channel"];

const M = "2026-07-28";

const BOTH: readonly Channel[] = ["exchange", "duplex"];

/** By the name of its class, so that none can be forgotten. */
const FAILURES: Readonly<Record<string, readonly Error[]>> = {
  McpError: [new errors.McpError("UNSUPPORTED", "x")],
  McpConnectionError: [],
  McpOutcomeUnknownError: [],
  McpTimeoutError: [
    new errors.McpTimeoutError("x", { limit: "silence", timeoutMs: 1, sent: "unknown" }),
    new errors.McpTimeoutError("x", { limit: "connect", timeoutMs: 1 }),
  ],
  McpResponseError: [],
  McpProtocolError: [],
  McpOutputError: [],
  McpHttpError: [],
  McpAuthError: [],
  McpInputError: [new errors.McpInputError("x", { sent: "yes" })],
  McpOverloadedError: [new errors.McpOverloadedError("x")],
  McpCircuitOpenError: [new errors.McpCircuitOpenError("x", { retryAfterMs: 1 })],
  McpToolNotFoundError: [new errors.McpToolNotFoundError("x", { tool: "t", nearMatches: [] })],
  McpConfigError: [new errors.McpConfigError("x", { path: "params" })],
  McpUnsupportedError: [new errors.McpUnsupportedError("x", { capability: "tools" })],
  McpClosedError: [new errors.McpClosedError("x")],
};

describe("observe()", () => {
  test("every class of error is known here", () => {
    const classes = Object.entries(errors)
      .filter(([, value]) => (value as { prototype?: unknown }).prototype instanceof Error)
      .map(([name]) => name);
    expect(Object.keys(FAILURES).toSorted()).toEqual(classes.toSorted());
  });

  test.each(BOTH)("H16 401 and a scope too narrow, over %s", (channel) => {
    for (const code of ["AUTH_REQUIRED", "AUTH_FAILED", "INSUFFICIENT_SCOPE"] as const) {
      const error = new errors.McpAuthError(code, "x", { status: 401, sent: "yes" });
      expect(observe(error, channel, false)).toEqual({ kind: "unauthorized" });
    }
  });

  test.each(BOTH)("an error of the server keeps code, data and status, over %s", (channel) => {
    const data = { supported: [M] };
    const options = { rpcCode: -32022, rpcMessage: "no", data };
    expect(observe(new errors.McpResponseError("x", options), channel, false)).toEqual({
      kind: "rpc-error",
      code: -32022,
      data,
      status: undefined,
    });
    expect(
      observe(new errors.McpResponseError("x", { ...options, status: 400 }), channel, false),
    ).toEqual({ kind: "rpc-error", code: -32022, data, status: 400 });
  });

  test("H15 H18 H20 a status without an answer is that status", () => {
    for (const code of [301, 404, 405, 503]) {
      expect(observe(new errors.McpHttpError("x", { status: code }), "exchange", false)).toEqual({
        kind: "http-error",
        status: code,
      });
    }
  });

  test("H18 what a server says of its wait is kept", () => {
    const retryAfterMs = 7_000;
    expect(
      observe(new errors.McpHttpError("x", { status: 503, retryAfterMs }), "exchange", false),
    ).toEqual({ kind: "http-error", status: 503, retryAfterMs });
    const options = { rpcCode: -32603, rpcMessage: "no", status: 503, retryAfterMs };
    expect(observe(new errors.McpResponseError("x", options), "exchange", false)).toMatchObject({
      kind: "rpc-error",
      status: 503,
      retryAfterMs,
    });
  });

  test.each(BOTH)("H6 S10 what breaks the protocol is no MCP, over %s", (channel) => {
    for (const code of ["PROTOCOL_ERROR", "LIMIT_EXCEEDED"] as const) {
      const error = new errors.McpProtocolError("x", { code, sent: "yes" });
      expect(observe(error, channel, false)).toEqual({ kind: "no-mcp" });
      // A channel that ended so is no reason to start another: its process would do the same.
      const kind = channel === "duplex" ? "unreachable" : "no-mcp";
      expect(observe(error, channel, true)).toEqual({ kind });
    }
  });

  test("H19 H21 H23 a connection lost before the answer, or in the middle of it", () => {
    const lost = (sent: errors.Sent): Observation =>
      observe(new errors.McpConnectionError("CONNECTION_LOST", "x", { sent }), "exchange", false);
    expect(lost("no")).toEqual({ kind: "unreachable" });
    expect(lost("unknown")).toEqual({ kind: "closed" });
    expect(lost("yes")).toEqual({ kind: "broken-off" });
    const refused = new errors.McpConnectionError("CONNECTION_FAILED", "x");
    expect(observe(refused, "exchange", false)).toEqual({ kind: "unreachable" });
    const unknown = new errors.McpOutcomeUnknownError("x");
    expect(observe(unknown, "exchange", false)).toEqual({ kind: "closed" });
  });

  test("S4 S7 on stdio a lost connection is a death, unless the channel lives", () => {
    for (const error of [
      new errors.McpConnectionError("CONNECTION_LOST", "x", { sent: "unknown" }),
      new errors.McpConnectionError("CONNECTION_FAILED", "x"),
      new errors.McpOutcomeUnknownError("x"),
    ]) {
      expect(observe(error, "duplex", true)).toEqual({ kind: "died" });
      expect(observe(error, "duplex", false)).toEqual({ kind: "unsendable" });
    }
  });

  test("H19 whatever else went wrong says nothing of the era", () => {
    const others: unknown[] = [
      ...Object.values(FAILURES).flat(),
      new Error("x"),
      new DOMException("x", "AbortError"),
      "text",
      undefined,
      null,
      7,
    ];
    for (const other of others) {
      expect(observe(other, "exchange", false)).toEqual({ kind: "unreachable" });
      expect(observe(other, "exchange", true)).toEqual({ kind: "unreachable" });
      expect(observe(other, "duplex", false)).toEqual({ kind: "unreachable" });
      expect(observe(other, "duplex", true)).toEqual({ kind: "died" });
    }
  });
});

const http = (code: number): errors.McpHttpError => new errors.McpHttpError("x", { status: code });
const response = (
  httpStatus: number | undefined,
  rpcCode: number,
  data?: unknown,
): errors.McpResponseError =>
  new errors.McpResponseError("x", { status: httpStatus, rpcCode, rpcMessage: "no", data });

const INITIALIZE_ROWS: readonly [string, unknown, ReturnType<typeof classifyInitialize>][] = [
  ["L2 400", http(400), "try-http-sse"],
  ["L2 404", http(404), "try-http-sse"],
  ["L2 405", http(405), "try-http-sse"],
  ["L2 400 -32000", response(400, -32000), "try-http-sse"],
  ["L2 404 -32601", response(404, -32601), "try-http-sse"],
  ["L2 405 -32600", response(405, -32600), "try-http-sse"],
  ["L2 400 -32602, no versions", response(400, -32602, {}), "try-http-sse"],

  ["L3 401", new errors.McpAuthError("AUTH_REQUIRED", "x", { status: 401 }), "fail"],
  ["L3 403", http(403), "fail"],
  ["L3 403 -32000", response(403, -32000), "fail"],
  [
    "L3 403, a scope too narrow",
    new errors.McpAuthError("INSUFFICIENT_SCOPE", "x", { status: 403 }),
    "fail",
  ],

  [
    "L4 2xx, versions with sessions",
    response(undefined, -32602, { supported: ["2024-10-07"] }),
    "fail",
  ],
  [
    "L4 400 -32022, versions with sessions",
    response(400, -32022, { supported: ["2024-10-07"] }),
    "fail",
  ],

  ["L5 400 -32020", response(400, -32020), "stateless"],
  ["L5 2xx -32020", response(undefined, -32020), "stateless"],
  ["L5 400 -32022 that lists ours", response(400, -32022, { supported: [M] }), "stateless"],
  ["L5 2xx -32022 that lists ours", response(undefined, -32022, { supported: [M] }), "stateless"],
  ["L5 -32022 that lists nothing", response(400, -32022), "stateless"],
  ["L5 -32022 with an empty list", response(400, -32022, { supported: [] }), "stateless"],
  [
    "L5 -32022 that lists a newer one only",
    response(400, -32022, { supported: ["2027-01-01"] }),
    "stateless",
  ],
  [
    "L5 -32022 that lists ours beside one with sessions",
    response(400, -32022, { supported: ["2025-11-25", M] }),
    "stateless",
  ],
  [
    "L5 any other code that lists stateless versions only",
    response(400, -32600, { supported: [M, "2027-01-01"] }),
    "stateless",
  ],

  ["H11 -32021 is no version's fault", response(400, -32021, { requiredCapabilities: {} }), "fail"],

  ["L6 500", http(500), "fail"],
  ["L6 503", http(503), "fail"],
  ["L6 429", http(429), "fail"],
  ["L6 500 -32603", response(500, -32603), "fail"],
  ["L6 2xx -32603", response(undefined, -32603), "fail"],
  ["L6 the network", new errors.McpConnectionError("CONNECTION_FAILED", "x"), "fail"],
  [
    "L6 a lost stream",
    new errors.McpConnectionError("CONNECTION_LOST", "x", { sent: "yes" }),
    "fail",
  ],
  ["L6 the time", new errors.McpTimeoutError("x", { limit: "handshake", timeoutMs: 1 }), "fail"],
  ["L6 what is no MCP", new errors.McpProtocolError("x"), "fail"],
  ["L6 a redirect", http(302), "fail"],
  ["L6 406", http(406), "fail"],
  ["L6 what is no error", undefined, "fail"],
];

describe("classifyInitialize(): what the answer to initialize leaves to be done", () => {
  test.each(INITIALIZE_ROWS)("%s", (_name, error, verdict) => {
    expect(classifyInitialize(error)).toBe(verdict);
  });
});
