// What the soak takes for a leak, and what it does not.

import { describe, expect, test } from "vitest";
import { checkHeld, trendOf } from "../../soak/resources.ts";
import type { Held, Sample } from "../../soak/resources.ts";

const MIB = 1_024 * 1_024;
const CALM: Sample = { atS: 0, heapBytes: 20 * MIB, descriptors: 30, resources: 4, listeners: 0 };

/** Ten minutes, a sample every six seconds, with noise that comes and goes. */
function samples(own: (minute: number) => Partial<Sample> = () => ({})): Sample[] {
  return Array.from({ length: 100 }, (_, index) => {
    const noise = ((index * 37) % 11) - 5;
    const base = { ...CALM, atS: index * 6, descriptors: 100 + noise };
    const grown = own(index / 10);
    return { ...base, ...grown, heapBytes: (grown.heapBytes ?? CALM.heapBytes) + noise * 10_000 };
  });
}

function broken(own: Partial<Held>): string[] {
  const held: Held = {
    samples: samples(),
    before: CALM,
    after: CALM,
    left: { children: [], sockets: { s: 0 } },
    warnings: [],
    ...own,
  };
  return checkHeld(held).map(({ promise }) => promise);
}

test("least squares", () => {
  const line = samples().map((sample, index) => ({ ...sample, descriptors: 3 * index }));
  expect(trendOf(line, ({ descriptors }) => descriptors).slope).toBeCloseTo(30);
});

describe("what is in order", () => {
  test("noise around a level", () => {
    expect(broken({})).toEqual([]);
  });

  test("a heap that shrinks", () => {
    const shrinking = samples((minute) => ({ heapBytes: (30 - minute) * MIB }));
    expect(broken({ samples: shrinking })).toEqual([]);
  });

  test("growth in the first minutes alone", () => {
    const warm = samples((minute) => ({ heapBytes: (18 + Math.min(2, minute * 2)) * MIB }));
    expect(broken({ samples: warm })).toEqual([]);
  });
});

describe("a leak is found", () => {
  test("of memory", () => {
    const leaking = samples((minute) => ({ heapBytes: (20 + minute * 0.2) * MIB }));
    expect(broken({ samples: leaking })).toEqual(["memory slope"]);
  });

  test("of memory, in one minute", () => {
    const leaking = samples((minute) => ({ heapBytes: (20 + minute * 6) * MIB })).slice(0, 10);
    expect(broken({ samples: leaking })).toEqual(["memory slope"]);
  });

  test("of descriptors", () => {
    const leaking = samples((minute) => ({ descriptors: 100 + Math.round(minute * 10) }));
    expect(broken({ samples: leaking })).toEqual(["descriptors flat"]);
    expect(broken({ after: { ...CALM, descriptors: 31 } })).toEqual(["descriptors given back"]);
  });

  test("of a timer or a handle", () => {
    expect(broken({ after: { ...CALM, resources: 5 } })).toEqual(["timers and handles given back"]);
  });

  test("of a listener on a signal", () => {
    const leaking = samples((minute) => ({ listeners: minute > 5 ? 1 : 0 }));
    expect(broken({ samples: leaking })).toEqual(["no listener left on a caller's signal"]);
  });

  test("of a child", () => {
    expect(broken({ left: { children: [1234], sockets: {} } })).toEqual(["children gone"]);
  });

  test("of a socket", () => {
    expect(broken({ left: { children: [], sockets: { s: 1 } } })).toEqual(["sockets gone"]);
  });

  test("as Node warns of it", () => {
    expect(broken({ warnings: ["MaxListenersExceededWarning"] })).toEqual(["no warning of Node"]);
  });
});
