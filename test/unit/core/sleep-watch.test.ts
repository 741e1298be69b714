import { describe, expect, test } from "vitest";
import { LOOK_MS, SleepWatch } from "../../../src/core/sleep-watch.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const HOUR_MS = 3_600_000;

/** The two ways of sleeping: whether the monotonic clock goes on meanwhile. */
const KINDS = [
  ["the monotonic clock went on", (clock: ManualClock) => clock.jump(HOUR_MS)],
  ["only the wall clock went on", (clock: ManualClock) => clock.sleep(HOUR_MS)],
] as const;

function watching(count = 1): {
  clock: ManualClock;
  watch: SleepWatch;
  wakes: number[];
  ends: (() => void)[];
} {
  const clock = new ManualClock();
  const watch = new SleepWatch(clock);
  const wakes = Array.from({ length: count }, () => 0);
  const ends = wakes.map((_, at) => watch.watch(() => (wakes[at] = (wakes[at] ?? 0) + 1)));
  return { clock, watch, wakes, ends };
}

describe("waking up (fault 59)", () => {
  test.each(KINDS)("%s: all are told once, by the next timer", (_, pass) => {
    const { clock, wakes } = watching(5);
    pass(clock);
    expect(wakes).toEqual([0, 0, 0, 0, 0]);
    clock.advance(LOOK_MS);
    expect(wakes).toEqual([1, 1, 1, 1, 1]);
    clock.advance(HOUR_MS);
    expect(wakes).toEqual([1, 1, 1, 1, 1]);
  });

  test.each(KINDS)("%s: all are told once, by the next look, which does not wait", (_, pass) => {
    const { clock, watch, wakes } = watching(2);
    pass(clock);
    watch.look();
    expect(wakes).toEqual([1, 1]);
    watch.look();
    clock.advance(HOUR_MS);
    expect(wakes).toEqual([1, 1]);
  });

  test.each(KINDS)("%s: each sleep is told of", (_, pass) => {
    const { clock, watch, wakes } = watching();
    for (let sleeps = 1; sleeps <= 3; sleeps++) {
      pass(clock);
      watch.look();
      expect(wakes).toEqual([sleeps]);
    }
  });

  test("a look that was served in time, however long nobody called, is no sleep", () => {
    const { clock, watch, wakes } = watching();
    for (let step = 0; step < 1_000; step++) {
      clock.advance(7_003);
      watch.look();
    }
    expect(wakes).toEqual([0]);
  });

  test.each([
    ["a busy process, or a stop shorter than the least sleep", LOOK_MS + 10_000],
    ["a look a moment late", LOOK_MS + 1],
  ])("%s is no sleep", (_, ms) => {
    const { clock, watch, wakes } = watching();
    clock.jump(ms);
    watch.look();
    expect(wakes).toEqual([0]);
  });

  test("a wall clock that is set back says nothing, and hides no later sleep", () => {
    const { clock, watch, wakes } = watching();
    clock.sleep(-HOUR_MS);
    watch.look();
    expect(wakes).toEqual([0]);
    clock.advance(LOOK_MS);
    clock.sleep(60_000);
    watch.look();
    expect(wakes).toEqual([1]);
  });

  test("who watches only from now on is not told of what was before", () => {
    const { clock, watch, ends } = watching();
    ends[0]?.();
    clock.jump(HOUR_MS);
    let wakes = 0;
    watch.watch(() => (wakes += 1));
    watch.look();
    clock.advance(LOOK_MS);
    expect(wakes).toBe(0);
  });
});

describe("timers", () => {
  test("none without a watcher, one for all, none that holds the process", () => {
    const { clock, watch, ends } = watching(3);
    expect(clock.armedCount).toBe(1);
    expect(clock.holdingCount).toBe(0);
    clock.advance(HOUR_MS);
    clock.sleep(HOUR_MS);
    watch.look();
    expect(clock.armedCount).toBe(1);
    expect(clock.holdingCount).toBe(0);
    for (const end of ends) end();
    expect(clock.armedCount).toBe(0);
    watch.look();
    expect(clock.armedCount).toBe(0);
    expect(new ManualClock().armedCount).toBe(0);
  });

  test("ending twice ends one, and a listener may end them all while it is told", () => {
    const { clock, watch, wakes, ends } = watching(2);
    ends[0]?.();
    ends[0]?.();
    expect(clock.armedCount).toBe(1);
    const told: string[] = [];
    const last = watch.watch(() => {
      told.push("last");
      ends[1]?.();
      last();
    });
    clock.jump(HOUR_MS);
    clock.advance(LOOK_MS);
    expect(told).toEqual(["last"]);
    expect(wakes).toEqual([0, 1]);
    expect(clock.armedCount).toBe(0);
    clock.advance(HOUR_MS);
    expect(clock.armedCount).toBe(0);
  });
});
