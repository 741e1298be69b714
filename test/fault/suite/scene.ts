// One fault's stage: scripted servers here, the client in its own process, and what was found on the way.

import type { TestHttpServer } from "../../support/http-server.ts";
import { isProcessAlive } from "../../support/processes.ts";
import type { ClientTool, ServerEntry } from "./adapter.ts";
import type { Settled } from "./client-process.ts";
import { describe, entryOf } from "./servers.ts";
import { PATIENT_MS, Stage } from "./stage.ts";
import { Stop, judgeCall, outcomeOf, whatOf } from "./verdict.ts";
import type { Expected, Finding, Outcome } from "./verdict.ts";

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

export class Scene extends Stage {
  readonly findings: Finding[] = [];
  /** Whether what the client calls back throws. Set before it connects. */
  listenerThrows = false;
  #keys = 0;
  #tools: readonly ClientTool[] = [];

  found(outcome: Outcome, what: string): void {
    this.findings.push({ outcome, what, ...(outcome === "error" ? { says: "nothing" } : {}) });
  }

  connect(
    servers: Readonly<Record<string, TestHttpServer | ServerEntry>>,
    timeoutMs: number = PATIENT_MS,
  ): Promise<Settled> {
    const entries = Object.entries(servers).map(([name, server]) => [name, entryOf(server)]);
    const { listenerThrows } = this;
    const args = { servers: Object.fromEntries(entries) as object, timeoutMs, listenerThrows };
    return this.client.ask("connect", args, boundOf(timeoutMs));
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
    const settled = await this.client.ask("list", {}, boundOf(PATIENT_MS));
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
    return { key, settled: this.client.ask("call", request, boundOf(timeoutMs)) };
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
    await this.client.ask("cancel", { key }, BOUND_MARGIN_MS);
  }

  close(): Promise<Settled> {
    return this.client.ask("close", {}, CLOSE_BOUND_MS);
  }

  /** The most memory that the client's process has had, MB. */
  async memoryMb(): Promise<number> {
    const settled = await this.client.ask("memory", {}, BOUND_MARGIN_MS);
    return settled.status === "ok" ? Number(settled.value) : 0;
  }

  /** Requests that a client holds open at any server. */
  get openRequests(): number {
    return this.open.size;
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
    await this.client.ask("leave", {}, BOUND_MARGIN_MS);
    if (!(await this.client.endsWithin(EXIT_MS))) {
      const held = /still there: .*/.exec(this.client.output)?.[0] ?? "";
      this.found("leaked", `the process does not end by itself after close; ${held}`);
    }
  }

  async #lookForProcesses(when: string): Promise<void> {
    const alive = (): number[] => this.ledgers.flatMap(({ pids }) => pids).filter(isProcessAlive);
    if (await this.until(() => alive().length === 0, GONE_MS)) return;
    this.found("leaked", `${alive().length} processes are alive ${when}`);
  }
}

function boundOf(timeoutMs: number): number {
  return BOUND_FACTOR * timeoutMs + BOUND_MARGIN_MS;
}
