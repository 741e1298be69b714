// A scripted MCP server of revision 2026-07-28 on raw node:http: loopback, any free port, everything it saw on record,
// every breach of the revision in `violations`. It can serve sessions too, and change its era while it runs.
//
//   const server = await startStatelessServer({ tools: { add: { handler: ({ a, b }) => Number(a) + Number(b) } } });
//   const hold = server.hold(toolCall("add"));             // answers are held back from now on
//   await server.until(() => hold.waiting === 1);
//   server.cut("tools/call", "stream");                    // the next one loses its stream after it was executed
//   server.reject("tools/list", unsupportedVersion(["2026-07-28"]));   // the next one gets 400 -32022
//   hold.release();
//   expect(server.executionCount("add")).toBe(1);
//   expect(server.violations).toEqual([]);
//   await server.close();
//
// Options and handlers: stateless/types.ts. Results: stateless/results.ts. Tasks: stateless/tasks.ts. Subscriptions:
// stateless/subscriptions.ts. Faults: stateless/interventions.ts. What is checked: stateless/check-request.ts, ledger.ts.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { RpcMessage } from "./http-server.ts";
import { eraOf } from "./stateless/check-request.ts";
import { Exchanges } from "./stateless/exchanges.ts";
import type { Cancelled } from "./stateless/exchanges.ts";
import type { Hold, Match, Stage } from "./stateless/interventions.ts";
import { Listener, Watchers } from "./stateless/listener.ts";
import type { RpcError } from "./stateless/protocol.ts";
import type {
  Notification,
  SubscriptionEnding,
  TestSubscription,
} from "./stateless/subscriptions.ts";
import { TaskTable } from "./stateless/tasks.ts";
import type {
  Era,
  StatelessRecord,
  StatelessRequest,
  StatelessServerOptions,
  StatelessTool,
} from "./stateless/types.ts";

export { toolCall } from "./stateless/interventions.ts";
export {
  headerMismatch,
  missingCapability,
  RpcError,
  unsupportedVersion,
} from "./stateless/protocol.ts";
export { elicit, inputRequired, listRoots, sample, textResult } from "./stateless/results.ts";
export type { Cancelled } from "./stateless/exchanges.ts";
export type { Hold, Match, Stage } from "./stateless/interventions.ts";
export type { TestSubscription } from "./stateless/subscriptions.ts";
export type { TestTask } from "./stateless/tasks.ts";
export type {
  Era,
  HandlerContext,
  StatelessRecord,
  StatelessServerOptions,
  StatelessTool,
} from "./stateless/types.ts";

export async function startStatelessServer(
  options: StatelessServerOptions = {},
): Promise<StatelessServer> {
  const server = new StatelessServer(options);
  await server.listen();
  return server;
}

export class StatelessServer {
  /** May be changed at any time; for `era` see `setEra()`. */
  readonly options: StatelessServerOptions;
  readonly requests: StatelessRecord[] = [];
  /** What the client did against the revision, in order. Stays empty with a conforming client. */
  readonly violations: readonly string[];
  /** Requests of the other era than the one served: no breach, the client cannot know beforehand. */
  readonly foreign: readonly StatelessRecord[];
  readonly cancelled: readonly Cancelled[];
  /** Every subscription there ever was, in order; see `subscriptions` for those that are open. */
  readonly allSubscriptions: readonly TestSubscription[];
  readonly tasks: TaskTable;
  readonly #watchers = new Watchers();
  readonly #listener: Listener;
  readonly #exchanges: Exchanges;

  constructor(options: StatelessServerOptions) {
    this.options = options;
    const changed = this.#watchers.notify;
    this.tasks = new TaskTable((task) => {
      this.push({ method: "notifications/tasks", params: task.detailed() });
      changed();
    });
    this.#listener = new Listener((req, res) => void this.#receive(req, res), changed);
    const wasDropped = (socket: Socket): boolean => this.#listener.wasDropped(socket);
    this.#exchanges = new Exchanges(options, this.tasks, wasDropped, changed);
    this.violations = this.#exchanges.violations;
    this.foreign = this.#exchanges.foreign;
    this.cancelled = this.#exchanges.cancelled;
    this.allSubscriptions = this.#exchanges.subscriptions;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#listener.port}/mcp`);
  }

  get openSockets(): number {
    return this.#listener.openSockets;
  }

  /** Sockets ever accepted. */
  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  get subscriptions(): TestSubscription[] {
    return this.allSubscriptions.filter(({ isOpen }) => isOpen);
  }

  /** Ids of the sessions that live. */
  get sessions(): string[] {
    return this.#exchanges.sessions.ids;
  }

  /** How often `initialize` was answered with a session. */
  get initializeCount(): number {
    return this.#exchanges.sessions.initializeCount;
  }

  /** GET streams of sessions that are open. */
  get openStreams(): number {
    return this.#exchanges.sessions.streamCount;
  }

  /**
   * How often a tool's handler was entered, in either era: in all, or with `arguments.key` equal to `key`. Every round of
   * an exchange with `input_required` enters it anew.
   */
  executionCount(tool: string, key?: string): number {
    return this.#exchanges.counters.get("execution", tool, key);
  }

  /** How many of these ended in `input_required`. */
  questionCount(tool: string, key?: string): number {
    return this.#exchanges.counters.get("question", tool, key);
  }

  /** How many of these ended in a result or a task. */
  resultCount(tool: string, key?: string): number {
    return this.#exchanges.counters.get("result", tool, key);
  }

  /** Recorded requests with this HTTP method or JSON-RPC method. */
  requestsOf(method: string): StatelessRecord[] {
    return this.requests.filter((one) => one.method === method || one.body?.method === method);
  }

  /** Resolves as soon as `condition` holds; looked at whenever anything happens to this server. */
  until(condition: (server: StatelessServer) => boolean): Promise<void> {
    return this.#watchers.until(() => condition(this));
  }

  /** Holds all requests that match at that stage until `release()` or `cut()` of the hold. Default stage `answer`. */
  hold(match: Match, stage: Exclude<Stage, "event"> = "answer"): Hold {
    return this.#exchanges.interventions.hold(match, stage);
  }

  /** Destroys the socket of the next requests that match, at that stage, and without an answer. */
  cut(match: Match, stage: Stage, times = 1): void {
    this.#exchanges.interventions.cut(match, stage, times);
  }

  /** Answers the next requests that match with this error, without executing them. */
  reject(match: Match, error: RpcError, times = 1): void {
    this.#exchanges.interventions.reject(match, error, times);
  }

  /**
   * Sends it to every subscription that was granted it, with that subscription's id, and to the GET streams of sessions;
   * to how many streams it went.
   */
  push(notification: Notification): number {
    const wanted = this.subscriptions.filter((one) => one.wants(notification));
    for (const subscription of wanted) subscription.push(notification);
    return wanted.length + this.#exchanges.sessions.push(notification);
  }

  /** Sets the tools and says so. */
  changeTools(tools: Record<string, StatelessTool>): number {
    this.options.tools = tools;
    return this.notifyToolsChanged();
  }

  notifyToolsChanged(): number {
    return this.push({ method: "notifications/tools/list_changed" });
  }

  notifyResourceUpdated(uri: string): number {
    return this.push({ method: "notifications/resources/updated", params: { uri } });
  }

  /** Ends every open subscription. */
  endSubscriptions(how: SubscriptionEnding): void {
    for (const subscription of this.subscriptions) subscription.end(how);
  }

  /**
   * As when another version of the server takes over the address, without losing a socket: what the old era had open
   * (subscriptions or sessions) ends if the new one does not have it. Requests in flight are still answered.
   */
  setEra(era: Era): void {
    this.options.era = era;
    if (era === "sessions") this.endSubscriptions("abrupt");
    if (era === "stateless") this.#exchanges.sessions.forget();
    this.#watchers.notify();
  }

  forgetSessions(): void {
    this.#exchanges.sessions.forget();
  }

  /** From now on another client comes, which may use the ids of the last and was given no tools yet. */
  newClient(): void {
    this.#exchanges.ledger.forget();
  }

  /** Destroys every socket. */
  dropConnections(): void {
    this.#listener.dropSockets();
  }

  /** Starts again on the same port after `stop()`. */
  listen(): Promise<void> {
    return this.#listener.listen();
  }

  /** Stops listening and destroys all sockets. Counters, records and tasks stay. */
  async stop(): Promise<void> {
    await this.#listener.stop();
    this.#exchanges.sessions.forget();
  }

  /** `stop()`, then `listen()` on the same port, in another era if one is given. */
  async restart(era?: Era): Promise<void> {
    await this.stop();
    if (era !== undefined) this.options.era = era;
    await this.listen();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#exchanges.interventions.releaseAll();
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = "";
    req.setEncoding("utf8");
    try {
      for await (const chunk of req) text += String(chunk);
    } catch {
      return;
    }
    const body = parse(text);
    const record: StatelessRecord = {
      method: req.method ?? "",
      path: req.url ?? "",
      headers: req.headers,
      rawHeaders: req.rawHeaders,
      text,
      body,
      era: eraOf(req.headers, body),
    };
    const request: StatelessRequest = { ...record, req, res };
    this.requests.push(record);
    this.#watchers.notify();
    if ((await this.options.onRequest?.(request)) === true || res.destroyed) return;
    await this.#exchanges.serve(request);
    this.#watchers.notify();
  }
}

function parse(text: string): RpcMessage | undefined {
  try {
    return JSON.parse(text) as RpcMessage;
  } catch {
    return undefined;
  }
}
