import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Breaker } from "../../../src/resilience/breaker.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const OPTIONS = { failures: 3, openMs: 1_000, maxOpenMs: 2_500 };

let clock: ManualClock;
let breaker: Breaker;

beforeEach(() => {
  clock = new ManualClock();
  breaker = new Breaker(OPTIONS, clock);
});

/** One call that begins now and fails 1 ms later. True if that opened it. */
function fail(): boolean {
  const startedAt = clock.now();
  expect(breaker.tryPass(startedAt)).toBe(true);
  clock.advance(1);
  return breaker.onFailure(startedAt);
}

function open(): void {
  expect([fail(), fail(), fail()]).toEqual([false, false, true]);
}

describe("closed", () => {
  test("failures in a row open it, at the last of them and not before", () => {
    expect(breaker.state).toBe("closed");
    open();
    expect([breaker.state, breaker.isClosed, breaker.openForMs]).toEqual(["open", false, 1_000]);
    expect(breaker.tryPass(clock.now())).toBe(false);
  });

  test("an answer in between begins the count anew, and closes nothing that is closed", () => {
    fail();
    fail();
    expect(breaker.onAnswer()).toBe(false);
    expect([fail(), fail()]).toEqual([false, false]);
    expect(breaker.state).toBe("closed");
    expect(fail()).toBe(true);
  });

  test("what says nothing changes nothing", () => {
    fail();
    fail();
    breaker.onNothing(clock.now());
    expect(fail()).toBe(true);
  });

  test("what was under way together when it broke is one failure, however many, in whatever order", () => {
    const begun = Array.from({ length: 32 }, () => {
      clock.advance(1);
      return clock.now();
    });
    clock.advance(10);
    for (const startedAt of begun.toReversed()) {
      expect(breaker.onFailure(startedAt)).toBe(false);
      clock.advance(1);
    }
    expect([fail(), fail()]).toEqual([false, true]);
  });

  test("one of them that answered in between does not make the rest of them new", () => {
    const startedAt = clock.now();
    clock.advance(1);
    breaker.onFailure(startedAt);
    breaker.onAnswer();
    clock.advance(1);
    expect(breaker.onFailure(startedAt)).toBe(false);
    expect([fail(), fail(), fail()]).toEqual([false, false, true]);
  });
});

describe("open", () => {
  beforeEach(open);

  test("nobody passes until its time is over, then one", () => {
    clock.advance(999);
    expect([breaker.tryPass(clock.now()), breaker.state, breaker.openForMs]).toEqual([
      false,
      "open",
      1,
    ]);
    clock.advance(1);
    expect([breaker.state, breaker.openForMs]).toEqual(["half-open", 0]);
    expect([1, 2, 3].map(() => breaker.tryPass(clock.now()))).toEqual([true, false, false]);
    expect(breaker.state).toBe("half-open");
  });

  test("what began before and fails now neither opens it again nor prolongs it", () => {
    clock.advance(500);
    expect(breaker.onFailure(clock.now() - 600)).toBe(false);
    expect(breaker.openForMs).toBe(500);
  });

  test("an answer to what began before closes it: the server is there", () => {
    expect(breaker.onAnswer()).toBe(true);
    expect([breaker.state, breaker.openForMs, breaker.tryPass(clock.now())]).toEqual([
      "closed",
      0,
      true,
    ]);
  });

  test("somebody who decides so closes it, once", () => {
    expect([breaker.reset(), breaker.reset()]).toEqual([true, false]);
    expect(breaker.tryPass(clock.now())).toBe(true);
    // From nothing again.
    expect([fail(), fail(), fail()]).toEqual([false, false, true]);
    expect(breaker.openForMs).toBe(1_000);
  });
});

describe("half-open", () => {
  beforeEach(() => {
    open();
    clock.advance(1_000);
  });

  test("the probe's answer closes it", () => {
    breaker.tryPass(clock.now());
    expect(breaker.onAnswer()).toBe(true);
    expect(breaker.state).toBe("closed");
  });

  test("each probe that fails opens it for longer, up to the bound; an answer ends the series", () => {
    const lengths: number[] = [];
    for (let times = 0; times < 4; times++) {
      expect(fail()).toBe(true);
      lengths.push(breaker.openForMs);
      clock.advance(breaker.openForMs);
    }
    expect(lengths).toEqual([2_000, 2_500, 2_500, 2_500]);
    breaker.tryPass(clock.now());
    breaker.onAnswer();
    open();
    expect(breaker.openForMs).toBe(1_000);
  });

  test("what began before the probe says nothing about it: its failure, and its end without a word", () => {
    const before = clock.now() - 500;
    breaker.tryPass(clock.now());
    expect(breaker.onFailure(before)).toBe(false);
    breaker.onNothing(before);
    expect([breaker.state, breaker.tryPass(clock.now())]).toEqual(["half-open", false]);
  });

  test("a probe that ended without a word (abort, timeout) leaves the place to another", () => {
    const startedAt = clock.now();
    breaker.tryPass(startedAt);
    clock.advance(10);
    breaker.onNothing(startedAt);
    expect([1, 2].map(() => breaker.tryPass(clock.now()))).toEqual([true, false]);
  });

  test("a probe whose later attempt fails has failed", () => {
    breaker.tryPass(clock.now());
    clock.advance(300);
    expect(breaker.onFailure(clock.now())).toBe(true);
    expect(breaker.openForMs).toBe(2_000);
  });
});

/** What a breaker ought to be, said another way: with calls that have names instead of times. */
class Model {
  state: "closed" | "open" | "half-open" = "closed";
  failures = 0;
  times = 0;
  openUntil = 0;
  probe: Call | undefined;
  /** Calls begun before the last failure that counted. */
  readonly old = new Set<Call>();

  look(now: number): void {
    if (this.state === "open" && now >= this.openUntil) this.state = "half-open";
  }
}

interface Call {
  readonly startedAt: number;
}

test("any walk: the same as calls by name, one probe at a time, and never shut for good", () => {
  const step = fc.oneof(
    fc.record({ name: fc.constant("begin" as const) }),
    fc.record({
      name: fc.constantFrom("fail" as const, "answer" as const, "nothing" as const),
      which: fc.nat(100),
    }),
    fc.record({ name: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
    fc.record({ name: fc.constant("reset" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const time = new ManualClock();
      const real = new Breaker(OPTIONS, time);
      const model = new Model();
      const calls: Call[] = [];
      const close = (): boolean => {
        const wasShut = model.state !== "closed";
        Object.assign(model, { state: "closed", failures: 0, times: 0, probe: undefined });
        return wasShut;
      };
      const openAgain = (): void => {
        model.times += 1;
        model.state = "open";
        model.probe = undefined;
        const forMs = Math.min(OPTIONS.openMs * model.times, OPTIONS.maxOpenMs);
        model.openUntil = time.now() + forMs;
        for (const one of calls) model.old.add(one);
      };
      const onFailure = (call: Call): boolean => {
        if (model.state === "closed") {
          if (model.old.has(call)) return false;
          for (const one of calls) model.old.add(one);
          model.failures += 1;
          if (model.failures < OPTIONS.failures) return false;
          openAgain();
          return true;
        }
        if (model.probe !== call) return false;
        openAgain();
        return true;
      };
      for (const one of steps) {
        // No two things at once.
        time.advance(1);
        model.look(time.now());
        if (one.name === "wait") {
          time.advance(one.ms);
          model.look(time.now());
        } else if (one.name === "reset") expect(real.reset()).toBe(close());
        else if (one.name === "begin") {
          // How long a probe keeps the others out is not looked at here.
          const { probe } = model;
          if (probe !== undefined && time.now() - probe.startedAt >= OPTIONS.openMs) continue;
          const call = { startedAt: time.now() };
          const isProbe = model.state === "half-open" && model.probe === undefined;
          const passes = model.state === "closed" || isProbe;
          expect(real.tryPass(call.startedAt)).toBe(passes);
          if (isProbe) model.probe = call;
          if (passes) calls.push(call);
        } else {
          const [call] = calls.splice(one.which % Math.max(1, calls.length), 1);
          if (call === undefined) continue;
          if (one.name === "answer") expect(real.onAnswer()).toBe(close());
          else if (one.name === "fail")
            expect(real.onFailure(call.startedAt)).toBe(onFailure(call));
          else {
            real.onNothing(call.startedAt);
            if (model.probe === call) model.probe = undefined;
          }
        }
        expect(real.state).toBe(model.state);
        expect(real.openForMs).toBe(model.state === "open" ? model.openUntil - time.now() : 0);
      }
      // Whatever happened, once all are over and the time has passed, one may try.
      for (const call of calls) real.onNothing(call.startedAt);
      time.advance(OPTIONS.maxOpenMs);
      expect(real.tryPass(time.now())).toBe(true);
    }),
    { numRuns: 500 },
  );
});
