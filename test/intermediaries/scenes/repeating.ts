// Proxies that repeat POSTs: a call runs on a replica that then breaks off, and another replica refuses the session.

import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool, runCalls } from "./load.ts";
import type { Outcomes } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export type Fault = "reset" | "close" | "hang" | "exit";

export interface Repetition {
  readonly program: ProgramName;
  readonly config: string;
  readonly fault: Fault;
  readonly replay: "safe" | "never";
  /** The shortest and the longest that the tools run before the connection breaks, milliseconds. */
  readonly ms: readonly [number, number];
}

/** Long enough for a refusal to come late. */
const LATE = [700, 1_500] as const;
/** A refusal comes as soon as that of a replica which has never seen the call: nothing tells the two apart. */
const SOON = [20, 100] as const;

const PROXIES = [
  { program: "nginx", config: "repeating.conf" },
  { program: "HAProxy", config: "repeating.cfg" },
] as const;

export const REPETITIONS: readonly Repetition[] = PROXIES.flatMap((proxy) =>
  (["reset", "close", "hang", "exit"] as const).flatMap((fault) =>
    (["safe", "never"] as const).map((replay) => ({ ...proxy, fault, replay, ms: LATE })),
  ),
);

/** Measured, and not required: no client can know. */
export const UNKNOWABLE: readonly Repetition[] = PROXIES.flatMap((proxy) =>
  (["reset", "exit"] as const).map((fault) => ({ ...proxy, fault, replay: "safe", ms: SOON })),
);

/** Proxies that repeat nothing, with the configurations of docs/PROXIES.md. */
export const NOT_REPEATED: readonly Repetition[] = (
  [
    { program: "nginx", config: "recommended.conf" },
    { program: "HAProxy", config: "recommended.cfg" },
    { program: "Apache", config: "recommended.conf" },
    { program: "Varnish", config: "recommended.vcl" },
    { program: "Caddy", config: "recommended.caddyfile" },
  ] as const
).map((proxy) => ({ ...proxy, fault: "reset", replay: "safe", ms: SOON }));

const CALLS = 12;

export interface RepetitionResult extends Outcomes {
  readonly calls: number;
  /** Calls that the first replica ran: without them nothing is shown. */
  readonly ran: number;
  /** Executions beyond the first of a call that came of a request of the proxy's own. */
  readonly byProxy: number;
  /** Executions beyond the first of a call that came of a request of the pool's. */
  readonly byPool: number;
  readonly refusals: number;
}

export async function measureRepetition(repetition: Repetition): Promise<RepetitionResult> {
  const { program, config, fault, replay } = repetition;
  const [shortest, longest] = repetition.ms;
  // An event stream begins before the call has run, and what has begun no proxy repeats.
  await using replicas = await Replicas.start(2, { json: true });
  const values = valuesOf(replicas);
  const [first = "", second = ""] = values["addresses"] as readonly string[];
  await using proxy = await startIntermediary(program, config, { ...values, first, second });
  await using watched = openPool();
  const { pool } = watched;
  await pool.addClient("s", proxy.url);
  const outcomes = await runCalls(CALLS, CALLS, async (key) => {
    const at = Number(key.split(" ")[1]);
    const ms = shortest + ((longest - shortest) * at) / (CALLS - 1);
    await pool.callTool("s__work", { key, ms, fault }, { replay });
  });
  const ran = replicas.entries.filter(({ what }) => what === "ran");
  const repeated = ran.filter(({ key }, at) => ran.slice(0, at).some((one) => one.key === key));
  const byProxy = ran.filter(({ request }, at) => {
    return ran.slice(0, at).some((one) => one.request === request);
  });
  return {
    ok: outcomes.ok,
    unsent: outcomes.unsent,
    unknown: outcomes.unknown,
    errors: outcomes.errors,
    calls: CALLS,
    ran: new Set(ran.map(({ key }) => key)).size,
    byProxy: byProxy.length,
    byPool: repeated.length - byProxy.length,
    refusals: replicas.count("refused"),
  };
}

export function problemsOfRepetition(result: RepetitionResult): string[] {
  const { byPool, byProxy, ran, calls, errors } = result;
  return [
    byProxy === 0 ? "" : `${byProxy} of ${calls} calls repeated by the proxy`,
    byPool === 0 ? "" : `${byPool} of ${calls} calls doubled by the pool`,
    ran === calls ? "" : `only ${ran} of ${calls} calls ran: ${JSON.stringify(errors)}`,
  ].filter((problem) => problem !== "");
}
