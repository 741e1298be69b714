import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { ConnectGate } from "../../../src/connection/connect-gate.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";

type Kind = "http" | "stdio" | "custom";

interface Attempt {
  readonly id: number;
  readonly end: (error?: Error) => void;
}

function setup(maxConnecting: number) {
  const clock = new ManualClock();
  const gate = new ConnectGate(maxConnecting, clock);
  /** Those that have begun and not ended, in the order in which they began. */
  const running: Attempt[] = [];
  let nextId = 0;
  const pass = (kind: Kind = "http", signal = new AbortController().signal): Promise<number> => {
    const id = nextId++;
    return gate.pass(
      kind,
      signal,
      () =>
        new Promise((resolve, reject) => {
          const end = (error?: Error): void => {
            running.splice(running.indexOf(attempt), 1);
            if (error === undefined) resolve(id);
            else reject(error);
          };
          const attempt = { id, end };
          running.push(attempt);
        }),
    );
  };
  const ids = (): number[] => running.map(({ id }) => id);
  return { clock, pass, running, ids };
}

describe("attempts to connect", () => {
  test("no more than allowed at once; the next begins when one ends, in order", async () => {
    const { pass, running, ids, clock } = setup(2);
    const all = Array.from({ length: 5 }, () => pass());
    expect(ids()).toEqual([0, 1]);
    running[1]?.end();
    await settled();
    expect(ids()).toEqual([0, 2]);
    running[0]?.end();
    running[0]?.end();
    await settled();
    expect(ids()).toEqual([3, 4]);
    for (const attempt of [...running]) attempt.end();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4]);
    expect(clock.armedCount).toBe(0);
  });

  test("one that fails gives its place back, and its error to who asked", async () => {
    const { pass, running, ids } = setup(1);
    const first = pass();
    void pass();
    running[0]?.end(new Error("refused"));
    expect(await rejection(first)).toMatchObject({ message: "refused" });
    await settled();
    expect(ids()).toEqual([1]);
  });

  test("those that hang hold up nobody for long", async () => {
    const { pass, running, ids, clock } = setup(2);
    const hanging = [pass(), pass()];
    void pass();
    clock.advance(1_499);
    await settled();
    expect(ids()).toEqual([0, 1]);
    clock.advance(1);
    await settled();
    expect(ids()).toEqual([0, 1, 2]);
    // Their places are given back once, whenever they end.
    for (const attempt of running.slice(0, 2)) attempt.end();
    await Promise.all(hanging);
    const later = Array.from({ length: 3 }, () => pass());
    await settled();
    expect(ids()).toEqual([2, 3]);
    expect(later).toHaveLength(3);
  });

  test("who aborts while waiting leaves nothing behind, and never begins", async () => {
    const { pass, running, ids } = setup(1);
    const first = pass();
    const signal = new CountingSignal();
    const second = pass("http", signal.controller.signal);
    const third = pass();
    expect(signal.listenerCount).toBe(1);
    signal.controller.abort(new Error("closed"));
    expect(await rejection(second)).toMatchObject({ message: "closed" });
    expect(signal.listenerCount).toBe(0);
    running[0]?.end();
    await first;
    await settled();
    expect(ids()).toEqual([2]);
    running[0]?.end();
    await third;
  });

  test("processes: four per core, beside the others, and seven and a half seconds each", async () => {
    const { pass, ids, clock } = setup(1_000);
    const most = 4 * availableParallelism();
    for (let n = 0; n < most + 1; n++) void pass("stdio");
    void pass("http");
    const booting = Array.from({ length: most }, (_, n) => n);
    expect(ids()).toEqual([...booting, most + 1]);
    clock.advance(7_499);
    await settled();
    expect(ids()).not.toContain(most);
    clock.advance(1);
    await settled();
    expect(ids()).toContain(most);
  });

  test("who has waited for 20 s goes without a place: its callers' time runs", async () => {
    const { pass, ids, clock } = setup(1);
    void pass("stdio");
    for (let n = 0; n < 4 * availableParallelism() + 10; n++) void pass("stdio");
    clock.advance(7_400);
    await settled();
    const waiting = pass("stdio");
    const id = ids().length;
    expect(id).toBe(1);
    clock.advance(100);
    await settled();
    expect(ids()).toHaveLength(2);
    clock.advance(19_899);
    await settled();
    expect(ids()).not.toContain(4 * availableParallelism() + 11);
    clock.advance(1);
    await settled();
    expect(ids()).toContain(4 * availableParallelism() + 11);
    expect(waiting).toBeInstanceOf(Promise);
  });

  test("the user's own transports never wait", () => {
    const { pass, ids } = setup(1);
    void pass("http");
    void pass("custom");
    void pass("custom");
    expect(ids()).toEqual([0, 1, 2]);
  });
});
