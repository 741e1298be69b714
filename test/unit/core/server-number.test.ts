import { expect, test } from "vitest";
import { MAX_TIMER_MS, systemClock } from "../../../src/core/clock.ts";
import { bounded, SERVER_NUMBERS } from "../../../src/core/server-number.ts";

const HOSTILE = [
  -1,
  0,
  0.5,
  2 ** 31,
  1e300,
  Infinity,
  -Infinity,
  Number.NaN,
  "5",
  null,
  undefined,
  {},
  [],
];

test.each(Object.entries(SERVER_NUMBERS))("%s is brought between its bounds", (_, bounds) => {
  for (const value of HOSTILE) {
    const number = bounded(value, bounds);
    expect(number).toBeGreaterThanOrEqual(bounds.min);
    expect(number).toBeLessThanOrEqual(bounds.max);
  }
  const inside = (bounds.min + bounds.max) / 2;
  expect(bounded(inside, bounds)).toBe(inside);
});

test("no timer is longer than Node's longest, which would fire at once", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  const timers = [2 ** 31, 1e300, Infinity, Number.NaN, MAX_TIMER_MS].map((ms) =>
    systemClock.setTimer(() => expect.unreachable(), ms, true),
  );
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const timer of timers) systemClock.clearTimer(timer);
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});
