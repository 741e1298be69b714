// The replay table, cell by cell: what real transports and real eras make of each fault, on a wire of the test's own.

import { expect, test } from "vitest";
import { McpError } from "../../../src/core/errors.ts";
import type { McpErrorCode } from "../../../src/core/errors.ts";
import type { ReplayClass, ReplayOption } from "../../../src/connection/replay.ts";
import { settled } from "../../support/manual-clock.ts";
import { connect, watch } from "./harness.ts";
import { RESULT, Wire } from "./wire.ts";
import type { Fault, WireRequest } from "./wire.ts";

type Era = "session" | "stateless";

/**
 * - `fail`: its own error, at once · `fail-unknown`: `OUTCOME_UNKNOWN`, at once
 * - `resend`: it never ran, and is sent again · `renew`: the same, after a new session
 * - `wait`: the same, after a pause · `replay`: it may have run, and is sent again after a pause
 * - `resume`: the rest of its stream is fetched · `result`: there is nothing to decide
 */
type Action =
  | "fail"
  | "fail-unknown"
  | "resend"
  | "renew"
  | "wait"
  | "replay"
  | "resume"
  | "result";

interface Row {
  readonly moment: string;
  readonly fault: Fault;
  /** Default: both. */
  readonly era?: Era;
  /** Classes S and R with "safe", every class with "always". */
  readonly allowed: Action;
  /** Class U with "safe"; default: the same. */
  readonly unsafe?: Action;
  /** Every class with "never"; default: as class U. */
  readonly never?: Action;
  /** Class S with every option, where it differs. */
  readonly safe?: Action;
  /** Of the error where it fails as it is. */
  readonly code?: McpErrorCode;
  readonly status?: number;
  /** Not one byte went out. */
  readonly isUnsent?: boolean;
}

const UNSENT = { allowed: "resend", isUnsent: true } as const;
const LOST = { allowed: "replay", unsafe: "fail-unknown" } as const;
const FINAL = { allowed: "fail" } as const;
const REFUSED = { allowed: "wait", unsafe: "wait", never: "fail" } as const;
/** The server is asked for its era; if that is still the same, the refusal was about the request. */
const NOT_UNDERSTOOD = {
  allowed: "renew",
  unsafe: "fail",
  never: "fail",
  code: "HTTP_ERROR",
} as const;
/** The session is known wherever it is asked for: what may be repeated is sent once more. */
const NOT_OF_THE_SESSION = { ...NOT_UNDERSTOOD, allowed: "resend" } as const;
const UNSUPPORTED = { supported: ["2026-07-28"], requested: "x" };

const event = (id: number, text = ""): string => `id: ${id}\ndata: ${text}\n\n`;
/** The server treats every request of the session, or of the era, in the same way, until the next `initialize`. */
function forgotten(fault: Fault): Fault {
  return (request, wire) => {
    wire.onPing = fault;
    fault(request, wire);
  };
}

const statusRow = (status: number, headers: Record<string, string> = {}): Fault => {
  return (request) => request.status(status, headers);
};

const TABLE: readonly Row[] = [
  // Nothing of this attempt was written.
  ...["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT", "EHOSTUNREACH"].map((code) => ({
    moment: `not connected: ${code}`,
    fault: (request: WireRequest) => request.fail(code, "connect"),
    ...UNSENT,
  })),
  {
    moment: "not connected: a certificate that no later attempt makes better",
    fault: (request) => request.fail("CERT_HAS_EXPIRED"),
    ...FINAL,
    code: "CONNECTION_FAILED",
    isUnsent: true,
  },
  ...["EPIPE", "ECONNRESET"].map((code) => ({
    moment: `the system refused its bytes: ${code}`,
    fault: (request: WireRequest) => request.start().fail(code, "write"),
    ...UNSENT,
  })),

  // Written, no answer, connection lost.
  ...[
    ["ECONNRESET", "read"],
    ["UND_ERR_SOCKET", undefined],
    ["ETIMEDOUT", "read"],
  ].map(([code = "", syscall]) => ({
    moment: `written, then lost: ${code}`,
    fault: (request: WireRequest) => request.start().fail(code, syscall),
    ...LOST,
  })),
  {
    moment: "lost after the head of its answer",
    fault: (request) =>
      request.start().head(200, { "content-type": "application/json" }).fail("ECONNRESET", "read"),
    ...LOST,
  },
  {
    moment: "lost in the middle of its JSON",
    fault: (request) => {
      const headers = { "content-type": "application/json", "content-length": "100" };
      request.start().head(200, headers).data('{"jsonrpc":').fail("UND_ERR_SOCKET");
    },
    ...LOST,
  },

  // Mid-SSE.
  {
    moment: "stream ends without an id",
    fault: (request) => request.stream(": x\n\n").end(),
    ...LOST,
  },
  {
    moment: "stream cut without an id",
    fault: (request) => request.stream(": x\n\n").fail("ECONNRESET", "read"),
    ...LOST,
  },
  {
    moment: "stream cut after an id, and resumed",
    era: "session",
    fault: (request, wire) => {
      wire.onGet = (get) => {
        const { id } = request.rpc ?? {};
        const text = JSON.stringify({ jsonrpc: "2.0", id, result: RESULT });
        get.stream(event(2, text)).end();
      };
      request.stream(event(1)).fail("ECONNRESET", "read");
    },
    allowed: "resume",
  },
  {
    moment: "stream cut after an id, and nothing to resume",
    era: "session",
    fault: (request) => request.stream(event(1)).fail("ECONNRESET", "read"),
    ...LOST,
  },
  {
    moment: "stream cut after an id, which means nothing here",
    era: "stateless",
    fault: (request) => request.stream(event(1)).fail("ECONNRESET", "read"),
    ...LOST,
  },

  // 404.
  {
    moment: "404 without a JSON-RPC answer, and to a ping as well",
    era: "session",
    fault: forgotten(statusRow(404)),
    allowed: "renew",
    never: "fail",
    code: "HTTP_ERROR",
    status: 404,
  },
  {
    moment: "404 without a JSON-RPC answer, and a ping is answered",
    era: "session",
    fault: statusRow(404),
    ...NOT_OF_THE_SESSION,
    status: 404,
  },
  {
    moment: "404 without a JSON-RPC answer, from a server that still speaks the era",
    era: "stateless",
    fault: statusRow(404),
    ...NOT_UNDERSTOOD,
    status: 404,
  },
  ...[400, 403, 410].map((status) => ({
    moment: `${status}, and to a ping as well`,
    era: "session" as const,
    fault: forgotten(statusRow(status)),
    allowed: "renew" as const,
    never: "fail" as const,
    code: "HTTP_ERROR" as const,
    status,
  })),
  {
    moment: "401, and to a ping as well, of a session that was forgotten",
    era: "session",
    fault: forgotten(statusRow(401)),
    allowed: "renew",
    never: "fail",
    code: "AUTH_REQUIRED",
  },
  {
    moment: "JSON-RPC error -32000 in good order, and to a ping as well",
    era: "session",
    fault: forgotten((request) => request.rpcError(200, -32_000)),
    allowed: "renew",
    never: "fail",
    code: "RESPONSE_ERROR",
  },
  {
    moment: "500, and to a ping as well: it may have run before",
    era: "session",
    fault: forgotten(statusRow(500)),
    ...FINAL,
    code: "HTTP_ERROR",
    status: 500,
  },
  {
    moment: "404 with -32601",
    fault: (request) => request.rpcError(404, -32_601),
    ...FINAL,
    code: "RESPONSE_ERROR",
    status: 404,
  },
  {
    moment: "-32601",
    fault: (request) => request.rpcError(200, -32_601),
    ...FINAL,
    code: "RESPONSE_ERROR",
  },

  // 429 and the gateway's statuses.
  { moment: "429", fault: statusRow(429), ...REFUSED, code: "HTTP_ERROR", status: 429 },
  {
    moment: "429 with Retry-After",
    fault: statusRow(429, { "retry-after": "3" }),
    ...REFUSED,
    code: "HTTP_ERROR",
    status: 429,
  },
  {
    moment: "429 with a JSON-RPC error",
    fault: (request) => request.rpcError(429, -32_000),
    ...REFUSED,
    code: "RESPONSE_ERROR",
    status: 429,
  },
  {
    moment: "429, come back later than one waits",
    fault: statusRow(429, { "retry-after": "31" }),
    ...FINAL,
    code: "HTTP_ERROR",
    status: 429,
  },
  ...[502, 503, 504].flatMap((status) => [
    { moment: String(status), fault: statusRow(status), ...LOST },
    {
      moment: `${status} with Retry-After`,
      fault: statusRow(status, { "retry-after": "3" }),
      ...LOST,
    },
    {
      moment: `${status}, come back later than one waits`,
      fault: statusRow(status, { "retry-after": "31" }),
      allowed: "fail" as const,
      unsafe: "fail-unknown" as const,
      code: "HTTP_ERROR" as const,
      status,
    },
  ]),
  {
    moment: "503 with a JSON-RPC error",
    fault: (request) => request.rpcError(503, -32_000),
    ...FINAL,
    code: "RESPONSE_ERROR",
    status: 503,
  },

  // Authorization, without a provider to ask.
  { moment: "401", fault: statusRow(401), ...FINAL, code: "AUTH_REQUIRED" },
  {
    moment: "403 insufficient_scope",
    fault: statusRow(403, { "www-authenticate": 'Bearer error="insufficient_scope"' }),
    ...FINAL,
    code: "INSUFFICIENT_SCOPE",
  },

  // What is put right and sent again, unread by the tool as it was.
  {
    moment: "-32020 with 400",
    era: "stateless",
    fault: (request) => request.rpcError(400, -32_020),
    allowed: "resend",
    // Only what a tool's headers mirror can be learnt anew.
    safe: "fail",
    code: "RESPONSE_ERROR",
  },
  {
    moment: "-32022 with 400",
    era: "stateless",
    fault: (request) => request.rpcError(400, -32_022, UNSUPPORTED),
    allowed: "resend",
  },
  ...[-32_020, -32_022].map((code) => ({
    moment: `${code} with 400, from a server that was replaced`,
    era: "session" as const,
    fault: forgotten((request) => request.rpcError(400, code, UNSUPPORTED)),
    allowed: "renew" as const,
    never: "fail" as const,
    code: "RESPONSE_ERROR" as const,
    status: 400,
  })),

  // Answers.
  ...[400, 403, 500, 501, 505].flatMap((status) => {
    // Of the era that has nothing else to go by, 400 says that it is not understood.
    const renews: Row[] =
      status === 400
        ? [{ moment: "400", era: "stateless", fault: statusRow(400), ...NOT_UNDERSTOOD, status }]
        : [];
    const fails: Row = {
      moment: String(status),
      fault: statusRow(status),
      ...(status === 400 ? { era: "session" } : {}),
      ...FINAL,
      code: "HTTP_ERROR",
      status,
    };
    return [fails, ...renews];
  }),
  ...[-32_602, -32_603, -32_000, 1].map((code) => ({
    moment: `JSON-RPC error ${code}`,
    fault: (request: WireRequest) => request.rpcError(200, code),
    ...FINAL,
    code: "RESPONSE_ERROR" as const,
  })),
  {
    moment: "a page instead of an answer",
    fault: (request) =>
      request.start().head(200, { "content-type": "text/html" }).data("<p>").end(),
    ...FINAL,
    code: "PROTOCOL_ERROR",
  },
  {
    moment: "bytes that are no HTTP",
    fault: (request) => request.start().fail("HPE_INVALID_CONSTANT"),
    ...FINAL,
    code: "PROTOCOL_ERROR",
  },
  {
    moment: "a result that says isError",
    fault: (request) => request.result({ ...RESULT, isError: true }),
    allowed: "result",
  },

  // The caller's own limits.
  { moment: "silence", fault: (request) => void request.start(), ...FINAL, code: "TIMEOUT" },
  {
    moment: "silence after the head",
    fault: (request) => void request.stream(": x\n\n"),
    ...FINAL,
    code: "TIMEOUT",
  },
];

const CLASSES: readonly ReplayClass[] = ["safe", "repeatable", "unsafe"];
const OPTIONS: readonly ReplayOption[] = ["safe", "always", "never"];
const ERAS: readonly Era[] = ["session", "stateless"];

const PROTOCOL = { session: "legacy", stateless: "2026-07-28" } as const;
/** How each class is asked for. A tool without annotations is of class U, whoever is trusted. */
const METHOD = { safe: "resources/read", repeatable: "tools/call", unsafe: "tools/call" } as const;
/** Longer than a stream waits before it is resumed, and than any Retry-After here. */
const TIMEOUT_MS = 5_000;

function expectedOf(row: Row, replayClass: ReplayClass, option: ReplayOption): Action {
  const { allowed, unsafe = allowed, never = unsafe } = row;
  if (replayClass === "safe" && row.safe !== undefined) return row.safe;
  if (option === "never") return never;
  return option === "always" || replayClass !== "unsafe" ? allowed : unsafe;
}

interface Seen {
  readonly action: Action;
  readonly error: unknown;
}

async function tryOut(
  row: Row,
  era: Era,
  replayClass: ReplayClass,
  option: ReplayOption,
): Promise<Seen> {
  const method = METHOD[replayClass];
  const wire = new Wire(method, row.fault);
  const { clock, connection } = connect({
    url: "http://wire.test/mcp",
    transport: "http",
    protocol: PROTOCOL[era],
    listen: false,
    trusted: true,
    dispatcher: wire,
  });
  await connection.connect();
  const annotations = replayClass === "repeatable" ? { readOnlyHint: true } : {};
  const tool = { name: "t", inputSchema: { type: "object" }, annotations } as const;
  const [params, of] =
    method === "tools/call" ? [{ name: "t", arguments: {} }, tool] : [{ uri: "x:a" }, undefined];
  const startedAt = clock.now();
  const call = watch(
    connection.request(method, params, { replay: option, timeoutMs: TIMEOUT_MS }, { tool: of }),
  );
  while (Object.keys(call).length === 0 && clock.now() - startedAt < 60_000) {
    // A request that goes out after a pause looks around for two turns.
    for (let turn = 0; turn < 3; turn++) await settled();
    if (Object.keys(call).length === 0) await clock.run(50);
  }
  const tookMs = clock.now() - startedAt;
  const { replays, renewals } = connection.counts;
  const attempts = wire.attempts.length;
  const ids = new Set(wire.attempts.map(({ rpc }) => rpc?.id));
  await connection.close(0);
  expect([clock.armedCount, ids.size]).toEqual([0, attempts]);
  const action = ((): Action => {
    if (call.error !== undefined) {
      expect([attempts, replays]).toEqual([1, 0]);
      return (call.error as McpError).code === "OUTCOME_UNKNOWN" ? "fail-unknown" : "fail";
    }
    expect(call.value).toBeDefined();
    if (attempts === 1)
      return wire.requests.some(({ verb }) => verb === "GET") ? "resume" : "result";
    expect(attempts).toBe(2);
    if (replays === 1) {
      expect(tookMs).toBeGreaterThanOrEqual(100);
      return "replay";
    }
    expect(replays).toBe(0);
    if (renewals === 1) return "renew";
    return connection.quirks.counts["rate-limited"] === 1 ? "wait" : "resend";
  })();
  return { action, error: call.error };
}

const CELLS = TABLE.flatMap((row) =>
  ERAS.filter((era) => row.era === undefined || row.era === era).flatMap((era) =>
    CLASSES.flatMap((replayClass) =>
      OPTIONS.map((option) => ({
        row,
        era,
        replayClass,
        option,
        moment: row.moment,
        expected: expectedOf(row, replayClass, option),
      })),
    ),
  ),
);

test("the table has no moment twice, and every action somewhere", () => {
  const keys = TABLE.map(({ moment, era }) => `${era ?? "both"} ${moment}`);
  expect(new Set(keys).size).toBe(keys.length);
  expect(new Set(CELLS.map(({ expected }) => expected)).size).toBe(8);
});

test.each(CELLS)(
  "3.28: $era era, $moment, class $replayClass, replay $option: $expected",
  async ({ row, era, replayClass, option, expected }) => {
    const { action, error } = await tryOut(row, era, replayClass, option);
    expect(action).toBe(expected);
    if (action !== "fail" && action !== "fail-unknown") return;
    expect(error).toBeInstanceOf(McpError);
    const { code, sent } = error as McpError;
    // Whoever reads "no" may call again.
    expect(sent === "no").toBe(row.isUnsent === true);
    if (action === "fail-unknown") return;
    expect(code).toBe(row.code);
    if (row.status !== undefined) expect(error).toMatchObject({ status: row.status });
  },
);

test.each(ERAS)(
  "4.10: %s era, an abort: its reason, told on the wire, never sent again",
  async (era) => {
    for (const option of OPTIONS) {
      const wire = new Wire("tools/call", (request) => void request.start());
      const { clock, connection } = connect({
        url: "http://wire.test/mcp",
        transport: "http",
        protocol: PROTOCOL[era],
        listen: false,
        dispatcher: wire,
      });
      await connection.connect();
      const controller = new AbortController();
      const options = { replay: option, signal: controller.signal };
      const call = watch(connection.request("tools/call", { name: "t" }, options));
      await settled();
      const reason = new Error("enough");
      controller.abort(reason);
      for (let turn = 0; turn < 3; turn++) await settled();
      await clock.run(60_000);
      expect([call.error, wire.attempts.length]).toEqual([reason, 1]);
      const told = wire.of("notifications/cancelled").length;
      expect([told, wire.attempts[0]?.isAborted]).toEqual([era === "session" ? 1 : 0, true]);
      await connection.close(0);
    }
  },
);
