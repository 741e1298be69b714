import { expect, test } from "vitest";
import { Backoff } from "../../../src/resilience/backoff.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const OPTIONS = { initialMs: 250, factor: 1.6, maxMs: 5_000, jitter: 0.2 };

function backoff(random: number): Backoff {
  const clock = new ManualClock();
  clock.nextRandom = random;
  return new Backoff(OPTIONS, clock);
}

test("without jitter's luck: 250 ms × 1.6, at most 5 s", () => {
  const b = backoff(0.5);
  const delays = Array.from({ length: 9 }, () => Math.round(b.next()));
  expect(delays).toEqual([250, 400, 640, 1_024, 1_638, 2_621, 4_194, 5_000, 5_000]);
  expect(b.failures).toBe(9);
});

test("jitter is ± 20 % of each delay, on both sides", () => {
  const [low, high] = [backoff(0), backoff(1 - Number.EPSILON)];
  for (const base of [250, 400, 640]) {
    expect(low.next()).toBeCloseTo(base * 0.8, 6);
    expect(high.next()).toBeCloseTo(base * 1.2, 6);
  }
});

test("reset begins again; ten thousand failures are still a finite delay", () => {
  const b = backoff(0.5);
  for (let i = 0; i < 10_000; i++) b.next();
  expect(b.next()).toBe(5_000);
  b.reset();
  expect(b.failures).toBe(0);
  expect(b.next()).toBe(250);
});
