// The state that all parts of one simulated world share.

import { Random } from "../../support/random.ts";
import type { Fate } from "../calls.ts";
import type { Plan } from "../plan.ts";
import { VirtualClock } from "./clock.ts";
import { Ledger } from "./ledger.ts";
import { Trace } from "./trace.ts";

/** A fault that is built in, to show that the checks find it. */
export type Planted = "runs-twice" | "sends-again" | "forgets-caller" | "keeps-timer";

export class World {
  readonly clock: VirtualClock;
  readonly ledger = new Ledger();
  /** Absent where nobody will read it: lines cost more than all the rest. */
  readonly trace: Trace | undefined;
  readonly planted: Planted | undefined;
  readonly #seed: number;
  readonly #fates: Map<string, readonly Fate[]> = new Map();
  readonly #attempts: Map<string, number> = new Map();

  constructor(
    { seed, actions }: Plan,
    options: { isTraced: boolean; planted: Planted | undefined },
  ) {
    this.#seed = seed;
    this.clock = new VirtualClock(this.random("pool"));
    this.trace = options.isTraced ? new Trace(this.clock) : undefined;
    this.planted = options.planted;
    for (const action of actions) {
      if (action.kind === "call") this.#fates.set(action.call.key, action.call.fates);
    }
  }

  /** A stream of its own for each purpose: none depends on how much another was asked. */
  random(purpose: string): Random {
    return new Random(this.#seed, purpose);
  }

  /** The fate of the attempt that the call begins now. */
  nextFate(key: string): Fate {
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    return this.#fates.get(key)?.[attempt] ?? "ok";
  }
}
