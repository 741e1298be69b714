import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BUDGET_WINDOW_SECONDS, RetryBudget } from "../../../src/resilience/retry-budget.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const WINDOW_MS = BUDGET_WINDOW_SECONDS * 1_000;

function setup(share: number, perSecond: number, startMs?: number) {
  const clock = new ManualClock(startMs);
  const budget = new RetryBudget({ share, perSecond }, clock);
  const calls = (count: number): void => {
    for (let n = 0; n < count; n++) budget.onCall(clock.now());
  };
  /** Takes until there is none left. */
  const drain = (): number => {
    let taken = 0;
    while (taken < 10_000 && budget.tryTake()) taken += 1;
    return taken;
  };
  return { clock, budget, calls, drain };
}

describe("the budget", () => {
  test.each([
    ["nothing at all", 0, 0, 100, 0],
    ["the free ones alone", 0, 10, 0, 100],
    ["a share of the calls alone", 0.2, 0, 100, 20],
    ["both", 0.2, 10, 100, 120],
    ["as many as there are calls", 1, 0, 7, 7],
    ["less than one retry is none", 0.2, 0, 4, 0],
    ["less than one a second adds up", 0, 0.1, 0, 1],
    ["the default, one call", 0.2, 10, 1, 100],
  ])("%s", (_name, share, perSecond, count, allowed) => {
    const { calls, drain } = setup(share, perSecond);
    calls(count);
    expect(drain()).toBe(allowed);
    expect(drain()).toBe(0);
  });

  test("more calls are more retries, at once", () => {
    const { calls, drain } = setup(0.5, 0);
    expect(drain()).toBe(0);
    calls(10);
    expect(drain()).toBe(5);
    calls(2);
    expect(drain()).toBe(1);
  });

  test("what was taken comes back after a window, and the calls of then count no more", () => {
    const { clock, calls, drain } = setup(0.5, 1);
    calls(10);
    expect(drain()).toBe(15);
    clock.advance(WINDOW_MS / 2);
    expect(drain()).toBe(0);
    clock.advance(WINDOW_MS / 2 + 1_000);
    expect(drain()).toBe(10);
  });

  test.each([WINDOW_MS, 3_600_000, 1_000 * 365 * 86_400_000])(
    "after %d ms without a call it begins anew",
    (ms) => {
      const { clock, calls, drain } = setup(1, 1);
      calls(100);
      expect(drain()).toBe(110);
      clock.jump(ms + 1_000);
      expect(drain()).toBe(10);
    },
  );

  test("a clock that begins anywhere, below zero too", () => {
    for (const startMs of [0, 0.5, 999.9, -5_500, -1, 1e12]) {
      const { clock, calls, drain } = setup(1, 0, startMs);
      calls(3);
      expect(drain()).toBe(3);
      clock.advance(500);
      calls(2);
      expect(drain()).toBe(2);
    }
  });
});

test("over any 10 seconds: retries ≤ share × calls + 10 × perSecond", () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(40), fc.nat(1_500), fc.nat(12_000)),
    calls: fc.nat(12),
    asks: fc.nat(30),
  });
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0.1, 0.2, 0.5, 1),
      fc.constantFrom(0, 0.3, 1, 2),
      fc.nat(999),
      fc.array(step, { minLength: 1, maxLength: 60 }),
      (share, perSecond, startMs, steps) => {
        const { clock, budget, calls } = setup(share, perSecond, startMs);
        const history: { at: number; calls: number; retries: number }[] = [];
        for (const { waitMs, calls: count, asks } of steps) {
          clock.advance(waitMs);
          calls(count);
          let retries = 0;
          for (let n = 0; n < asks; n++) if (budget.tryTake()) retries += 1;
          const at = clock.now();
          history.push({ at, calls: count, retries });
          if (retries === 0) continue;
          // The ten seconds that end with a retry: any other ten hold no more of them.
          const window = history.filter((one) => one.at > at - WINDOW_MS);
          const sum = (key: "calls" | "retries"): number =>
            window.reduce((total, one) => total + one[key], 0);
          expect(sum("retries")).toBeLessThanOrEqual(
            share * sum("calls") + perSecond * BUDGET_WINDOW_SECONDS + 1e-9,
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("it is not mean either: with one call a second or more, nine seconds' worth is always there", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(999), (rate, startMs) => {
      const { clock, calls, drain } = setup(0.5, 0, startMs);
      for (let second = 0; second < 25; second++) {
        calls(rate);
        clock.advance(1_000);
      }
      expect(drain()).toBeGreaterThanOrEqual(Math.floor(0.5 * rate * (BUDGET_WINDOW_SECONDS - 1)));
    }),
  );
});
