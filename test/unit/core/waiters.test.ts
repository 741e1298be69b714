import { describe, expect, test } from "vitest";
import { CrashCounter } from "../../../src/connection/crash-counter.ts";
import { Waiters } from "../../../src/core/waiters.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";

describe("waiters", () => {
  const setup = () => {
    const clock = new ManualClock();
    const waiters = new Waiters<string>();
    const counting = new CountingSignal();
    const wait = (limitMs = 100, signal?: AbortSignal): Promise<string> => {
      const onLimit = (): Error => new Error(`limit ${limitMs}`);
      const promise = waiters.wait({ clock, limitMs, signal, onLimit });
      promise.catch(() => {});
      return promise;
    };
    return { clock, waiters, counting, wait };
  };

  test("all get the value at once; nothing is left", async () => {
    const { clock, waiters, counting, wait } = setup();
    const all = [wait(), wait(50, counting.signal), wait(10)];
    waiters.resolveAll("up");
    expect(await Promise.all(all)).toEqual(["up", "up", "up"]);
    expect([waiters.size, clock.armedCount, counting.listenerCount]).toEqual([0, 0, 0]);
  });

  test("each has a limit and a signal of its own", async () => {
    const { clock, waiters, counting, wait } = setup();
    const short = wait(10);
    const aborted = wait(100, counting.signal);
    const long = wait(100);
    clock.advance(10);
    expect(await rejection(short)).toMatchObject({ message: "limit 10" });
    const reason = new Error("enough");
    counting.controller.abort(reason);
    expect(await rejection(aborted)).toBe(reason);
    expect([waiters.size, counting.listenerCount]).toEqual([1, 0]);
    waiters.resolveAll("up");
    expect(await long).toBe("up");
    expect(clock.armedCount).toBe(0);
  });

  test("each gets an error of its own", async () => {
    const { waiters, wait } = setup();
    const both = [wait(), wait()];
    waiters.rejectAll(() => new Error("down"));
    const [one, two] = await Promise.all(both.map(rejection));
    expect(one).not.toBe(two);
    expect(waiters.size).toBe(0);
  });

  test("an aborted signal waits for nothing", async () => {
    const { clock, waiters, wait } = setup();
    const reason = new Error("before");
    expect(await rejection(wait(100, AbortSignal.abort(reason)))).toBe(reason);
    expect([waiters.size, clock.armedCount]).toEqual([0, 0]);
  });

  test("one who waits again inside the wake-up waits for the next", async () => {
    const { waiters, wait } = setup();
    const again = wait().then(() => wait());
    waiters.resolveAll("first");
    await Promise.resolve();
    await Promise.resolve();
    expect(waiters.size).toBe(1);
    waiters.resolveAll("second");
    expect(await again).toBe("second");
  });
});

describe("the crash counter (fault 40)", () => {
  const counter = () => {
    const clock = new ManualClock();
    return { clock, crashes: new CrashCounter({ crashLimit: 5, crashWindowMs: 180_000 }, clock) };
  };

  test("the fifth within three minutes is one too many", () => {
    const { clock, crashes } = counter();
    const verdicts = Array.from({ length: 5 }, () => {
      clock.advance(44_999);
      return crashes.add();
    });
    expect(verdicts).toEqual([false, false, false, false, true]);
  });

  test("the window moves: one that is three minutes old does not count", () => {
    const { clock, crashes } = counter();
    for (let i = 0; i < 20; i++) {
      expect(crashes.add()).toBe(false);
      clock.advance(45_000);
    }
    expect(crashes.total).toBe(20);
  });

  test("forgiven: the count begins again, the total does not", () => {
    const { crashes } = counter();
    for (let i = 0; i < 4; i++) crashes.add();
    crashes.forgive();
    expect([1, 2, 3, 4, 5].map(() => crashes.add())).toEqual([false, false, false, false, true]);
    expect(crashes.total).toBe(9);
  });
});
