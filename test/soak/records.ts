// Reads back what was logged: the calls as their callers saw them, and the servers' own account.

import path from "node:path";
import { FLEET } from "./fleet.ts";
import type { CallRecord, ServerSide } from "./history.ts";
import { readLog } from "./log.ts";
import type { LogLine } from "./log.ts";

export interface ServerTotals {
  readonly executions: number;
  /** Keys that ran more than once. */
  readonly repeated: number;
  /** What the servers did to calls, by fate. */
  readonly fates: Readonly<Record<string, number>>;
  /** Child processes that were started. */
  readonly started: number;
}

export function readCalls(file: string): CallRecord[] {
  return readLog(file).map(({ detail }) => JSON.parse(detail) as CallRecord);
}

export function readServers(folder: string): {
  byKey: ReadonlyMap<string, ServerSide>;
  totals: ServerTotals;
} {
  const byKey = new Map<string, { seen: number; ran: number }>();
  const fates: Record<string, number> = {};
  let started = 0;
  for (const { event, key, detail } of serverLines(folder)) {
    if (event === "started") started += 1;
    if (key === "") continue;
    const side = byKey.get(key) ?? { seen: 0, ran: 0 };
    byKey.set(key, side);
    if (event === "got" || event === "refused") side.seen += 1;
    if (event === "ran") side.ran += 1;
    if (event === "got" && detail !== "ok") fates[detail] = (fates[detail] ?? 0) + 1;
  }
  const counts = [...byKey.values()].map(({ ran }) => ran);
  const totals = {
    executions: counts.reduce((sum, ran) => sum + ran, 0),
    repeated: counts.filter((ran) => ran > 1).length,
    fates,
    started,
  };
  return { byKey, totals };
}

/** Everything about one call, in order: what its caller saw, its server did, and the pool said of that server. */
export function timelineOf(folder: string, key: string, call: CallRecord | undefined): string[] {
  const lines: { at: number; text: string }[] = [];
  for (const { at, event, key: about, detail } of serverLines(folder)) {
    if (about === key) lines.push({ at, text: `server: ${event} ${detail}` });
  }
  if (call !== undefined) {
    const { startedAt, tookMs, server, callClass, kind, replay, fates, ...outcome } = call;
    const wanted = `${kind} on ${server}, class ${callClass}, replay ${replay}, fates [${fates.join(", ")}]`;
    lines.push({ at: startedAt, text: `caller: ${wanted}` });
    lines.push({ at: startedAt + tookMs, text: `caller: ${JSON.stringify(outcome)}` });
    const from = startedAt - AROUND_MS;
    const to = startedAt + tookMs + AROUND_MS;
    for (const { at, event, key: about, detail } of readLog(path.join(folder, "events.log"))) {
      if (about !== server || at < from || at > to) continue;
      lines.push({ at, text: `pool: ${event} ${detail}` });
    }
  }
  lines.sort((a, b) => a.at - b.at);
  const origin = call?.startedAt ?? lines[0]?.at ?? 0;
  return lines
    .slice(0, MAX_LINES)
    .map(({ at, text }) => `${String(at - origin).padStart(7)} ms  ${text}`);
}

/** How much of what happened to the server is shown before and after a call, milliseconds. */
const AROUND_MS = 500;

const MAX_LINES = 60;

function serverLines(folder: string): LogLine[] {
  return FLEET.flatMap(({ name }) => readLog(path.join(folder, `${name}.log`)));
}
