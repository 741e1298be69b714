// What the tests of the stateless era share: scripted servers over HTTP and stdio, and a clock that is moved by hand.

import { LOOK_MS } from "../../src/core/sleep-watch.ts";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type {
  Clock,
  McpClientPool,
  PoolOptions,
  ServerConfig,
  StdioServerConfig,
  Timer,
} from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import { settled } from "../support/manual-clock.ts";
import { startStatelessServer } from "../support/stateless-server.ts";
import type { StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";
import { Ledger } from "./stdio-harness.ts";
import { poolOf } from "./support.ts";

export const STATELESS_STDIO: string = fileURLToPath(
  new URL("../support/stateless-stdio.mjs", import.meta.url),
);

export const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
export const LOG_LEVEL = "io.modelcontextprotocol/logLevel";

/** Where a timer of Node ends: what stands for "no limit". */
export const NO_LIMIT_MS = 2 ** 31 - 1;

/**
 * Ends with the test, and fails it if a client's socket outlives its pool, or a client broke the revision.
 * `clients`: pools of their own, told apart by their header `x-client`.
 */
export async function serveStateless(
  options: StatelessServerOptions = {},
): Promise<StatelessServer> {
  const clientOf: StatelessServerOptions["clientOf"] = ({ headers }) => String(headers["x-client"]);
  const server = await startStatelessServer({ clientOf, ...options });
  onTestFinished(async () => {
    await server.until(({ openSockets }) => openSockets === 0);
    await server.close();
    expect(server.violations).toEqual([]);
  });
  return server;
}

/** One server, connected as `s`. */
export async function connectedTo(
  server: StatelessServer | ServerConfig,
  config: Partial<ServerConfig> = {},
  options: Omit<PoolOptions, "servers"> = {},
): Promise<McpClientPool> {
  const pool = poolTo(server, config, options);
  expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
  return pool;
}

/** The same, not connected yet. */
export function poolTo(
  server: StatelessServer | ServerConfig,
  config: Partial<ServerConfig> = {},
  options: Omit<PoolOptions, "servers"> = {},
): McpClientPool {
  const target = "subscriptions" in server ? { url: server.url } : server;
  return poolOf({ s: { ...target, ...config } as ServerConfig }, options);
}

/** For a server that can be reached again: attempts that began before may still fail. */
export async function reconnect(pool: McpClientPool): Promise<void> {
  while ((await pool.connect()).connected.length === 0) await settled();
}

/** A child that speaks the stateless revision unless `script` says otherwise. */
export function statelessStdio(ledger: Ledger, script: object = {}): StdioServerConfig {
  const records = { counterFile: ledger.file, traceFile: `${ledger.file}.trace` };
  return {
    command: process.execPath,
    args: [STATELESS_STDIO, JSON.stringify({ ...records, ...script })],
    timeouts: { closeStepMs: 300 },
  };
}

export interface WireMessage {
  readonly id?: string | number;
  readonly method: string;
  readonly params: { readonly [key: string]: unknown };
}

/** Every message that the children of this ledger received. */
export function traceOf(ledger: Ledger): WireMessage[] {
  const text = readFileSync(`${ledger.file}.trace`, "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as WireMessage);
}

interface HandTimer {
  readonly delayMs: number;
  readonly fire: () => void;
  readonly real: NodeJS.Timeout | undefined;
}

/** The system's clock, but for what a test does to it: timers held back and fired by hand, time that is skipped. */
export class HandClock implements Clock {
  /** Timers for which it is true do not fire by themselves. */
  holds: (delayMs: number) => boolean = () => false;
  /** Of every timer ever set. */
  readonly delays: number[] = [];
  readonly #armed = new Set<HandTimer>();
  readonly #watchers = new Set<() => void>();
  /** Whether the machine slept is looked at when time passes, and at no other time. */
  readonly #looks = new Set<() => void>();
  #skippedMs = 0;

  /** Delays of the timers that have neither fired nor been cleared. */
  get armed(): number[] {
    return Array.from(this.#armed, ({ delayMs }) => delayMs).toSorted((a, b) => a - b);
  }

  /** Those of them that wait for `fire`. */
  get held(): number[] {
    return Array.from(this.#armed)
      .filter(({ real }) => real === undefined)
      .map(({ delayMs }) => delayMs)
      .toSorted((a, b) => a - b);
  }

  now(): number {
    return performance.now() + this.#skippedMs;
  }

  wallTime(): number {
    return Date.now() + this.#skippedMs;
  }

  random(): number {
    return 0.5;
  }

  setTimer(callback: () => void, delayMs: number, background = false): Timer {
    if (background && delayMs === LOOK_MS) {
      this.#looks.add(callback);
      return callback;
    }
    const fire = (): void => {
      if (!this.#armed.delete(timer)) return;
      callback();
      this.#notify();
    };
    const real = this.holds(delayMs) ? undefined : setTimeout(fire, delayMs);
    if (background) real?.unref();
    const timer: HandTimer = { delayMs, fire, real };
    this.delays.push(delayMs);
    this.#armed.add(timer);
    this.#notify();
    return timer;
  }

  clearTimer(timer: Timer): void {
    if (this.#looks.delete(timer as () => void)) return;
    clearTimeout((timer as HandTimer).real);
    this.#armed.delete(timer as HandTimer);
    this.#notify();
  }

  /** Time passes, and no timer is served. */
  skip(ms: number): void {
    this.#skippedMs += ms;
  }

  /** Resolves when a timer of this delay, or any, is held. */
  async untilHeld(delayMs?: number): Promise<void> {
    await this.until(() =>
      delayMs === undefined ? this.held.length > 0 : this.held.includes(delayMs),
    );
  }

  /** Resolves when `condition` holds, looked at whenever a timer is set, fires or is cleared. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  /** Fires the timers of this delay that are held, with their time passed: awake, so that looks are served. */
  fire(delayMs: number): void {
    const due = [...this.#armed].filter(
      (timer) => timer.real === undefined && timer.delayMs === delayMs,
    );
    if (due.length === 0) throw new Error(`no timer of ${delayMs} ms is held`);
    for (let leftMs = delayMs; leftMs > 0; leftMs -= LOOK_MS) {
      this.skip(Math.min(leftMs, LOOK_MS));
      for (const look of [...this.#looks]) {
        this.#looks.delete(look);
        look();
      }
    }
    for (const timer of due) timer.fire();
  }

  /** Waits for such a timer, and fires it. */
  async serve(delayMs: number): Promise<void> {
    await this.untilHeld(delayMs);
    this.fire(delayMs);
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}

/** The pauses before a change stream is opened again, by how often it has failed; with a clock whose chance is 0.5. */
export const PAUSES: readonly number[] = Array.from({ length: 21 }, (_, count) =>
  Math.min(30_000, 1_000 * 1.5 ** count),
);

/** A clock on which streams are opened again by hand only. */
export function pausingClock(alsoHeld: readonly number[] = []): HandClock {
  const clock = new HandClock();
  const held = new Set([...PAUSES, ...alsoHeld]);
  clock.holds = (delayMs) => held.has(delayMs);
  return clock;
}

export { Ledger };
