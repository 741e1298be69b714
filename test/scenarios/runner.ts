// Runs a scenario: operations in order, then the exact sequence of events that each server must have given.

import { McpClientPool, McpError } from "mcp-client-pool";
import type { Clock, McpErrorCode, PoolEvent, PoolEvents, ServerConfig } from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { Ledger, scripted } from "../fault/stdio-harness.ts";
import { startHttpServer } from "../support/http-server.ts";
import type { TestHttpServer, TestTool } from "../support/http-server.ts";
import { until } from "../support/processes.ts";
import type { Operation, Scenario, ServerScript } from "./scenario.ts";

const EVENTS: { readonly [K in PoolEvent]: (payload: PoolEvents[K]) => string } = {
  "server.connecting": () => "",
  "server.connected": () => "",
  "server.disconnected": ({ error }) => error?.code ?? "",
  "server.reconnected": ({ reason }) => reason,
  "server.failed": ({ error }) => error.code,
  "server.auth-required": ({ error }) => error.code,
  "server.circuit-opened": ({ forMs }) => String(forMs),
  "server.circuit-closed": () => "",
  "server.closed": () => "",
  "tools.changed": ({ added, removed, changed }) =>
    [
      ...added.map(({ tool }) => `+${tool.name}`),
      ...removed.map(({ tool }) => `-${tool.name}`),
      ...changed.map(({ tool }) => `~${tool.name}`),
    ].join(" "),
  "tools.withheld": ({ tools }) => tools.map(({ tool }) => tool.name).join(" "),
  "resources.changed": () => "",
  "prompts.changed": () => "",
  "resource.updated": ({ uri }) => uri,
  log: ({ level }) => level,
  warning: ({ message }) => message,
};

/** With `random` at one half, every wait before an attempt to connect is exactly this long. */
const ATTEMPT_DELAY_MS = 25_000;

export async function runScenario(scenario: Scenario): Promise<void> {
  const stage = new Stage(scenario);
  await stage.build();
  for (const operation of scenario.operations) await stage.perform(operation);
  await stage.pool.closeAll();
  stage.check();
}

/** Timers for attempts to connect are held; all others run. */
class AttemptClock implements Clock {
  readonly #held = new Map<object, () => void>();

  now = (): number => systemClock.now();
  wallTime = (): number => systemClock.wallTime();
  random = (): number => 0.5;

  setTimer(callback: () => void, delayMs: number, background?: boolean): object {
    if (delayMs !== ATTEMPT_DELAY_MS) return systemClock.setTimer(callback, delayMs, background);
    const timer = {};
    this.#held.set(timer, callback);
    return timer;
  }

  clearTimer(timer: object): void {
    if (!this.#held.delete(timer)) systemClock.clearTimer(timer);
  }

  due(): Promise<void> {
    return until(() => this.#held.size > 0, "an attempt to connect to be due");
  }

  async fire(): Promise<void> {
    await this.due();
    const due = [...this.#held.values()];
    this.#held.clear();
    for (const callback of due) callback();
  }
}

class Stage {
  readonly #scenario: Scenario;
  readonly #clock = new AttemptClock();
  readonly #http = new Map<string, TestHttpServer>();
  readonly #ledgers = new Map<string, Ledger>();
  readonly #configs = new Map<string, ServerConfig>();
  readonly #statuses = new Map<string, number | undefined>();
  readonly #releases = new Map<string, () => void>();
  readonly #begun = new Map<string, Promise<unknown>>();
  readonly #seen = new Map<string, string[]>();
  #pool: McpClientPool | undefined;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  get pool(): McpClientPool {
    if (this.#pool === undefined) throw new Error("the stage is not built");
    return this.#pool;
  }

  async build(): Promise<void> {
    const { servers, later = [] } = this.#scenario;
    for (const [name, script] of Object.entries(servers)) {
      this.#configs.set(name, await this.#start(name, script));
    }
    const known = [...this.#configs].filter(([name]) => !later.includes(name));
    this.#pool = new McpClientPool({
      clock: this.#clock,
      reconnect: {
        jitterMs: 2 * ATTEMPT_DELAY_MS,
        initialMs: ATTEMPT_DELAY_MS,
        factor: 1,
        maxMs: ATTEMPT_DELAY_MS,
      },
      timeouts: { closeStepMs: 300 },
      servers: Object.fromEntries(known),
    });
    onTestFinished(() => this.#pool?.closeAll({ drainMs: 0 }));
    for (const event of Object.keys(EVENTS) as PoolEvent[]) this.#listen(this.#pool, event);
  }

  check(): void {
    const { events, executions = {} } = this.#scenario;
    expect(Object.fromEntries(this.#seen)).toEqual(events);
    const counted = Object.keys(executions).map((tool) => [tool, this.#executions(tool)]);
    expect(Object.fromEntries(counted)).toEqual(executions);
  }

  async perform(operation: Operation): Promise<void> {
    const { pool } = this;
    switch (operation.do) {
      case "connect": {
        const report = await settle(pool.connect(), operation.rejects);
        if (report !== undefined) {
          expect(Object.keys(report.failed)).toEqual(operation.failed ?? []);
        }
        return;
      }
      case "add": {
        const config = this.#configs.get(operation.server);
        if (config === undefined) throw new Error(`no server ${operation.server}`);
        await settle(pool.addClient(operation.server, config), operation.rejects);
        return;
      }
      case "remove":
        return pool.removeClient(operation.server, { drainMs: operation.drainMs ?? 5_000 });
      case "begin-remove":
        return this.#begin(operation.as, pool.removeClient(operation.server));
      case "call":
        return void (await settle(pool.callTool(operation.tool), operation.rejects));
      case "begin":
        return this.#begin(operation.as, pool.callTool(operation.tool));
      case "end":
        return void (await settle(this.#begun.get(operation.as), operation.rejects));
      case "arrived": {
        const { tool, count } = operation;
        return until(() => this.#executions(tool) >= count, `${tool} to run`);
      }
      case "release":
        return this.#releases.get(operation.server)?.();
      case "await": {
        const { event, server, count = 1 } = operation;
        const given = (): number =>
          (this.#seen.get(server) ?? []).filter((one) => one.split(" ")[0] === event).length;
        return until(() => given() >= count, `${event} of ${server}`);
      }
      case "attempt-due":
        return this.#clock.due();
      case "reconnect":
        return this.#clock.fire();
      case "answer":
        return void this.#statuses.set(operation.server, operation.status);
      case "set-tools": {
        const server = this.#httpServer(operation.server);
        server.options.tools = this.#tools(operation.server, operation.tools);
        return server.notifyToolsChanged();
      }
      case "close":
        return pool.closeAll();
      default:
        return this.#change(this.#httpServer(operation.server), operation.do);
    }
  }

  async #change(
    server: TestHttpServer,
    change: "stop" | "listen" | "restart" | "forget-sessions",
  ): Promise<void> {
    if (change === "forget-sessions") return server.forgetSessions();
    if (change === "listen") return server.listen();
    await (change === "stop" ? server.stop() : server.restart());
    // Two turns of the loop: the ends of the sockets have been read.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async #start(name: string, script: ServerScript): Promise<ServerConfig> {
    switch (script.kind) {
      case "no-such-command":
        return { command: "no-such-command-anywhere", ...script.options };
      case "stdio": {
        const ledger = new Ledger();
        this.#ledgers.set(name, ledger);
        const tools = { tools: ["echo", "crash"] };
        return { ...scripted(ledger, { ...tools, ...script.script }), ...script.options };
      }
      case "http": {
        this.#statuses.set(name, script.status);
        const server = await startHttpServer({
          getStream: true,
          tools: this.#tools(name, script.tools ?? ["echo", "hold"]),
          onRequest: ({ res }) => {
            const status = this.#statuses.get(name);
            if (status !== undefined) res.writeHead(status).end();
            return status !== undefined;
          },
        });
        onTestFinished(() => server.close());
        this.#http.set(name, server);
        return { url: server.url, ...script.options };
      }
    }
  }

  #tools(server: string, names: readonly string[]): Record<string, TestTool> {
    const released = new Promise<void>((resolve) => this.#releases.set(server, resolve));
    const make = (name: string): TestTool => (name === "hold" ? { handler: () => released } : {});
    return Object.fromEntries(names.map((name) => [name, make(name)]));
  }

  #begin(name: string, work: Promise<unknown>): void {
    // It may fail long before somebody waits for it.
    work.catch(() => {});
    this.#begun.set(name, work);
  }

  #executions(name: string): number {
    const [server = "", tool = ""] = name.split("__");
    return (
      this.#http.get(server)?.executionCount(tool) ?? this.#ledgers.get(server)?.count(tool) ?? 0
    );
  }

  #httpServer(name: string): TestHttpServer {
    const server = this.#http.get(name);
    if (server === undefined) throw new Error(`${name} is no HTTP server`);
    return server;
  }

  #listen(pool: McpClientPool, event: PoolEvent): void {
    const describe = EVENTS[event] as (payload: PoolEvents[PoolEvent]) => string;
    pool.on(event, (payload) => {
      const server = payload.server ?? "(pool)";
      const seen = this.#seen.get(server) ?? [];
      this.#seen.set(server, seen);
      seen.push(`${event} ${describe(payload)}`.trim());
    });
  }
}

/** The value, or `undefined` if it was right to reject. */
async function settle<T>(
  work: Promise<T> | undefined,
  rejects: McpErrorCode | undefined,
): Promise<T | undefined> {
  if (rejects === undefined) return work;
  const outcome = await work?.then(
    () => "it succeeded",
    (error: unknown) => (error instanceof McpError ? error.code : error),
  );
  expect(outcome).toBe(rejects);
  return undefined;
}
