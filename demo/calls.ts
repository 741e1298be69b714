// Calls whose outcomes are kept, to be counted later, and the conditions that the story waits for.

import { setTimeout as delay } from "node:timers/promises";
import type { CallToolResult, McpClientPool } from "mcp-client-pool";

/** Longest wait for a thing that must happen, milliseconds. */
const PATIENCE_MS = 10_000;

export interface Outcome {
  readonly tool: string;
  readonly key: string;
  /** Resolves when the call has returned, with a result or an error. */
  readonly settled: Promise<void>;
  returns: number;
  result?: CallToolResult;
  error?: unknown;
}

export type Replays = Readonly<Record<string, number>>;

export function ask(
  pool: McpClientPool,
  tool: string,
  args: { readonly key: string; readonly [name: string]: unknown },
): Outcome {
  const outcome: Outcome = {
    tool,
    key: args.key,
    returns: 0,
    settled: pool.callTool(tool, args, { totalTimeoutMs: PATIENCE_MS }).then(
      (result) => {
        outcome.returns += 1;
        outcome.result = result;
      },
      (error: unknown) => {
        outcome.returns += 1;
        outcome.error = error;
      },
    ),
  };
  return outcome;
}

/** Whether it returned once, with the answer to this call and not to another: the servers repeat the key. */
export function hasResult({ key, returns, result }: Outcome): boolean {
  const [first] = result?.content ?? [];
  const isOwn = first?.type === "text" && first.text.endsWith(`(${key})`);
  return returns === 1 && isOwn && result?.isError !== true;
}

export function count(keys: readonly string[], key: string): number {
  return keys.filter((each) => each === key).length;
}

/** How often the pool sent a call again whose answer was lost, by server. */
export function replaysOf(pool: McpClientPool): Replays {
  return Object.fromEntries(pool.status().map(({ server, counts }) => [server, counts.replays]));
}

/** @throws {Error} saying what was waited for in vain. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`the story stopped: waited ${PATIENCE_MS / 1_000} s for ${what}, in vain`);
    }
    await delay(5);
  }
}
