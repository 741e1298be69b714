import { expect, test, vi } from "vitest";
import { unwatchAbort, watchAbort } from "../../../src/core/abort.ts";
import { CountingSignal } from "../fakes.ts";

test("any number of waiters are one listener, and none when the last has gone", () => {
  const { signal, controller } = counting();
  const watches = Array.from({ length: 100 }, () => watchAbort(signal, () => {}));
  expect(controller.listenerCount).toBe(1);
  for (const watch of watches) unwatchAbort(signal, watch);
  expect(controller.listenerCount).toBe(0);
});

test("an abort tells each waiter once, in order, and leaves nothing", () => {
  const { signal, controller } = counting();
  const told: number[] = [];
  for (const n of [1, 2, 3]) watchAbort(signal, () => told.push(n));
  const gone = watchAbort(signal, () => told.push(4));
  unwatchAbort(signal, gone);
  controller.controller.abort(new Error("enough"));
  expect(told).toEqual([1, 2, 3]);
  expect(controller.listenerCount).toBe(0);
});

test("a waiter that comes after all others went is heard", () => {
  const { signal, controller } = counting();
  unwatchAbort(
    signal,
    watchAbort(signal, () => {}),
  );
  const onAbort = vi.fn<() => void>();
  const watch = watchAbort(signal, onAbort);
  controller.controller.abort(new Error("enough"));
  expect(onAbort).toHaveBeenCalledTimes(1);
  unwatchAbort(signal, watch);
  expect(onAbort).toHaveBeenCalledTimes(1);
});

test("a waiter that takes another back while it is told", () => {
  const { signal, controller } = counting();
  const told: string[] = [];
  watchAbort(signal, () => {
    told.push("first");
    unwatchAbort(signal, second);
  });
  const second = watchAbort(signal, () => told.push("second"));
  controller.controller.abort(new Error("enough"));
  // All were waiting at the moment of the abort.
  expect(told).toEqual(["first", "second"]);
});

function counting(): { signal: AbortSignal; controller: CountingSignal } {
  const controller = new CountingSignal();
  return { signal: controller.signal, controller };
}
