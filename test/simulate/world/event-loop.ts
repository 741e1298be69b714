// The event loop of a simulation: one callback a turn, and the next only when nothing is left to run.
//
// The loop knows that nothing is left, because everything that runs is a microtask, a tick, an immediate, a virtual
// timer, or real input. Each turn is a real immediate, and between two immediates Node runs all ticks and microtasks, and
// whatever these begin. The immediates of the code under test go into a queue of their own, and are served one a turn
// before time moves on. Real input does not exist in a simulation, and real timers are reported as violations.

import type { VirtualClock } from "./clock.ts";

const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
};

/** So many turns at one moment of virtual time are a loop that never ends. */
const MAX_TURNS_AT_ONCE = 200_000;

export interface LoopReport {
  /** Turns that were taken. */
  readonly turns: number;
  /** Errors that callbacks threw, and rejections that nobody handled. */
  readonly unhandled: readonly unknown[];
  /** The places in the code where real timers were armed. */
  readonly realTimers: readonly string[];
  /** Why the work did not end. */
  readonly stuck: string | undefined;
}

/** Runs `work` on the virtual clock to its end. */
export async function runOn(clock: VirtualClock, work: () => Promise<void>): Promise<LoopReport> {
  const immediates: (() => void)[] = [];
  const unhandled: unknown[] = [];
  const realTimers: string[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  const noteTimer = (name: string): void => {
    realTimers.push(`${name}: ${new Error("armed").stack?.split("\n")[3]?.trim() ?? "unknown"}`);
  };
  const queueImmediate = (callback: (...args: unknown[]) => void, ...args: unknown[]): object => {
    immediates.push(() => callback(...args));
    return {};
  };
  const watched =
    (name: "setTimeout" | "setInterval") =>
    (...args: Parameters<typeof setTimeout>): NodeJS.Timeout => {
      noteTimer(name);
      return real[name](...args);
    };
  process.on("unhandledRejection", onUnhandled);
  Object.assign(globalThis, {
    setImmediate: queueImmediate,
    setTimeout: watched("setTimeout"),
    setInterval: watched("setInterval"),
  });
  let turns = 0;
  let stuck: string | undefined;
  try {
    let isDone = false;
    let atOnce = 0;
    let lastNow = -1;
    const done = work().then(
      () => (isDone = true),
      (error: unknown) => {
        unhandled.push(error);
        isDone = true;
      },
    );
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        turns += 1;
        atOnce = clock.now === lastNow ? atOnce + 1 : 0;
        lastNow = clock.now;
        try {
          const immediate = immediates.shift();
          if (immediate !== undefined) immediate();
          else if (isDone) return resolve();
          else if (!clock.fireNext()) stuck = "no timer is armed, and the work has not ended";
          if (atOnce > MAX_TURNS_AT_ONCE) stuck = `${atOnce} turns at one moment`;
        } catch (error) {
          unhandled.push(error);
        }
        if (stuck === undefined) real.setImmediate(turn);
        else resolve();
      };
      real.setImmediate(turn);
    });
    if (stuck === undefined) await done;
  } finally {
    Object.assign(globalThis, real);
    process.off("unhandledRejection", onUnhandled);
  }
  return { turns, unhandled, realTimers, stuck };
}
