// Carries out what the schedule of a round wants, and heals everything afterwards.

import { setTimeout as sleep } from "node:timers/promises";
import type { Children } from "./children.ts";
import { FLEET } from "./fleet.ts";
import type { ServerSpec } from "./fleet.ts";
import type { Load } from "./load.ts";
import type { Log } from "./log.ts";
import type { PoolUnderTest } from "./pool-under-test.ts";
import type { TimedFault } from "./schedule.ts";
import type { Host } from "./servers/host-process.ts";

/** Calls of a burst, and within how many milliseconds they are aborted. */
const BURST = { calls: 40, abortWithinMs: 25 };
const RUSH_CALLS = 60;

export class Director {
  readonly #under: PoolUnderTest;
  readonly #host: Host;
  readonly #children: Children;
  readonly #load: Load;
  readonly #log: Log;
  /** Servers that are being removed or added right now. */
  readonly #moving = new Map<string, Promise<void>>();
  #healing: Promise<void> | undefined;

  constructor(parts: {
    under: PoolUnderTest;
    host: Host;
    children: Children;
    load: Load;
    log: Log;
  }) {
    this.#under = parts.under;
    this.#host = parts.host;
    this.#children = parts.children;
    this.#load = parts.load;
    this.#log = parts.log;
  }

  /** Resolves when the round is over and nothing of it goes on. */
  async play(faults: readonly TimedFault[], durationMs: number): Promise<void> {
    const over = AbortSignal.timeout(durationMs);
    const acts = faults.map(async (fault, index) => {
      await sleep(fault.atMs);
      const { kind, server, detail } = fault;
      this.#log(`fault ${kind}`, server.name, detail);
      await this.#carryOut(fault, index, over);
    });
    await sleep(durationMs);
    await Promise.all(acts);
  }

  /** Everything is up again, and every server is in the pool. */
  heal(): Promise<void> {
    this.#healing ??= this.#heal().finally(() => (this.#healing = undefined));
    return this.#healing;
  }

  async #heal(): Promise<void> {
    await this.#host.order("heal");
    this.#children.continueAll();
    await Promise.all(this.#moving.values());
    const states = new Map(this.#under.pool.status().map(({ server, state }) => [server, state]));
    await Promise.all(
      FLEET.map(async (spec) => {
        const state = states.get(spec.name);
        if (state === undefined) await this.#add(spec);
        // A transport that was handed to the pool is used once.
        else if (spec.kind === "memory" && state === "failed") await this.#reAdd(spec, 0);
      }),
    );
  }

  async #carryOut(fault: TimedFault, nth: number, over: AbortSignal): Promise<void> {
    const { kind, server, detail, forMs } = fault;
    const { name } = server;
    const order = (what: string, how = ""): Promise<unknown> => this.#host.order(what, name, how);
    const meanwhile = async (what: string): Promise<void> => {
      await order(what);
      await sleep(forMs, undefined, { signal: over }).catch(() => {});
      await order("heal");
    };
    switch (kind) {
      case "restart":
        await order("restart");
        return;
      case "away":
        return meanwhile("stop");
      case "forget-sessions":
        await order("forget");
        return;
      case "drop-sockets":
        await order("drop");
        return;
      case "drop-idle":
        await order("drop-idle", detail);
        return;
      case "end-streams":
        await order("end-streams");
        return;
      case "era-change":
        await order("era", detail);
        return;
      case "throttle":
      case "refuse":
        return meanwhile(kind);
      case "freeze":
        if (server.kind !== "stdio") return meanwhile("freeze");
        this.#children.signal(name, "SIGSTOP");
        await sleep(forMs, undefined, { signal: over }).catch(() => {});
        this.#children.continueAll();
        return;
      case "kill":
        if (server.kind !== "memory") return this.#children.signal(name, "SIGKILL");
        this.#under.memoryServers.get(name)?.drop();
        await sleep(forMs, undefined, { signal: over }).catch(() => {});
        return this.#reAdd(server, 0);
      case "list-storm":
        if (server.kind === "memory") this.#under.memoryServers.get(name)?.storm(Number(detail));
        else await order("storm", detail);
        return;
      case "re-add":
        return this.#reAdd(server, Number(detail));
      case "cancelled-burst":
        return this.#load.burst(nth, server, BURST.calls, BURST.abortWithinMs);
      case "rush":
        return this.#load.burst(nth, server, RUSH_CALLS, undefined);
    }
  }

  /** One after the other for each server. */
  #reAdd(spec: ServerSpec, drainMs: number): Promise<void> {
    const move = (this.#moving.get(spec.name) ?? Promise.resolve()).then(async () => {
      await this.#under.pool.removeClient(spec.name, { drainMs }).catch(() => {});
      await this.#add(spec);
    });
    this.#moving.set(spec.name, move);
    return move;
  }

  /** A server that is away cannot be added; the calm brings it back. */
  async #add(spec: ServerSpec): Promise<void> {
    await this.#under.add(spec).catch((error: unknown) => {
      this.#log("not added", spec.name, String(error));
    });
  }
}
