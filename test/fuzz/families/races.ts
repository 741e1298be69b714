// Calls that race with restarts, lost sessions, aborts, closes, and servers that are added and removed, also from inside
// the pool's own callbacks. What callers were told is held against what the servers ran.

import { setImmediate as turn } from "node:timers/promises";
import { McpClientPool, McpError } from "../../../src/index.ts";
import type { PoolEvents, ServerConfig } from "../../../src/index.ts";
import type { Random } from "../../support/random.ts";
import type { Family, Round } from "../family.ts";
import type { RaceOrder } from "./races.server.ts";

const SERVERS = 2;
const STEPS = 40;
const CALL_MS = 4_000;
/** No call outlives its limit by more. */
const GRACE_MS = 5_000;

const EVENTS: readonly (keyof PoolEvents)[] = [
  "server.connecting",
  "server.connected",
  "server.disconnected",
  "server.reconnected",
  "server.closed",
  "tools.changed",
  "warning",
];

type Outcome = { readonly text: string } | { readonly error: unknown };

interface Call {
  readonly key: string;
  readonly isUnsafe: boolean;
  readonly isAborted: () => boolean;
  readonly outcome: Promise<Outcome>;
}

export const family: Family = {
  roundMs: 90_000,
  async round(round) {
    const { servers } = round;
    const urls = await servers.ask<string[]>({ name: "start", count: SERVERS } satisfies RaceOrder);
    const configs = urls.map((url): ServerConfig => {
      return { url, protocol: "legacy", trusted: true };
    });
    const pool = new McpClientPool({
      servers: Object.fromEntries(configs.map((config, at) => [`s${at}`, config])),
      timeouts: { closeStepMs: 200, totalTimeoutMs: CALL_MS },
    });
    const race = new Race(round, pool, configs);
    await race.run();
    await race.judge();
    await servers.ask({ name: "stop" } satisfies RaceOrder);
  },
};

class Race {
  readonly #round: Round;
  readonly #pool: McpClientPool;
  readonly #configs: readonly ServerConfig[];
  readonly #calls: Call[] = [];
  readonly #background: Promise<unknown>[] = [];

  constructor(round: Round, pool: McpClientPool, configs: readonly ServerConfig[]) {
    this.#round = round;
    this.#pool = pool;
    this.#configs = configs;
  }

  async run(): Promise<void> {
    const { random } = this.#round;
    this.#follow(this.#pool.connect());
    this.#actOnEvents();
    for (let step = 0; step < STEPS; step++) {
      this.#step(random);
      const pause = random.draw({ none: 5, turn: 4, answer: 1 });
      if (pause === "turn") await turn();
      if (pause === "answer") await this.#calls.at(-1)?.outcome;
    }
    await Promise.all(this.#calls.map(({ key, outcome }) => this.#ends(key, outcome)));
    await this.#ends("closeAll", this.#pool.closeAll({ drainMs: random.pick([0, 50]) }));
    await this.#ends("everything", Promise.all(this.#background));
  }

  /** What callers were told, against what the servers ran. */
  async judge(): Promise<void> {
    const { servers, problem } = this.#round;
    const keys = this.#calls.map(({ key }) => key);
    const order: RaceOrder = { name: "ledger", keys };
    const runs = await servers.ask<number[]>(order);
    for (const [index, { key, isUnsafe, isAborted, outcome }] of this.#calls.entries()) {
      const ran = runs[index] ?? 0;
      const told = await outcome;
      if (isUnsafe && ran > 1) problem("run twice", `${key} ran ${ran} times`);
      if ("text" in told) {
        if (!told.text.includes(`"${key}"`)) problem("foreign answer", `${key}: ${told.text}`);
        if (ran === 0) problem("wrong answer", `${key} was answered and never ran`);
        continue;
      }
      const { error } = told;
      if (error instanceof McpError) {
        if (error.sent === "no" && ran > 0) problem("false sent", `${key}: ${error.message}`);
      } else if (!isAborted()) problem("raw error", `${key}: ${String(error)}`);
    }
  }

  #step(random: Random): void {
    const server = random.int(0, SERVERS - 1);
    const what = random.draw({
      call: 30,
      forget: 2,
      drop: 2,
      restart: 1,
      change: 2,
      list: 2,
      remove: 1,
      add: 2,
      connect: 1,
    });
    if (what === "call") this.#call(random, server);
    else if (what === "list") this.#follow(this.#pool.listTools(`s${server}`));
    else if (what === "remove") this.#remove(random, server);
    else if (what === "add") this.#add(server);
    else if (what === "connect") this.#follow(this.#pool.connect());
    else this.#background.push(this.#round.servers.ask({ name: what, server } satisfies RaceOrder));
  }

  #call(random: Random, server: number): void {
    const key = `r${this.#round.number}-c${this.#calls.length}`;
    const fate = random.draw({ ok: 10, slow: 4, cut: 2, lost: 2 });
    const replay = random.draw({ safe: 6, never: 2, always: 1 });
    const tool = random.pick(["act", "look"]);
    const isUnsafe = replay === "never" || (replay === "safe" && tool === "act");
    const controller = new AbortController();
    this.#round.tried();
    const call = this.#pool.callTool(
      `s${server}__${tool}`,
      { key, fate },
      { replay, signal: controller.signal, totalTimeoutMs: random.pick([50, 500, CALL_MS]) },
    );
    const outcome = call.then(
      ({ content }): Outcome => ({ text: JSON.stringify(content).replaceAll("\\", "") }),
      (error: unknown): Outcome => ({ error }),
    );
    const isAborted = (): boolean => controller.signal.aborted;
    this.#calls.push({ key, isUnsafe, isAborted, outcome });
    if (random.chance(0.15)) this.#abort(random, controller);
  }

  /** At once, or in some turns; at times with a listener that does more. */
  #abort(random: Random, controller: AbortController): void {
    const server = random.int(0, SERVERS - 1);
    if (random.chance(0.3)) {
      controller.signal.addEventListener("abort", () => this.#remove(random, server));
    }
    const turns = random.int(0, 4);
    const waiting = (async () => {
      for (let passed = 0; passed < turns; passed++) await turn();
      controller.abort(new Error("the caller's"));
    })();
    this.#background.push(waiting);
  }

  #remove(random: Random, server: number): void {
    this.#follow(this.#pool.removeClient(`s${server}`, { drainMs: random.pick([0, 0, 100]) }));
  }

  #add(server: number): void {
    const config = this.#configs[server];
    if (config !== undefined) this.#follow(this.#pool.addClient(`s${server}`, config));
  }

  /** At some events something is done from inside of their listener. */
  #actOnEvents(): void {
    const { random } = this.#round;
    for (const event of EVENTS) {
      if (!random.chance(0.3)) continue;
      let left = random.int(1, 3);
      this.#pool.on(event, () => {
        if (left-- > 0) this.#step(random);
      });
    }
  }

  /** What is asked of a pool that others change meanwhile may be refused, in an error of the pool's. */
  #follow(asked: Promise<unknown>): void {
    const followed = asked.catch((error: unknown) => {
      if (!(error instanceof McpError)) this.#round.problem("raw error", String(error));
    });
    this.#background.push(followed);
  }

  async #ends(what: string, waited: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), CALL_MS + GRACE_MS);
    });
    if ((await Promise.race([waited, late])) === "late") {
      this.#round.problem("hang", `${what} did not end`);
    }
    clearTimeout(timer);
  }
}
