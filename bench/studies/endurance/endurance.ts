// What a pool holds on to over a million calls: memory, descriptors, listeners, timers.

import { Child } from "../../children.ts";
import { judge, summarise } from "../../study.ts";
import type { Findings, Metric, Sample, Settings, Study, Target } from "../../study.ts";
import type { Held, Order, Setup, Step } from "./endurance.child.ts";

const HEAP = "heap growth";
const PER_CALL = "heap growth per call";
const DESCRIPTORS = "descriptors grown";
const SOCKETS = "sockets at rest";
const KEPT = "descriptors kept";
const TIMERS = "timers at rest";
const SIGNAL = "signal's listeners at rest";
const MOST = "most on the signal";
const PROCESS = "process listeners grown";
const WARNINGS = "warnings";
const WRONG = "wrong outcomes";
const RATE = "calls/s";

const METRICS: readonly Metric[] = [
  { name: HEAP, unit: "KiB per 100,000 calls", better: "less", digits: 1 },
  { name: PER_CALL, unit: "bytes", better: "less", digits: 2 },
  ...[DESCRIPTORS, SOCKETS, KEPT, TIMERS, SIGNAL, MOST, PROCESS, WARNINGS, WRONG].map(
    (name): Metric => ({
      name,
      unit: "",
      better: "less",
      digits: 0,
    }),
  ),
  { name: RATE, unit: "", better: "more", digits: 0 },
];

const IN_FLIGHT = 64;

/** What the pool opens at most: 128 for calls, 16 spare ones, and one for the stream of changes. */
const MAX_SOCKETS = 145;

interface Effort {
  readonly calls: number;
  readonly step: number;
  /** Calls before growth counts: code is compiled, caches and socket pools fill. */
  readonly warmUp: number;
  /**
   * Bytes per call: the smallest object that is left by each call is 16, one of 200 bytes that is left by every 50th
   * is 4. A short run knows the heap less well.
   */
  readonly limit: number;
}

const FULL: Effort = { calls: 1_000_000, step: 100_000, warmUp: 200_000, limit: 2 };
const QUICK: Effort = { calls: 50_000, step: 5_000, warmUp: 20_000, limit: 12 };

/** Of one step, milliseconds: 20 times what it takes. */
const STEP_LIMIT_MS = 120_000;

export const ENDURANCE: Study = {
  name: "endurance",
  title: "A million calls: what is left behind",
  method: `One pool calls a raw HTTP server with ${IN_FLIGHT} calls in flight. Every 10th call has a \`signal\`, one for all of them; every 50th asks for progress and gets it by a stream; every 100th calls a tool that fails; every 1,000th is aborted after the server took it, and every 1,000th times out. Each call must end as it is meant to. After every 100,000 calls (in the quick form 5,000), with no call under way, the pool's process collects its garbage and counts what it holds: heap and memory outside of it without compiled code, descriptors, timers that keep it alive, listeners on that signal and on \`process\`, and Node's warnings. Growth of the heap is the slope (least squares) over all counts after the first 200,000 calls (20,000). *${DESCRIPTORS}* are those that are no sockets, since then; *${SOCKETS}* wait for the next call, at most as many as the pool opens for calls; *${KEPT}*: all that are open after \`closeAll()\`, less those before the pool was made. There is no floor: nothing may be left.`,
  run: measure,
};

async function measure(settings: Settings): Promise<Findings> {
  const { quick, rounds = 1, build, against, contenders } = settings;
  const effort = quick ? QUICK : FULL;
  const builds = new Map([["pool", build]]);
  if (contenders.length > 0 && !contenders.includes("pool")) builds.delete("pool");
  if (against !== undefined) builds.set("other", against);
  const notes: string[] = [];
  const samples = new Map<string, Sample[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, folder] of builds) {
      const note = (line: string): unknown => notes.push(`${name}: ${line}`);
      try {
        const sample = sampleOf(await endure(folder, effort, note));
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      } catch (error) {
        note(`broke off: ${(error as Error).message}.`);
      }
    }
  }
  const point = `${effort.calls.toLocaleString("en")} calls, ${IN_FLIGHT} in flight`;
  const rows = summarise(point, samples);
  return { metrics: METRICS, rows, verdicts: judge(targets(point, effort), rows), notes };
}

function targets(point: string, { limit }: Effort): Target[] {
  const target = (metric: string, value: number): Target => ({
    ...{ point, of: "pool", metric },
    ...{ limit: "at most", value },
  });
  return [
    target(PER_CALL, limit),
    // A call has one listener at most, while it runs.
    target(MOST, IN_FLIGHT),
    target(SOCKETS, MAX_SOCKETS),
    ...[DESCRIPTORS, KEPT, TIMERS, SIGNAL, PROCESS, WARNINGS, WRONG].map((name) => target(name, 0)),
  ];
}

interface Endured {
  readonly effort: Effort;
  readonly before: Held;
  /** After each step. */
  readonly steps: readonly Step[];
  /** After the pool was closed. */
  readonly after: Held;
}

async function endure(
  build: string,
  effort: Effort,
  note: (line: string) => unknown,
): Promise<Endured> {
  const server = new Child({
    name: "the HTTP server",
    file: new URL("../../servers/endurance.mjs", import.meta.url),
  });
  let client: Child | undefined;
  try {
    const { port } = (await server.next()) as { port: number };
    const setup: Setup = { url: `http://127.0.0.1:${port}/`, build, inFlight: IN_FLIGHT };
    client = new Child({
      name: "the pool",
      file: new URL("./endurance.child.ts", import.meta.url),
      args: [JSON.stringify(setup)],
      execArgv: ["--expose-gc"],
    });
    const before = (await client.next()) as Held;
    const steps: Step[] = [];
    for (let from = 0; from < effort.calls; from += effort.step) {
      const order: Order = { from, to: from + effort.step };
      steps.push((await client.ask(order, STEP_LIMIT_MS)) as Step);
    }
    const after = (await client.ask("close")) as Held;
    noteOn(steps, note);
    return { effort, before, steps, after };
  } finally {
    await client?.end(false);
    await server.end(false);
  }
}

function noteOn(steps: readonly Step[], note: (line: string) => unknown): void {
  const mib = steps.map(({ heapBytes }) => (heapBytes / 2 ** 20).toFixed(2));
  note(`heap after each step: ${mib.join(", ")} MiB.`);
  const cpu = steps.map(({ cpuPerCall }) => cpuPerCall.toFixed(0));
  note(`CPU per call in each step: ${cpu.join(", ")} µs.`);
  const last = steps.at(-1);
  for (const warning of new Set(last?.warnings)) note(`warning of Node: ${warning}.`);
  if (last?.firstWrong !== undefined) note(`first wrong outcome: ${last.firstWrong}.`);
}

function sampleOf({ effort, before, steps, after }: Endured): Sample {
  const warm = effort.warmUp / effort.step;
  const [first, last] = [steps[warm - 1], steps.at(-1)];
  if (first === undefined || last === undefined) throw new Error("no steps");
  // From the count that ends the warm-up on.
  const counted = steps.slice(warm - 1);
  const perCall = slopeOf(counted.map(({ heapBytes }) => heapBytes)) / effort.step;
  const most = (what: (step: Step) => number): number => Math.max(...steps.map(what));
  const rate = counted.reduce((sum, { callsPerSecond }) => sum + 1 / callsPerSecond, 0);
  return {
    [HEAP]: (perCall * 100_000) / 1_024,
    [PER_CALL]: perCall,
    ...descriptorsOf(before, first, steps, after),
    [TIMERS]: most(({ timers }) => timers),
    [SIGNAL]: most(({ signalListeners }) => signalListeners),
    [MOST]: most(({ mostSignalListeners }) => mostSignalListeners),
    [PROCESS]: last.processListeners - first.processListeners,
    [WARNINGS]: last.warnings.length,
    [WRONG]: last.wrong,
    [RATE]: counted.length / rate,
  };
}

function descriptorsOf(before: Held, first: Step, steps: readonly Step[], after: Held): Sample {
  const last = steps.at(-1)?.descriptors;
  if (before.descriptors === undefined || last === undefined) return {};
  const open = ({ descriptors = 0, sockets = 0 }: Held): number => descriptors + sockets;
  return {
    [DESCRIPTORS]: last - (first.descriptors ?? 0),
    [SOCKETS]: Math.max(...steps.map(({ sockets = 0 }) => sockets)) - (before.sockets ?? 0),
    [KEPT]: open(after) - open(before),
  };
}

/** Least squares, per step. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const rise = values.reduce((sum, value, x) => sum + (x - middle) * (value - mean), 0);
  return rise / values.reduce((sum, _, x) => sum + (x - middle) ** 2, 0);
}
