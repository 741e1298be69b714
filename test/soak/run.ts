// A soak from its first process to its last: rounds of storm and calm, a close under load, and what was found.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Children } from "./children.ts";
import { Director } from "./director.ts";
import { FLEET } from "./fleet.ts";
import { checkHistory } from "./history.ts";
import type { CallRecord, Violation } from "./history.ts";
import { Load } from "./load.ts";
import { openLog } from "./log.ts";
import type { Log, LogFile } from "./log.ts";
import { PoolUnderTest } from "./pool-under-test.ts";
import { readCalls, readServers } from "./records.ts";
import type { ServerTotals } from "./records.ts";
import { checkHeld, takeSample } from "./resources.ts";
import type { Held, Leftovers, Sample } from "./resources.ts";
import { scheduleOf } from "./schedule.ts";
import { Host } from "./servers/host-process.ts";

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** This round alone, as often as the minutes allow; absent: one after the other, from the first. */
  readonly round: number | undefined;
  /** Called first, with where the logs will be. */
  readonly onFolder: (folder: string) => void;
  /** Called with one line per round. */
  readonly onRound: (line: string) => void;
}

export interface SoakResult {
  readonly folder: string;
  readonly calls: readonly CallRecord[];
  readonly totals: ServerTotals;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly held: Held;
  readonly violations: readonly Violation[];
}

export const RECOVERED = "every server is back after every round";

const STORM_MS = 4_500;
const ROUNDS_PER_MINUTE = 10;
const LANES = 48;
/** How long a server may take to be usable again when all is well, milliseconds. */
const RECOVERY_MS = 15_000;
/** How long what was closed may take to be gone, milliseconds. */
const LEAVING_MS = 5_000;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, seed, onFolder, onRound } = options;
  const folder = mkdtempSync(path.join(tmpdir(), "soak-"));
  onFolder(folder);
  const logs = new Map<string, LogFile>();
  const logOf = (name: string): LogFile => {
    const open = logs.get(name) ?? openLog(path.join(folder, `${name}.log`));
    logs.set(name, open);
    return open;
  };
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(String(warning));
  process.on("warning", onWarning);
  for (const { name, kind } of FLEET) if (kind === "memory") logOf(name);
  const events = logOf("events");
  const recorded = logOf("calls");
  const host = await Host.start(folder);
  const children = new Children(folder);
  await loadAll(host.urls, folder);
  const startedAt = performance.now();
  const before = await takeSample(startedAt, 0);

  const under = new PoolUnderTest({
    urls: host.urls,
    folder,
    log: (name) => logOf(name).log,
    onEvent: events.log,
  });
  const load = new Load(under.pool, seed, (record) => {
    recorded.log("call", record.key, JSON.stringify(record));
  });
  const director = new Director({ under, host, children, load, log: events.log });
  const faults: Record<string, number> = {};
  const samples: Sample[] = [];
  const violations: Violation[] = [];
  await director.heal();

  const rounds = Math.max(1, Math.round(minutes * ROUNDS_PER_MINUTE));
  for (let played = 0; played < rounds; played++) {
    const round = options.round ?? played;
    const schedule = scheduleOf(seed, round, STORM_MS);
    for (const { kind } of schedule) faults[kind] = (faults[kind] ?? 0) + 1;
    // Every other round goes through an interceptor.
    const remove = round % 2 === 0 ? undefined : under.pool.use((request, next) => next(request));
    load.start(LANES, `r${round}`, options.round === undefined ? "" : `${played}.`);
    await director.play(schedule, STORM_MS);
    await director.heal();
    await load.stop();
    remove?.();
    violations.push(...(await unrecovered(load, director, round)));
    const sample = await takeSample(startedAt, load.listenerCount);
    samples.push(sample);
    onRound(roundLine(played, rounds, sample));
  }

  // Closed in the midst of calls, as an application is that is told to end.
  load.start(LANES, "end");
  await sleep(500);
  await under.pool.closeAll({ drainMs: 200 });
  await load.stop();
  const left = await leftovers(host, children);
  const after = await settledSample(startedAt, before);
  await host.close();
  process.off("warning", onWarning);
  for (const log of logs.values()) log.close();

  const calls = readCalls(recorded.file);
  const { byKey, totals } = readServers(folder);
  const held: Held = { samples, before, after, left, warnings };
  violations.push(...checkHistory(calls, byKey), ...checkHeld(held));
  return { folder, calls, totals, faults, held, violations };
}

/**
 * Opens and closes a pool of the whole fleet: what is loaded with the first server that needs it (the transports, and
 * what compiles them here, a process with two pipes) stays for good, and belongs to what is there before.
 */
async function loadAll(urls: Readonly<Record<string, string>>, folder: string): Promise<void> {
  const ignored: Log = () => {};
  const first = new PoolUnderTest({ urls, folder, log: () => ignored, onEvent: ignored });
  await Promise.all(FLEET.map((spec) => first.add(spec)));
  await first.pool.closeAll();
}

/** One harmless call to each server, until it succeeds. */
async function unrecovered(load: Load, director: Director, round: number): Promise<Violation[]> {
  const deadline = performance.now() + RECOVERY_MS;
  const found = await Promise.all(
    FLEET.map(async (spec): Promise<Violation[]> => {
      for (let attempt = 0; ; attempt++) {
        if (await load.probe(attempt, spec)) return [];
        if (performance.now() > deadline) {
          const what = `${spec.name} was not usable ${RECOVERY_MS} ms after round ${round}`;
          return [{ promise: RECOVERED, what }];
        }
        await sleep(100);
        await director.heal();
      }
    }),
  );
  return found.flat();
}

async function leftovers(host: Host, children: Children): Promise<Leftovers> {
  const deadline = performance.now() + LEAVING_MS;
  for (;;) {
    const left = { children: children.alive(), sockets: await host.openSockets() };
    const isClean = left.children.length === 0 && Object.values(left.sockets).every((n) => n === 0);
    if (isClean || performance.now() > deadline) return left;
    await sleep(50);
  }
}

/** What was closed is given back a few turns later. */
async function settledSample(startedAt: number, before: Sample): Promise<Sample> {
  const deadline = performance.now() + LEAVING_MS;
  for (;;) {
    const sample = await takeSample(startedAt, 0);
    const isBack = sample.descriptors <= before.descriptors && sample.resources <= before.resources;
    if (isBack || performance.now() > deadline) return sample;
    await sleep(50);
  }
}

function roundLine(played: number, rounds: number, sample: Sample): string {
  const heap = (sample.heapBytes / 1_024 / 1_024).toFixed(2);
  const { atS, descriptors, resources } = sample;
  return `round ${played + 1}/${rounds} at ${atS.toFixed(0)} s: heap ${heap} MiB, ${descriptors} descriptors, ${resources} handles`;
}
