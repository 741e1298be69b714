// Tools that say nothing for a while: a proxy may cut them, and the error should point at the proxy's limit.

import { McpError } from "mcp-client-pool";
import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export interface Silence {
  readonly program: ProgramName;
  readonly config: string;
  /** How long the tool is silent, milliseconds. */
  readonly ms: number;
  /** After how many seconds the proxy cuts the call; undefined: it does not. */
  readonly cutAfter?: number;
  readonly json: boolean;
}

/** A second of silence is too long for this proxy. */
export const SHORT_SILENCES: readonly Silence[] = [true, false].map((json) => ({
  program: "nginx",
  config: "short-silence.conf",
  ms: 20_000,
  cutAfter: 1,
  json,
}));

/** Longer than the 60 s that nginx, Apache and Varnish wait by default. */
const LONG_MS = 65_000;

export const LONG_SILENCES: readonly Silence[] = [
  { program: "nginx", config: "recommended.conf", ms: LONG_MS, json: true },
  { program: "nginx", config: "plain.conf", ms: LONG_MS, cutAfter: 60, json: true },
  { program: "HAProxy", config: "recommended.cfg", ms: LONG_MS, json: true },
  { program: "Apache", config: "recommended.conf", ms: LONG_MS, json: true },
  { program: "Varnish", config: "recommended.vcl", ms: LONG_MS, json: true },
  { program: "Caddy", config: "recommended.caddyfile", ms: LONG_MS, json: true },
];

export interface SilenceResult {
  readonly ok: boolean;
  readonly message: string;
  readonly seconds: number;
}

export async function measureSilence(silence: Silence): Promise<SilenceResult> {
  const { program, config, ms, json } = silence;
  await using replicas = await Replicas.start(1, { json });
  await using proxy = await startIntermediary(program, config, valuesOf(replicas));
  await using watched = openPool({ listen: false, timeouts: { timeoutMs: 2 * LONG_MS } });
  const { pool } = watched;
  await pool.addClient("s", proxy.url);
  const startedAt = performance.now();
  let message = "";
  try {
    await pool.callTool("s__work", { key: "a", ms });
  } catch (error) {
    if (!(error instanceof McpError)) throw error;
    message = error.message;
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  return { ok: message === "", message, seconds };
}

export function problemsOfSilence({ cutAfter }: Silence, result: SilenceResult): string[] {
  const { ok, message } = result;
  if (cutAfter === undefined) return ok ? [] : [`cut: ${message}`];
  return [
    ok ? "not cut" : "",
    new RegExp(String.raw`\b${cutAfter}(?:\.\d)? s\b`).test(message)
      ? ""
      : `how long it was silent is not said: ${message}`,
    /<\w+/.test(message) ? `a page of HTML: ${message}` : "",
  ].filter((problem) => problem !== "");
}
