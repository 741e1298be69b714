// Whether a call ended as it may, whatever its server sent.

import { McpError } from "../../../src/index.ts";
import type { McpClientPool } from "../../../src/index.ts";
import type { Round } from "../family.ts";

/** The token of a call: no two calls of a round have the same. */
export function tokenOf(number: number): string {
  return `<token ${number}>`;
}

const LIMITS = { timeoutMs: 4_000, totalTimeoutMs: 8_000 };
/** Of a call whose answer may well be lost. */
const SHORT_LIMITS = { timeoutMs: 400, totalTimeoutMs: 1_000 };

const TOKEN = /<token \d+>/g;

export interface Trial {
  readonly pool: McpClientPool;
  readonly tool: string;
  readonly token: string;
  readonly args?: object;
  /** The server answers as it should: nothing but its answer will do. */
  readonly isGood: boolean;
}

/** Calls, and reports an end that no server may bring about. */
export async function judge({ problem, tried }: Round, trial: Trial): Promise<void> {
  const { pool, tool, token, args, isGood } = trial;
  tried();
  const given = JSON.stringify(args ?? {});
  const shown = given.slice(0, 600);
  try {
    const result = await pool.callTool(tool, { token, ...args }, isGood ? LIMITS : SHORT_LIMITS);
    const text = JSON.stringify(result);
    // Damage may have made another token of the call's own.
    const foreign = [...text.matchAll(TOKEN)].some(
      ([one]) => one !== token && !given.includes(one),
    );
    if (foreign) problem("foreign answer", `${token} got ${text.slice(0, 200)} of ${shown}`);
    else if (isGood && !text.includes(token)) {
      problem("wrong answer", `${token} got ${text.slice(0, 200)} of ${shown}`);
    }
  } catch (error) {
    if (!(error instanceof McpError)) problem("raw error", `${String(error)} from ${shown}`);
    else if (isGood)
      problem("lost answer", `${error.code}: ${error.message.slice(0, 300)}: ${shown}`);
  }
}

/** Runs so many at once. */
export async function several(
  count: number,
  atOnce: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
