import { beforeEach, expect, test } from "vitest";
import { RenewalBudget } from "../../../src/connection/renewal-budget.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const never = new AbortController().signal;

let clock: ManualClock;
let answered: number;
let budget: RenewalBudget;

beforeEach(() => {
  clock = new ManualClock();
  answered = 0;
  budget = new RenewalBudget(clock, () => answered);
});

/** How long each of `count` renewals in a row waits, milliseconds; `answers` calls are answered between two of them. */
async function waits(count: number, answers: number): Promise<number[]> {
  const waited: number[] = [];
  for (let one = 0; one < count; one++) {
    const since = clock.now();
    let isOver = false;
    const waiting = budget.take(never).then(() => (isOver = true));
    for (let turn = 0; turn < 1_000 && !isOver; turn++) await clock.run(turn === 0 ? 0 : 50);
    await waiting;
    waited.push(clock.now() - since);
    answered += answers;
  }
  return waited;
}

test("the first renewals cost no time: a server that is deployed forgets its sessions more than once", async () => {
  expect(await waits(20, 0)).toEqual(Array.from({ length: 20 }, () => 0));
});

test("bad luck: a server that answers two calls for each session that it loses is never slowed down", async () => {
  expect(Math.max(...(await waits(500, 2)))).toBe(0);
});

test("a storm: sessions that are lost before they answer a call are renewed once a second", async () => {
  const later = (await waits(30, 0)).slice(21);
  for (const waited of later) {
    expect(waited).toBeGreaterThanOrEqual(900);
    expect(waited).toBeLessThanOrEqual(1_050);
  }
});

test("after a storm the burst comes back with time", async () => {
  await waits(25, 0);
  await clock.run(60_000);
  expect(Math.max(...(await waits(20, 0)))).toBe(0);
});

test("it says when the last session was lost before it had answered one call", async () => {
  expect(await budget.take(never)).toBe(false);
  answered += 1;
  expect(await budget.take(never)).toBe(false);
  expect(await budget.take(never)).toBe(true);
});

test("an abort ends the wait", async () => {
  await waits(20, 0);
  const given = new AbortController();
  const waiting = budget.take(given.signal);
  const reason = new Error("closed");
  given.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(clock.armedCount).toBe(0);
});
