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

/** One call that begins now and fails 1 ms later. True if that opened the breaker. */
function fail(): boolean {
  const startedAt = clock.now();
  clock.advance(1);
  return breaker.onFailure(startedAt);
}

function open(): void {
  expect([fail(), fail(), fail()]).toEqual([false, false, true]);
}

describe("closed", () => {
  test("failures in a row open it, at the last of them and not before", () => {
    expect([breaker.isClosed, breaker.longestPauseMs]).toEqual([true, 0]);
    open();
    expect([breaker.isClosed, breaker.longestPauseMs]).toEqual([false, 1_000]);
  });

  test("an answer in between begins the count anew, and closes nothing that is closed", () => {
    fail();
    fail();
    expect(breaker.onAnswer()).toBe(false);
    expect([fail(), fail()]).toEqual([false, false]);
    expect(breaker.isClosed).toBe(true);
    expect(fail()).toBe(true);
  });

  test("calls that were under way together when something broke are one failure, in whatever order", () => {
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

  test("time alone does not close it", () => {
    clock.advance(1_000_000);
    expect([breaker.isClosed, breaker.longestPauseMs]).toEqual([false, 1_000]);
  });

  test("a call that fails now neither opens it again nor prolongs it", () => {
    expect(breaker.onFailure(clock.now() - 600)).toBe(false);
    expect([fail(), fail(), fail(), fail()]).toEqual([false, false, false, false]);
    expect(breaker.longestPauseMs).toBe(1_000);
  });

  test("an answer to a call that was under way closes it: the server is there", () => {
    expect(breaker.onAnswer()).toBe(true);
    expect([breaker.isClosed, breaker.longestPauseMs]).toEqual([true, 0]);
  });

  test("a server that was found closes it, once, and failures are counted from nothing", () => {
    expect([breaker.close(), breaker.close()]).toEqual([true, false]);
    open();
  });
});

test("found and lost again without one answered call: the pauses grow up to the bound; an answer ends the series", () => {
  const pauses: number[] = [];
  for (let times = 0; times < 4; times++) {
    open();
    pauses.push(breaker.longestPauseMs);
    breaker.close();
  }
  expect(pauses).toEqual([1_000, 2_000, 2_500, 2_500]);
  breaker.onAnswer();
  open();
  expect(breaker.longestPauseMs).toBe(1_000);
});

/** The same machine in the simplest words: a count, and how often it has opened. */
class Model {
  #failures = 0;
  #times = 0;
  #isOpen = false;

  get isClosed(): boolean {
    return !this.#isOpen;
  }

  fail(): boolean {
    if (this.#isOpen || ++this.#failures < OPTIONS.failures) return false;
    this.#failures = 0;
    this.#times += 1;
    return (this.#isOpen = true);
  }

  answer(): void {
    this.#times = 0;
    this.close();
  }

  close(): void {
    this.#isOpen = false;
    this.#failures = 0;
  }

  get pauseMs(): number {
    return this.#isOpen ? Math.min(OPTIONS.openMs * this.#times, OPTIONS.maxOpenMs) : 0;
  }
}

test("whatever happens, it agrees with a model of three variables", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("fail", "answer", "close"), { maxLength: 60 }),
      (events) => {
        clock = new ManualClock();
        breaker = new Breaker(OPTIONS, clock);
        const model = new Model();
        for (const event of events) {
          if (event === "fail") expect(fail()).toBe(model.fail());
          else if (event === "answer") {
            breaker.onAnswer();
            model.answer();
          } else {
            const wasClosed = model.isClosed;
            expect(breaker.close()).toBe(!wasClosed);
            if (!wasClosed) model.close();
          }
          expect([breaker.isClosed, breaker.longestPauseMs]).toEqual([
            model.isClosed,
            model.pauseMs,
          ]);
        }
      },
    ),
  );
});
