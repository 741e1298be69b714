// One behaviour tried with one client: what the client is asked, judged from outside.

import type { TestHttpServer } from "../support/http-server.ts";
import type { ClientTool, OtherList, ServerEntry } from "../fault/suite/adapter.ts";
import type { ClientProcess, Settled } from "../fault/suite/client-process.ts";
import { Stage, pause } from "../fault/suite/stage.ts";
import { Stop, judgeCall, judgeTime, says } from "./outcome.ts";
import type { CallJudged, Finding } from "./outcome.ts";

/** The name of the one server that a client is given. */
const SERVER = "s";
/** Time that clients are given for a handshake, and for a call. */
const CONNECT_MS = 20_000;
const CALL_MS = 8_000;
/** No step may take longer than its limit and this. */
const MARGIN_MS = 5_000;
const CLOSE_MS = 3_000;
/** How long a tool may take to be listed that was not there at first. */
const APPEARS_MS = 3_000;

/** Where a client is sent, and how often a tool ran there for the call with this key. */
export interface Target {
  readonly entry: ServerEntry;
  ran(tool: string, key: string): number;
}

export interface CallPlan {
  readonly expects?: CallJudged["expects"];
  /** Beside the key that each call has. */
  readonly args?: object;
  /** The result must contain it. Default: the call's key. */
  readonly text?: string;
  /** The call is slow by itself: how much later it may come, milliseconds. */
  readonly slowMs?: number;
  /** By its server's own name, whether it is listed or not. */
  readonly unlisted?: boolean;
}

export class Trial extends Stage {
  readonly findings: Finding[] = [];
  readonly #lateMs: number;
  #target: Target | undefined;
  #tools: readonly ClientTool[] = [];
  #keys = 0;

  constructor(client: ClientProcess, lateMs: number) {
    super(client);
    this.#lateMs = lateMs;
  }

  fails(what: string): void {
    this.findings.push({ outcome: "fails", what });
  }

  /** The client connects. @throws {Stop} if it does not. */
  async connect(server: Target | TestHttpServer): Promise<void> {
    const target = "entry" in server ? server : targetOf(server);
    this.#target = target;
    const args = { servers: { [SERVER]: target.entry }, timeoutMs: CONNECT_MS };
    const settled = await this.client.ask("connect", args, CONNECT_MS + MARGIN_MS);
    this.#mustSettle("connect", settled);
  }

  /** The client says at once that it cannot connect. */
  async refuses(server: Target | TestHttpServer): Promise<void> {
    const target = "entry" in server ? server : targetOf(server);
    const args = { servers: { [SERVER]: target.entry }, timeoutMs: CONNECT_MS };
    const settled = await this.client.ask("connect", args, CONNECT_MS + MARGIN_MS);
    if (settled.status === "ok") this.fails("connects, and nothing can be had from this server");
    else if (settled.status !== "error") this.fails(`connect: ${says(settled)}`);
    else this.#note(judgeTime("the refusal", settled, this.#lateMs));
  }

  /** The tools are listed, each once. */
  async lists(...tools: readonly string[]): Promise<void> {
    const settled = await this.#list();
    this.#mustSettle("the list", settled);
    this.#mustHave(tools);
  }

  /** The tools are listed sooner or later, or are called by name before. */
  async listsSoon(...tools: readonly string[]): Promise<void> {
    const deadline = performance.now() + APPEARS_MS;
    do {
      await pause(50);
      await this.#list();
      if (tools.every((tool) => this.#namesOf(tool).length === 1)) return;
    } while (performance.now() < deadline);
    this.#mustHave(tools);
  }

  /** The other lists, or nothing where the client has none. */
  async listsOthers(kind: OtherList, ...names: readonly string[]): Promise<void> {
    const settled = await this.client.ask("others", { kind }, CALL_MS + MARGIN_MS);
    if (settled.status !== "ok") {
      this.fails(`the list of ${kind}: ${says(settled)}`);
      return;
    }
    this.#note(judgeTime(`the list of ${kind}`, settled, this.#lateMs));
    const got = settled.value as readonly string[] | undefined;
    if (got === undefined) return;
    const isAll = names.every((name) => got.some((one) => one.includes(name)));
    if (!isAll || got.length !== names.length) {
      this.fails(`the list of ${kind} has ${got.join(", ") || "nothing"}`);
    }
  }

  /** Asks for another list, whatever comes of it. */
  async asksOthers(kind: OtherList): Promise<void> {
    const settled = await this.client.ask("others", { kind }, CALL_MS + MARGIN_MS);
    if (settled.status === "hung" || settled.status === "died") this.fails(says(settled));
  }

  /** Calls, one after the other. */
  async calls(tool: string, times: number = 1, plan: CallPlan = {}): Promise<void> {
    for (let at = 0; at < times; at += 1) await this.start(tool, plan);
  }

  /** Calls, so many of them at a time. */
  async callsAtOnce(tool: string, times: number, inFlight: number): Promise<void> {
    let left = times;
    const caller = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await this.start(tool);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
  }

  /** One call; judged when it has ended. */
  async start(tool: string, plan: CallPlan = {}): Promise<void> {
    const target = this.#target;
    if (target === undefined) throw new Stop("nothing is connected");
    const { expects = "result", args, slowMs = 0, unlisted = false } = plan;
    const key = `${tool}-${++this.#keys}`;
    const [name] = this.#namesOf(tool);
    if (name === undefined && !unlisted) {
      this.fails(`the tool ${tool} is not listed`);
      return;
    }
    const request = { key, name, server: SERVER, tool, args: { key, ...args }, timeoutMs: CALL_MS };
    const settled = await this.client.ask("call", request, 2 * CALL_MS + MARGIN_MS);
    const text = plan.text ?? key;
    const lateMs = this.#lateMs + slowMs;
    const ran = target.ran(tool, key);
    this.#note(judgeCall({ tool, settled, ran, text, expects, lateMs }));
  }

  /** The connection, its list and a call: what most behaviours ask for. */
  async everyday(server: Target | TestHttpServer, plan?: CallPlan): Promise<void> {
    await this.connect(server);
    await this.lists("echo");
    await this.calls("echo", 2, plan);
  }

  /** The client is closed, in time. */
  async closes(): Promise<void> {
    const settled = await this.client.ask("close", {}, CLOSE_MS);
    if (settled.status !== "ok") this.fails(`close: ${says(settled)}`);
  }

  /** Lets the client close its connection. True if its process is as good as new then. */
  async leave(): Promise<boolean> {
    const settled = await this.client.ask("close", {}, CLOSE_MS);
    if (settled.status !== "ok") return false;
    const renewed = await this.client.ask("renew", {}, CLOSE_MS);
    return renewed.status === "ok";
  }

  async #list(): Promise<Settled> {
    const settled = await this.client.ask("list", {}, CALL_MS + MARGIN_MS);
    if (settled.status === "ok") this.#tools = settled.value as ClientTool[];
    return settled;
  }

  /** Names that a client made of a tool's: the same, or with the server's before it. */
  #namesOf(tool: string): string[] {
    return this.#tools
      .map(({ name }) => name)
      .filter((name) => name === tool || name === `${SERVER}__${tool}`);
  }

  #mustHave(tools: readonly string[]): void {
    const missing = tools.filter((tool) => this.#namesOf(tool).length !== 1);
    if (missing.length === 0) return;
    const listed = this.#tools.map(({ name }) => name).join(", ");
    this.fails(`${missing.join(", ")} not listed once; listed: ${shortList(listed)}`);
  }

  #mustSettle(step: string, settled: Settled): void {
    if (settled.status !== "ok") {
      this.fails(`${step}: ${says(settled)}`);
      throw new Stop(step);
    }
    this.#note(judgeTime(step, settled, this.#lateMs));
  }

  #note(finding: Finding | undefined): void {
    if (finding !== undefined) this.findings.push(finding);
  }
}

function targetOf(server: TestHttpServer): Target {
  return {
    entry: { url: server.url.href },
    ran: (tool, key) => server.executionCount(tool, key),
  };
}

function shortList(names: string): string {
  return names === "" ? "nothing" : names.slice(0, 80);
}
