import { expect, test, vi } from "vitest";
import { Emitter } from "../../../src/core/emitter.ts";
import { settled } from "../../support/manual-clock.ts";

interface Events {
  told: { n: number };
  other: string;
}

test("a listener that throws stops neither the others nor the emitter (fault 61)", () => {
  const onError = vi.fn();
  const emitter = new Emitter<Events>(onError);
  const seen: number[] = [];
  const broken = new Error("listener");
  emitter.on("told", () => {
    throw broken;
  });
  emitter.on("told", ({ n }) => void seen.push(n));
  expect(() => emitter.emit("told", { n: 1 })).not.toThrow();
  expect(seen).toEqual([1]);
  expect(onError.mock.calls).toEqual([[broken, "told"]]);
});

test("an async listener that rejects is reported like one that throws (fault 61)", async () => {
  const onError = vi.fn();
  const emitter = new Emitter<Events>(onError);
  const broken = new Error("async listener");
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  try {
    emitter.on("told", async () => {
      throw broken;
    });
    emitter.emit("told", { n: 1 });
    await settled();
    await settled();
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  expect(unhandled).not.toHaveBeenCalled();
  expect(onError.mock.calls).toEqual([[broken, "told"]]);
});

test("the same function twice is one listener, and is removed by either way", () => {
  const emitter = new Emitter<Events>(() => {});
  const listener = vi.fn();
  const off = emitter.on("told", listener);
  emitter.on("told", listener);
  emitter.emit("told", { n: 1 });
  expect(listener).toHaveBeenCalledTimes(1);
  off();
  off();
  expect(emitter.has("told")).toBe(false);
  emitter.on("told", listener);
  emitter.off("told", listener);
  emitter.emit("told", { n: 2 });
  expect(listener).toHaveBeenCalledTimes(1);
});

test("adding and removing while emitting: the newcomer waits for the next event", () => {
  const emitter = new Emitter<Events>(() => {});
  const calls: string[] = [];
  const once = (): void => {
    calls.push("once");
    emitter.off("told", once);
    emitter.on("told", () => void calls.push("newcomer"));
  };
  emitter.on("told", once);
  emitter.on("told", () => void calls.push("stays"));
  emitter.emit("told", { n: 1 });
  expect(calls).toEqual(["once", "stays"]);
  emitter.emit("told", { n: 2 });
  expect(calls).toEqual(["once", "stays", "stays", "newcomer"]);
});

test("clear forgets every listener of every event", () => {
  const emitter = new Emitter<Events>(() => {});
  const listener = vi.fn();
  emitter.on("told", listener);
  emitter.on("other", listener);
  emitter.clear();
  emitter.emit("told", { n: 1 });
  emitter.emit("other", "x");
  expect(listener).not.toHaveBeenCalled();
  expect(emitter.has("other")).toBe(false);
});
