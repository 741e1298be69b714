// The process of one contender: connects, and measures as often as its parent asks. A process each, so that
// nobody pays for another's garbage.

import { inspect } from "node:util";
import { connect } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";
import type { Client, Target } from "../../contenders/contender.ts";
import type { Sample } from "../../study.ts";
import { CALLS_PER_SECOND, CPU, LATENCY } from "./targets.ts";

export interface ClientSetup {
  readonly contender: ContenderName;
  readonly target: Target;
  readonly build: string;
}

export interface Order {
  readonly inFlight: number;
  readonly durationMs: number;
}

export type Reply =
  | { readonly kind: "ready"; readonly text: string }
  | { readonly kind: "sample"; readonly sample: Sample }
  /** The last one. */
  | { readonly kind: "failed"; readonly reason: string };

/** Share of a measurement's time that is run before it, for sockets and the compiler. */
const WARM_UP = 0.2;

async function main(setup: ClientSetup): Promise<void> {
  const client = await connect(setup.contender, setup.target, setup.build);
  process.on("message", (order: Order | "close") => {
    if (order === "close") void close(client);
    else run(client, order).catch(fail);
  });
  reply({ kind: "ready", text: await client.call() });
}

async function run(client: Client, { inFlight, durationMs }: Order): Promise<void> {
  await load(client, inFlight, durationMs * WARM_UP, undefined);
  const latencies: number[] | undefined = inFlight === 1 ? [] : undefined;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const calls = await load(client, inFlight, durationMs, latencies);
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  latencies?.sort((a, b) => a - b);
  const median = latencies?.[latencies.length >> 1];
  const sample: Sample = {
    [CALLS_PER_SECOND]: (calls / tookMs) * 1_000,
    [CPU]: (user + system) / calls,
    // Of one call at a time only: of many, it says how many there are.
    ...(median === undefined ? {} : { [LATENCY]: median * 1_000 }),
  };
  reply({ kind: "sample", sample });
}

/** Keeps `inFlight` calls under way for that time, and gives their number. */
async function load(
  client: Client,
  inFlight: number,
  durationMs: number,
  latencies: number[] | undefined,
): Promise<number> {
  const endsAt = performance.now() + durationMs;
  let calls = 0;
  const lane = async (): Promise<void> => {
    let now = performance.now();
    do {
      const startedAt = now;
      await client.call();
      now = performance.now();
      calls += 1;
      latencies?.push(now - startedAt);
    } while (now < endsAt);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return calls;
}

async function close(client: Client): Promise<void> {
  try {
    await client.close();
  } catch (error) {
    // Its parent waits for its end, and for nothing else.
    console.error(error);
  }
  process.disconnect();
}

function reply(message: Reply, onSent: () => void = () => {}): void {
  process.send?.(message, onSent);
}

function fail(error: unknown): void {
  reply({ kind: "failed", reason: inspect(error) }, () => process.exit(1));
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as ClientSetup).catch(fail);
