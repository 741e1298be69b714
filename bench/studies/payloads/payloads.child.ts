// The process of one contender: connects, and measures as often as its parent asks.

import { createHash } from "node:crypto";
import { connect } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";
import type { Client, Target } from "../../contenders/contender.ts";
import type { Sample } from "../../study.ts";
import { CPU, MEGABYTES } from "./metrics.ts";

export interface ClientSetup {
  readonly contender: ContenderName;
  readonly target: Target;
  readonly build: string;
}

export interface Order {
  readonly inFlight: number;
  readonly durationMs: number;
}

/** What the first call gave: as large for everybody, and the same. */
export interface Ready {
  readonly bytes: number;
  readonly hash: string;
}

const MEGABYTE = 1_000_000;

async function main({ contender, target, build }: ClientSetup): Promise<void> {
  const client = await connect(contender, target, build);
  const text = await client.call();
  const bytes = Buffer.byteLength(text);
  process.on("message", (order: Order | "close") => {
    const work = order === "close" ? close(client) : run(client, text.length, bytes, order);
    work.catch(fail);
  });
  const hash = createHash("sha256").update(text).digest("hex");
  reply({ bytes, hash } satisfies Ready);
}

async function run(client: Client, chars: number, bytes: number, order: Order): Promise<void> {
  const { inFlight, durationMs } = order;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  let calls = 0;
  const lane = async (): Promise<void> => {
    do {
      const text = await client.call();
      if (text.length !== chars) throw new Error(`a text of ${text.length} instead of ${chars}`);
      calls += 1;
    } while (performance.now() < endsAt);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const megabytes = (calls * bytes) / MEGABYTE;
  const sample: Sample = {
    [MEGABYTES]: megabytes / (tookMs / 1_000),
    [CPU]: (user + system) / 1_000 / megabytes,
  };
  reply(sample);
}

async function close(client: Client): Promise<void> {
  await client.close();
  process.disconnect();
}

function reply(message: object): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as ClientSetup).catch(fail);
