// Large results: the pool beside the floor and the official client, in interleaved rounds.

import { fileURLToPath } from "node:url";
import { Child } from "../../children.ts";
import type { ContenderName } from "../../contenders/index.ts";
import type { Target as Server } from "../../contenders/contender.ts";
import { inTurn, judge, summarise } from "../../study.ts";
import type { Findings, Metric, Row, Sample, Settings, Study, Target } from "../../study.ts";
import { CPU, MEGABYTES } from "./metrics.ts";
import type { ClientSetup, Order, Ready } from "./payloads.child.ts";

const METRICS: readonly Metric[] = [
  { name: MEGABYTES, unit: "", better: "more", digits: 0 },
  { name: CPU, unit: "ms", better: "less", digits: 2 },
];

const CONTENDERS: readonly ContenderName[] = ["floor", "pool", "sdk-v2"];

const WIRES = ["HTTP JSON", "HTTP SSE", "stdio"] as const;
type Wire = (typeof WIRES)[number];

/** Results of one size. */
interface Size {
  readonly name: string;
  /** Of the whole message, as UTF-8. */
  readonly bytes: number;
  readonly inFlight: number;
}

const KB_100: Size = { name: "100 KB", bytes: 100_000, inFlight: 16 };
const MB_1: Size = { name: "1 MB", bytes: 1_000_000, inFlight: 4 };
const MB_10: Size = { name: "10 MB", bytes: 10_000_000, inFlight: 2 };

interface Point {
  readonly wire: Wire;
  readonly size: Size;
}

const FULL_POINTS: readonly Point[] = WIRES.flatMap((wire) =>
  [KB_100, MB_10].map((size) => ({ wire, size })),
);
const QUICK_POINTS: readonly Point[] = [
  { wire: "HTTP JSON", size: KB_100 },
  { wire: "HTTP JSON", size: MB_1 },
  { wire: "HTTP SSE", size: KB_100 },
];

interface Effort {
  readonly points: readonly Point[];
  readonly rounds: number;
  /** Of one measurement, milliseconds; the calls that are under way then are waited for and counted. */
  readonly durationMs: number;
}

const FULL: Effort = { points: FULL_POINTS, rounds: 5, durationMs: 900 };
const QUICK: Effort = { points: QUICK_POINTS, rounds: 2, durationMs: 100 };

/** Longest wait for a measurement, milliseconds: whoever takes 100 times as long as the others is left out. */
const LIMIT_MS = 60_000;

export const PAYLOADS: Study = {
  name: "payloads",
  title: "Large results",
  method: `One tool whose result is one block of text; the message has 100,000 bytes (16 calls in flight) or 10,000,000 (2 in flight), which is within everybody's default limits. The text is made of lines of words; one character in a hundred is not ASCII, one in forty is escaped in JSON. The server sends each response in one write: over HTTP with its \`content-length\`, or as a stream of one event. MB are millions of bytes of the result's text, as UTF-8. Each contender is a process, the server another one; a round measures every contender once, in changing order, after a warm-up, and checks the length of every text and the content of the first.

The floor is undici's bare \`dispatch\`, \`Buffer.concat\` and \`toString\` once per response, and \`JSON.parse\`; for streams a streaming \`TextDecoder\` and eventsource-parser; over stdio the chunks of a bare pipe, joined once at LF. CPU is that of the client's process (\`process.cpuUsage\`), user and system, with the garbage collector's threads.`,
  run,
};

const TARGETS: readonly Target[] = [...FULL_POINTS, ...QUICK_POINTS]
  .filter(({ wire }) => wire !== "stdio")
  .map((point) => ({ point: nameOf(point), of: "pool", against: "floor", metric: MEGABYTES }))
  .filter(({ point }, index, all) => all.findIndex((other) => other.point === point) === index)
  .map((target) => ({ ...target, limit: "at least", value: 0.8 }));

function nameOf({ wire, size }: Point): string {
  return `${wire}, ${size.name}`;
}

async function run(settings: Settings): Promise<Findings> {
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const point of effortOf(settings).points) {
    rows.push(...(await runPoint(point, settings, notes)));
  }
  return { metrics: METRICS, rows, verdicts: judge(TARGETS, rows), notes };
}

function effortOf({ quick, rounds }: Settings): Effort {
  const effort = quick ? QUICK : FULL;
  return { ...effort, rounds: rounds ?? effort.rounds };
}

async function runPoint(point: Point, settings: Settings, notes: string[]): Promise<Row[]> {
  const { wire, size } = point;
  const { bytes, inFlight } = size;
  const { durationMs, rounds } = effortOf(settings);
  const server = wire === "stdio" ? undefined : await startServer(bytes);
  const field = new Map<ContenderName, Child>();
  const samples = new Map<ContenderName, Sample[]>();
  const leaveOut = async (contender: ContenderName, error: unknown): Promise<void> => {
    notes.push(`${nameOf(point)}: ${contender} does not take part: ${(error as Error).message}`);
    await field.get(contender)?.end(false);
    field.delete(contender);
    samples.delete(contender);
  };
  try {
    const target = targetOf(wire, bytes, server?.port);
    await enter(field, target, settings, leaveOut);
    const order: Order = { inFlight, durationMs };
    for (const [contender, child] of field) {
      samples.set(contender, []);
      // Unmeasured, for the compiler.
      await child.ask(order, LIMIT_MS).catch((error) => leaveOut(contender, error));
    }
    for (let round = 0; round < rounds; round++) {
      for (const [contender, child] of inTurn([...field], round)) {
        const sample = child.ask(order, LIMIT_MS) as Promise<Sample>;
        await sample.then(
          (one) => samples.get(contender)?.push(one),
          (error: unknown) => leaveOut(contender, error),
        );
      }
    }
  } finally {
    for (const child of field.values()) child.send("close");
    await Promise.all(Array.from(field.values(), (child) => child.end(true)));
    await server?.child.end(false);
  }
  return summarise(nameOf(point), samples);
}

/** Starts the contenders; whoever gives another text than the first of them does less work, or more. */
async function enter(
  field: Map<ContenderName, Child>,
  target: Server,
  { contenders, build }: Settings,
  leaveOut: (contender: ContenderName, error: unknown) => Promise<void>,
): Promise<void> {
  const chosen = CONTENDERS.filter(
    (contender) => contenders.length === 0 || contenders.includes(contender),
  );
  const starting = chosen.map((contender) => {
    const setup: ClientSetup = { contender, target, build };
    const child = new Child({
      name: contender,
      file: new URL("./payloads.child.ts", import.meta.url),
      args: [JSON.stringify(setup)],
      // The official client leaves a listener behind with each stream.
      execArgv: ["--disable-warning=MaxListenersExceededWarning"],
    });
    field.set(contender, child);
    return { contender, ready: child.next(LIMIT_MS) as Promise<Ready> };
  });
  const results = await Promise.allSettled(starting.map(({ ready }) => ready));
  let expected: string | undefined;
  for (const [index, { contender }] of starting.entries()) {
    const result = results[index];
    if (result?.status === "fulfilled") {
      expected ??= result.value.hash;
      if (result.value.hash === expected) continue;
    }
    const isOther = result?.status === "fulfilled";
    await leaveOut(contender, isOther ? new Error("it gives another text") : result?.reason);
  }
}

interface Started {
  readonly child: Child;
  readonly port: number;
}

const serverUrl = (file: string): URL => new URL(`../../servers/${file}.mjs`, import.meta.url);

async function startServer(bytes: number): Promise<Started> {
  const child = new Child({
    name: "the HTTP server",
    file: serverUrl("payload-http"),
    args: [`${bytes}`],
  });
  const { port } = (await child.next()) as { port: number };
  return { child, port };
}

function targetOf(wire: Wire, bytes: number, port: number | undefined): Server {
  if (wire === "stdio") {
    const args = [fileURLToPath(serverUrl("payload-stdio")), `${bytes}`];
    return { kind: "stdio", command: process.execPath, args };
  }
  return { kind: "http", url: `http://127.0.0.1:${port}/${wire === "HTTP SSE" ? "sse" : "json"}` };
}
