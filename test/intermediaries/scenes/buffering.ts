// Progress and changes through a proxy: do they come while the call runs, at its end, or never?

import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export interface Streaming {
  readonly program: ProgramName;
  readonly config: string;
  /** Whether the program is told to let streams through. */
  readonly passes: boolean;
}

export const STREAMINGS: readonly Streaming[] = [
  { program: "nginx", config: "buffering.conf", passes: false },
  { program: "nginx", config: "recommended.conf", passes: true },
  { program: "HAProxy", config: "recommended.cfg", passes: true },
  { program: "Apache", config: "recommended.conf", passes: true },
  { program: "Varnish", config: "recommended.vcl", passes: true },
  { program: "Caddy", config: "recommended.caddyfile", passes: true },
];

const STEPS = 10;
const EVERY_MS = 100;
/** Longest that a change may take to arrive, milliseconds. */
const CHANGE_MS = 3_000;

export interface StreamingResult {
  readonly connectSeconds: number;
  readonly text: string;
  /** Steps that were told of. */
  readonly progress: number;
  /** Of those, the ones told of before the server had finished. */
  readonly early: number;
  /** Whether a new tool was told of while nothing else was asked. */
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

export async function measureStreaming({
  program,
  config,
  passes,
}: Streaming): Promise<StreamingResult> {
  await using replicas = await Replicas.start(1, { allowBuffering: true });
  await using proxy = await startIntermediary(program, config, valuesOf(replicas));
  await using watched = openPool();
  const { pool, warnings } = watched;
  const startedAt = performance.now();
  await pool.addClient("s", proxy.url);
  const connectSeconds = (performance.now() - startedAt) / 1_000;
  let progress = 0;
  let early = 0;
  const onProgress = (): void => {
    progress += 1;
    if (replicas.count("counted") === 0) early += 1;
  };
  const args = { steps: STEPS, everyMs: EVERY_MS };
  const result = await pool.callTool("s__count", args, { onProgress });
  const changed = new Promise<boolean>((resolve) => {
    pool.on("tools.changed", () => resolve(true));
    setTimeout(() => resolve(false), CHANGE_MS).unref();
  });
  await pool.callTool("s__grow");
  const hasChanged = await changed;
  if (!passes) await untilBufferingIsNamed(warnings);
  const [content] = (result as { content: { text?: string }[] }).content;
  return {
    connectSeconds,
    text: content?.text ?? "",
    progress,
    early,
    changed: hasChanged,
    warnings,
  };
}

/** The warning comes when the head of the stream has been missing for 15 s; it is waited for a little longer. */
async function untilBufferingIsNamed(warnings: readonly string[]): Promise<void> {
  for (let look = 0; look < 100; look++) {
    if (warnings.some((warning) => /buffer/i.test(warning))) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export function problemsOfStreaming({ passes }: Streaming, result: StreamingResult): string[] {
  const { text, progress, early, changed, warnings, connectSeconds } = result;
  const named = warnings.some((warning) => /buffer/i.test(warning));
  return [
    text === "counted" ? "" : `the result is ${JSON.stringify(text)}`,
    passes && early < STEPS / 2 ? `${early} of ${progress} steps were told of in time` : "",
    passes && !changed ? "a change was not told of" : "",
    passes && named ? "warns of buffering" : "",
    !passes && changed ? "the proxy does not buffer" : "",
    !passes && !named ? `nothing warns of buffering: ${JSON.stringify(warnings)}` : "",
    connectSeconds < 3 ? "" : `connecting took ${connectSeconds.toFixed(1)} s`,
  ].filter((problem) => problem !== "");
}
