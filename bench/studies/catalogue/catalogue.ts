// Very many tools: how soon a change of one server is seen, and whether a call finds its tool as fast as among few.

import { Child } from "../../children.ts";
import { inTurn, summarise } from "../../study.ts";
import type { Findings, Metric, Row, Sample, Settings, Study } from "../../study.ts";
import type { Order, Setup } from "./catalogue.child.ts";
import { CHANGED, TOOLS_PER_SERVER } from "./scripted.ts";
import { CHANGE, CPU, floorOf, HEAP, POINTS, READ, verdictsOf } from "./targets.ts";

const METRICS: readonly Metric[] = [
  { name: CHANGE, unit: "ms", better: "less", digits: 2 },
  { name: CPU, unit: "µs", better: "less", digits: 1 },
  { name: READ, unit: "µs", better: "less", digits: 3 },
  { name: HEAP, unit: "bytes", better: "less", digits: 0 },
];

/** Calls under way at once: enough to keep one process busy that does both sides' work. */
const IN_FLIGHT = 32;

/** Loading all servers, longest, milliseconds. */
const LOAD_LIMIT_MS = 120_000;

interface Effort {
  /** Of the larger pool. */
  readonly servers: number;
  readonly rounds: number;
  /** In each round. */
  readonly changes: number;
  readonly calls: number;
}

const FULL: Effort = { servers: 1_000, rounds: 9, changes: 50, calls: 50_000 };
const QUICK: Effort = { servers: 100, rounds: 3, changes: 10, calls: 5_000 };

export const CATALOGUE: Study = {
  name: "catalogue",
  title: "100,000 tools of 1,000 servers in one catalogue",
  method: `Two pools, each in a process of its own, in interleaved rounds: one of a single server, one of 1,000 servers (with \`--quick\` 100), with ${TOOLS_PER_SERVER} tools each. The servers are scripted, in the same process, over the pool's own memory transport, so that no socket and no other process is measured. A change: a server says that its list has changed, the pool asks for it, ${CHANGED} tools are new, ${CHANGED} are gone and ${CHANGED} are altered. Measured from the moment at which the server hands its answer to the transport until the pool has emitted \`tools.changed\` and its listener has read \`allTools\`, a new list of all tools; many servers change one after the other, and the median of a round is taken. The difference told, the length, the order and the names in the new list are checked each time.

Calls go to the tools of one server of them, and then to tools all over the servers, hardly ever twice in a row to the same; each name is a string of its own, ${IN_FLIGHT} are in flight; each answer says whose it is, and that is checked. The CPU of a call is that of the whole process (\`process.cpuUsage\`), the scripted server's share and the garbage collector's threads included. The floor has the same servers over the same transport, all tools in one \`Map\`, answers matched by id in another, and nothing else: what its calls cost more among many servers is what it takes to fetch memory that no cache holds, on both sides. The heap is what is in use after a collection, less what was before the pool, by the number of tools: with the connections and all that belongs to them.`,
  run: runCatalogue,
};

async function runCatalogue(settings: Settings): Promise<Findings> {
  const effort = settings.quick ? QUICK : FULL;
  const rounds = settings.rounds ?? effort.rounds;
  const [few, many] = [nameOf(1), nameOf(effort.servers)];
  const { build } = settings;
  const pools = new Map<string, Setup>([
    [few, { kind: "pool", build, servers: 1 }],
    [many, { kind: "pool", build, servers: effort.servers }],
  ]);
  const floors = new Map<string, Setup>([
    [floorOf(few), { kind: "floor", build, servers: 1 }],
    [floorOf(many), { kind: "floor", build, servers: effort.servers }],
  ]);
  const isChosen = (kind: Setup["kind"]): boolean =>
    settings.contenders.length === 0 || settings.contenders.includes(kind);
  const chosen = [...(isChosen("floor") ? floors : []), ...(isChosen("pool") ? pools : [])];
  const children = new Map<string, Child>();
  const rows: Row[] = [];
  const measure = async (point: string, order: Order, names: readonly string[]): Promise<void> => {
    const present = new Map([...children].filter(([name]) => names.includes(name)));
    rows.push(...summarise(point, await runRounds(present, order, rounds)));
  };
  let isDone = false;
  try {
    const loading = chosen.map(([name, setup]) => {
      const child = launch(name, setup);
      children.set(name, child);
      return loaded(child, setup);
    });
    await Promise.all(loading);
    const { changes, calls } = effort;
    await measure(POINTS.change, { kind: "changes", count: changes }, [...pools.keys()]);
    const order = { kind: "calls", inFlight: IN_FLIGHT, count: calls } as const;
    const everybody = [...children.keys()];
    await measure(POINTS.callsOfOne(IN_FLIGHT), { ...order, of: "one" }, everybody);
    await measure(POINTS.callsOfAll(IN_FLIGHT), { ...order, of: "all" }, everybody);
    await measure(POINTS.rest, { kind: "rest" }, [...pools.keys()]);
    for (const child of children.values()) child.send("close");
    isDone = true;
  } finally {
    await Promise.all(Array.from(children.values(), (child) => child.end(isDone)));
  }
  return {
    metrics: METRICS,
    rows,
    verdicts: verdictsOf(rows, [few, many], IN_FLIGHT),
    notes: [],
  };
}

function nameOf(servers: number): string {
  return `${(servers * TOOLS_PER_SERVER).toLocaleString("en-US")} tools`;
}

function launch(name: string, setup: Setup): Child {
  return new Child({
    name,
    file: new URL("./catalogue.child.ts", import.meta.url),
    args: [JSON.stringify(setup)],
    execArgv: ["--expose-gc"],
  });
}

async function loaded(child: Child, { servers }: Setup): Promise<void> {
  const { tools } = (await child.next(LOAD_LIMIT_MS)) as { tools: number };
  const expected = servers * TOOLS_PER_SERVER;
  if (tools !== expected) throw new Error(`${tools} tools instead of ${expected}`);
}

/** Every round measures each contender once, beginning with another one each time. */
async function runRounds(
  children: ReadonlyMap<string, Child>,
  order: Order,
  rounds: number,
): Promise<Map<string, Sample[]>> {
  const entries = [...children];
  const samples = new Map(entries.map(([name]): [string, Sample[]] => [name, []]));
  // Unmeasured, for the compiler.
  for (const [, child] of entries) await child.ask(order);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, child] of inTurn(entries, round)) {
      samples.get(name)?.push((await child.ask(order)) as Sample);
    }
  }
  return samples;
}
