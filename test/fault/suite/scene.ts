// One fault's stage: scripted servers here, the client in its own process, and what was found on the way.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startHttpServer } from "../../support/http-server.ts";
import type { TestHttpServer, TestHttpServerOptions, TestTool } from "../../support/http-server.ts";
import { isProcessAlive } from "../../support/processes.ts";
import type { ClientTool, ServerEntry } from "./adapter.ts";
import type { ClientProcess, Settled } from "./client-process.ts";
import { Ledger, STDIO_SERVER, describe, endProcesses, entryOf, named } from "./servers.ts";
import type { StdioServer } from "./servers.ts";
import { Stop, judgeCall, outcomeOf, whatOf } from "./verdict.ts";
import type { Expected, Finding, Outcome } from "./verdict.ts";

/** What a caller waits for where an answer is to be expected. */
export const PATIENT_MS = 6_000;
/** What a caller waits for where none will come. */
export const BRIEF_MS = 1_000;
/** No operation may take longer than this many times the limit that the client was given, and a moment. */
const BOUND_FACTOR = 3;
const BOUND_MARGIN_MS = 3_000;
const CLOSE_BOUND_MS = 15_000;
/** How long what a client has closed may take to be gone. */
const GONE_MS = 3_000;
const EXIT_MS = 5_000;

export interface CallPlan {
  readonly timeoutMs?: number;
  readonly key?: string;
}

export class Scene {
  readonly findings: Finding[] = [];
  /** Whether what the client calls back throws. Set before it connects. */
  listenerThrows = false;
  readonly #client: ClientProcess;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "mcp-faults-"));
  readonly #closing: (() => Promise<unknown>)[] = [];
  readonly #ledgers: Ledger[] = [];
  readonly #open = new Set<object>();
  #keys = 0;
  #tools: readonly ClientTool[] = [];

  constructor(client: ClientProcess) {
    this.#client = client;
  }

  found(outcome: Outcome, what: string): void {
    this.findings.push({ outcome, what, ...(outcome === "error" ? { says: "nothing" } : {}) });
  }

  /** To be closed when all is over, the client included. */
  later(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  /** A scripted HTTP server; its tools' descriptions are their names. */
  async http(
    tools: Readonly<Record<string, TestTool>>,
    options: Omit<TestHttpServerOptions, "tools"> = {},
  ): Promise<TestHttpServer> {
    const server = await startHttpServer({
      ...options,
      tools: named(tools),
      onRequest: (context) => {
        this.#open.add(context.res);
        context.res.once("close", () => this.#open.delete(context.res));
        return options.onRequest?.(context);
      },
    });
    this.later(() => server.close());
    return server;
  }

  /** A scripted child process, as a command to start. */
  stdio(
    script: object,
    wrap: (server: string[], ledger: Ledger) => string[] = (one) => one,
  ): StdioServer {
    const ledger = new Ledger(path.join(this.#folder, `ledger-${this.#ledgers.length}`));
    this.#ledgers.push(ledger);
    const behaviour = JSON.stringify({ counterFile: ledger.file, ...script });
    const [command = "", ...args] = wrap([process.execPath, STDIO_SERVER, behaviour], ledger);
    return { command, args, ledger };
  }

  /** Waits for what a server sees; false if it did not come to pass in that time. */
  async until(condition: () => boolean, boundMs: number = PATIENT_MS): Promise<boolean> {
    const deadline = performance.now() + boundMs;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      await pause(10);
    }
    return true;
  }

  connect(
    servers: Readonly<Record<string, TestHttpServer | ServerEntry>>,
    timeoutMs: number = PATIENT_MS,
  ): Promise<Settled> {
    const entries = Object.entries(servers).map(([name, server]) => [name, entryOf(server)]);
    const { listenerThrows } = this;
    const args = { servers: Object.fromEntries(entries) as object, timeoutMs, listenerThrows };
    return this.#client.ask("connect", args, boundOf(timeoutMs));
  }

  /** Connects, and lists: both must work for the fault to be tried at all. */
  async connected(
    servers: Readonly<Record<string, TestHttpServer | ServerEntry>>,
    timeoutMs?: number,
  ): Promise<void> {
    const connected = await this.connect(servers, timeoutMs);
    if (connected.status !== "ok")
      throw new Stop(outcomeOf(connected), `connect: ${whatOf(connected)}`);
    await this.listed();
  }

  /** The tools now; also what `call` finds its tools in. */
  async list(): Promise<Settled> {
    const settled = await this.#client.ask("list", {}, boundOf(PATIENT_MS));
    if (settled.status === "ok") this.#tools = settled.value as ClientTool[];
    return settled;
  }

  async listed(): Promise<readonly ClientTool[]> {
    const settled = await this.list();
    if (settled.status !== "ok") throw new Stop(outcomeOf(settled), `the list: ${whatOf(settled)}`);
    return this.#tools;
  }

  /** By the description, which no client changes. */
  nameOf(tool: string): string | undefined {
    return this.#tools.find(({ description }) => description.trim() === describe(tool))?.name;
  }

  /** Begins a call by the tool's own name. `key`, an argument, is what its executions are counted by. */
  start(
    tool: string,
    args: object = {},
    plan: CallPlan = {},
  ): { key: string; settled: Promise<Settled> } {
    const { timeoutMs = PATIENT_MS, key = `${tool}-${++this.#keys}` } = plan;
    const name = this.nameOf(tool);
    if (name === undefined) throw new Stop("lost", `the tool ${tool} is not listed`);
    const request = { key, name, args: { key, ...args }, timeoutMs };
    return { key, settled: this.#client.ask("call", request, boundOf(timeoutMs)) };
  }

  /** Calls a tool and judges how it ended. */
  async call(
    tool: string,
    count: (key: string) => number,
    expected: Omit<Expected, "ran"> & CallPlan & { readonly args?: object } = {},
  ): Promise<Settled> {
    const { key, settled } = this.start(tool, expected.args, expected);
    return await this.judge(tool, key, settled, count, expected);
  }

  async judge(
    tool: string,
    key: string,
    call: Promise<Settled>,
    count: (key: string) => number,
    expected: Omit<Expected, "ran"> = {},
  ): Promise<Settled> {
    const settled = await call;
    const finding = judgeCall(tool, settled, { ...expected, ran: count(key) });
    if (finding !== undefined) this.findings.push(finding);
    return settled;
  }

  async cancel(key: string): Promise<void> {
    await this.#client.ask("cancel", { key }, BOUND_MARGIN_MS);
  }

  close(): Promise<Settled> {
    return this.#client.ask("close", {}, CLOSE_BOUND_MS);
  }

  /** The most memory that the client's process has had, MB. */
  async memoryMb(): Promise<number> {
    const settled = await this.#client.ask("memory", {}, BOUND_MARGIN_MS);
    return settled.status === "ok" ? Number(settled.value) : 0;
  }

  /** Requests that a client holds open at any server. */
  get openRequests(): number {
    return this.#open.size;
  }

  /** Closes the client and looks at what it leaves. */
  async leave(): Promise<void> {
    const closed = await this.close();
    if (closed.status === "hung") this.found("hung", `close did not settle within ${closed.ms} ms`);
    if (closed.status === "died") {
      this.found("lost", `the process died: ${closed.why}`);
      return;
    }
    if (!(await this.until(() => this.openRequests === 0, GONE_MS))) {
      this.found("leaked", `${this.openRequests} requests are open after close`);
    }
    await this.#lookForProcesses("after close");
    await this.#client.ask("leave", {}, BOUND_MARGIN_MS);
    if (!(await this.#client.endsWithin(EXIT_MS))) {
      const held = /still there: .*/.exec(this.#client.output)?.[0] ?? "";
      this.found("leaked", `the process does not end by itself after close; ${held}`);
    }
  }

  /** Ends what is left, servers last. */
  async end(): Promise<void> {
    await this.#client.kill();
    for (const close of this.#closing.toReversed()) await close();
    await endProcesses(this.#folder, this.#ledgers);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #lookForProcesses(when: string): Promise<void> {
    const alive = (): number[] => this.#ledgers.flatMap(({ pids }) => pids).filter(isProcessAlive);
    if (await this.until(() => alive().length === 0, GONE_MS)) return;
    this.found("leaked", `${alive().length} processes are alive ${when}`);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function boundOf(timeoutMs: number): number {
  return BOUND_FACTOR * timeoutMs + BOUND_MARGIN_MS;
}
