import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenBucket } from "../../../src/resilience/token-bucket.ts";
import { ManualClock } from "../../support/manual-clock.ts";

test("a burst, then the rate; a wait that is as long as it says", () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ capacity: 2, perSecond: 4 }, clock);
  expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false]);
  expect(bucket.waitMs).toBe(250);
  clock.advance(249);
  expect(bucket.tryTake()).toBe(false);
  clock.advance(1);
  expect([bucket.waitMs, bucket.tryTake()]).toEqual([0, true]);
});

test("tokens that are put back count, up to the capacity", () => {
  const bucket = new TokenBucket({ capacity: 2, perSecond: 1 }, new ManualClock());
  bucket.add(100);
  expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false]);
  bucket.add(0.5);
  expect(bucket.waitMs).toBe(500);
});

test("over any time it never gives more than its burst and its rate", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(2_000), { maxLength: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      (pauses, capacity, perSecond) => {
        const clock = new ManualClock();
        const bucket = new TokenBucket({ capacity, perSecond }, clock);
        let taken = 0;
        let passedMs = 0;
        for (const pause of pauses) {
          while (bucket.tryTake()) taken += 1;
          clock.advance(pause);
          passedMs += pause;
        }
        expect(taken).toBeLessThanOrEqual(capacity + (passedMs / 1_000) * perSecond + 1e-6);
      },
    ),
  );
});
