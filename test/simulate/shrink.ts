// The shortest story of a violation: actions are left out as long as the same promise is still broken.

import { check } from "./check.ts";
import { play, type PlayOptions } from "./episode.ts";
import type { Action, Plan } from "./plan.ts";

/** Episodes that are played for one violation, at most, and for how long in real time, milliseconds. */
const MAX_PLAYS = 400;
const MAX_MS = 90_000;

export interface Shrunk {
  readonly plan: Plan;
  readonly plays: number;
}

export async function shrink(
  plan: Plan,
  promise: string,
  options: PlayOptions = {},
): Promise<Shrunk> {
  const startedAt = performance.now();
  let plays = 0;
  let best = plan;
  /** Takes the smaller plan if the promise is still broken in it. */
  const tryPlan = async (smaller: Plan): Promise<boolean> => {
    if (plays >= MAX_PLAYS || performance.now() - startedAt > MAX_MS) return false;
    plays += 1;
    const violations = check(await play(smaller, options));
    if (!violations.some((violation) => violation.promise === promise)) return false;
    best = smaller;
    return true;
  };

  await leaveOut(
    () => best.actions,
    (actions) => tryPlan({ ...best, actions }),
  );
  await tryPlan({ ...best, endsCalm: !best.endsCalm });
  // The time after the last action.
  const last = best.actions.at(-1)?.at ?? 0;
  for (const afterMs of [1_000, 60_000, 600_000]) {
    if (await tryPlan({ ...best, endsAt: Math.min(best.endsAt, last + afterMs) })) break;
  }
  await simplifyCalls(() => best, tryPlan);
  for (const { name } of best.servers) {
    const servers = best.servers.filter((server) => server.name !== name);
    const isUsed = best.actions.some((action) => serverOf(action) === name);
    if (!isUsed && servers.length > 0) await tryPlan({ ...best, servers });
  }
  return { plan: best, plays };
}

/** Delta debugging: halves, then quarters, and so on, until no single action can be left out. */
async function leaveOut(
  actions: () => readonly Action[],
  tryActions: (actions: readonly Action[]) => Promise<boolean>,
): Promise<void> {
  if (await tryActions([])) return;
  for (let size = Math.ceil(actions().length / 2); size >= 1;) {
    let isSmaller = false;
    for (let from = 0; from < actions().length;) {
      const rest = [...actions().slice(0, from), ...actions().slice(from + size)];
      if (await tryActions(rest)) isSmaller = true;
      else from += size;
    }
    if (size === 1 && !isSmaller) return;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
}

/** Fates, limits and patience that do not matter. */
async function simplifyCalls(
  plan: () => Plan,
  tryPlan: (plan: Plan) => Promise<boolean>,
): Promise<void> {
  const plain = [
    { fates: [] },
    { abortAfterMs: undefined },
    { timeoutMs: undefined, totalTimeoutMs: undefined },
  ];
  for (let index = 0; index < plan().actions.length; index++) {
    const action = plan().actions[index];
    if (action?.kind !== "call") continue;
    for (const change of plain) {
      const simpler = { ...action, call: { ...action.call, ...change } };
      await tryPlan({ ...plan(), actions: plan().actions.with(index, simpler) });
    }
  }
}

function serverOf(action: Action): string | undefined {
  if (action.kind === "call") return action.call.server;
  return "server" in action ? action.server : undefined;
}
