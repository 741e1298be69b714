import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdaptiveLimit, MAX_HELD_MS } from "../../../src/resilience/adaptive-limit.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const MAX_IN_FLIGHT = 128;
const LONG_PAUSE_MS = 5_000;

function setup(maxInFlight = MAX_IN_FLIGHT) {
  const clock = new ManualClock();
  clock.nextRandom = 0;
  const limit = new AdaptiveLimit(maxInFlight, clock);
  /** A call that was sent now is refused a moment later. */
  const refuse = (underWay: number, retryAfterMs?: number): void => {
    const startedAt = clock.now();
    clock.advance(1);
    limit.onRefused(startedAt, underWay, retryAfterMs);
  };
  const accept = (times: number): void => {
    for (let n = 0; n < times; n++) limit.onAccepted(clock.now(), true);
  };
  return { clock, limit, refuse, accept };
}

describe("a refusal", () => {
  test("halves what was under way, which may be much less than what was allowed", () => {
    const { limit, refuse } = setup();
    refuse(40);
    expect([limit.inFlight, limit.pauseMs]).toEqual([20, 0]);
    refuse(20);
    expect(limit.inFlight).toBe(10);
  });

  test("counts once for all calls that were sent before it", () => {
    const { clock, limit } = setup();
    const startedAt = clock.now();
    clock.advance(5);
    limit.onRefused(startedAt, 40);
    limit.onRefused(startedAt, 39);
    limit.onRefused(startedAt, 38);
    expect(limit.inFlight).toBe(20);
  });

  test("together with most of its round trip leaves as many places as the server took", () => {
    const { clock, limit } = setup();
    const startedAt = clock.now();
    clock.advance(5);
    for (let n = 0; n < 123; n++) limit.onRefused(startedAt, 128 - n);
    expect(limit.inFlight).toBe(5);
  });

  test("of all leaves one place", () => {
    const { clock, limit } = setup();
    const startedAt = clock.now();
    clock.advance(5);
    for (let n = 0; n < 8; n++) limit.onRefused(startedAt, 8 - n);
    expect([limit.inFlight, limit.pauseMs]).toEqual([1, 0]);
  });

  test("of the only one under way makes a pause, which each further one doubles, within bounds", () => {
    const { limit, refuse } = setup();
    const pauses: number[] = [];
    for (let n = 0; n < 10; n++) {
      refuse(1);
      pauses.push(limit.pauseMs);
    }
    expect(pauses).toEqual([25, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(limit.inFlight).toBe(1);
  });

  test("is followed by a moment of silence, at least as long as the pause", () => {
    const { clock, limit, refuse } = setup();
    refuse(8);
    expect(limit.nextAt - clock.now()).toBe(25);
    for (let n = 0; n < 4; n++) refuse(1);
    expect(limit.pauseMs).toBe(200);
    expect(limit.nextAt - clock.now()).toBe(200);
  });
});

test("a refusal after successes makes the pause a little longer than theirs, instead of doubling it", () => {
  const { clock, limit, refuse } = setup();
  for (let n = 0; n < 4; n++) refuse(1);
  expect(limit.pauseMs).toBe(200);
  clock.advance(200);
  for (let n = 0; n < 10; n++) {
    clock.advance(150);
    limit.onAccepted(clock.now(), true);
  }
  refuse(1);
  expect(limit.pauseMs).toBeGreaterThanOrEqual(160);
  expect(limit.pauseMs).toBeLessThanOrEqual(170);
});

describe("Retry-After", () => {
  test.each([
    ["a second", 1_000, 1_000],
    ["as long as anybody waits", MAX_HELD_MS, MAX_HELD_MS],
    ["longer than anybody waits: the caller is told, and the others are not held back", 31_000, 25],
    ["less than the least", 0, 25],
  ])("%s", (_name, retryAfterMs, heldMs) => {
    const { clock, limit, refuse } = setup();
    refuse(8, retryAfterMs);
    expect(limit.nextAt - clock.now()).toBe(heldMs);
  });

  test("longer than anybody waits: a server that says so again and again delays nobody's error", () => {
    const { limit, refuse } = setup();
    for (let n = 0; n < 10; n++) refuse(1, 60_000);
    expect([limit.inFlight, limit.pauseMs]).toEqual([1, 0]);
  });

  test("is never undercut by the refusals after it, and never by chance", () => {
    const { clock, limit, refuse } = setup();
    clock.nextRandom = 0.99;
    refuse(8, 10_000);
    const until = clock.now() + 10_000;
    expect(limit.nextAt).toBeGreaterThan(until);
    expect(limit.nextAt).toBeLessThanOrEqual(until + 300);
    refuse(4, 0);
    expect(limit.nextAt).toBeGreaterThan(until);
  });
});

describe("successes", () => {
  test("add a place for each window of them", () => {
    const { limit, refuse, accept } = setup();
    refuse(8);
    expect(limit.inFlight).toBe(4);
    accept(4);
    expect(limit.inFlight).toBe(5);
    accept(4);
    expect(limit.inFlight).toBe(5);
    accept(1);
    expect(limit.inFlight).toBe(6);
  });

  test("add one much more slowly where the server refused the last time", () => {
    const { limit, refuse, accept } = setup();
    refuse(8);
    accept(4 + 5 + 6);
    expect(limit.inFlight).toBe(7);
    accept(16 * 7 - 1);
    expect(limit.inFlight).toBe(7);
    accept(2);
    expect(limit.inFlight).toBe(8);
  });

  test("shorten the pause before they add a place, slowly where the server refused", () => {
    const { limit, refuse, accept } = setup();
    for (let n = 0; n < 5; n++) refuse(1);
    // Refused at 200, doubled.
    expect(limit.pauseMs).toBe(400);
    accept(5);
    expect(limit.pauseMs).toBeLessThan(250);
    expect(limit.pauseMs).toBeGreaterThan(200);
    accept(10);
    expect(limit.pauseMs).toBeGreaterThan(175);
    accept(1_000);
    expect([limit.pauseMs, limit.inFlight > 1]).toEqual([0, true]);
  });

  test("of calls that were sent under the earlier limit count for nothing", () => {
    const { clock, limit, refuse } = setup();
    const startedAt = clock.now();
    refuse(8);
    for (let n = 0; n < 100; n++) limit.onAccepted(startedAt, true);
    expect(limit.inFlight).toBe(4);
  });

  test("end it when all places are back", () => {
    const { clock, limit, refuse } = setup(4);
    refuse(4);
    const isOver: boolean[] = [];
    while (isOver.at(-1) !== true && isOver.length < 1_000) {
      isOver.push(limit.onAccepted(clock.now(), true));
    }
    expect(limit.inFlight).toBe(4);
    expect(isOver.length).toBeGreaterThan(16);
    expect(isOver.length).toBeLessThan(100);
  });

  test("end it a minute after the last refusal, if nobody waits", () => {
    const { clock, limit, refuse } = setup();
    refuse(8);
    clock.advance(59_000);
    expect(limit.onAccepted(clock.now(), false)).toBe(false);
    clock.advance(1_000);
    expect(limit.onAccepted(clock.now(), true)).toBe(false);
    expect(limit.onAccepted(clock.now(), false)).toBe(true);
  });
});

test("whatever happens: between one place and all, and a bounded pause; and successes bring all back", () => {
  const event = fc.oneof(
    fc.record({
      name: fc.constant("refused" as const),
      ageMs: fc.nat(50),
      underWay: fc.integer({ min: 1, max: 300 }),
      retryAfterMs: fc.option(fc.nat(100_000), { nil: undefined }),
    }),
    fc.record({ name: fc.constant("accepted" as const), ageMs: fc.nat(50) }),
    fc.record({ name: fc.constant("time" as const), ms: fc.nat(5_000) }),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 128 }),
      fc.array(event, { maxLength: 200 }),
      (max, events) => {
        const clock = new ManualClock();
        clock.nextRandom = () => 0.999;
        const limit = new AdaptiveLimit(max, clock);
        for (const one of events) {
          if (one.name === "time") clock.advance(one.ms);
          else {
            const startedAt = clock.now() - one.ageMs;
            if (one.name === "accepted") limit.onAccepted(startedAt, true);
            else limit.onRefused(startedAt, one.underWay, one.retryAfterMs);
          }
          expect(limit.inFlight).toBeGreaterThanOrEqual(1);
          expect(limit.inFlight).toBeLessThanOrEqual(max);
          expect(limit.pauseMs).toBeLessThanOrEqual(LONG_PAUSE_MS);
          expect(limit.nextAt - clock.now()).toBeLessThanOrEqual(MAX_HELD_MS + 300);
        }
        let isOver = false;
        for (let n = 0; n < 1_000_000 && !isOver; n++) {
          isOver = limit.onAccepted(clock.now(), true);
        }
        expect([isOver, limit.inFlight, limit.pauseMs]).toEqual([true, max, 0]);
      },
    ),
    { numRuns: 100 },
  );
});
