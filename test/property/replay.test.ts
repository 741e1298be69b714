import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { decideReplay, momentOf, replayClassOf } from "../../src/connection/replay.ts";
import {
  McpAuthError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../src/core/errors.ts";
import type { Refusal } from "../../src/eras/era.ts";
import { Backend, connect, HTTP, watch } from "../unit/connection/harness.ts";
import type { Sent } from "../unit/fakes.ts";
import { initializeResult } from "../unit/fakes.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

const status = fc.oneof(
  fc.constantFrom(404, 429, 500, 502, 503, 504),
  fc.integer({ min: 300, max: 599 }),
);
const sent = fc.constantFrom("no", "yes", "unknown");
const retryAfterMs = fc.option(fc.nat(100_000), { nil: undefined });

const anyRefusal: fc.Arbitrary<Refusal> = fc.constantFrom("none", "unknown", "suspect");

const anyError: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .record({ sent, retryable: fc.boolean() })
    .chain((options) =>
      fc
        .constantFrom(
          "CONNECTION_FAILED" as const,
          "CONNECTION_LOST" as const,
          "OUTCOME_UNKNOWN" as const,
        )
        .map((code) => new McpConnectionError(code, "x", options)),
    ),
  fc.record({ status, retryAfterMs }).map((options) => new McpHttpError("x", options)),
  fc
    .record({
      rpcCode: fc.integer(),
      rpcMessage: fc.string(),
      status: fc.option(status, { nil: undefined }),
    })
    .map((options) => new McpResponseError("x", options)),
  sent.map((known) => new McpTimeoutError("x", { limit: "total", timeoutMs: 1, sent: known })),
  sent.map((known) => new McpProtocolError("x", { sent: known, retryable: true })),
  fc.constant(new McpAuthError("AUTH_REQUIRED", "x", { sent: "yes", retryable: true })),
  fc.anything(),
);

/** The server said itself, and at once, that it did not take the request. */
function wasRefused(error: unknown, refusal: Refusal, isLate: boolean): boolean {
  const refusedBy = error instanceof McpHttpError || error instanceof McpResponseError;
  return (refusal === "unknown" && !isLate) || (refusedBy && error.status === 429);
}

describe("the policy", () => {
  test("class U is never sent again once bytes were written, unless the server refused it", () => {
    fc.assert(
      fc.property(
        anyError,
        fc.tuple(anyRefusal, fc.boolean()),
        fc.constantFrom("safe" as const, "never" as const),
        fc.nat(5),
        fc.boolean(),
        (error, [refusal, isLate], option, replays, isSpent) => {
          const moment = momentOf(error, refusal, isLate);
          const decision = decideReplay({
            replayClass: "unsafe",
            option,
            moment,
            replays,
            isSpent,
          });
          const mayRun = !(error instanceof McpError) || error.sent !== "no";
          if (mayRun && !wasRefused(error, refusal, isLate)) {
            // A verification sends nothing again: it asks, and then this decides anew.
            expect(["fail", "fail-unknown", "verify"]).toContain(decision.action);
          }
          if (refusal !== "none" && option === "never") {
            expect(["fail", "fail-unknown", "verify"]).toContain(decision.action);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("second executions are bounded in every class, whatever follows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyError, anyRefusal, fc.boolean()), { minLength: 20, maxLength: 40 }),
        fc.constantFrom("safe" as const, "repeatable" as const, "unsafe" as const),
        fc.constantFrom("safe" as const, "always" as const, "never" as const),
        (failures, replayClass, option) => {
          let replays = 0;
          for (const [error, refusal, isLate] of failures) {
            const moment = momentOf(error, refusal, isLate);
            const { action } = decideReplay({
              replayClass,
              option,
              moment,
              replays,
              isSpent: false,
            });
            if (action === "replay") replays += 1;
            else if (action === "fail" || action === "fail-unknown") break;
          }
          expect(replays).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("no annotation makes a tool of an untrusted server repeatable", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.anything()), fc.string(), (annotations, method) => {
        const hints = { ...annotations, readOnlyHint: true, idempotentHint: true };
        const tool = { name: "t", inputSchema: {}, annotations: hints };
        expect(replayClassOf("tools/call", tool, false)).toBe("unsafe");
        expect(replayClassOf(method, tool, true)).not.toBe(
          method === "tools/call" ? "safe" : "repeatable",
        );
      }),
    );
  });
});

/** What may happen to one attempt: whether the tool runs, and what the client sees. */
const FAULTS = {
  refused: { runs: false, written: false, error: () => connection("CONNECTION_FAILED") },
  "lost before": { runs: false, written: true, error: () => connection("CONNECTION_LOST") },
  "lost after": { runs: true, written: true, error: () => connection("CONNECTION_LOST") },
  forgotten: { runs: false, written: true, error: () => new McpHttpError("x", { status: 404 }) },
  busy: { runs: false, written: true, error: () => new McpHttpError("x", { status: 429 }) },
  "gateway after": {
    runs: true,
    written: true,
    error: () => new McpHttpError("x", { status: 504 }),
  },
  "gateway before": {
    runs: false,
    written: true,
    error: () => new McpHttpError("x", { status: 503 }),
  },
  "error answer": { runs: true, written: true, error: () => rpcError() },
} as const;

type Fault = keyof typeof FAULTS;

function connection(code: "CONNECTION_FAILED" | "CONNECTION_LOST"): McpError {
  return new McpConnectionError(code, "x", { retryable: true });
}

function rpcError(): McpError {
  return new McpResponseError("x", { rpcCode: -32603, rpcMessage: "x" });
}

describe("a whole call, executions counted on the server", () => {
  let backend: Backend;
  beforeEach(() => {
    hidden.backend = backend = new Backend();
  });

  async function run(
    faults: readonly Fault[],
    option: "safe" | "always" | "never",
  ): Promise<{ executed: number; outcome: { value?: object; error?: unknown } }> {
    hidden.backend = backend = new Backend();
    let executed = 0;
    let attempt = 0;
    backend.initialize = (request) =>
      request.head(200, { "mcp-session-id": "s" }).reply(initializeResult());
    const { clock, connection: server } = connect({ ...HTTP, reconnect: { jitterMs: 0 } });
    await server.connect();
    const [transport] = backend.https;
    if (transport === undefined) throw new Error("no transport");
    // Whether an attempt is written is known before it is sent: the fake decides by what comes next.
    const send = transport.send.bind(transport);
    transport.send = (message, exchange) => {
      const fault = faults[attempt];
      const isCall = "method" in message && message.method === "tools/call";
      transport.writes = !isCall || fault === undefined || FAULTS[fault].written;
      return send(message, exchange);
    };
    backend.script = (request: Sent) => {
      if (request.method !== "tools/call") return {};
      const fault = faults[attempt++];
      if (fault === undefined || FAULTS[fault].runs) executed += 1;
      if (fault === undefined) return { content: [] };
      return request.fail(FAULTS[fault].error());
    };
    const outcome = watch(server.request("tools/call", { name: "t" }, { replay: option }));
    for (let n = 0; n < 40 && outcome.value === undefined && outcome.error === undefined; n++) {
      await clock.run(10_000);
    }
    await server.close(0);
    expect(clock.armedCount).toBe(0);
    return { executed, outcome };
  }

  const faults = fc.array(fc.constantFrom(...(Object.keys(FAULTS) as Fault[])), { maxLength: 6 });

  test("class U runs at most once; an error says truly whether it may have run", async () => {
    await fc.assert(
      fc.asyncProperty(
        faults,
        fc.constantFrom("safe" as const, "never" as const),
        async (script, option) => {
          const { executed, outcome } = await run(script, option);
          expect(executed).toBeLessThanOrEqual(1);
          expect(outcome.value !== undefined || outcome.error !== undefined).toBe(true);
          if (outcome.value !== undefined) expect(executed).toBe(1);
          if (outcome.error !== undefined) {
            expect(outcome.error).toBeInstanceOf(McpError);
            if (executed > 0) expect((outcome.error as McpError).sent).not.toBe("no");
          }
        },
      ),
      { numRuns: 120 },
    );
  });

  test('replay: "always" runs it three times at most, and gives one result', async () => {
    await fc.assert(
      fc.asyncProperty(faults, async (script) => {
        const { executed, outcome } = await run(script, "always");
        expect(executed).toBeLessThanOrEqual(3);
        if (outcome.value !== undefined) expect(executed).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });
});
