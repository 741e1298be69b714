import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Limiter, waitForPlace, Waiting } from "../../../src/resilience/limiter.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { CountingSignal, rejection } from "../fakes.ts";

const LIMIT_MS = 100;

function setup(inFlight: number, queued: number) {
  const clock = new ManualClock();
  const limiter = new Limiter({ inFlight, queued }, clock, () => new Error("too long"));
  const enter = (signal?: AbortSignal, limitMs = LIMIT_MS): Promise<void> => {
    const entering = waitForPlace(limiter, limitMs, signal);
    entering.catch(() => {});
    return entering;
  };
  return { clock, limiter, enter };
}

describe("places", () => {
  test("as many as there are, and one more for each that is given back", () => {
    const { limiter } = setup(2, 0);
    expect([limiter.tryEnter(), limiter.tryEnter(), limiter.tryEnter()]).toEqual([
      true,
      true,
      false,
    ]);
    limiter.leave();
    expect([limiter.tryEnter(), limiter.tryEnter()]).toEqual([true, false]);
  });

  test("without a queue it is full at once", () => {
    const { limiter } = setup(1, 0);
    expect(limiter.isFull).toBe(true);
    expect(limiter.tryEnter()).toBe(true);
  });

  test("a place that is given back goes to who waits, not to who comes", async () => {
    const { limiter, enter, clock } = setup(1, 1);
    limiter.tryEnter();
    const waiting = enter();
    expect(limiter.isFull).toBe(true);
    limiter.leave();
    expect(limiter.tryEnter()).toBe(false);
    await waiting;
    expect([limiter.queuedCount, clock.armedCount]).toEqual([0, 0]);
    limiter.leave();
    expect(limiter.tryEnter()).toBe(true);
  });
});

describe("the queue", () => {
  test("first come, first served", async () => {
    const { limiter, enter } = setup(1, 100);
    limiter.tryEnter();
    const order: number[] = [];
    for (let n = 0; n < 50; n++) void enter().then(() => order.push(n));
    for (let n = 0; n < 50; n++) limiter.leave();
    await settled();
    expect(order).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(limiter.queuedCount).toBe(0);
  });

  test("who aborts gets its reason, frees its place in the queue, and leaves nothing behind", async () => {
    const { clock, limiter, enter } = setup(1, 2);
    limiter.tryEnter();
    const counting = new CountingSignal();
    const aborted = enter(counting.signal);
    const behind = enter();
    expect([limiter.isFull, counting.listenerCount]).toEqual([true, 1]);
    const reason = new Error("enough");
    counting.controller.abort(reason);
    expect(await rejection(aborted)).toBe(reason);
    expect([limiter.isFull, limiter.queuedCount, counting.listenerCount]).toEqual([false, 1, 0]);
    limiter.leave();
    await behind;
    expect(clock.armedCount).toBe(0);
    // The place that the first one did not get is there: one goes out, one comes in.
    limiter.leave();
    expect([limiter.tryEnter(), limiter.tryEnter()]).toEqual([true, false]);
  });

  test("an abort after the place was given changes nothing: the place is his to give back", async () => {
    const { limiter, enter } = setup(1, 1);
    limiter.tryEnter();
    const counting = new CountingSignal();
    const entering = enter(counting.signal);
    limiter.leave();
    counting.controller.abort(new Error("late"));
    await entering;
    expect(limiter.tryEnter()).toBe(false);
    limiter.leave();
    expect(limiter.tryEnter()).toBe(true);
  });

  test("whoever gives a place back at once stands on nobody's stack", () => {
    const { limiter } = setup(1, 100_000);
    limiter.tryEnter();
    let left = 0;
    class Passing extends Waiting {
      onPlace(): void {
        left += 1;
        limiter.leave();
      }
      onRefused(): void {}
    }
    for (let n = 0; n < 100_000; n++) limiter.enter(new Passing(undefined), LIMIT_MS);
    limiter.leave();
    expect([left, limiter.queuedCount, limiter.tryEnter(), limiter.tryEnter()]).toEqual([
      100_000,
      0,
      true,
      false,
    ]);
  });

  test("one that throws when it gets its place does not stop those behind it", async () => {
    const { limiter, enter } = setup(1, 3);
    limiter.tryEnter();
    class Failing extends Waiting {
      onPlace(): void {
        throw new Error("a bug");
      }
      onRefused(): void {}
    }
    limiter.enter(new Failing(undefined), LIMIT_MS);
    const behind = enter();
    expect(() => limiter.leave()).toThrow("a bug");
    // The failing one has the place, as anybody has who was given it.
    limiter.leave();
    await behind;
    limiter.leave();
    expect([limiter.tryEnter(), limiter.tryEnter()]).toEqual([true, false]);
  });

  test("a signal that is none: nobody waits", () => {
    const { limiter, enter } = setup(1, 3);
    limiter.tryEnter();
    const entering = enter({ aborted: false } as AbortSignal);
    expect(limiter.queuedCount).toBe(0);
    return expect(entering).rejects.toThrow(TypeError);
  });

  test("who waits too long is told so at that moment, and who came later waits on", async () => {
    const { clock, limiter, enter } = setup(1, 2);
    limiter.tryEnter();
    const first = enter();
    clock.advance(LIMIT_MS - 1);
    const second = enter();
    clock.advance(1);
    expect(await rejection(first)).toMatchObject({ message: "too long" });
    expect(limiter.queuedCount).toBe(1);
    limiter.leave();
    await second;
    expect(clock.armedCount).toBe(0);
  });

  test("all are turned away, each with an error of his own; who is inside stays inside", async () => {
    const { clock, limiter, enter } = setup(1, 3);
    limiter.tryEnter();
    const waiting = [enter(), enter(), enter()];
    limiter.turnAway(() => new Error("closed"));
    const errors = await Promise.all(waiting.map(rejection));
    expect(new Set(errors).size).toBe(3);
    expect([limiter.queuedCount, clock.armedCount, limiter.tryEnter()]).toEqual([0, 0, false]);
    limiter.leave();
    expect(limiter.tryEnter()).toBe(true);
  });
});

/** One guest of the model. */
interface Guest {
  readonly number: number;
  readonly controller: AbortController;
  state: "queued" | "inside" | "gone";
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constant("come" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ name: fc.constant("leave" as const), which: fc.nat(1_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ name: fc.constant("abort" as const), which: fc.nat(1_000) }),
  },
  { weight: 1, arbitrary: fc.record({ name: fc.constant("wait" as const), ms: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant("settle" as const) }) },
);

test("any order of coming, leaving, aborting and waiting: never too many inside, in order, none lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 5 }),
      fc.array(step, { maxLength: 80 }),
      async (inFlight, queued, steps) => {
        const { clock, limiter, enter } = setup(inFlight, queued);
        const guests: Guest[] = [];
        const admitted: number[] = [];
        const of = (state: Guest["state"]): Guest[] => guests.filter((one) => one.state === state);
        const come = (): void => {
          const guest: Guest = {
            number: guests.length,
            controller: new AbortController(),
            state: "queued",
          };
          if (limiter.tryEnter()) guest.state = "inside";
          else if (limiter.isFull) return;
          else {
            enter(guest.controller.signal).then(
              () => {
                guest.state = "inside";
                admitted.push(guest.number);
              },
              () => (guest.state = "gone"),
            );
          }
          guests.push(guest);
        };
        for (const one of steps) {
          if (one.name === "come") come();
          else if (one.name === "wait") clock.advance(one.ms);
          else if (one.name === "settle") await settled();
          else {
            const among = of(one.name === "leave" ? "inside" : "queued");
            const guest = among[one.which % Math.max(1, among.length)];
            if (guest === undefined) continue;
            if (one.name === "abort") guest.controller.abort(new Error("enough"));
            else {
              guest.state = "gone";
              limiter.leave();
            }
          }
          expect(of("inside").length).toBeLessThanOrEqual(inFlight);
          expect(limiter.queuedCount).toBeLessThanOrEqual(queued);
        }
        await settled();
        expect(admitted).toEqual(admitted.toSorted((a, b) => a - b));
        expect(limiter.queuedCount).toBe(of("queued").length);
        // Nobody waits while a place is free.
        if (of("queued").length > 0) expect(of("inside").length).toBe(inFlight);
        while (of("inside").length > 0) {
          for (const guest of of("inside")) {
            guest.state = "gone";
            limiter.leave();
          }
          await settled();
        }
        expect([of("queued"), clock.armedCount]).toEqual([[], 0]);
        const places = Array.from({ length: inFlight + 1 }, () => limiter.tryEnter());
        expect(places).toEqual([...Array.from({ length: inFlight }, () => true), false]);
      },
    ),
    { numRuns: 150 },
  );
});
