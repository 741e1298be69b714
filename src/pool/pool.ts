// McpClientPool: many MCP servers as one object. Finds who is meant, and leaves the rest to them.

import { Catalog } from "../catalog/catalog.ts";
import type {
  PoolPrompt,
  PoolResource,
  PoolResourceTemplate,
  PoolTool,
} from "../catalog/pool-tool.ts";
import type { CachedCallOptions } from "../catalog/pages.ts";
import type { WithheldTool } from "../catalog/pins.ts";
import { ResponseCache } from "../catalog/response-cache.ts";
import type { CallOptions } from "../connection/call.ts";
import { ConnectGate } from "../connection/connect-gate.ts";
import { Interceptors, type Interceptor } from "../connection/interceptors.ts";
import type { HttpServerConfig, ServerConfig, ServerOptions } from "../connection/config-types.ts";
import { McpClosedError } from "../core/errors.ts";
import type { Listener } from "../core/emitter.ts";
import { inputError } from "../core/input-error.ts";
import { SleepWatch } from "../core/sleep-watch.ts";
import type {
  CallToolResult,
  Completion,
  CompletionArgument,
  CompletionContext,
  CompletionReference,
  GetPromptResult,
  JsonObject,
  LogLevel,
  ReadResourceResult,
  Root,
} from "../spec/types.ts";
import {
  type ToolCallOptions,
  checkCallOptions,
  checkEvent,
  checkFunction,
  checkLogLevel,
  checkMethod,
  checkData,
  checkOptions,
  checkPromptArguments,
  checkString,
  checkToolCall,
  checkWithheld,
  drainMsOf,
  toDrainMs,
} from "./call-options.ts";
import { CapabilityCalls } from "./capability-calls.ts";
import { connectAll, type ConnectReport } from "./connect-all.ts";
import type { PoolEvent, PoolEvents } from "./events.ts";
import { Handlers } from "./handlers.ts";
import { Listings } from "./listings.ts";
import { Members } from "./members.ts";
import { resolvePoolOptions, type PoolOptions, type ResolvedPoolOptions } from "./options.ts";
import { PoolEmitter } from "./pool-emitter.ts";
import type { ServerStatus } from "./status.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { ResourceListener, ResourceSubscription } from "./subscriptions.ts";
import { ToolCalls } from "./tool-calls.ts";
import type { ToolTask } from "./tool-task.ts";

/**
 * Live connections to many MCP servers, their tools as one catalogue, every call routed and supervised.
 *
 * ```ts
 * await using pool = new McpClientPool({ servers: { files: { command: "npx", args: ["-y", "…"] } } });
 * await pool.connect();
 * const result = await pool.callTool("files__read_file", { path: "a.txt" });
 * ```
 *
 * Methods reject with {@link McpError} and its subclasses, an aborted call with `signal.reason`.
 * No method writes to the console; listen to `warning` and `log`.
 */
export class McpClientPool implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  readonly #emitter: PoolEmitter;
  readonly #catalog: Catalog = new Catalog();
  readonly #members: Members;
  readonly #listings: Listings;
  readonly #subscriptions: Subscriptions = new Subscriptions();
  readonly #toolCalls: ToolCalls;
  readonly #handlers: Handlers;
  readonly #capabilityCalls: CapabilityCalls;
  readonly #interceptors: Interceptors = new Interceptors();
  #closing: Promise<void> | undefined;

  /** Connects to nothing yet. @throws {McpConfigError} naming the option that is wrong. */
  constructor(options: PoolOptions = {}) {
    this.#options = resolvePoolOptions(options);
    const { clock, cacheStore, clientInfo, pin: pinStore } = this.#options;
    this.#emitter = new PoolEmitter(clock);
    // Of a server, if the pool has one of that name: its secrets are masked.
    const onWarning: PoolEmitter["warn"] = (server, message, cause) => {
      if (!this.#members.warn(server, message, cause)) this.#emitter.warn(server, message, cause);
    };
    this.#handlers = new Handlers(this.#options, onWarning);
    const cache = new ResponseCache({ store: cacheStore, clock, onWarning });
    const shared = { clock, cache, store: cache.store, clientInfo, pinStore };
    const sleepWatch = new SleepWatch(clock);
    const gate = new ConnectGate(this.#options.maxConnecting, clock);
    this.#members = new Members(this.#options.defaults, (server) => ({
      ...{ ...shared, sleepWatch, gate, interceptors: this.#interceptors },
      handlers: this.#handlers.for(server),
      catalog: this.#catalog,
      emit: (event, payload) => this.#emit(event, payload),
      onResourceUpdated: (name, uri) => {
        this.#subscriptions.deliver(name, uri);
        this.#emit("resource.updated", { server: name, uri });
      },
      onRemoved: (member) => this.#subscriptions.removeServer(member),
    }));
    this.#listings = new Listings(this.#members, onWarning);
    this.#capabilityCalls = new CapabilityCalls(this.#members, this.#listings);
    this.#toolCalls = new ToolCalls(this.#members, this.#catalog, clock);
    this.#members.addAll(this.#options.servers);
  }

  // --- servers ---

  /**
   * Connects all servers that are neither lazy nor disabled, `maxConnecting` at a time: each is usable as soon as it
   * is connected, whatever the others do. Call it again to retry those that failed.
   *
   * @returns who is connected and who is not, and why, once each has had one attempt.
   * @throws {McpError} of a `required` server, as soon as it fails.
   */
  async connect(options: { signal?: AbortSignal } = {}): Promise<ConnectReport> {
    this.#checkOpen();
    checkOptions("connect", options);
    return connectAll(this.#members.all, options.signal);
  }

  /**
   * Adds a server, connects to it and loads its tools (unless it is lazy). If that fails it is not added.
   *
   * @param name 1 to 32 of `A-Za-z0-9_-`, without `__`, not ending in `_`
   * @param server a URL, or a configuration
   * @param options in addition to those in `server`
   * @throws {McpConfigError} for bad input or a name that is taken; {@link McpError} if it cannot be reached.
   */
  async addClient(
    name: string,
    server: string | URL | ServerConfig,
    options: Omit<HttpServerConfig, "url"> | ServerOptions = {},
  ): Promise<void> {
    this.#checkOpen();
    await this.#members.addAndConnect(name, server, options);
  }

  /** Lets its calls in flight end, at most `drainMs` (default 5,000), then closes it and drops its tools. */
  async removeClient(name: string, options: { drainMs?: number } = {}): Promise<void> {
    this.#checkOpen();
    checkOptions("close", options);
    const member = this.#members.find(name) ?? this.#members.get(name);
    await this.#members.remove(member, toDrainMs(options.drainMs));
  }

  /** Every server as it is now, in the order in which they were added. */
  status(): readonly ServerStatus[] {
    return this.#members.all.map((member) => member.status());
  }

  /**
   * Ends everything: no new calls; those in flight have `drainMs` (default 5,000) to end; then sessions are
   * ended, sockets closed, and child processes stopped with all their children. Idempotent; never rejects.
   */
  closeAll(options: { drainMs?: number } = {}): Promise<void> {
    const drainMs = drainMsOf(options);
    // Closed first, and then closing: a listener that hears of it cannot add anything any more.
    this.#closing ??= Promise.resolve()
      .then(() => this.#members.closeAll(drainMs))
      .finally(() => this.#emitter.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.closeAll();
  }

  // --- tools ---

  /**
   * All tools of all servers: a frozen array, by server as added, then as each server lists them. It follows
   * reconnects, removals and the servers' own changes; the `tools.changed` event says when it is another.
   */
  get allTools(): readonly PoolTool[] {
    return this.#catalog.tools;
  }

  /** With `pin`: tools that are not shown, because their definition is not the one that was accepted. */
  get withheldTools(): readonly WithheldTool[] {
    return this.#members.all.flatMap((member) => member.withheldTools);
  }

  /**
   * Accepts the definition that was looked at: the tool is shown again, unless its server has changed it once more.
   *
   * @param tool one of `withheldTools`
   * @throws {McpConfigError} if it is not withheld with that definition (any more).
   */
  async acceptTool(tool: WithheldTool): Promise<void> {
    this.#checkOpen();
    checkWithheld(tool);
    await this.#members.get(tool.server).acceptTool(tool);
  }

  /**
   * Every page from one server; without a name, from all that can be asked. A server of 2026-07-28 may say how long
   * its answer holds, and is not asked again before that; see `cache`.
   */
  async listTools(name?: string, options: CachedCallOptions = {}): Promise<readonly PoolTool[]> {
    this.#checkOpen();
    return this.#listings.tools(name, checkCallOptions(options, "cached"));
  }

  /**
   * Calls a tool by its name in the pool, `server__tool`. Hot path.
   *
   * A result with `isError: true` is a result. Waits for a server that is being reconnected.
   *
   * @param args the tool's arguments, sent as they are; the server validates them
   * @throws {McpToolNotFoundError} with near matches; {@link McpOutcomeUnknownError} if the answer was lost and
   *   the call may have run; {@link McpTimeoutError}; {@link McpResponseError}; {@link McpConnectionError}.
   */
  callTool(
    name: string,
    args: { readonly [key: string]: unknown } | undefined,
    options: ToolCallOptions & { readonly task: "handle" },
  ): Promise<ToolTask>;
  callTool(
    name: string,
    args?: { readonly [key: string]: unknown },
    options?: ToolCallOptions & { readonly task?: undefined },
  ): Promise<CallToolResult>;
  callTool(
    name: string,
    args?: { readonly [key: string]: unknown },
    options?: ToolCallOptions,
  ): Promise<CallToolResult | ToolTask> {
    try {
      this.#checkOpen();
      return this.#toolCalls.call(name, args ?? {}, checkToolCall(name, args, options));
    } catch (error) {
      return Promise.reject(inputError(error, "the call"));
    }
  }

  /** Finds a task again by its id, after a restart of this process too. Nothing is asked yet. */
  task(name: string, id: string): ToolTask {
    this.#checkOpen();
    checkString("id", id);
    return this.#toolCalls.task(name, id);
  }

  // --- any request ---

  /** Sends any JSON-RPC request to a server, and gives its result. */
  async call(
    name: string,
    method: string,
    params?: JsonObject,
    options: CallOptions = {},
  ): Promise<JsonObject> {
    this.#checkOpen();
    checkMethod(method);
    checkData("params", params);
    checkCallOptions(options);
    return (await this.#members
      .get(name)
      .connection.request(method, params, options)) as JsonObject;
  }

  /** Sends a notification; resolves when the server took it, or when it was written. */
  async notify(name: string, method: string, params?: JsonObject): Promise<void> {
    this.#checkOpen();
    checkMethod(method);
    checkData("params", params);
    await this.#members.get(name).connection.notify(method, params);
  }

  // --- resources and prompts ---

  /** Every page, of one server or of all that offer resources. */
  async listResources(name?: string, options: CachedCallOptions = {}): Promise<PoolResource[]> {
    this.#checkOpen();
    return this.#listings.resources(name, checkCallOptions(options, "cached"));
  }

  async listResourceTemplates(
    name?: string,
    options: CachedCallOptions = {},
  ): Promise<PoolResourceTemplate[]> {
    this.#checkOpen();
    return this.#listings.templates(name, checkCallOptions(options, "cached"));
  }

  async readResource(
    name: string,
    uri: string,
    options: CachedCallOptions = {},
  ): Promise<ReadResourceResult> {
    this.#checkOpen();
    checkString("uri", uri);
    checkCallOptions(options, "cached");
    return this.#capabilityCalls.readResource(name, uri, options);
  }

  /**
   * Calls `listener` whenever the server reports a change of the resource, or of one below it. It holds over
   * reconnects and renewed sessions; what changes while the server is away is not seen.
   *
   * @throws {McpUnsupportedError} if the server does not offer subscriptions.
   */
  async subscribeResource(
    name: string,
    uri: string,
    listener: ResourceListener,
  ): Promise<ResourceSubscription> {
    this.#checkOpen();
    checkString("uri", uri);
    checkFunction("the listener", listener);
    return this.#subscriptions.add(this.#members.get(name), uri, listener);
  }

  async listPrompts(name?: string, options: CachedCallOptions = {}): Promise<PoolPrompt[]> {
    this.#checkOpen();
    return this.#listings.prompts(name, checkCallOptions(options, "cached"));
  }

  /** @param name `server__prompt`, as `listPrompts` gives it @param args values are strings */
  async getPrompt(
    name: string,
    args?: { readonly [key: string]: string },
    options: CallOptions = {},
  ): Promise<GetPromptResult> {
    this.#checkOpen();
    checkString("the name of a prompt, as in server__prompt,", name);
    checkPromptArguments(args);
    checkCallOptions(options);
    return this.#capabilityCalls.getPrompt(name, args, options);
  }

  /** Values for an argument of a prompt or a resource template that begin as `argument.value` does. */
  async complete(
    name: string,
    ref: CompletionReference,
    argument: CompletionArgument,
    context?: CompletionContext,
    options: CallOptions = {},
  ): Promise<Completion> {
    this.#checkOpen();
    checkCallOptions(options);
    return this.#capabilityCalls.complete(name, { ref, argument, context }, options);
  }

  /** The least severe level that the server reports; set again in every new session. */
  async setLogLevel(name: string, level: LogLevel): Promise<void> {
    this.#checkOpen();
    checkLogLevel(level);
    await this.#members.get(name).connection.setLogLevel(level);
  }

  /** Replaces the roots and tells every connected server. Only for a pool that was made with `roots`. */
  async setRoots(roots: readonly Root[]): Promise<void> {
    this.#checkOpen();
    this.#handlers.setRoots(roots);
    await this.#members.announceRoots();
  }

  /**
   * Puts `interceptor` around every request that is sent from now on, inside those that are there already. Retries,
   * and waiting for a connection, happen inside `next`; its limits begin there too. Returns what removes it.
   */
  use(interceptor: Interceptor): () => void {
    checkFunction("the interceptor", interceptor);
    return this.#interceptors.add(interceptor);
  }

  /** What the listener throws becomes a `warning`. Returns the function that removes it. */
  on<K extends PoolEvent>(event: K, listener: Listener<PoolEvents[K]>): () => void {
    checkEvent(event);
    checkFunction("the listener", listener);
    return this.#emitter.on(event, listener);
  }

  off<K extends PoolEvent>(event: K, listener: Listener<PoolEvents[K]>): void {
    this.#emitter.off(event, listener);
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new McpClosedError("the pool was closed: make a new McpClientPool");
  }

  #emit<K extends PoolEvent>(event: K, payload: PoolEvents[K]): void {
    if (event === "log") this.#handlers.log(payload as PoolEvents["log"]);
    this.#emitter.emit(event, payload);
  }
}
