// A limiter whose server refuses calls as too many.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Limiter, Waiting } from "../../../src/resilience/limiter.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A call that is made as soon as it has a place. */
class Caller extends Waiting {
  readonly number: number;
  state: "new" | "queued" | "inside" | "done" | "refused" = "new";
  error: unknown;
  startedAt = 0;
  readonly #onPlace: (caller: Caller) => void;

  constructor(number: number, onPlace: (caller: Caller) => void, signal?: AbortSignal) {
    super(signal);
    this.number = number;
    this.#onPlace = onPlace;
  }

  onPlace(): void {
    this.state = "inside";
    this.#onPlace(this);
  }

  onRefused(error: unknown): void {
    this.state = "refused";
    this.error = error;
  }
}

function setup(inFlight: number, queued = 1_000) {
  const clock = new ManualClock();
  clock.nextRandom = 0;
  const limiter = new Limiter<Caller>({ inFlight, queued }, clock, () => new Error("too long"));
  const order: number[] = [];
  let count = 0;
  /** One more who wants a place. */
  const come = (limits: { limitMs?: number; throttledMs?: number; signal?: AbortSignal } = {}) => {
    const caller = new Caller(count++, ({ number }) => order.push(number), limits.signal);
    if (limiter.tryEnter()) caller.onPlace();
    else {
      caller.state = "queued";
      limiter.enter(caller, limits.limitMs ?? 1_000, limits.throttledMs ?? 100_000);
    }
    return caller;
  };
  /** The server refuses it: it waits again. */
  const refuse = (caller: Caller, limitMs = 100_000): void => {
    limiter.onThrottled(clock.now());
    caller.state = "queued";
    limiter.enterAgain(caller, limitMs);
  };
  const finish = (caller: Caller): void => {
    caller.state = "done";
    limiter.onAccepted(clock.now());
    limiter.leave();
  };
  /** It ends without any word on how much the server takes. */
  const fail = (caller: Caller): void => {
    caller.state = "done";
    limiter.leave();
  };
  return { clock, limiter, order, come, refuse, finish, fail };
}

describe("while the server refuses calls", () => {
  test("as many go as the limit allows, first those whom it refused, then those who wait", () => {
    const { clock, limiter, order, come, refuse, finish, fail } = setup(4);
    const callers = Array.from({ length: 8 }, () => come());
    expect(order).toEqual([0, 1, 2, 3]);
    clock.advance(1);
    const [first, second, third, fourth] = callers;
    if (!first || !second || !third || !fourth) throw new Error("unreachable");
    refuse(first);
    expect([limiter.throttle, limiter.queuedCount]).toEqual([{ inFlight: 2, pauseMs: 0 }, 5]);
    // Not at once: the server has just refused.
    fail(second);
    fail(third);
    clock.advance(24);
    expect(order).toEqual([0, 1, 2, 3]);
    clock.advance(1);
    expect(order).toEqual([0, 1, 2, 3, 0]);
    fail(fourth);
    expect(order).toEqual([0, 1, 2, 3, 0, 4]);
    finish(first);
    expect(order).toEqual([0, 1, 2, 3, 0, 4, 5]);
  });

  test("who comes goes behind those who wait, and at once if nobody does and there is a place", () => {
    const { clock, limiter, order, come, refuse, finish } = setup(2);
    const first = come();
    clock.advance(1);
    refuse(first);
    come();
    expect([order, limiter.queuedCount]).toEqual([[0], 2]);
    clock.advance(25);
    expect(order).toEqual([0, 0]);
    finish(first);
    expect(order).toEqual([0, 0]);
    clock.advance(25);
    expect(order).toEqual([0, 0, 1]);
    expect([come().state, limiter.throttle]).toEqual(["queued", { inFlight: 1, pauseMs: 22 }]);
  });

  test("with a pause the calls are that far apart, and nothing is armed when nobody waits", () => {
    const { clock, limiter, order, come, refuse, finish } = setup(1);
    let inside = come();
    for (let n = 0; n < 3; n++) {
      clock.advance(1);
      refuse(inside);
      clock.advance(101);
    }
    expect([limiter.throttle, order.length]).toEqual([{ inFlight: 1, pauseMs: 100 }, 4]);
    come();
    finish(inside);
    expect(order.length).toBe(4);
    clock.advance(100);
    expect(order).toEqual([0, 0, 0, 0, 1]);
    expect(clock.armedCount).toBe(0);
    inside = come();
    expect([inside.state, clock.armedCount]).toEqual(["queued", 1]);
  });

  test("queueMs ends nobody's wait: neither of who came before, nor of who comes", () => {
    const { clock, come, refuse } = setup(1);
    const inside = come();
    const before = come({ limitMs: 50, throttledMs: 500 });
    clock.advance(10);
    refuse(inside);
    const after = come({ limitMs: 50, throttledMs: 500 });
    clock.advance(26);
    expect(inside.state).toBe("inside");
    clock.advance(463);
    expect([before.state, after.state]).toEqual(["queued", "queued"]);
    clock.advance(1);
    expect([before.state, after.state]).toEqual(["refused", "queued"]);
    clock.advance(10);
    expect(after.error).toMatchObject({ message: "too long" });
  });

  test("a refused call that waits too long, or is aborted, has no place any more", () => {
    const { clock, limiter, come, refuse, finish } = setup(2);
    const [first, second, third] = [come(), come(), come()];
    const controller = new AbortController();
    clock.advance(1);
    refuse(first, 10);
    const again = new Caller(9, () => {}, controller.signal);
    again.state = "queued";
    limiter.enterAgain(again, 100_000);
    // `second` has left with it.
    second.state = "done";
    controller.abort(new Error("enough"));
    expect([again.state, again.error]).toMatchObject(["refused", { message: "enough" }]);
    clock.advance(10);
    expect([first.state, limiter.queuedCount]).toEqual(["refused", 1]);
    clock.advance(15);
    expect(third.state).toBe("inside");
    finish(third);
    expect([limiter.queuedCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("a signal that is none: nobody waits, and the place is given back", () => {
    const { limiter, come } = setup(1);
    come();
    const wrong = new Caller(1, () => {}, { aborted: false } as AbortSignal);
    expect(() => limiter.enterAgain(wrong, 100)).toThrow(TypeError);
    expect([limiter.queuedCount, limiter.tryEnter()]).toEqual([0, true]);
  });

  test("all are turned away, those whom the server refused included", () => {
    const { clock, limiter, come, refuse } = setup(1);
    const [first, second] = [come(), come()];
    clock.advance(1);
    refuse(first);
    limiter.turnAway(() => new Error("closed"));
    expect([first.error, second.error]).toMatchObject([
      { message: "closed" },
      { message: "closed" },
    ]);
    expect([limiter.queuedCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("when all is forgotten, as many go as there are places", () => {
    const { clock, limiter, order, come, refuse } = setup(4);
    const callers = Array.from({ length: 10 }, () => come());
    clock.advance(1);
    for (const caller of callers.slice(0, 4)) refuse(caller);
    expect(limiter.queuedCount).toBe(10);
    limiter.unthrottle();
    expect(order).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect([limiter.throttle, limiter.queuedCount, limiter.tryEnter()]).toEqual([
      undefined,
      6,
      false,
    ]);
  });
});

/** A server with a token bucket before it, as nginx's `limit_req` and many gateways have one. */
class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #clock: ManualClock;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, clock: ManualClock) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#clock = clock;
    this.#tokens = burst;
    this.#at = clock.now();
  }

  take(): boolean {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

interface Load {
  readonly perSecond: number;
  readonly burst: number;
  readonly roundTripMs: number;
  readonly atOnce: number;
  readonly calls: number;
}

/** So many callers, each of which calls again as soon as it has its answer. */
function simulate({ perSecond, burst, roundTripMs, atOnce, calls }: Load) {
  const clock = new ManualClock();
  const limiter = new Limiter<Caller>({ inFlight: 128, queued: 1_000 }, clock, () => undefined);
  const bucket = new TokenBucket(perSecond, burst, clock);
  const begunAt = clock.now();
  const tally = { asked: 0, succeeded: 0, refusals: 0, sent: 0 };
  const send = (caller: Caller): void => {
    const startedAt = clock.now();
    tally.sent += 1;
    clock.setTimer(() => {
      const isTaken = bucket.take();
      clock.setTimer(() => {
        if (isTaken) {
          tally.succeeded += 1;
          caller.state = "done";
          limiter.onAccepted(startedAt);
          limiter.leave();
          next();
        } else {
          tally.refusals += 1;
          limiter.onThrottled(startedAt);
          limiter.enterAgain(caller, 300_000);
        }
      }, roundTripMs / 2);
    }, roundTripMs / 2);
  };
  const next = (): void => {
    if (tally.asked === calls) return;
    const caller = new Caller(tally.asked++, send);
    if (limiter.tryEnter()) caller.onPlace();
    else limiter.enter(caller, 30_000, 300_000);
  };
  for (let n = 0; n < atOnce; n++) next();
  let tookMs = 0;
  while (tally.succeeded < calls && tookMs < 600_000) {
    clock.advance(5);
    tookMs = clock.now() - begunAt;
  }
  return { ...tally, tookMs, leastMs: ((calls - burst) / perSecond) * 1_000 };
}

test("a server that refuses every twelfth call, however slowly it is asked, is not asked ever more slowly", () => {
  const { clock, limiter } = setup(16);
  let sent = 0;
  let succeeded = 0;
  let random = 1;
  const send = (caller: Caller): void => {
    const startedAt = clock.now();
    sent += 1;
    random = (random * 48_271) % 2_147_483_647;
    const isRefused = random % 12 === 0;
    clock.setTimer(() => {
      if (isRefused) {
        limiter.onThrottled(startedAt);
        limiter.enterAgain(caller, 3_600_000);
        return;
      }
      succeeded += 1;
      limiter.onAccepted(startedAt);
      limiter.leave();
    }, 2);
  };
  for (let n = 0; n < 600; n++) {
    const caller = new Caller(n, send);
    if (limiter.tryEnter()) caller.onPlace();
    else limiter.enter(caller, 1_000, 3_600_000);
  }
  clock.advance(60_000);
  expect([succeeded, sent > 620]).toEqual([600, true]);
});

describe("a server with a token bucket", () => {
  test.each<[string, Load, number]>([
    [
      "20/s, burst 5, 8 callers",
      { perSecond: 20, burst: 5, roundTripMs: 4, atOnce: 8, calls: 200 },
      45,
    ],
    ["far away", { perSecond: 20, burst: 5, roundTripMs: 100, atOnce: 8, calls: 200 }, 45],
    ["without a burst", { perSecond: 20, burst: 1, roundTripMs: 4, atOnce: 8, calls: 200 }, 45],
    [
      "all places taken at once",
      { perSecond: 10, burst: 1, roundTripMs: 4, atOnce: 128, calls: 300 },
      180,
    ],
    ["one a second", { perSecond: 1, burst: 1, roundTripMs: 20, atOnce: 8, calls: 60 }, 30],
    ["fast", { perSecond: 500, burst: 20, roundTripMs: 20, atOnce: 64, calls: 4_000 }, 150],
  ])("%s: all calls succeed, with few refusals", (_name, load, mostRefusals) => {
    const { succeeded, refusals, sent, tookMs, leastMs } = simulate(load);
    expect(succeeded).toBe(load.calls);
    expect(refusals).toBeLessThanOrEqual(mostRefusals);
    expect(sent).toBe(succeeded + refusals);
    // Not far under what the server takes either.
    expect(tookMs).toBeLessThan(leastMs * 2);
  });
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ name: fc.constant("come" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ name: fc.constant("finish" as const), which: fc.nat(1_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ name: fc.constant("refuse" as const), which: fc.nat(1_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ name: fc.constant("abort" as const), which: fc.nat(1_000) }),
  },
  { weight: 3, arbitrary: fc.record({ name: fc.constant("wait" as const), ms: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant("forget" as const) }) },
);

test("any order of events: never more than the limit are let in, in order, and every wait ends", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { maxLength: 100 }),
      (inFlight, steps) => {
        const { clock, limiter, refuse, finish } = setup(inFlight);
        clock.nextRandom = () => 0.999;
        const all: { caller: Caller; controller: AbortController }[] = [];
        const firstEntries: number[] = [];
        const seen = new Set<number>();
        const inside = (): Caller[] =>
          all.map(({ caller }) => caller).filter(({ state }) => state === "inside");
        const onPlace = (caller: Caller): void => {
          // Of who is let in now, the limit of now holds.
          expect(inside().length).toBeLessThanOrEqual(limiter.throttle?.inFlight ?? inFlight);
          if (seen.has(caller.number)) return;
          seen.add(caller.number);
          firstEntries.push(caller.number);
        };
        const come = (): void => {
          const controller = new AbortController();
          const caller = new Caller(all.length, onPlace, controller.signal);
          all.push({ caller, controller });
          if (limiter.tryEnter()) caller.onPlace();
          else {
            caller.state = "queued";
            limiter.enter(caller, 1_000_000);
          }
        };
        for (const one of steps) {
          if (one.name === "come") come();
          else if (one.name === "wait") clock.advance(one.ms);
          else if (one.name === "forget") limiter.unthrottle();
          else if (one.name === "abort") {
            const queued = all.filter(({ caller }) => caller.state === "queued");
            queued[one.which % Math.max(1, queued.length)]?.controller.abort(new Error("enough"));
          } else {
            const among = inside();
            const caller = among[one.which % Math.max(1, among.length)];
            if (caller === undefined) continue;
            if (one.name === "finish") finish(caller);
            else refuse(caller, 1_000_000);
          }
          expect(limiter.queuedCount).toBe(
            all.filter(({ caller }) => caller.state === "queued").length,
          );
        }
        expect(firstEntries).toEqual(firstEntries.toSorted((a, b) => a - b));
        // Nobody starves: with a server that takes what it is given, all get through.
        for (let n = 0; n < 5_000 && limiter.queuedCount + inside().length > 0; n++) {
          for (const caller of inside()) finish(caller);
          clock.advance(100);
        }
        expect(
          all.filter(({ caller }) => caller.state !== "done" && caller.state !== "refused"),
        ).toEqual([]);
        expect(clock.armedCount).toBe(0);
        limiter.unthrottle();
        const places = Array.from({ length: inFlight + 1 }, () => limiter.tryEnter());
        expect(places).toEqual([...Array.from({ length: inFlight }, () => true), false]);
      },
    ),
    { numRuns: 200 },
  );
});
