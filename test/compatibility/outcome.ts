// The outcome of one behaviour with one client, as one of four words.

import type { Settled } from "../fault/suite/client-process.ts";
import { shorten, whatOf } from "../fault/suite/verdict.ts";

/** From best to worst: the worst that was seen is the outcome. */
export const OUTCOMES = ["works", "works late", "fails", "runs twice"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Finding {
  readonly outcome: Outcome;
  readonly what: string;
}

/** How much of a client's own error is kept, characters. */
const MOST_TEXT = 200;

export function worstOf(findings: readonly Finding[]): Finding | undefined {
  return findings.reduce<Finding | undefined>(
    (worst, one) => (worst === undefined || rank(one) > rank(worst) ? one : worst),
    undefined,
  );
}

function rank({ outcome }: Finding): number {
  return OUTCOMES.indexOf(outcome);
}

/** Ends a trial early: nothing more can be seen. */
export class Stop extends Error {}

export interface CallJudged {
  readonly tool: string;
  readonly settled: Settled;
  /** How often the server ran it, by the call's key. */
  readonly ran: number;
  /** The result must contain it. */
  readonly text: string;
  readonly lateMs: number;
  /**
   * `result`: the result must come. `any`: an error is in order too, the server being away. `error`: there is no
   * result to be had, and the caller must be told so at once.
   */
  readonly expects: "result" | "any" | "error";
}

/** Undefined if all is well. */
export function judgeCall(call: CallJudged): Finding | undefined {
  const { tool, settled, ran, text, expects, lateMs } = call;
  if (ran > 1) return { outcome: "runs twice", what: `${tool} ran ${ran} times` };
  if (settled.status === "hung" || settled.status === "died") {
    return { outcome: "fails", what: `${tool}: ${says(settled)}` };
  }
  if (settled.status === "error") {
    if (expects === "result") return { outcome: "fails", what: `${tool}: ${says(settled)}` };
    if (expects === "error" && settled.error.isTimeout) {
      return { outcome: "fails", what: `${tool}: told only by its time limit: ${says(settled)}` };
    }
    return judgeTime(tool, settled, expects === "any" ? Infinity : lateMs);
  }
  const { text: got, isError } = settled.value as { text: string; isError: boolean };
  if (isError && expects !== "result") return undefined;
  if (isError || expects === "error" || ran === 0 || !got.includes(text)) {
    return { outcome: "fails", what: `${tool} gave as its result: ${shorten(got, MOST_TEXT)}` };
  }
  return judgeTime(tool, settled, expects === "any" ? Infinity : lateMs);
}

/** Late, if it took that long or longer. */
export function judgeTime(step: string, { ms }: Settled, lateMs: number): Finding | undefined {
  if (ms < lateMs) return undefined;
  return { outcome: "works late", what: `${step} took ${Math.round(ms / 1_000)} s` };
}

/** How a step that failed ended, without anything that differs from run to run or from machine to machine. */
export function says(settled: Settled): string {
  const text = whatOf(settled)
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(127\.0\.0\.1|\[::1\]|localhost):\d+/g, "$1:port")
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f-]{22}/gi, "<session>")
    .replaceAll(/(?<![\w/<.:])\/[\w.@-]+\/[\w.@/-]+/g, "<path>")
    .trim();
  return shorten(text, MOST_TEXT);
}
