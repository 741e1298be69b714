// What a client did with a fault, as one word. The definitions are in docs/RELIABILITY.md.

import type { Says, Settled } from "./client-process.ts";

/** From best to worst: the worst that was seen is the outcome. */
export const OUTCOMES = ["recovered", "error", "leaked", "hung", "lost", "doubled"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Finding {
  readonly outcome: Outcome;
  readonly what: string;
  /** Of `error` only. */
  readonly says?: Says;
  /** The call ended by its time limit. */
  readonly byTimeout?: boolean;
}

export function isWorse(outcome: Outcome, than: Outcome): boolean {
  return OUTCOMES.indexOf(outcome) > OUTCOMES.indexOf(than);
}

export function worstOf(findings: readonly Finding[]): Outcome {
  return findings.reduce<Outcome>(
    (worst, { outcome }) => (isWorse(outcome, worst) ? outcome : worst),
    "recovered",
  );
}

export interface Expected {
  /** How often the server ran it. */
  readonly ran: number;
  /** How often it may have run at most. Default 1. */
  readonly atMost?: number;
  /** What the result must contain. Default: no result can be had, so that each is an invention. */
  readonly text?: string;
  /**
   * The server sent an answer, of whatever kind: an error that comes of it need not say that the call ran. Default
   * false.
   */
  readonly answered?: boolean;
}

/** What a call's end means; undefined if all is well. */
export function judgeCall(
  name: string,
  settled: Settled,
  { ran, atMost = 1, text, answered = false }: Expected,
): Finding | undefined {
  if (ran > atMost) return { outcome: "doubled", what: `${name} ran ${ran} times` };
  switch (settled.status) {
    case "hung":
      return { outcome: "hung", what: `${name} did not settle within ${settled.ms} ms` };
    case "died":
      return { outcome: "lost", what: `the process died during ${name}: ${settled.why}` };
    case "error":
      return judgeError(name, settled, ran, answered);
    case "ok":
      break;
  }
  const { text: got, isError } = settled.value as { text: string; isError: boolean };
  if (text !== undefined && got.includes(text) && !isError && ran > 0) return undefined;
  if (isError && ran === 0) {
    return {
      outcome: "error",
      what: `${name} gave an error as its result: ${shorten(got, 80)}`,
      says: "nothing",
    };
  }
  return { outcome: "lost", what: `${name} gave what is no answer: ${shorten(got, 80)}` };
}

function judgeError(
  name: string,
  { error }: Settled & { status: "error" },
  ran: number,
  answered: boolean,
): Finding {
  const { says, isTimeout: byTimeout } = error;
  const what = `${name}: ${error.name}: ${shorten(error.message, 240)}`;
  if (ran > 0 && says === "did not run") {
    return { outcome: "lost", what: `${what} (says that it did not run, and it did)` };
  }
  if (ran > 0 && !answered && says === "nothing" && !byTimeout) {
    return {
      outcome: "lost",
      what: `${what} (it ran, and the error does not say that it may have)`,
    };
  }
  return { outcome: "error", what, says, byTimeout };
}

/** Ends a fault early: nothing more can be seen. */
export class Stop extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome, what: string) {
    super(what);
    this.outcome = outcome;
  }
}

export function outcomeOf(settled: Settled): Outcome {
  switch (settled.status) {
    case "ok":
      return "recovered";
    case "error":
      return "error";
    case "hung":
      return "hung";
    case "died":
      return "lost";
  }
}

export function whatOf(settled: Settled): string {
  switch (settled.status) {
    case "ok":
      return "ok";
    case "error":
      return `${settled.error.name}: ${shorten(settled.error.message, 240)}`;
    case "hung":
      return `did not settle within ${settled.ms} ms`;
    case "died":
      return `the process died: ${settled.why}`;
  }
}

/** Ends between two words where it can, and says that it has ended. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const space = text.lastIndexOf(" ", most);
  return `${text.slice(0, space > most / 2 ? space : most)} …`;
}
