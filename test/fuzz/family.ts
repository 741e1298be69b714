// One family of random trials: the parts that a family gives, and those that it is given.

import type { Random } from "../support/random.ts";

/** Each kind of fault that is looked for; none of them may ever happen. */
export const PROBLEMS = [
  "crash",
  "hang",
  "stall",
  "growth",
  "wrong answer",
  "foreign answer",
  "lost answer",
  "run twice",
  "false sent",
  "secret shown",
  "raw error",
  "unfair",
  "left behind",
] as const;

export type ProblemKind = (typeof PROBLEMS)[number];

/** A module `families/<name>.ts` exports one as `family`. */
export interface Family {
  /**
   * Called once, before the first round; it makes pools and servers that live for many rounds.
   * The function that it gives back is called after the last round.
   */
  readonly open?: (bench: Bench) => Promise<() => Promise<void>>;
  /**
   * A round of some dozen to some thousand inputs, 0.1 to 3 seconds long. All its choices come from `round.random`,
   * so that a round can be played again alone.
   */
  readonly round: (round: Round) => Promise<void>;
  /** A round that takes longer hangs, milliseconds. Default 30,000. */
  readonly roundMs?: number;
  /** The most that the heap may have grown from the fifth round to the last, after a collection, MB. Default 24. */
  readonly heapMb?: number;
  /** The most memory that the process may take beyond that at its start, MB. Default 400. */
  readonly residentMb?: number;
  /** The event loop may stand still so long, milliseconds. Default 250. */
  readonly stallMs?: number;
}

/** The process of the servers: the module `families/<name>.server.ts` exports `obey(order)`. */
export interface Servers {
  /** Sends an order (structured clone) and gives the answer of `obey`. */
  readonly ask: <T>(order: unknown) => Promise<T>;
}

export interface Bench {
  /** @throws {Error} in a family without a module of servers. */
  readonly servers: Servers;
}

export interface Round extends Bench {
  /** From 0. */
  readonly number: number;
  /** From the seed, the family and the number of the round. */
  readonly random: Random;
  /** Counts inputs: answers of a server, calls, schemas, whatever the family is about. */
  readonly tried: (count?: number) => void;
  /** A fault was found. `detail`: one line that says what was put in and what came of it. */
  readonly problem: (kind: ProblemKind, detail: string) => void;
  /** Work of the test itself, such as building a large input: it counts as no stall. */
  readonly own: <T>(work: () => T) => T;
}
