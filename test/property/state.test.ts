import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { TRANSITIONS } from "../../src/connection/state.ts";
import type { ConnectionStateName } from "../../src/connection/state.ts";
import { McpHttpError } from "../../src/core/errors.ts";
import { StateMachine } from "../../src/core/state-machine.ts";
import type { State } from "../../src/core/state-machine.ts";
import { settled } from "../support/manual-clock.ts";
import {
  Backend,
  HTTP,
  lost,
  refused,
  STDIO,
  supervise,
  watch,
} from "../unit/connection/harness.ts";
import { FakeDuplex, initializeResult } from "../unit/fakes.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));
vi.mock("../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));

const NAMES = Object.keys(TRANSITIONS) as ConnectionStateName[];

describe("the table", () => {
  test("is what the design draws", () => {
    expect(TRANSITIONS.closed).toEqual([]);
    expect(TRANSITIONS.draining).toEqual(["closed"]);
    for (const name of NAMES) {
      expect(TRANSITIONS[name]).not.toContain(name);
      expect(TRANSITIONS[name]).not.toContain("idle");
      if (name !== "closed") expect(TRANSITIONS[name]).toContain("closed");
      if (name !== "connecting") expect(TRANSITIONS[name]).not.toContain("ready");
    }
    // What was given up is tried again only through a new attempt.
    expect(TRANSITIONS.failed.filter((to) => to !== "draining" && to !== "closed")).toEqual([
      "connecting",
    ]);
  });

  test("any walk: a move happens if and only if it is legal, and each state is left once", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...NAMES), { maxLength: 60 }), (wanted) => {
        const left: number[] = [];
        const entered: State<ConnectionStateName>[] = [];
        const machine = new StateMachine<State<ConnectionStateName>>({
          initial: { name: "idle" },
          table: TRANSITIONS,
        });
        for (const name of wanted) {
          const from = machine.current;
          const n = entered.length;
          const next: State<ConnectionStateName> = { name, dispose: () => void left.push(n) };
          const isLegal = TRANSITIONS[from.name].includes(name);
          expect(machine.canMoveTo(name)).toBe(isLegal);
          if (isLegal) {
            machine.moveTo(next);
            entered.push(next);
            expect(machine.current).toBe(next);
          } else {
            expect(() => machine.moveTo(next)).toThrow("illegal");
            expect(machine.current).toBe(from);
          }
        }
        expect(left).toEqual(entered.slice(0, -1).map((_, n) => n));
      }),
      { numRuns: 500 },
    );
  });
});

const STEPS = [
  "connect",
  "ready",
  "ready, aborted",
  "lose",
  "unreachable",
  "forget",
  "server down",
  "server refuses",
  "server hangs",
  "server up",
  "a little later",
  "later",
  "much later",
  "drain",
] as const;

describe("a supervisor under any sequence of events", () => {
  test.each([
    ["stdio", STDIO],
    ["http", HTTP],
  ])("%s: legal moves only, one attempt at a time, nothing left at the end", async (_, config) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...STEPS), { maxLength: 25 }),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 5 }),
        async (steps, randoms) => {
          const backend = (hidden.backend = new Backend());
          const dead = new Set<unknown>();
          let hangs = false;
          let sessions = 0;
          backend.initialize = (sent) => {
            if (hangs) return;
            sent.head(200, { "mcp-session-id": `s${(sessions += 1)}` }).reply(initializeResult());
          };
          // An illegal move throws inside the harness, and is seen here as an unhandled rejection.
          const { clock, supervisor, states } = supervise(config);
          let asked = 0;
          clock.nextRandom = () => randoms[asked++ % randoms.length] ?? 0;
          const outcomes: { value?: unknown; error?: unknown }[] = [];
          for (const step of steps) {
            const link = supervisor.currentLink;
            switch (step) {
              case "connect":
                outcomes.push(watch(supervisor.connect()));
                break;
              case "ready":
                outcomes.push(watch(supervisor.ready(300_000)));
                break;
              case "ready, aborted":
                outcomes.push(watch(supervisor.ready(300_000, AbortSignal.abort(new Error("no")))));
                break;
              case "lose":
                if (link?.transport instanceof FakeDuplex) {
                  dead.add(link.transport);
                  link.transport.sink.onClose(lost());
                }
                break;
              case "unreachable":
                if (link !== undefined) supervisor.reportUnreachable(link, refused());
                break;
              case "forget":
                if (link !== undefined) {
                  supervisor.reportUnknownSession(
                    link.session,
                    new McpHttpError("gone", { status: 404 }),
                  );
                }
                break;
              case "server down":
                backend.start = () => refused();
                break;
              case "server refuses":
                backend.start = () => refused(false);
                break;
              case "server hangs":
                hangs = true;
                break;
              case "server up":
                hangs = false;
                backend.start = () => undefined;
                break;
              case "a little later":
                await settled();
                break;
              case "later":
                await clock.run(6_000);
                break;
              case "much later":
                await clock.run(130_000);
                break;
              case "drain":
                supervisor.drain();
                break;
            }
            // A channel that is gone already is cleaned up while the next one is made.
            const open = backend.transports.filter(
              (transport) => transport.closeCount === 0 && !dead.has(transport),
            );
            expect(open.length).toBeLessThanOrEqual(1);
          }
          await supervisor.close();
          await settled();
          expect(supervisor.state).toBe("closed");
          expect(states.filter((name) => name === "closed")).toHaveLength(1);
          expect(clock.armedCount).toBe(0);
          expect(backend.transports.every((transport) => transport.closeCount > 0)).toBe(true);
          for (const outcome of outcomes) {
            expect("value" in outcome || "error" in outcome).toBe(true);
          }
        },
      ),
      { numRuns: 80 },
    );
  });
});
