import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FairShare } from "../../../src/core/fair-share.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout"] }));
afterEach(() => void vi.useRealTimers());

class Time extends ManualClock {
  override advance(ms: number): void {
    super.advance(ms);
    vi.advanceTimersByTime(ms);
  }
}

function sharing() {
  const clock = new Time();
  const counts = { answered: 0, floods: 0, resumed: 0 };
  const share = new FairShare({
    clock,
    answeredCount: () => counts.answered,
    onFlood: () => (counts.floods += 1),
  });
  const source = { resume: () => void (counts.resumed += 1) };
  /** Units of work of a tenth of a millisecond, as many as are allowed; gives their number. */
  const work = (units: number, areAnswers = false): number => {
    if (!share.begin()) return 0;
    let done = 0;
    do {
      clock.advance(0.1);
      done += 1;
      if (areAnswers) counts.answered += 1;
    } while (share.hasMore() && done < units);
    if (!share.end()) share.wait(source);
    return done;
  };
  return { clock, share, counts, work };
}

describe("a server's turn", () => {
  test("what nobody asked for is cut into slices, with pauses that are longer", () => {
    const { clock, counts, work } = sharing();
    const done = work(1_000);
    expect(done).toBeLessThan(20);
    expect(work(1)).toBe(0);
    clock.advance(1);
    expect(counts.resumed).toBe(0);
    clock.advance(10);
    expect(counts.resumed).toBe(1);
    expect(work(1)).toBe(1);
  });

  test("of answers a slice is longer, and the next turn of the loop goes on", async () => {
    const { counts, work } = sharing();
    const done = work(1_000, true);
    expect(done).toBeGreaterThan(30);
    expect(done).toBeLessThan(60);
    await settled();
    expect(counts.resumed).toBe(1);
  });

  test("work with idle moments in between never pauses", () => {
    const { clock, counts, work } = sharing();
    for (let count = 0; count < 1_000; count++) {
      expect(work(5)).toBe(5);
      clock.advance(1);
    }
    expect(counts).toMatchObject({ floods: 0, resumed: 0 });
  });

  test("a flood is named once", () => {
    const { clock, counts, work } = sharing();
    for (let count = 0; count < 500; count++) {
      work(1_000);
      clock.advance(6);
    }
    expect(counts.floods).toBe(1);
  });

  test("pieces of a body count as what they took, and no more", () => {
    const { clock, share } = sharing();
    let pieces = 0;
    while (share.onPieces() && pieces < 1_000) {
      clock.advance(0.2);
      pieces += 1;
    }
    expect(pieces).toBeLessThan(20);
    const other = sharing();
    for (let count = 0; count < 100; count++) {
      expect(other.share.onPieces()).toBe(true);
      other.clock.advance(5);
    }
  });

  test("a source that has ended is not resumed", () => {
    const { clock, share, counts } = sharing();
    const source = { resume: () => void (counts.resumed += 1) };
    share.wait(source);
    share.forget(source);
    clock.advance(1_000);
    expect(counts.resumed).toBe(0);
  });
});
