// An episode as its seed wants it: servers, callers and faults, each with its time. An explicit list, so that the
// shortest story of a violation is found by leaving things out.

import { Random } from "../support/random.ts";
import { drawCall, FATES, type CallPlan, type Fate } from "./calls.ts";
import { drawServers, type ServerPlan } from "./servers/spec.ts";

/** Something that happens to the world at a time, on the virtual clock. */
export type Action = { readonly at: number } & (
  | { readonly kind: "call"; readonly call: CallPlan }
  /** The server forgets its sessions, breaks its connections, and is away; perhaps it comes back in another era. */
  | {
      readonly kind: "restart";
      readonly server: string;
      readonly downMs: number;
      readonly absence: Absence;
      readonly changesEra: boolean;
    }
  /** One replica forgets its sessions, and nothing else happens. */
  | { readonly kind: "forget"; readonly server: string; readonly replica: number }
  /** Requests under way are lost without a sign, and for a while nothing passes. */
  | { readonly kind: "partition"; readonly server: string; readonly forMs: number }
  /** Everything that is on its way arrives when it is over. */
  | { readonly kind: "stall"; readonly server: string; readonly forMs: number }
  /** Every connection is reset; for a channel: it breaks. */
  | { readonly kind: "reset"; readonly server: string }
  | { readonly kind: "cut-streams"; readonly server: string }
  /** The tools change so often, and the server says so each time. */
  | {
      readonly kind: "changed";
      readonly server: string;
      readonly count: number;
      readonly everyMs: number;
    }
  /** The server takes so many calls at once, and refuses the others with 429. */
  | {
      readonly kind: "throttle";
      readonly server: string;
      readonly forMs: number;
      readonly limit: number;
      readonly retryAfterS: number | undefined;
    }
  /** The machine of the pool sleeps. `isMonotonic`: its monotonic clock goes on. */
  | { readonly kind: "sleep"; readonly forMs: number; readonly isMonotonic: boolean }
  | { readonly kind: "remove"; readonly server: string; readonly drainMs: number }
  | { readonly kind: "add"; readonly server: string }
  | { readonly kind: "connect" }
);

/** The way in which a server is away: its port refuses, nobody answers, or a proxy answers for it. */
export type Absence = "refused" | "silent" | "gateway";

export type FaultKind = Exclude<Action["kind"], "call" | "add" | "connect">;

export interface Plan {
  readonly seed: number;
  readonly servers: readonly ServerPlan[];
  readonly actions: readonly Action[];
  /** When the pool is to be calm again, or is closed in the midst of it all. */
  readonly endsAt: number;
  /** False: it is closed while calls are under way. */
  readonly endsCalm: boolean;
  readonly drainMs: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const FAULT_KINDS: Readonly<Record<FaultKind, number>> = {
  restart: 6,
  forget: 3,
  partition: 2,
  stall: 2,
  reset: 2,
  "cut-streams": 2,
  changed: 2,
  throttle: 2,
  sleep: 1,
  remove: 1,
};

/** The same seed gives the same plan. */
export function planOf(seed: number): Plan {
  const random = new Random(seed, "plan");
  const servers = drawServers(random);
  const lengthMs = Math.round((4 + 26 * random.next()) * HOUR);
  // Not every kind of fault in every episode: what hides behind one is seen where that one is left out.
  const faults = subset(random, FAULT_KINDS, 0.6);
  const fates = subset(random, FATES, 0.5);
  const actions: Action[] = [];
  let count = 0;
  const call = (at: number, trouble: number): void => {
    const key = `c${(count += 1)}`;
    const plan = drawCall(new Random(seed, key), { key, servers, fates, trouble });
    actions.push({ at, kind: "call", call: plan });
  };
  const storms = random.int(1, 6);
  for (let storm = 0; storm < storms; storm++) {
    const from = Math.round(lengthMs * random.next() * 0.9);
    const forMs = random.int(20_000, 10 * MINUTE);
    const within = (): number => from + Math.floor(forMs * random.next());
    for (let left = random.int(1, 8); left > 0; left--) {
      actions.push(...drawFault(random, within(), servers, faults));
    }
    for (let left = random.int(5, 60); left > 0;) {
      const at = within();
      const crowd = random.chance(0.2) ? random.int(2, 12) : 1;
      for (let one = 0; one < crowd; one++) call(at, 0.3);
      left -= crowd;
    }
  }
  for (let left = random.int(5, 60); left > 0; left--) call(random.int(0, lengthMs), 0.1);
  const endsCalm = random.chance(0.75);
  if (!endsCalm) for (let left = random.int(2, 12); left > 0; left--) call(lengthMs - left, 0.2);
  actions.sort((one, other) => one.at - other.at);
  const drainMs = random.pick([0, 500, 5_000]);
  return { seed, servers, actions, endsAt: lengthMs, endsCalm, drainMs };
}

/** One fault, and what belongs to it. */
function drawFault(
  random: Random,
  at: number,
  servers: readonly ServerPlan[],
  kinds: Readonly<Partial<Record<FaultKind, number>>>,
): Action[] {
  const { name: server, replicas } = random.pick(servers);
  const kind = random.draw<FaultKind>(kinds);
  switch (kind) {
    case "restart": {
      const downMs = random.pick([0, 50, random.int(200, 3_000), random.int(5_000, 120_000)]);
      const absence = random.pick<Absence>(["refused", "refused", "silent", "gateway"]);
      return [{ at, kind, server, downMs, absence, changesEra: random.chance(0.15) }];
    }
    case "forget":
      return [{ at, kind, server, replica: random.int(0, replicas - 1) }];
    case "partition":
    case "stall":
      return [{ at, kind, server, forMs: random.pick([300, 2_000, 15_000, 90_000]) }];
    case "reset":
    case "cut-streams":
      return [{ at, kind, server }];
    case "changed":
      return [{ at, kind, server, count: random.int(1, 40), everyMs: random.pick([0, 5, 700]) }];
    case "throttle": {
      const retryAfterS = random.chance(0.3) ? undefined : random.pick([0, 1, 5, 45]);
      return [
        { at, kind, server, forMs: random.int(500, 60_000), limit: random.int(0, 3), retryAfterS },
      ];
    }
    case "sleep":
      return [{ at, kind, forMs: random.int(20_000, 2 * HOUR), isMonotonic: random.chance(0.5) }];
    case "remove": {
      const backAt = at + random.pick([0, 10, random.int(100, 60_000)]);
      const drainMs = random.pick([0, 500, 5_000]);
      return [
        { at, kind, server, drainMs },
        { at: backAt, kind: "add", server },
      ];
    }
  }
}

/** Of the kinds some, each with its weight; never none. */
function subset<T extends string>(
  random: Random,
  weights: Readonly<Record<T, number>>,
  share: number,
): Partial<Record<T, number>> {
  const all = Object.entries(weights) as [T, number][];
  const some = all.filter(() => random.chance(share));
  return Object.fromEntries(some.length === 0 ? [random.pick(all)] : some) as Partial<
    Record<T, number>
  >;
}

/** The number of faults in a plan: of the world, and of single calls. */
export function faultsIn({ actions }: Plan): number {
  let count = 0;
  for (const action of actions) {
    if (action.kind === "call")
      count += action.call.fates.filter((fate: Fate) => fate !== "ok").length;
    else if (action.kind !== "add" && action.kind !== "connect") count += 1;
  }
  return count;
}
