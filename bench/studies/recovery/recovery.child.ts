// The process of one contender: keeps its lanes calling, and says when the first and the last of them was answered
// after the server's death. A client for each time, so that none is slowed by the deaths before.

import { connect } from "./clients.ts";
import type { Client, ContenderName } from "./clients.ts";

export interface Setup {
  readonly name: ContenderName;
  readonly build: string;
  readonly lanes: number;
}

/**
 * - a URL: connect, and begin to call; answered when every lane has had an answer
 * - `watch`: all calls are held by now, and the server will die; answered twice, the second time with an outcome
 * - `stop`: no more calls; answered when all is closed
 */
export type Order = { readonly url: string } | "watch" | "stop";

export interface Outcome {
  /** Milliseconds on the monotonic clock. */
  readonly firstAt: number;
  readonly allAt: number;
  /** Calls that were rejected. */
  readonly failed: number;
  /** Until the first answer, milliseconds. */
  readonly cpuMs: number;
}

class Lanes {
  readonly #client: Client;
  readonly #work: Promise<unknown>;
  readonly #count: number;
  readonly #prefix: string;
  #isStopped = false;
  /** Those that have had an answer since the last look. */
  #answered: Set<number> = new Set();
  #failed = 0;
  #onAnswer: (answered: number) => void = () => {};

  constructor(client: Client, count: number) {
    this.#client = client;
    this.#count = count;
    this.#prefix = `${process.pid}-${Math.random().toString(36).slice(2)}`;
    this.#work = Promise.all(Array.from({ length: count }, (_, lane) => this.#run(lane)));
  }

  /** Resolves when every lane has had an answer from now on. */
  allAnswered(onFirst: () => void): Promise<void> {
    this.#answered = new Set();
    this.#failed = 0;
    return new Promise((resolve) => {
      this.#onAnswer = (answered) => {
        if (answered === 1) onFirst();
        if (answered === this.#count) resolve();
      };
    });
  }

  get failed(): number {
    return this.#failed;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#client.close();
    await this.#work;
  }

  async #run(lane: number): Promise<void> {
    for (let call = 0; !this.#isStopped; call += 1) {
      const id = `${this.#prefix}-${lane}-${call}`;
      try {
        const text = await this.#client.call(id);
        if (text !== id) throw new Error(`${id} was called, ${text} has run`);
        if (this.#answered.has(lane)) continue;
        this.#answered.add(lane);
        this.#onAnswer(this.#answered.size);
      } catch {
        this.#failed += 1;
        // One that fails at once must not keep what is to come from being read.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

let lanes: Lanes | undefined;

async function obey(order: Order, { name, build, lanes: count }: Setup): Promise<void> {
  if (order === "stop") {
    await lanes?.stop();
    process.send?.("stopped");
  } else if (order === "watch") {
    if (lanes !== undefined) await watch(lanes);
  } else {
    lanes = new Lanes(await connect(name, order.url, build), count);
    await lanes.allAnswered(() => {});
    process.send?.("calling");
  }
}

async function watch(watched: Lanes): Promise<void> {
  const cpu = process.cpuUsage();
  let firstAt = Number.NaN;
  let cpuMs = Number.NaN;
  const all = watched.allAnswered(() => {
    firstAt = now();
    const { user, system } = process.cpuUsage(cpu);
    cpuMs = (user + system) / 1_000;
  });
  process.send?.("watching");
  await all;
  const outcome: Outcome = { firstAt, allAt: now(), failed: watched.failed, cpuMs };
  process.send?.(outcome);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

const setup = JSON.parse(process.argv[2] ?? "{}") as Setup;
process.on("message", (order: Order) => void obey(order, setup).catch(fail));
// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
process.send?.("ready");
