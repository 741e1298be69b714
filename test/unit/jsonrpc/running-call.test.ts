import { describe, expect, test, vi } from "vitest";
import { RunningCall } from "../../../src/jsonrpc/running-call.ts";
import type { Abandoned, CallLimits, CallRules } from "../../../src/jsonrpc/running-call.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";

const LIMITS = { silenceMs: 100, totalMs: 1_000 };

class TestCall<T> extends RunningCall<T> {
  readonly abandon = vi.fn((cause: Abandoned) => new Error(cause.why));
}

function start<T>(
  rules: CallRules,
  limits: CallLimits,
  signal?: AbortSignal,
): { control: TestCall<T>; promise: Promise<T> } {
  let control: TestCall<T> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    control = new TestCall<T>(rules, limits, signal, resolve, reject);
  });
  if (control === undefined) throw new Error("not started");
  return { control, promise };
}

function begin(options: { signal?: AbortSignal; isOurTurn?: () => boolean; limits?: object } = {}) {
  const clock = new ManualClock();
  const rules = { clock, isOurTurn: options.isOurTurn };
  const { control, promise } = start<string>(
    rules,
    { ...LIMITS, ...options.limits },
    options.signal,
  );
  // Each test looks at it when it wants to.
  promise.catch(() => {});
  return { clock, abandon: control.abandon, promise, control };
}

describe("limits (8.22)", () => {
  test("silence ends it, exactly at its limit", async () => {
    const { clock, abandon, promise } = begin();
    clock.advance(99);
    expect(abandon).not.toHaveBeenCalled();
    clock.advance(1);
    await rejection(promise);
    expect(abandon.mock.calls).toEqual([[{ why: "timeout", limit: "silence", timeoutMs: 100 }]]);
    expect(clock.armedCount).toBe(0);
  });

  test("each sign of life starts the silence anew, wherever it falls", async () => {
    const { clock, abandon, promise, control } = begin();
    for (const step of [1, 99, 50, 99, 99, 1]) {
      clock.advance(step);
      control.touch();
    }
    clock.advance(99);
    expect(abandon).not.toHaveBeenCalled();
    clock.advance(1);
    await rejection(promise);
    expect(abandon).toHaveBeenCalledTimes(1);
  });

  test("the total limit is never reset (fault 30)", async () => {
    const { clock, abandon, promise, control } = begin();
    for (let at = 0; at < 990; at += 10) {
      clock.advance(10);
      control.touch();
    }
    clock.advance(9);
    expect(abandon).not.toHaveBeenCalled();
    clock.advance(1);
    await rejection(promise);
    expect(abandon.mock.calls).toEqual([[{ why: "timeout", limit: "total", timeoutMs: 1_000 }]]);
  });

  test("a total limit below the silence is the one that fires", async () => {
    const { clock, abandon, promise } = begin({ limits: { totalMs: 50 } });
    clock.advance(50);
    await rejection(promise);
    expect(abandon.mock.calls[0]?.[0]).toMatchObject({ limit: "total", timeoutMs: 50 });
  });

  test("our own turn is no silence, but the total limit holds", async () => {
    let isOurTurn = true;
    const { clock, abandon, promise } = begin({ isOurTurn: () => isOurTurn });
    clock.advance(450);
    expect(abandon).not.toHaveBeenCalled();
    isOurTurn = false;
    clock.advance(100);
    await rejection(promise);
    expect(abandon.mock.calls[0]?.[0]).toMatchObject({ limit: "silence" });

    const other = begin({ isOurTurn: () => true });
    other.clock.advance(1_000);
    await rejection(other.promise);
    expect(other.abandon.mock.calls[0]?.[0]).toMatchObject({ limit: "total" });
  });

  test("after a sleep of an hour what has arrived is read first: it ends a second later (fault 59)", async () => {
    const { clock, abandon, promise, control } = begin();
    control.touch();
    clock.jump(3_600_000);
    clock.advance(0);
    expect(abandon).not.toHaveBeenCalled();
    clock.advance(1_000);
    await rejection(promise);
    expect(abandon.mock.calls).toEqual([[{ why: "timeout", limit: "total", timeoutMs: 1_000 }]]);
  });

  test("an answer that came during the sleep counts (fault 59)", async () => {
    const { clock, abandon, promise, control } = begin();
    clock.jump(3_600_000);
    clock.advance(0);
    control.resolve("late, but there");
    expect(await promise).toBe("late, but there");
    expect(abandon).not.toHaveBeenCalled();
    expect(clock.armedCount).toBe(0);
  });

  test("a sign of life costs no timer: one is armed, however many come", () => {
    const { clock, control } = begin();
    for (let i = 0; i < 1_000; i++) control.touch();
    expect(clock.armedCount).toBe(1);
  });
});

describe("settling", () => {
  test.each(["resolve", "reject", "abort", "timeout"])(
    "after %s neither timer nor listener is left, and nothing else counts",
    async (how) => {
      const counting = new CountingSignal();
      const { clock, abandon, promise, control } = begin({ signal: counting.signal });
      expect(counting.listenerCount).toBe(1);
      if (how === "resolve") control.resolve("a");
      else if (how === "reject") control.reject(new Error("a"));
      else if (how === "abort") counting.controller.abort(new Error("a"));
      else clock.advance(100);
      const outcome = await promise.catch((error: Error) => error.message);
      expect(outcome).toBe({ abort: "aborted", timeout: "timeout" }[how] ?? "a");
      expect([clock.armedCount, counting.listenerCount]).toEqual([0, 0]);

      const abandoned = abandon.mock.calls.length;
      control.resolve("b");
      control.reject(new Error("b"));
      control.touch();
      counting.controller.abort();
      clock.advance(10_000);
      expect(await promise.catch((error: Error) => error.message)).toBe(outcome);
      expect(abandon).toHaveBeenCalledTimes(abandoned);
      expect(abandoned).toBe(how === "abort" || how === "timeout" ? 1 : 0);
    },
  );

  test("10,000 calls on one signal, each settled, leave no listener (fault 53)", async () => {
    const clock = new ManualClock();
    const counting = new CountingSignal();
    const calls = Array.from({ length: 10_000 }, (_, n) => {
      const { control, promise } = start<number>({ clock }, LIMITS, counting.signal);
      queueMicrotask(() => control.resolve(n));
      return promise;
    });
    await Promise.all(calls);
    expect([clock.armedCount, counting.listenerCount]).toEqual([0, 0]);
  });
});
