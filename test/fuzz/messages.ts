// The messages between the command, the process of a family, and the process of its servers.

import type { ProblemKind } from "./family.ts";

export interface Problem {
  readonly kind: ProblemKind;
  readonly round: number;
  readonly detail: string;
}

/** What the process of a family is to do: its only argument, as JSON. */
export interface Task {
  readonly module: string;
  readonly name: string;
  readonly seed: number;
  readonly firstRound: number;
  /** Milliseconds; one round is played in any case. */
  readonly forMs: number;
  readonly onlyOne: boolean;
}

/** From the process of a family. */
export type Progress =
  | { readonly kind: "begun"; readonly round: number; readonly roundMs: number }
  | { readonly kind: "problem"; readonly problem: Problem }
  | { readonly kind: "ended"; readonly round: number; readonly inputs: number }
  | { readonly kind: "finished"; readonly figures: Figures };

/** Measured in the process of a family. */
export interface Figures {
  /** The longest time that the event loop stood still, milliseconds. */
  readonly worstStallMs: number;
  /** How often it stood still for more than {@link NOTABLE_STALL_MS}. */
  readonly stallCount: number;
  /** The most memory above that at the start, MB. */
  readonly residentMb: number;
  /** Growth of the heap from the fifth round to the last, after a collection, MB. */
  readonly heapMb: number;
}

/** Milliseconds. */
export const NOTABLE_STALL_MS = 100;

export interface Order {
  readonly id: number;
  readonly order: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}
