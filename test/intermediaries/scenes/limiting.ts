// Proxies that refuse what is beyond a limit: calls that were never taken should wait, not fail.

import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import type { Values } from "../programs/render.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool, runCalls } from "./load.ts";
import type { Outcomes } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export interface Limit {
  readonly title: string;
  readonly program: ProgramName;
  readonly config: string;
  readonly values: Values;
  /** How long a tool runs, milliseconds: a limit of concurrency needs calls that take their time. */
  readonly ms: number;
}

export const LIMITS: readonly Limit[] = [
  {
    title: "50 requests a second, refused with 503, which throttleStatuses names",
    program: "nginx",
    config: "rate-limit.conf",
    values: { rate: 50, status: 503 },
    ms: 0,
  },
  {
    title: "50 requests a second, refused with 429",
    program: "nginx",
    config: "rate-limit.conf",
    values: { rate: 50, status: 429 },
    ms: 0,
  },
  {
    title: "4 requests at once, refused with 503, which throttleStatuses names",
    program: "nginx",
    config: "connection-limit.conf",
    values: { limit: 4 },
    ms: 20,
  },
];

const CALLS = 200;
const WIDTH = 8;
/** Longest that a row may take, milliseconds. At 50 a second it takes 4 s at least. */
const ROW_MS = 60_000;

export interface LimitResult extends Outcomes {
  readonly calls: number;
  readonly executions: number;
  readonly doubled: number;
  readonly seconds: number;
}

export async function measureLimit({ program, config, values, ms }: Limit): Promise<LimitResult> {
  await using replicas = await Replicas.start(1, { json: true });
  await using proxy = await startIntermediary(program, config, {
    ...valuesOf(replicas),
    ...values,
  });
  await using watched = openPool();
  const { pool } = watched;
  // Without it a 503 may mean that the call has run: of class U it ends as OUTCOME_UNKNOWN.
  await pool.addClient("s", proxy.url, { throttleStatuses: [429, 503] });
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(ROW_MS);
  const { ok, unsent, unknown, errors } = await runCalls(CALLS, WIDTH, (key) =>
    pool.callTool("s__work", { key, ms }, { signal }),
  );
  return {
    ok,
    unsent,
    unknown,
    errors,
    calls: CALLS,
    executions: replicas.count("ran"),
    doubled: replicas.doubled.length,
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

export function problemsOfLimit({ calls, ok, doubled, errors }: LimitResult): string[] {
  return [
    ok === calls ? "" : `${ok} of ${calls} calls succeed: ${JSON.stringify(errors)}`,
    doubled === 0 ? "" : `${doubled} calls ran twice`,
  ].filter((problem) => problem !== "");
}
