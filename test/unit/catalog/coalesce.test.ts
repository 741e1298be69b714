import { expect, test } from "vitest";
import { Coalesced } from "../../../src/catalog/coalesce.ts";
import { settled } from "../../support/manual-clock.ts";
import { rejection } from "../fakes.ts";

function harness() {
  const ends: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  let under = 0;
  let most = 0;
  const coalesced = new Coalesced<number>(async () => {
    under += 1;
    most = Math.max(most, under);
    try {
      return await new Promise<number>((resolve, reject) => ends.push({ resolve, reject }));
    } finally {
      under -= 1;
    }
  });
  return { coalesced, ends, most: () => most };
}

test("a thousand askers while one run is under way share one more (fault 36)", async () => {
  const { coalesced, ends, most } = harness();
  const first = coalesced.run();
  const rest = Array.from({ length: 1_000 }, () => coalesced.run());
  expect(ends).toHaveLength(1);
  ends[0]?.resolve(1);
  expect(await first).toBe(1);
  await settled();
  expect(ends).toHaveLength(2);
  ends[1]?.resolve(2);
  expect(new Set(await Promise.all(rest))).toEqual(new Set([2]));
  await settled();
  expect(ends).toHaveLength(2);
  expect(most()).toBe(1);
});

test("whoever asks gets a run that began after it asked, at every moment of the end", async () => {
  for (let ticks = 0; ticks < 8; ticks++) {
    const { coalesced, ends, most } = harness();
    const values: Promise<number>[] = [coalesced.run(), coalesced.run()];
    ends[0]?.resolve(0);
    // Asks again in each of the microtasks between the end of one run and the start of the next.
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    const began = ends.length;
    const asked = coalesced.run();
    values.push(asked);
    for (let n = 1; n < 5; n++) {
      await settled();
      ends[n]?.resolve(n);
    }
    expect(await asked).toBeGreaterThanOrEqual(began);
    await Promise.all(values);
    expect(most()).toBe(1);
    expect(ends.length).toBeLessThanOrEqual(3);
  }
});

test("a run that fails fails its own askers; the next ones get their own run", async () => {
  const { coalesced, ends } = harness();
  const first = coalesced.run();
  const second = coalesced.run();
  ends[0]?.reject(new Error("down"));
  expect(await rejection(first)).toMatchObject({ message: "down" });
  await settled();
  ends[1]?.resolve(7);
  expect(await second).toBe(7);
  const third = coalesced.run();
  expect(ends).toHaveLength(3);
  ends[2]?.resolve(8);
  expect(await third).toBe(8);
});

test("one after the other, each its own run, and asking from inside the end is one too", async () => {
  const { coalesced, ends } = harness();
  const again = coalesced.run().then(() => coalesced.run());
  ends[0]?.resolve(1);
  await settled();
  expect(ends).toHaveLength(2);
  ends[1]?.resolve(2);
  expect(await again).toBe(2);
});
