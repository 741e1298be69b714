// The calls of a long run: most are plain, and every way in which a call can end takes its turn.

import type { McpClientPool, CallOptions } from "../../../src/index.ts";
import { ARGUMENTS } from "../../contenders/contender.ts";

/** What was called, and how it was meant to end. */
export type Kind = "plain" | "signal" | "progress" | "isError" | "aborted" | "timeout";

/** Each is every so-manieth call; whoever is first takes it. */
const EVERY: readonly (readonly [kind: Kind, count: number, offset: number])[] = [
  ["aborted", 1_000, 999],
  ["timeout", 1_000, 499],
  ["isError", 100, 0],
  ["progress", 50, 25],
  ["signal", 10, 3],
];

/** Of a call that is to time out, milliseconds: long after it was written. */
const TIMEOUT_MS = 100;

export function kindOf(index: number): Kind {
  return EVERY.find(([, count, offset]) => index % count === offset)?.[0] ?? "plain";
}

/**
 * One call, which must end as it is meant to.
 *
 * @param signal that of many calls, never aborted
 * @throws {Error} if it ends otherwise.
 */
export async function call(pool: McpClientPool, kind: Kind, signal: AbortSignal): Promise<void> {
  switch (kind) {
    case "plain":
      return expectText(kind, pool, "echo", {});
    case "signal":
      return expectText(kind, pool, "echo", { signal });
    case "progress": {
      let reports = 0;
      await expectText(kind, pool, "echo", { onProgress: () => (reports += 1) });
      if (reports !== 1) throw new Error(`${reports} reports of progress, not one`);
      return;
    }
    case "isError": {
      const { isError } = await pool.callTool("endurance__fail", ARGUMENTS);
      if (isError !== true) throw new Error("the tool that fails did not fail");
      return;
    }
    case "aborted": {
      // Not before the server has it: it says so by its report.
      const own = new AbortController();
      const reason = new Error("enough");
      const options = { signal: own.signal, onProgress: () => own.abort(reason) };
      const error = await failureOf(pool, options);
      if (error !== reason) throw new Error("not aborted", { cause: error });
      return;
    }
    case "timeout": {
      const error = await failureOf(pool, { timeoutMs: TIMEOUT_MS });
      if ((error as { code?: unknown }).code !== "TIMEOUT") {
        throw new Error("no timeout", { cause: error });
      }
    }
  }
}

async function expectText(
  kind: Kind,
  pool: McpClientPool,
  tool: string,
  options: CallOptions,
): Promise<void> {
  const { content } = await pool.callTool(`endurance__${tool}`, ARGUMENTS, options);
  const [first] = content;
  if (first?.type !== "text") throw new Error(`${kind}: no text`);
}

async function failureOf(pool: McpClientPool, options: CallOptions): Promise<unknown> {
  const ended = pool.callTool("endurance__silent", ARGUMENTS, options);
  return ended.then(
    () => undefined,
    (error: unknown) => error,
  );
}
