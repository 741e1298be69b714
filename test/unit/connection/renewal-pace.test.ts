import { expect, test } from "vitest";
import { DEFAULT_RECONNECT } from "../../../src/connection/options.ts";
import { RenewalPace } from "../../../src/connection/pace.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const never = new AbortController().signal;

/** How long each of `count` renewals in a row waits, milliseconds. */
async function waits(clock: ManualClock, pace: RenewalPace, count: number): Promise<number[]> {
  const waited: number[] = [];
  for (let one = 0; one < count; one++) {
    const since = clock.now();
    const done = { at: undefined as number | undefined };
    const waiting = pace.wait(never).then(() => (done.at = clock.now()));
    for (let turn = 0; turn < 1_000 && done.at === undefined; turn++) await clock.run(turn && 50);
    await waiting;
    waited.push(clock.now() - since);
    pace.onRenewed();
  }
  return waited;
}

test("the first renewals cost no time: a deployment forgets sessions more than once", async () => {
  const clock = new ManualClock();
  expect(await waits(clock, new RenewalPace(DEFAULT_RECONNECT, clock), 6)).toEqual([
    0, 0, 0, 0, 0, 0,
  ]);
});

test("a server that forgets each session at once is given ever more time, up to 6 s: callers wait through it", async () => {
  const clock = new ManualClock();
  const pace = new RenewalPace(DEFAULT_RECONNECT, clock);
  const [seventh = 0, ...later] = (await waits(clock, pace, 18)).slice(6);
  expect(seventh).toBeGreaterThan(0);
  expect(later.at(-1)).toBeGreaterThanOrEqual(4_000);
  expect(Math.max(...later)).toBeLessThanOrEqual(6_050);
});

test("a session that held for a minute starts the count anew", async () => {
  const clock = new ManualClock();
  const pace = new RenewalPace(DEFAULT_RECONNECT, clock);
  await waits(clock, pace, 12);
  await clock.run(60_000);
  expect(await waits(clock, pace, 6)).toEqual([0, 0, 0, 0, 0, 0]);
});

test("an abort ends the wait", async () => {
  const clock = new ManualClock();
  const pace = new RenewalPace(DEFAULT_RECONNECT, clock);
  await waits(clock, pace, 6);
  const given = new AbortController();
  const waiting = pace.wait(given.signal);
  const reason = new Error("closed");
  given.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(clock.armedCount).toBe(0);
});
