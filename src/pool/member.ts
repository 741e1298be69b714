// One server as a member of the pool: its connection, and the upkeep of its part of the catalogue.

import type { Catalog } from "../catalog/catalog.ts";
import { Coalesced } from "../catalog/coalesce.ts";
import { Pins } from "../catalog/pins.ts";
import type { PinStore, WithheldTool } from "../catalog/pins.ts";
import type { CachedCallOptions, CachedSource } from "../catalog/pages.ts";
import { ToolFilter, ToolScreen, unlistedPoolTool } from "../catalog/pool-tool.ts";
import type { PoolTool } from "../catalog/pool-tool.ts";
import type { ResponseCache } from "../catalog/response-cache.ts";
import type { CallOptions } from "../connection/call.ts";
import { unsent } from "../connection/attempt-error.ts";
import { Connection } from "../connection/connection.ts";
import type { ConnectorDependencies } from "../connection/connector.ts";
import type { Interceptors } from "../connection/interceptors.ts";
import type { ResolvedServer } from "../connection/options.ts";
import { addressOf } from "../connection/target.ts";
import type { ConnectionStateName } from "../connection/state.ts";
import type { Clock } from "../core/clock.ts";
import type { SleepWatch } from "../core/sleep-watch.ts";
import { McpClosedError, McpConfigError, McpError, McpTimeoutError } from "../core/errors.ts";
import { withLimit } from "../core/limit.ts";
import type { ListKind } from "../eras/era.ts";
import type { ClientHandlers } from "../eras/handlers.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { Tool } from "../spec/types.ts";
import type { PoolEvent, PoolEvents } from "./events.ts";
import { LaterLooks } from "./later-looks.ts";
import { Notices } from "./notices.ts";
import { OfferedLists } from "./offered-lists.ts";
import type { ServerStatus } from "./status.ts";

export interface MemberDependencies extends Omit<ConnectorDependencies, "quirks"> {
  readonly catalog: Catalog;
  readonly cache: ResponseCache;
  readonly sleepWatch: SleepWatch;
  readonly interceptors: Interceptors;
  readonly pinStore: PinStore | undefined;
  readonly emit: <K extends PoolEvent>(event: K, payload: PoolEvents[K]) => void;
  readonly onResourceUpdated: (server: string, uri: string) => void;
  /** It is closed for good. */
  readonly onRemoved: (member: Member) => void;
}

export class Member implements CachedSource {
  readonly name: string;
  readonly server: ResolvedServer;
  readonly connection: Connection;
  readonly cache: ResponseCache;
  /** What the user has installed for what this server asks. */
  readonly handlers: ClientHandlers;
  readonly lists: OfferedLists = new OfferedLists(this);
  readonly #clock: Clock;
  readonly #catalog: Catalog;
  readonly #emit: MemberDependencies["emit"];
  readonly #onRemoved: MemberDependencies["onRemoved"];
  readonly #refreshing: Coalesced<void>;
  readonly #pins: Pins | undefined;
  readonly #filter: ToolFilter;
  readonly #notices: Notices;
  /** Absent with `strict`. */
  readonly #looks: LaterLooks | undefined;
  /** With pins: as the server listed them last, withheld ones included. */
  #listed: readonly PoolTool[] = [];
  /** The refresh that the last new session began; `undefined` before the first. */
  #loading: Promise<void> | undefined;
  #wasReady = false;
  #isClosed = false;

  constructor(server: ResolvedServer, dependencies: MemberDependencies) {
    const { name } = server;
    this.name = name;
    this.server = server;
    this.#clock = dependencies.clock;
    this.#catalog = dependencies.catalog;
    this.cache = dependencies.cache;
    this.handlers = dependencies.handlers;
    this.#emit = dependencies.emit;
    this.#onRemoved = dependencies.onRemoved;
    const { pinStore, clock } = dependencies;
    const onWarning = (message: string): void => this.warn(message);
    this.#pins =
      pinStore &&
      new Pins({ server: name, store: pinStore, clock, maxTools: server.limits.tools, onWarning });
    this.#filter = new ToolFilter(server.tools);
    // The pool's own picture is never an old one: it is drawn when there is reason to think that it changed.
    this.#refreshing = new Coalesced(() => this.#fetchTools({ cache: "reload" }).then(() => {}));
    this.#notices = new Notices({
      clock,
      refreshTools: () => this.#refreshQuietly(),
      onListChanged: (kind) => this.#emit(`${kind}.changed`, { server: name }),
      onResourceUpdated: (uri) => dependencies.onResourceUpdated(name, uri),
    });
    this.connection = new Connection(server, dependencies, {
      onState: (next, previous, error) => this.#onState(next, previous, error),
      onSession: (renewed) => this.#onSession(renewed),
      onListChanged: (kind) => {
        // Once removed it is heard no more: its name may be another server's.
        if (this.#isClosed) return;
        this.cache.listChanged(server, kind);
        this.#reconsider(kind);
        this.#notices.listChanged(kind);
      },
      onResourceUpdated: (uri) => {
        if (this.#isClosed) return;
        this.cache.resourceUpdated(server, uri);
        this.#notices.resourceUpdated(uri);
      },
      onMissed: () => this.cache.missed(server),
      onLog: ({ level, logger, data }) => {
        if (!this.#isClosed) this.#emit("log", { server: name, level, logger, data });
      },
      onWarning: (message, cause, code) => this.warn(message, cause, code),
      onCircuitOpened: (error, forMs) => {
        if (this.#isClosed) return;
        this.#emit("server.circuit-opened", { server: name, error, forMs });
      },
      onCircuitClosed: () => {
        if (this.#isClosed) return;
        this.#emit("server.circuit-closed", { server: name });
        // A change that was reported meanwhile could not be asked about.
        this.#notices.listChanged("tools");
      },
    });
    if (server.strict) return;
    this.#looks = new LaterLooks({
      clock: this.#clock,
      look: () => this.#lookLater(),
      onFound: () => this.connection.quirks.repair("list-late"),
      onGivenUp: (cause, count) =>
        this.warn(
          `the tools could not be listed in ${count} attempts: the next one is made when somebody needs them`,
          cause,
        ),
    });
  }

  warn(message: string, cause?: unknown, code?: QuirkCode): void {
    const { redactor } = this.connection;
    this.#emit("warning", {
      server: this.name,
      message: redactor.message(message),
      cause: redactor.value(cause),
      code,
    });
  }

  /** One attempt to connect and to load the tools. */
  async connect(signal?: AbortSignal): Promise<void> {
    await this.connection.connect(signal);
    await this.#untilLoaded({ signal });
  }

  /** Waits until the server can be asked and its tools are known; gives what is left of the caller's time. */
  async loaded(options: CallOptions): Promise<CallOptions> {
    const limitMs = options.totalTimeoutMs ?? this.server.timeouts.totalTimeoutMs;
    const endsAt = this.#clock.now() + limitMs;
    const left = (): CallOptions => {
      return { ...options, totalTimeoutMs: Math.max(1, endsAt - this.#clock.now()) };
    };
    await this.connection.ready(options);
    try {
      await this.#untilLoaded(left());
    } catch (error) {
      // The server reacted to the list; the call that waited for the list was not sent.
      throw error instanceof McpError ? unsent(this.name, error) : error;
    }
    return left();
  }

  /**
   * Looks for a tool that the catalogue does not have, in at most `limitMs`: its server may have loaded it since.
   * Does nothing if the server was asked a moment ago, or has no tools. Rejects with the signal's reason only.
   */
  async lookAgain(signal: AbortSignal | undefined, limitMs: number): Promise<void> {
    if (this.#looks === undefined || this.lists.isRefused("tools/list")) return;
    const looking = this.#looks.lookNow();
    const onLimit = (): Error => new Error("nobody waits any longer");
    await withLimit({ clock: this.#clock, limitMs, onLimit, signal }, () => looking).catch(() => {
      signal?.throwIfAborted();
    });
  }

  /** A tool of a server that cannot list its tools, by the server's own name for it. */
  unlistedTool(original: string): PoolTool | undefined {
    // With pins only definitions are accepted, and here is none.
    if (this.#pins !== undefined || !this.lists.isMissing("tools/list")) return undefined;
    return unlistedPoolTool(this.name, original, this.#filter, this.connection.quirks);
  }

  /** From the server, or as it last said, if that still holds by its own word; the catalogue follows. */
  listTools(options: CachedCallOptions): Promise<readonly PoolTool[]> {
    return this.#fetchTools(options);
  }

  /** Tools whose definition is not the one that was accepted. */
  get withheldTools(): readonly WithheldTool[] {
    return this.#pins?.withheld ?? [];
  }

  /** @throws {McpConfigError} if it is not withheld with that definition. */
  async acceptTool(tool: WithheldTool): Promise<void> {
    if (this.#pins === undefined) {
      throw new McpConfigError(
        "acceptTool takes one of withheldTools, and nothing is withheld: the pool was made without pin",
        { server: this.name, path: "tool" },
      );
    }
    await this.#pins.accept(tool);
    await this.#showListed(this.#pins);
  }

  /** It was taken out of the pool: its name may be another server's. */
  get isRemoved(): boolean {
    return this.#isClosed;
  }

  /** Its tools are gone at once; its calls in flight have `drainMs`. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    this.#looks?.stop();
    this.#notices.stop();
    this.#pins?.close();
    const difference = this.#catalog.removeServer(this.name);
    if (difference !== undefined) this.#emit("tools.changed", { server: this.name, ...difference });
    await this.connection.close(drainMs);
    this.#onRemoved(this);
  }

  status(): ServerStatus {
    const { connection, server } = this;
    return {
      server: this.name,
      state: server.disabled ? "disabled" : connection.state,
      circuit: connection.circuit,
      throttled: connection.throttle,
      routing: connection.routing,
      address: addressOf(server.target),
      ...connection.description,
      tools: this.#catalog.toolsOf(this.name).length,
      counts: connection.counts,
      quirks: connection.quirks.counts,
      lastError: connection.lastError?.toJSON(),
      latencyMs: connection.latencyMs,
    };
  }

  #onState(next: ConnectionStateName, previous: ConnectionStateName, error?: McpError): void {
    const server = this.name;
    switch (next) {
      case "connecting":
        return this.#emit("server.connecting", { server });
      case "ready":
        return this.#onReady();
      case "backoff":
        // An attempt that fails is no disconnection of what was not connected.
        if (previous === "ready") this.#emit("server.disconnected", { server, error });
        return;
      case "failed":
      case "auth-required":
        this.#looks?.stop();
        this.#setTools([]);
        if (error !== undefined) this.#emit(`server.${next}`, { server, error });
        return;
      case "closed":
        return this.#emit("server.closed", { server });
      case "idle":
      case "draining":
        return;
    }
  }

  #onReady(): void {
    const { description } = this.connection;
    if (description === undefined) return;
    const { protocolVersion, serverInfo } = description;
    if (this.#wasReady) {
      this.cache.missed(this.server);
      this.#emit("server.reconnected", { server: this.name, reason: "connection-lost" });
    } else {
      this.#emit("server.connected", { server: this.name, protocolVersion, serverInfo });
    }
    this.#wasReady = true;
  }

  #onSession(renewed: boolean): void {
    this.#looks?.onSession();
    if (renewed) {
      this.cache.missed(this.server);
      this.#emit("server.reconnected", { server: this.name, reason: "session-lost" });
      return void this.#refreshQuietly();
    }
    void this.#load();
  }

  /** The server told of a list: that it was not there is not certain any more. */
  #reconsider(kind: ListKind): void {
    if (kind === "tools") this.#looks?.onChange();
    this.lists.reconsider(`${kind}/list`);
    if (kind === "resources") this.lists.reconsider("resources/templates/list");
  }

  /** Loads the tools; a failure is a warning, and the next one who needs them has them loaded again. */
  #load(isQuiet = false): Promise<void> {
    const loading = this.#refreshing.run();
    this.#loading = loading;
    loading.catch((cause: unknown) => {
      if (this.#loading === loading) this.#loading = undefined;
      if (cause instanceof McpError && !(cause instanceof McpClosedError)) {
        this.connection.noteError(cause);
      }
      this.#onUnlisted(cause, isQuiet);
    });
    return loading;
  }

  /** Once more, without a word if it fails again. */
  async #lookLater(): Promise<void> {
    if (!this.#isClosed && this.connection.state === "ready") await this.#load(true);
  }

  /** Waits for the tools, inside the caller's limits. */
  #untilLoaded({ signal, totalTimeoutMs }: CallOptions): Promise<void> {
    const { name } = this;
    const limitMs = totalTimeoutMs ?? this.server.timeouts.totalTimeoutMs;
    const onLimit = (): McpTimeoutError =>
      new McpTimeoutError(
        `server "${name}" is connected, but did not list its tools within the total limit of ${limitMs} ms; the call was not sent`,
        { server: name, method: "tools/list", limit: "total", timeoutMs: limitMs },
      );
    return withLimit({ clock: this.#clock, limitMs, onLimit, signal }, () => this.#loadedSoon());
  }

  /** A list that fails right after the handshake is worth the next look: the server may still be loading its tools. */
  async #loadedSoon(): Promise<void> {
    try {
      await (this.#loading ?? this.#load());
    } catch (error) {
      const soon = error instanceof McpTimeoutError ? undefined : this.#looks?.soon;
      if (soon === undefined) throw error;
      await soon;
      // Its outcome is that look's own; absent, it failed as well.
      if (this.#loading === undefined) throw error;
      await this.#loading;
    }
  }

  #refreshQuietly(): Promise<void> {
    return this.#refreshing.run().catch((cause: unknown) => this.#onUnlisted(cause, false));
  }

  #onUnlisted(cause: unknown, isQuiet: boolean): void {
    if (this.#isClosed || cause instanceof McpClosedError) return;
    if (!isQuiet) this.warn("the tools could not be listed", cause);
    this.#looks?.onFailed(cause);
  }

  async #fetchTools(options: CachedCallOptions): Promise<readonly PoolTool[]> {
    const isDeclared = (await this.connection.ready(options)).capabilities.tools !== undefined;
    const asked = this.#looks?.onAsk() ?? 0;
    const { quirks } = this.connection;
    const maxCount = this.server.limits.tools;
    const onWarning = (message: string): void => this.warn(message);
    const screenOf = (): ToolScreen =>
      new ToolScreen({ server: this.name, filter: this.#filter, maxCount, quirks, onWarning });
    let screen = screenOf();
    // A list that is walked once more is screened anew.
    const reader = (): ToolScreen => (screen = screenOf());
    const listed = isDeclared
      ? await this.lists.declared<Tool>("tools/list", options, reader)
      : await this.lists.undeclared<Tool>("tools/list", options, reader);
    this.#looks?.onListed(asked, screen.seenCount, isDeclared);
    const shown = await screen.shown(listed);
    // Without pins in the same turn: the catalogue is up to date when the answer is there.
    if (this.#pins === undefined) this.#setTools(shown);
    else {
      this.#listed = shown;
      await this.#showListed(this.#pins);
    }
    return this.#catalog.toolsOf(this.name);
  }

  async #showListed(pins: Pins): Promise<void> {
    let news: readonly WithheldTool[] = [];
    this.#setTools(await pins.screen(this.#listed, (tools) => (news = tools)));
    // Told when it is so: those who hear of it cannot call them any more.
    if (news.length === 0 || this.#isClosed) return;
    this.#emit("tools.withheld", { server: this.name, tools: news });
  }

  #setTools(tools: readonly PoolTool[]): void {
    // A late answer: the name may be another server's by now.
    if (this.#isClosed) return;
    const difference = this.#catalog.setTools(this.name, tools);
    if (difference !== undefined) this.#emit("tools.changed", { server: this.name, ...difference });
  }
}
