// What a result means: whether the pool fell short of what the official client can do, and one line for the terminal.

import type { CallOutcome } from "./client.ts";
import type { Result } from "./results.ts";
import { transportOf } from "./servers.ts";
import type { CorpusServer } from "./servers.ts";

/** What is wrong, each as a sentence; none of it is the server's fault alone. */
export function problemsOf(server: CorpusServer, { pool, sdk }: Result): string[] {
  if (pool.error !== undefined) return failureOf(server, pool.error, sdk.error);
  const problems: string[] = [];
  for (const [kind, count] of Object.entries(sdk.listed)) {
    const ours = pool.listed[kind];
    // The official client checks what it lists; the pool may list more than it.
    if (typeof count === "number" && (typeof ours !== "number" || ours < count)) {
      problems.push(`the pool lists ${ours ?? "no"} ${kind}, the official client ${count}`);
    }
  }
  if (server.call !== null) problems.push(...callProblems(server.call.expect, pool.call, sdk.call));
  // A process that makes a session of its own means to stay: the official client leaves it too.
  if (pool.leftBehind.length > sdk.leftBehind.length) {
    problems.push(`left behind: ${pool.leftBehind.join("; ")}`);
  }
  return problems;
}

function callProblems(
  expect: "result" | "refusal",
  ours: CallOutcome | undefined,
  theirs: CallOutcome | undefined,
): string[] {
  const came = `there came ${ours?.kind ?? "nothing"}: ${ours?.text ?? ""}`;
  if (isAnswer(theirs) && !isAnswer(ours))
    return [`the official client's call is answered; ${came}`];
  return isExpected(expect, ours) ? [] : [`the call expects a ${expect}; ${came}`];
}

function failureOf({ note }: CorpusServer, ours: string, theirs: string | undefined): string[] {
  if (theirs === undefined) return [`the official client connects, and the pool does not: ${ours}`];
  return note === undefined ? [`does not work, and no note says why: ${ours}`] : [];
}

function isAnswer(call: CallOutcome | undefined): boolean {
  return call !== undefined && call.kind !== "failed";
}

/** A refusal is an answer too, in either of its forms. */
function isExpected(expect: "result" | "refusal", call: CallOutcome | undefined): boolean {
  return isAnswer(call) && (call?.kind === "result") === (expect === "result");
}

export function isAnswered({ pool }: Result): boolean {
  return isAnswer(pool.call);
}

export function lineOf(server: CorpusServer, { pool, sdk }: Result): string {
  const { name } = server;
  const over = transportOf(server);
  const official = sdk.error === undefined ? "" : ` (official client: ${sdk.error})`;
  if (pool.error !== undefined) return `✗ ${name} ${over}: ${pool.error}${official}`;
  const lists = Object.entries(pool.listed).map(([kind, count]) => `${count} ${kind}`);
  const call = pool.call === undefined ? "" : `, ${pool.call.kind}: ${pool.call.text}`;
  const warnings = pool.warnings.map((warning) => `\n  warning: ${warning}`).join("");
  const ms = Math.round(pool.connectMs);
  return `✓ ${name} ${over} ${pool.revision}: ${ms} ms, ${lists.join(", ")}${call}${official}${warnings}`;
}
