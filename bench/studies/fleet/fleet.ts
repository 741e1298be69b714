// Very many servers: connected and listed by the pool, beside the floor and a client of the official SDK for each.

import { Child } from "../../children.ts";
import { inTurn, judge, spread, summarise } from "../../study.ts";
import type {
  Findings,
  Metric,
  Row,
  Sample,
  Settings,
  Study,
  Target,
  Verdict,
} from "../../study.ts";
import { CONTENDERS, LANES } from "./fleet-client.ts";
import type { ContenderName } from "./fleet-client.ts";
import type { Closed, Connected, FleetSetup } from "./fleet.child.ts";
import { CLOSE, CPU, HEAP, RSS, SOCKETS, TIME } from "./metrics.ts";
import { FleetServers } from "./servers.ts";

const METRICS: readonly Metric[] = [
  { name: TIME, unit: "ms", better: "less", digits: 0 },
  { name: CPU, unit: "ms", better: "less", digits: 0 },
  { name: HEAP, unit: "bytes", better: "less", digits: 0 },
  { name: RSS, unit: "bytes", better: "less", digits: 0 },
  { name: SOCKETS, unit: "", better: "less", digits: 0 },
  { name: CLOSE, unit: "ms", better: "less", digits: 0 },
];

/** Of each server. */
const TOOLS = 20;

/** So many servers at once, and who connects to them. */
interface Point {
  readonly count: number;
  readonly contenders: readonly ContenderName[];
  readonly rounds: number;
  /** Once unmeasured before, for the servers' compilers. */
  readonly warmUp: boolean;
}

const SMALL = 100;
const BASE = 1_000;
const LARGE = 10_000;

const FULL: readonly Point[] = [
  { count: BASE, contenders: CONTENDERS, rounds: 4, warmUp: true },
  // The floor begins, which warms the servers up for the pool.
  { count: LARGE, contenders: ["floor", "pool"], rounds: 2, warmUp: false },
];
const QUICK: readonly Point[] = [{ count: SMALL, contenders: CONTENDERS, rounds: 1, warmUp: true }];

/** Longest wait for one measurement, milliseconds. */
const LIMIT_MS = 120_000;

export const FLEET: Study = {
  name: "fleet",
  title: "Connecting to very many servers",
  method: `Servers over HTTP, each with its own port, session and ${TOOLS} tools (21 KB of JSON; no two servers have the same), answer \`initialize\`, \`notifications/initialized\` and \`tools/list\` with JSON. They have no change stream: the pool knows from their capabilities, the official SDK asks for one and is refused. Each contender connects to all and lists all tools, ${LANES} servers at a time: the pool with \`connect()\` and \`maxConnecting: ${LANES}\`, the official SDK with a \`Client\` for each server, the floor with three requests on undici's bare \`dispatch\` and \`JSON.parse\`, one \`Agent\` for all, keeping what the answers say.

Each measurement is a fresh process, with nothing compiled yet; the servers run in others, ${BASE.toLocaleString("en")} in each. Time and CPU (\`process.cpuUsage\`, with the garbage collector's threads) are from the first line of code to the last tool. Heap is \`heapUsed\` after a full collection with everything connected, less the same before, with all modules loaded; RSS likewise. Then every session is ended with a DELETE and every socket closed. All tools are counted by the contender, all sessions and lists by the servers.`,
  run,
};

const TARGETS: readonly Target[] = [
  target(BASE, TIME, 0.4),
  target(BASE, HEAP, 0.6),
  // With so few, what is compiled meanwhile weighs more.
  target(SMALL, TIME, 0.6),
  target(SMALL, HEAP, 0.65),
];

/** More servers cost no more each, to this factor. */
const LINEAR = 1.3;

function target(count: number, metric: string, value: number): Target {
  const of = "pool";
  return { point: pointOf(count), of, against: "sdk-v2", metric, limit: "at most", value };
}

function pointOf(count: number): string {
  return `${count.toLocaleString("en")} servers`;
}

/** By contender, one per round. */
type SampleLists = Map<ContenderName, Sample[]>;

async function run(settings: Settings): Promise<Findings> {
  const notes = new Set<string>();
  const rows: Row[] = [];
  const lists = new Map<number, SampleLists>();
  for (const point of settings.quick ? QUICK : FULL) {
    const samples = await runPoint(point, settings, (note) => notes.add(note));
    lists.set(point.count, samples);
    rows.push(...summarise(pointOf(point.count), samples));
  }
  const verdicts = [...judge(TARGETS, rows), ...linear(lists, "pool")];
  return { metrics: METRICS, rows, verdicts, notes: [...notes] };
}

async function runPoint(
  { count, contenders, rounds, warmUp }: Point,
  settings: Settings,
  onNote: (note: string) => void,
): Promise<SampleLists> {
  const { contenders: wanted, build } = settings;
  const samples: SampleLists = new Map(
    contenders
      .filter((contender) => wanted.length === 0 || wanted.includes(contender))
      .map((contender) => [contender, []]),
  );
  const servers = await FleetServers.start(count);
  try {
    if (warmUp) await measure({ contender: "floor", build }, servers, onNote);
    for (let round = 0; round < (settings.rounds ?? rounds); round++) {
      for (const contender of inTurn([...samples.keys()], round)) {
        try {
          const sample = await measure({ contender, build }, servers, onNote);
          samples.get(contender)?.push(sample);
        } catch (error) {
          samples.delete(contender);
          const { message } = error as Error;
          onNote(`${pointOf(count)}: ${contender} does not take part: ${message}`);
        }
      }
    }
  } finally {
    await servers.end();
  }
  return samples;
}

/** One contender in a fresh process; fails if it does less than all. */
async function measure(
  setup: FleetSetup,
  servers: FleetServers,
  onNote: (note: string) => void,
): Promise<Sample> {
  const { contender } = setup;
  const count = servers.urls.length;
  const child = new Child({
    name: contender,
    file: new URL("./fleet.child.ts", import.meta.url),
    args: [JSON.stringify(setup)],
    execArgv: ["--expose-gc"],
  });
  let isAsked = false;
  try {
    await child.next();
    await servers.asked();
    const { tools, sample } = (await child.ask(servers.urls, LIMIT_MS)) as Connected;
    if (tools !== count * TOOLS) throw new Error(`${tools} tools instead of ${count * TOOLS}`);
    const closed = (await child.next(LIMIT_MS)) as Closed;
    isAsked = true;
    const { sockets, sessions, lists, ended } = await servers.asked();
    if (sessions !== count || lists !== count) {
      throw new Error(`${sessions} sessions and ${lists} lists instead of ${count}`);
    }
    if (ended !== count) onNote(`${pointOf(count)}: ${contender} ended ${ended} sessions only`);
    return { ...sample, ...closed.sample, [SOCKETS]: sockets };
  } finally {
    await child.end(isAsked);
  }
}

/** What each server of many costs, to what each of fewer does. */
function linear(lists: ReadonlyMap<number, SampleLists>, of: ContenderName): Verdict[] {
  const perServer = (count: number, metric: string): number[] =>
    (lists.get(count)?.get(of) ?? []).flatMap((sample) => {
      const value = sample[metric];
      if (value === undefined) return [];
      return [metric === TIME ? value / count : value];
    });
  return [TIME, HEAP].flatMap((metric): Verdict[] => {
    const base = spread(perServer(BASE, metric)).median;
    const measured = spread(perServer(LARGE, metric).map((value) => value / base));
    if (Number.isNaN(measured.median)) return [];
    return [
      {
        target: {
          point: pointOf(LARGE),
          of,
          metric: metric === TIME ? "time per server" : metric,
          against: `with ${pointOf(BASE)}`,
          limit: "at most",
          value: LINEAR,
        },
        measured,
        isMet: measured.median <= LINEAR,
      },
    ];
  });
}
