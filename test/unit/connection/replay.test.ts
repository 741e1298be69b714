import { describe, expect, test } from "vitest";
import {
  decideReplay,
  isLateRefusal,
  MAX_REPLAYS,
  MAX_RETRY_AFTER_MS,
  momentOf,
  replayClassOf,
} from "../../../src/connection/replay.ts";
import type { Moment, ReplayClass, ReplayOption } from "../../../src/connection/replay.ts";
import {
  McpAuthError,
  McpClosedError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpOutcomeUnknownError,
  McpOverloadedError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../../src/core/errors.ts";
import type { Sent } from "../../../src/core/errors.ts";
import type { Refusal } from "../../../src/eras/era.ts";
import type { Tool, ToolAnnotations } from "../../../src/spec/types.ts";

const connection = (sent: Sent, retryable = true): McpError =>
  new McpConnectionError("CONNECTION_LOST", "x", { sent, retryable });
const http = (status: number, retryAfterMs?: number): McpError =>
  new McpHttpError("x", { status, retryAfterMs });
const rpc = (rpcCode: number, status?: number): McpError =>
  new McpResponseError("x", { rpcCode, rpcMessage: "x", status });

/** What the table says: one row per moment, and what the first failure leads to per class and option. */
interface Row {
  readonly moment: string;
  readonly error: McpError;
  readonly refusal?: Refusal;
  readonly isLate?: boolean;
  /** Classes S and R, option "safe"; and any class with "always". */
  readonly allowed: string;
  /** Class U, option "safe". */
  readonly unsafe: string;
  /** Option "never", any class; default: as for class U. */
  readonly never?: string;
}

const TABLE: readonly Row[] = [
  { moment: "nothing was written", error: connection("no"), allowed: "resend", unsafe: "resend" },
  {
    moment: "nothing was written, and trying again is no use (certificate)",
    error: connection("no", false),
    allowed: "fail",
    unsafe: "fail",
  },
  {
    moment: "written, connection lost",
    error: connection("unknown"),
    allowed: "replay",
    unsafe: "fail-unknown",
  },
  {
    moment: "mid-stream, lost for good",
    error: connection("yes"),
    allowed: "replay",
    unsafe: "fail-unknown",
  },
  {
    moment: "404 on a session, at once",
    error: http(404),
    refusal: "unknown",
    allowed: "renew",
    unsafe: "renew",
    never: "fail",
  },
  {
    moment: "404 on a session, late: a proxy may have given the request to another server first",
    error: http(404),
    refusal: "unknown",
    isLate: true,
    allowed: "renew",
    unsafe: "fail-unknown",
    never: "fail",
  },
  ...[http(400), http(403), http(410), http(500), rpc(-32600), rpc(-32000, 400)].map((error) => ({
    moment: `a refusal that may be about the session: ${JSON.stringify(error)}`,
    error,
    refusal: "suspect" as const,
    allowed: "verify",
    unsafe: "verify",
    never: "verify",
  })),
  { moment: "404 otherwise", error: http(404), allowed: "fail", unsafe: "fail" },
  { moment: "-32601", error: rpc(-32601), allowed: "fail", unsafe: "fail" },
  { moment: "-32601 with 404", error: rpc(-32601, 404), allowed: "fail", unsafe: "fail" },
  {
    moment: "429",
    error: http(429),
    allowed: "wait",
    unsafe: "wait",
    never: "fail",
  },
  {
    moment: "429 with a JSON-RPC error",
    error: rpc(-32000, 429),
    allowed: "wait",
    unsafe: "wait",
    never: "fail",
  },
  {
    moment: "429, come back in time",
    error: http(429, MAX_RETRY_AFTER_MS),
    allowed: "wait",
    unsafe: "wait",
    never: "fail",
  },
  {
    moment: "429, come back next year",
    error: http(429, MAX_RETRY_AFTER_MS + 1),
    allowed: "fail",
    unsafe: "fail",
  },
  ...[502, 503, 504].map((status) => ({
    moment: String(status),
    error: http(status),
    allowed: "replay",
    unsafe: "fail-unknown",
  })),
  {
    moment: "503 with Retry-After",
    error: http(503, 1_000),
    allowed: "replay",
    unsafe: "fail-unknown",
  },
  {
    moment: "503, come back next year",
    error: http(503, MAX_RETRY_AFTER_MS + 1),
    allowed: "fail",
    unsafe: "fail-unknown",
  },
  ...[400, 403, 405, 413, 415, 500, 501, 505].map((status) => ({
    moment: String(status),
    error: http(status),
    allowed: "fail",
    unsafe: "fail",
  })),
  ...(["no", "unknown", "yes"] as const).map((sent) => ({
    moment: `timeout, sent ${sent}`,
    error: new McpTimeoutError("x", { limit: "silence", timeoutMs: 1, sent }),
    allowed: "fail",
    unsafe: "fail",
  })),
  ...[
    rpc(-32602),
    rpc(-32603),
    new McpProtocolError("x", { sent: "yes" }),
    new McpAuthError("AUTH_REQUIRED", "x", { status: 401 }),
    new McpClosedError("x", { sent: "unknown" }),
    new McpOverloadedError("x"),
    new McpOutcomeUnknownError("x"),
    new McpError("INVALID_CONFIG", "x"),
  ].map((error) => ({
    moment: `${error.code} ${error.name}`,
    error,
    allowed: "fail",
    unsafe: "fail",
  })),
];

function decide(
  row: Row,
  replayClass: ReplayClass,
  option: ReplayOption,
  before: { replays?: number } = {},
): string {
  const moment = momentOf(row.error, row.refusal ?? "none", row.isLate ?? false);
  return decideReplay({
    replayClass,
    option,
    moment,
    replays: 0,
    isSpent: false,
    ...before,
  }).action;
}

describe("the replay table (3.28)", () => {
  test.each(TABLE)("$moment", (row) => {
    expect(decide(row, "safe", "safe")).toBe(row.allowed);
    expect(decide(row, "repeatable", "safe")).toBe(row.allowed);
    expect(decide(row, "unsafe", "safe")).toBe(row.unsafe);
    expect(decide(row, "unsafe", "always")).toBe(row.allowed);
    for (const replayClass of ["safe", "repeatable", "unsafe"] as const) {
      expect(decide(row, replayClass, "never")).toBe(row.never ?? row.unsafe);
    }
  });

  test("an aborted call, or a stranger's error, is final", () => {
    for (const error of [new DOMException("x", "AbortError"), new Error("x"), "x", undefined]) {
      expect(momentOf(error, "none", false)).toEqual({ name: "final" });
    }
  });
});

describe("limits", () => {
  const at = (moment: Moment, replays: number): string =>
    decideReplay({ replayClass: "safe", option: "safe", moment, replays, isSpent: false }).action;

  test("a lost answer is asked for again once, a busy server at most twice", () => {
    expect(MAX_REPLAYS).toBe(2);
    expect([0, 1, 2].map((n) => at({ name: "lost" }, n))).toEqual([
      "replay",
      "fail-unknown",
      "fail-unknown",
    ]);
    const moment: Moment = { name: "gateway", retryAfterMs: undefined };
    expect([0, 1, 2, 3].map((n) => at(moment, n))).toEqual(["replay", "replay", "fail", "fail"]);
  });

  test("a request that was refused for the load waits as long as its caller has time", () => {
    expect(at({ name: "throttled", retryAfterMs: undefined }, 100)).toBe("wait");
  });

  test("only a refusal with a client error proves that the request was not taken", () => {
    const proof = (error: McpError): unknown => momentOf(error, "suspect", false);
    expect(proof(http(400))).toMatchObject({ isProof: true });
    expect(proof(rpc(-32000))).toMatchObject({ isProof: true });
    expect(proof(http(500))).toMatchObject({ isProof: false });
    expect(proof(rpc(-32603, 500))).toMatchObject({ isProof: false });
  });

  test.each<[number, number | undefined, boolean]>([
    [0, undefined, false],
    [500, undefined, false],
    [501, undefined, true],
    [500, 2, false],
    // A network on which every answer takes a while.
    [501, 100, true],
    [900, 300, false],
    [901, 300, true],
  ])(
    "a refusal after %d ms, where the fastest answer took %s: late is %s",
    (took, fastest, late) => {
      expect(isLateRefusal(took, fastest)).toBe(late);
    },
  );

  test("a session that is lost again is renewed again, however often", () => {
    expect(at({ name: "session-lost", isLate: false }, 100)).toBe("renew");
  });

  test("the user says which statuses refuse what is too much", () => {
    const nameOf = (error: McpError, statuses?: readonly number[]): string =>
      momentOf(error, "none", false, statuses).name;
    expect(nameOf(http(503), [429, 503])).toBe("throttled");
    expect(nameOf(rpc(-32_000, 503), [429, 503])).toBe("throttled");
    expect(nameOf(http(502), [429, 503])).toBe("gateway");
    expect([nameOf(http(503)), nameOf(http(429), [503])]).toEqual(["gateway", "final"]);
  });

  test("what was never sent may be tried as long as there is time", () => {
    expect(at({ name: "not-sent" }, 100)).toBe("resend");
  });

  test("without a retry left in the server's budget it ends as after the last replay, whatever the option", () => {
    const input = { replays: 0, isSpent: true } as const;
    for (const option of ["safe", "always"] as const) {
      const lost = decideReplay({
        ...input,
        replayClass: "safe",
        option,
        moment: { name: "lost" },
      });
      expect(lost).toEqual({ action: "fail-unknown" });
      const moment: Moment = { name: "gateway", retryAfterMs: 0 };
      expect(decideReplay({ ...input, replayClass: "safe", option, moment })).toEqual({
        action: "fail",
      });
    }
    // What never ran costs nothing but time.
    expect(
      decideReplay({
        ...input,
        replayClass: "unsafe",
        option: "safe",
        moment: { name: "not-sent" },
      }),
    ).toEqual({ action: "resend" });
  });

  test("Retry-After is what is waited for", () => {
    const input = {
      replayClass: "safe",
      option: "safe",
      replays: 0,
      isSpent: false,
    } as const;
    const moment: Moment = { name: "gateway", retryAfterMs: 1_234 };
    expect(decideReplay({ ...input, moment })).toEqual({ action: "replay", waitMs: 1_234 });
  });
});

describe("classes (8.6)", () => {
  const tool = (annotations?: ToolAnnotations): Tool => ({
    name: "t",
    inputSchema: {},
    ...(annotations === undefined ? {} : { annotations }),
  });

  test.each([
    "ping",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "tasks/get",
    "server/discover",
  ])("%s is safe", (method) => {
    expect(replayClassOf(method, undefined, false)).toBe("safe");
  });

  test.each(["tools/call", "tasks/create", "custom/method", "TOOLS/LIST", ""])(
    "%j is not",
    (method) => {
      expect(replayClassOf(method, undefined, true)).toBe("unsafe");
    },
  );

  test.each<[ToolAnnotations | undefined, boolean]>([
    [{ readOnlyHint: true }, true],
    [{ idempotentHint: true }, true],
    [{ readOnlyHint: true, destructiveHint: true }, true],
    [{ readOnlyHint: false, idempotentHint: false }, false],
    [{ destructiveHint: false, openWorldHint: false }, false],
    [{}, false],
    [undefined, false],
    [{ readOnlyHint: "true" } as unknown as ToolAnnotations, false],
    [{ readOnlyHint: 1 } as unknown as ToolAnnotations, false],
  ])("%j: believed of a trusted server only (8.6)", (annotations, repeatable) => {
    expect(replayClassOf("tools/call", tool(annotations), true)).toBe(
      repeatable ? "repeatable" : "unsafe",
    );
    expect(replayClassOf("tools/call", tool(annotations), false)).toBe("unsafe");
    expect(replayClassOf("custom/method", tool(annotations), true)).toBe("unsafe");
  });
});
