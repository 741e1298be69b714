import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { decideReplay } from "../../src/connection/replay.ts";
import type { Moment } from "../../src/connection/replay.ts";
import { TRANSITIONS } from "../../src/connection/state.ts";
import { McpConnectionError, McpError, McpHttpError } from "../../src/core/errors.ts";
import { settled } from "../support/manual-clock.ts";
import { Backend, connect, HTTP, lost, refused, STDIO, watch } from "../unit/connection/harness.ts";
import { FakeDuplex, initializeResult } from "../unit/fakes.ts";
import type { Sent } from "../unit/fakes.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));
vi.mock("../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));

const retryAfterMs = fc.option(fc.nat(100_000), { nil: undefined });
const moment: fc.Arbitrary<Moment> = fc.oneof(
  fc.constantFrom<Moment>(
    { name: "not-sent" },
    { name: "lost" },
    { name: "session-lost", isLate: false },
    { name: "final" },
  ),
  fc.record({ name: fc.constantFrom("throttled" as const, "gateway" as const), retryAfterMs }),
);

/** Nothing of it was written, or the server says itself that it did not take it. */
const DID_NOT_RUN: ReadonlySet<Moment["name"]> = new Set(["not-sent", "session-lost", "throttled"]);

describe("the decision, over every moment", () => {
  const rest = { replays: fc.nat(9), renewals: fc.nat(9), isSpent: fc.boolean() };
  const replayClass = fc.constantFrom("safe" as const, "repeatable" as const, "unsafe" as const);
  const option = fc.constantFrom("safe" as const, "always" as const, "never" as const);

  test("what may have run is sent again only if its class, or the caller, permits it", () => {
    fc.assert(
      fc.property(fc.record({ moment, replayClass, option, ...rest }), (input) => {
        const { action } = decideReplay(input);
        if (DID_NOT_RUN.has(input.moment.name)) return;
        const isPermitted =
          input.option === "always" || (input.option === "safe" && input.replayClass !== "unsafe");
        if (!isPermitted) expect(["fail", "fail-unknown"]).toContain(action);
        // Never as if it had not run.
        expect(["resend", "renew"]).not.toContain(action);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a server that has had its share of retries gets none, and what was never sent may go on", () => {
    fc.assert(
      fc.property(fc.record({ moment, replayClass, option, ...rest }), (input) => {
        const { action } = decideReplay({ ...input, isSpent: true });
        expect(action).not.toBe("replay");
        if (input.moment.name === "not-sent") expect(action).toBe("resend");
      }),
      { numRuns: 1_000 },
    );
  });

  test("no wait is longer than half a minute, nor shorter than the server asked for", () => {
    fc.assert(
      fc.property(fc.record({ moment, replayClass, option, ...rest }), (input) => {
        const decision = decideReplay(input);
        if (decision.action !== "replay" || !("retryAfterMs" in input.moment)) return;
        expect(decision.waitMs).toBe(input.moment.retryAfterMs);
        expect(decision.waitMs ?? 0).toBeLessThanOrEqual(30_000);
      }),
      { numRuns: 1_000 },
    );
  });
});

const STEPS = [
  "call U",
  "call U",
  "call S",
  "abort one",
  "answer",
  "answer all",
  "lose the answer",
  "say busy",
  "gateway fails",
  "forget the session",
  "lose the channel",
  "server down",
  "server up",
  "connect",
  "a little later",
  "later",
  "much later",
] as const;

interface Asked {
  readonly outcome: { value?: object; error?: unknown };
  readonly caller: AbortController;
  readonly isUnsafe: boolean;
}

describe("a connection under any sequence of events", () => {
  test.each([
    ["stdio", STDIO],
    ["http", HTTP],
  ])(
    "%s: class U runs once at most, every error is truthful, every call settles, nothing is left",
    async (_, config) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 40 }), async (steps) => {
          const backend = (hidden.backend = new Backend());
          let sessions = 0;
          backend.initialize = (sent) =>
            sent.head(200, { "mcp-session-id": `s${(sessions += 1)}` }).reply(initializeResult());
          const executed = new Map<unknown, number>();
          const waiting: Sent[] = [];
          backend.script = (sent) => {
            if (sent.method !== "tools/call" && sent.method !== "tools/list") return undefined;
            const { key } = sent.params;
            executed.set(key, (executed.get(key) ?? 0) + 1);
            waiting.push(sent);
            return undefined;
          };
          const { clock, connection, states } = connect({
            ...config,
            limits: { inFlight: 2, queued: 2 },
            breaker: { failures: 3, openMs: 5_000, maxOpenMs: 10_000 },
            retryBudget: { share: 0.5, perSecond: 0.2 },
          });
          const asked: Asked[] = [];
          const ask = (isUnsafe: boolean): void => {
            const caller = new AbortController();
            const key = asked.length;
            const method = isUnsafe ? "tools/call" : "tools/list";
            const options = { signal: caller.signal };
            const outcome = watch(connection.request(method, { name: "t", key }, options));
            asked.push({ outcome, caller, isUnsafe });
          };
          const fail = (error: McpError): void => waiting.shift()?.fail(error);
          const apply = async (step: (typeof STEPS)[number]): Promise<void> => {
            switch (step) {
              case "call U":
                return ask(true);
              case "call S":
                return ask(false);
              case "abort one":
                return asked.find(({ caller }) => !caller.signal.aborted)?.caller.abort("enough");
              case "answer":
                return waiting.shift()?.head().reply({ content: [] });
              case "answer all":
                for (const sent of waiting.splice(0)) sent.head().reply({ content: [] });
                return;
              case "lose the answer":
                return fail(
                  new McpConnectionError("CONNECTION_LOST", "x", {
                    sent: "unknown",
                    retryable: true,
                  }),
                );
              case "say busy": {
                // It did not run it after all: that is what the status says.
                const key = waiting[0]?.params["key"];
                if (waiting.length > 0) executed.set(key, (executed.get(key) ?? 0) - 1);
                return fail(new McpHttpError("x", { status: 429, retryAfterMs: 0 }));
              }
              case "gateway fails":
                return fail(new McpHttpError("x", { status: 503 }));
              case "forget the session": {
                const key = waiting[0]?.params["key"];
                if (waiting.length > 0) executed.set(key, (executed.get(key) ?? 0) - 1);
                return fail(new McpHttpError("x", { status: 404 }));
              }
              case "lose the channel": {
                const transport = backend.transports.findLast((one) => one.closeCount === 0);
                const isUp = connection.state === "ready";
                if (isUp && transport instanceof FakeDuplex) transport.sink.onClose(lost());
                return;
              }
              case "server down":
                backend.start = () => refused();
                return;
              case "server up":
                backend.start = () => undefined;
                return;
              case "connect":
                watch(connection.connect());
                return;
              case "a little later":
                return settled();
              case "later":
                return clock.run(3_000);
              case "much later":
                return clock.run(70_000);
            }
          };
          for (const step of steps) {
            await apply(step);
            expect(connection.counts.inFlight).toBeGreaterThanOrEqual(0);
          }
          // All limits of all calls pass.
          backend.start = () => undefined;
          for (let round = 0; round < 3; round++) await clock.run(301_000);
          await connection.close(0);
          await settled();
          const walk = ["idle", ...states] as (keyof typeof TRANSITIONS)[];
          for (const [index, to] of states.entries()) {
            expect(TRANSITIONS[walk[index] ?? "idle"]).toContain(to);
          }
          expect(connection.state).toBe("closed");
          expect(connection.counts.inFlight).toBe(0);
          expect(clock.armedCount).toBe(0);
          for (const [key, { outcome, caller, isUnsafe }] of asked.entries()) {
            const ran = executed.get(key) ?? 0;
            expect("value" in outcome || "error" in outcome).toBe(true);
            if (isUnsafe) expect([key, ran <= 1]).toEqual([key, true]);
            if ("value" in outcome) expect([key, ran >= 1]).toEqual([key, true]);
            else if (!caller.signal.aborted) {
              expect(outcome.error).toBeInstanceOf(McpError);
              const { sent } = outcome.error as McpError;
              if (ran > 0) expect([key, sent]).not.toEqual([key, "no"]);
            }
          }
        }),
        { numRuns: 100 },
      );
    },
  );
});
