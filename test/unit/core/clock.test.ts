import { describe, expect, test } from "vitest";
import { delay, systemClock } from "../../../src/core/clock.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";

describe("delay", () => {
  test("resolves at its time, not before, and leaves neither timer nor listener", async () => {
    const clock = new ManualClock();
    const counting = new CountingSignal();
    let isOver = false;
    const waiting = delay(clock, 100, { signal: counting.signal }).then(() => (isOver = true));
    await clock.run(99);
    expect(isOver).toBe(false);
    await clock.run(1);
    await waiting;
    expect(clock.armedCount).toBe(0);
    expect(counting.listenerCount).toBe(0);
  });

  test("an abort rejects with the signal's reason and disarms the timer", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const reason = new Error("enough");
    const waiting = delay(clock, 100, { signal: controller.signal });
    controller.abort(reason);
    expect(await rejection(waiting)).toBe(reason);
    expect(clock.armedCount).toBe(0);
  });

  test("an aborted signal rejects without arming anything", async () => {
    const clock = new ManualClock();
    const reason = new Error("before");
    expect(await rejection(delay(clock, 100, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(clock.armedCount).toBe(0);
  });

  test("an abort after the end changes nothing", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const waiting = delay(clock, 5, { signal: controller.signal });
    clock.advance(5);
    controller.abort(new Error("late"));
    await expect(waiting).resolves.toBeUndefined();
  });

  test("a background delay does not hold the process", () => {
    const clock = new ManualClock();
    void delay(clock, 5, { background: true });
    void delay(clock, 5);
    expect([clock.armedCount, clock.holdingCount]).toEqual([2, 1]);
    clock.advance(5);
  });
});

describe("the system clock", () => {
  test("fires once, in the future, and a cleared timer never", async () => {
    const fired: string[] = [];
    const cleared = systemClock.setTimer(() => fired.push("cleared"), 1);
    systemClock.clearTimer(cleared);
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.setTimer(resolve, 2));
    expect(fired).toEqual([]);
    expect(systemClock.now()).toBeGreaterThan(before);
  });

  test("a background timer is unreferenced, another is not", () => {
    const background = systemClock.setTimer(() => {}, 99, true) as NodeJS.Timeout;
    const holding = systemClock.setTimer(() => {}, 99) as NodeJS.Timeout;
    expect([background.hasRef(), holding.hasRef()]).toEqual([false, true]);
    systemClock.clearTimer(background);
    systemClock.clearTimer(holding);
  });
});

test("the manual clock serves timers in order, those armed meanwhile included", () => {
  const clock = new ManualClock();
  const start = clock.now();
  const fired: [string, number][] = [];
  const note = (name: string) => (): void => void fired.push([name, clock.now() - start]);
  clock.setTimer(note("late"), 30);
  clock.setTimer(() => {
    note("first")();
    clock.setTimer(note("armed by the first"), 5);
  }, 10);
  clock.setTimer(note("same time, armed later"), 10);
  clock.setTimer(note("beyond"), 31);
  clock.advance(30);
  expect(fired).toEqual([
    ["first", 10],
    ["same time, armed later", 10],
    ["armed by the first", 15],
    ["late", 30],
  ]);
  expect(clock.dueIn).toEqual([1]);
});
