// A simulation from its first episode to its last, and what was found.

import { check, PROMISES, type Violation } from "./check.ts";
import { play, type Outcome } from "./episode.ts";
import { faultsIn, planOf } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { warmUp } from "./warm-up.ts";
import type { Planted } from "./world/world.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly hours: number;
  readonly planted?: Planted | undefined;
  /** Called with each story of a violation. */
  readonly onStory?: (story: Story) => void;
  /** Called now and then. */
  readonly onProgress?: (totals: Totals) => void;
}

export interface Totals {
  episodes: number;
  virtualHours: number;
  calls: number;
  executions: number;
  faults: number;
  turns: number;
  /** Calls by what their callers were told. */
  readonly told: Record<string, number>;
  /** Violations by promise; a promise that was kept is here with 0. */
  readonly broken: Record<string, number>;
}

/** The shortest way to a violation that was found. */
export interface Story {
  readonly seed: number;
  readonly violation: Violation;
  readonly actionsBefore: number;
  readonly actions: number;
  readonly plays: number;
  readonly lines: readonly string[];
}

const HOUR = 3_600_000;

/** Promises whose first violation is told whole; of every promise the first is, and of all so many. */
const MAX_STORIES = 10;

const PROGRESS_EVERY_MS = 30_000;

export async function simulate(options: SimulationOptions): Promise<Totals> {
  const { hours, planted, onStory, onProgress } = options;
  await warmUp();
  const totals: Totals = {
    episodes: 0,
    virtualHours: 0,
    calls: 0,
    executions: 0,
    faults: 0,
    turns: 0,
    told: {},
    broken: Object.fromEntries(PROMISES.map((promise) => [promise, 0])),
  };
  const toldStories = new Set<string>();
  let toldAt = performance.now();
  for (let { seed } = options; totals.virtualHours < hours; seed++) {
    const plan = planOf(seed);
    const outcome = await play(plan, { planted });
    add(totals, outcome);
    for (const violation of check(outcome)) {
      const { promise } = violation;
      totals.broken[promise] = (totals.broken[promise] ?? 0) + 1;
      if (toldStories.has(promise) || toldStories.size >= MAX_STORIES) continue;
      toldStories.add(promise);
      onStory?.(await storyOf(seed, violation, planted));
    }
    if (performance.now() - toldAt < PROGRESS_EVERY_MS) continue;
    toldAt = performance.now();
    onProgress?.(totals);
  }
  return totals;
}

async function storyOf(
  seed: number,
  violation: Violation,
  planted: Planted | undefined,
): Promise<Story> {
  const plan = planOf(seed);
  const { plan: shortest, plays } = await shrink(plan, violation.promise, { planted });
  const outcome = await play(shortest, { planted, isTraced: true });
  const found = check(outcome).find(({ promise }) => promise === violation.promise);
  return {
    seed,
    violation: found ?? violation,
    actionsBefore: plan.actions.length,
    actions: shortest.actions.length,
    plays,
    lines: [...shortest.servers.map((server) => JSON.stringify(server)), ...outcome.trace],
  };
}

function add(totals: Totals, outcome: Outcome): void {
  totals.episodes += 1;
  totals.virtualHours += outcome.virtualMs / HOUR;
  totals.calls += outcome.calls.length;
  totals.faults += faultsIn(outcome.plan);
  totals.turns += outcome.loop.turns;
  for (const { ran } of outcome.servers.values()) totals.executions += ran;
  for (const { outcome: how, code, sent } of outcome.calls) {
    const told = code === undefined ? how : `${code}, sent "${sent}"`;
    totals.told[told] = (totals.told[told] ?? 0) + 1;
  }
}
