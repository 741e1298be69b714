// One server of the pool, whatever happens to it: requests go in, results or typed errors come out.
// Hot path: `request`.

import type { Clock } from "../core/clock.ts";
import { delay } from "../core/clock.ts";
import { McpError, McpUnsupportedError } from "../core/errors.ts";
import { Redactor } from "../core/redactor.ts";
import type { SleepWatch } from "../core/sleep-watch.ts";
import type { ListKind } from "../eras/era.ts";
import { Quirks } from "../jsonrpc/quirks.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { JsonObject, LogLevel, LogMessage, ServerCapabilities } from "../spec/types.ts";
import type { AdmissionEvents } from "./admission.ts";
import type { ConnectorDependencies } from "./connector.ts";
import type { ConnectionCounts, ServerDescription } from "./description.ts";
import type { Asker, CallOptions } from "./call.ts";
import { Calls } from "./calls.ts";
import type { Throttle } from "../resilience/adaptive-limit.ts";
import type { CircuitState } from "../resilience/breaker.ts";
import type { ResolvedServer } from "./options.ts";
import { Health } from "./health.ts";
import type { Interceptors } from "./interceptors.ts";
import { secretsOf } from "./secrets.ts";
import type { Routing } from "./session-search.ts";
import { StandingOrders } from "./standing-orders.ts";
import type { ConnectionStateName } from "./state.ts";
import { Supervisor } from "./supervisor.ts";

export interface ConnectionEvents extends Omit<AdmissionEvents, "onThrottled"> {
  onState(next: ConnectionStateName, previous: ConnectionStateName, error?: McpError): void;
  /** A session holds, or another one after the server forgot the last. */
  onSession(renewed: boolean): void;
  onListChanged(kind: ListKind): void;
  onResourceUpdated(uri: string, params: object): void;
  /** Notifications may have been missed. */
  onMissed(): void;
  onLog(message: LogMessage): void;
  /** As it was seen, secrets included. `code`: of the repair log, if the warning is about a deviation of the server. */
  onWarning(message: string, cause?: unknown, code?: QuirkCode): void;
}

export class Connection {
  readonly server: ResolvedServer;
  /** The server's repair log. */
  readonly quirks: Quirks;
  /** Masks the server's secrets in all that is thrown, told or shown about it. */
  readonly redactor: Redactor;
  readonly #clock: Clock;
  readonly #supervisor: Supervisor;
  readonly #calls: Calls;
  readonly #sleepWatch: SleepWatch;
  readonly #health: Health;
  readonly #interceptors: Interceptors;
  readonly #orders: StandingOrders = new StandingOrders();
  /** Sent, and still with the interceptors. */
  #intercepted = 0;
  #reconnects = 0;
  #description: ServerDescription | undefined;
  /** While it drains: a call has ended. */
  #onEnded: (() => void) | undefined;

  constructor(
    server: ResolvedServer,
    dependencies: Omit<ConnectorDependencies, "quirks"> & {
      readonly sleepWatch: SleepWatch;
      readonly interceptors: Interceptors;
    },
    events: ConnectionEvents,
  ) {
    this.server = server;
    this.#clock = dependencies.clock;
    const redactor = new Redactor(() => secretsOf(server.target));
    this.redactor = redactor;
    const quirks = new Quirks({
      strict: server.strict,
      onFirst: (code, message) => events.onWarning(message, undefined, code),
    });
    this.quirks = quirks;
    this.#supervisor = new Supervisor(
      server,
      { ...dependencies, quirks },
      {
        onSecret: (secret) => redactor.learn(secret),
        onListChanged: (kind) => events.onListChanged(kind),
        onResourceUpdated: (uri, params) => events.onResourceUpdated(uri, params),
        answeredCount: () => this.#calls.answeredCount,
        onMissed: () => {
          // The change stream is open again.
          this.#supervisor.hurry();
          events.onMissed();
        },
        onLog: (message) => events.onLog(redactor.value(message)),
        onWarning: (message, cause) => events.onWarning(message, cause),
        onState: (next, previous, error) => {
          if (next === "ready" && this.#description !== undefined) this.#reconnects += 1;
          if (next === "ready") this.#describe();
          if (next === "ready") this.#calls.admission.onFound();
          if (next === "ready") this.#health.start();
          else this.#health.stop();
          events.onState(next, previous, redactor.error(error));
          if (next === "ready") events.onSession(false);
        },
        onSession: async (session, renewed) => {
          await this.#orders.applyTo(session, this.#clock, (what, cause) =>
            events.onWarning(what, cause),
          );
          if (!renewed) return;
          this.#describe();
          events.onSession(true);
        },
      },
    );
    this.#interceptors = dependencies.interceptors;
    this.#sleepWatch = dependencies.sleepWatch;
    this.#health = new Health({
      clock: this.#clock,
      sleepWatch: this.#sleepWatch,
      supervisor: this.#supervisor,
      intervalMs: server.healthCheckIntervalMs,
      isIdle: () => this.#calls.openCount === 0,
    });
    this.#calls = new Calls({
      server,
      clock: this.#clock,
      supervisor: this.#supervisor,
      sleepWatch: this.#sleepWatch,
      redactor,
      events: {
        onCircuitOpened: (error, forMs) => {
          this.noteError(error);
          events.onCircuitOpened(redactor.error(error), forMs);
        },
        onCircuitClosed: () => {
          this.#supervisor.hurry();
          events.onCircuitClosed();
        },
        onThrottled: (status) => quirks.note("rate-limited", `HTTP ${status}`),
        onEnded: () => this.#onEnded?.(),
      },
    });
  }

  get state(): ConnectionStateName {
    return this.#supervisor.state;
  }

  get lastError(): McpError | undefined {
    return this.redactor.error(this.#supervisor.lastError);
  }

  /** Why it is of no use, although it is connected. */
  noteError(error: McpError): void {
    this.#supervisor.lastError = error;
  }

  /** Of the session that holds, or the last one that did; `undefined` before the first. */
  get description(): ServerDescription | undefined {
    return this.#description;
  }

  get latencyMs(): number | undefined {
    return this.#calls.latencyMs;
  }

  get counts(): ConnectionCounts {
    return {
      ...this.#calls.counts,
      ...this.#supervisor.counts,
      reconnects: this.#reconnects,
    };
  }

  /** Whether calls are sent at all: see `breaker` in the options. */
  get circuit(): CircuitState {
    if (this.#calls.admission.breaker.isClosed) return "closed";
    return this.state === "connecting" ? "half-open" : "open";
  }

  /** How requests are spread over replicas of the server; `undefined` where no session tells them apart. */
  get routing(): Routing | undefined {
    const link = this.#supervisor.currentLink;
    return link?.session.hasSessionId === true
      ? this.#supervisor.replicas.routing(link)
      : undefined;
  }

  /** What the server takes at present, after it refused calls as too many; undefined: all that is asked of it. */
  get throttle(): Throttle | undefined {
    return this.#calls.admission.throttle;
  }

  /** Aborted when it is closed for good, with the error that says so. */
  get closed(): AbortSignal {
    return this.#supervisor.closed;
  }

  /** One attempt, shared by all who ask; rejects with its error. Later attempts go on by themselves. */
  async connect(signal?: AbortSignal): Promise<void> {
    await this.#supervisor.connect(signal).catch(this.#rethrow);
  }

  /** Waits until the server can be asked, inside the reconnect budget. */
  async ready(options: CallOptions = {}): Promise<ServerDescription> {
    const limitMs = options.totalTimeoutMs ?? this.server.timeouts.totalTimeoutMs;
    const { session } = await this.#supervisor.ready(limitMs, options.signal).catch(this.#rethrow);
    return this.#description ?? session;
  }

  /** Any request. See {@link CallOptions} for its limits and for when it may be repeated. */
  request(
    method: string,
    params: object | undefined,
    options: CallOptions,
    asker: Asker = NOBODY,
  ): Promise<object> {
    return this.#interceptors.isEmpty
      ? this.#calls.ask(method, params, options, asker, asker.tool)
      : this.#askThrough(method, params, options, asker);
  }

  #askThrough(
    method: string,
    params: object | undefined,
    options: CallOptions,
    asker: Asker,
  ): Promise<object> {
    const { tool, onContinued } = asker;
    const request = {
      server: this.server.name,
      method,
      params: params as JsonObject | undefined,
      tool,
      // Theirs to write into: the caller's own is one for many calls, perhaps.
      options: { ...options },
    };
    // From the first time that it is sent: a person who is asked before is not waited for when all ends.
    let isUnderWay = false;
    const run = this.#interceptors.run(
      request,
      ({ params: sent, options: how }) => {
        if (!isUnderWay) this.#intercepted += 1;
        isUnderWay = true;
        // What is believed of one tool does not hold for another.
        const isSame = sent?.["name"] === tool?.name;
        return this.#calls.ask(method, sent, how, { onContinued }, isSame ? tool : undefined);
      },
      onContinued,
      this.closed,
    );
    const ended = run.finally(() => {
      if (!isUnderWay) return;
      this.#intercepted -= 1;
      this.#onEnded?.();
    });
    return ended.then((answer) => asker.finish?.(answer) ?? answer);
  }

  /** Sent again, once, if the server had forgotten the session: it did not take it then. */
  notify(method: string, params?: object): Promise<void> {
    return this.#notify(method, params).catch(this.#rethrow);
  }

  async #notify(method: string, params: object | undefined): Promise<void> {
    this.#sleepWatch.look();
    const limitMs = this.server.timeouts.totalTimeoutMs;
    const { session } = await this.#supervisor.ready(limitMs);
    try {
      await session.notify(method, params);
    } catch (error) {
      if (!(error instanceof McpError) || session.refusalOf(error) !== "unknown") throw error;
      this.#supervisor.reportUnknownSession(session, error);
      const renewed = await this.#supervisor.ready(limitMs);
      await renewed.session.notify(method, params);
    }
  }

  /** Now if there is a session, otherwise at the beginning of the next. */
  async announceRoots(): Promise<void> {
    if (this.state === "ready") await this.notify("notifications/roots/list_changed");
    else this.#orders.announceRoots();
  }

  /** @throws {McpUnsupportedError} if the server did not declare what is needed (checklist 2.12). */
  async requireCapability(
    capability: string,
    has: (capabilities: ServerCapabilities, protocolVersion: string) => boolean,
    options: CallOptions = {},
  ): Promise<void> {
    const { capabilities, protocolVersion } = await this.ready(options);
    if (has(capabilities, protocolVersion)) return;
    const { name } = this.server;
    throw new McpUnsupportedError(`server "${name}" does not offer ${capability}`, {
      server: name,
      capability,
    });
  }

  /** @throws {McpUnsupportedError} if the server did not declare `resources.subscribe`. */
  async subscribe(uri: string): Promise<void> {
    await this.requireCapability("resources.subscribe", (has) => has.resources?.subscribe === true);
    await this.#orders.subscribe(uri, () => this.request("resources/subscribe", { uri }, {}));
  }

  /** Nothing is asked of a server that is not there: a new session has no subscriptions. */
  async unsubscribe(uri: string): Promise<void> {
    if (!this.#orders.unsubscribe(uri) || this.state !== "ready") return;
    await this.request("resources/unsubscribe", { uri }, {});
  }

  /** @throws {McpUnsupportedError} if the server did not declare `logging`. */
  async setLogLevel(level: LogLevel): Promise<void> {
    await this.requireCapability("logging", (has) => has.logging != null);
    await this.request("logging/setLevel", { level }, {});
    this.#orders.setLogLevel(level);
  }

  /** Lets calls in flight end, at most `drainMs`, and then ends everything. Never rejects. */
  async close(drainMs: number): Promise<void> {
    this.#supervisor.drain();
    this.#calls.admission.close();
    if (!this.#isIdle && drainMs > 0) {
      const idle = new AbortController();
      const earlier = this.#onEnded;
      this.#onEnded = () => {
        earlier?.();
        if (this.#isIdle) idle.abort();
      };
      await delay(this.#clock, drainMs, { signal: idle.signal }).catch(() => {});
    }
    await this.#supervisor.close();
  }

  get #isIdle(): boolean {
    return this.#calls.openCount === 0 && this.#intercepted === 0;
  }

  readonly #rethrow = (error: unknown): never => {
    throw this.redactor.error(error);
  };

  #describe(): void {
    const session = this.#supervisor.currentLink?.session;
    if (session === undefined) return;
    const { era, protocolVersion, serverInfo, capabilities, instructions } = session;
    this.#description = this.redactor.value({
      ...{ era, protocolVersion, serverInfo, capabilities, instructions },
    });
  }
}

const NOBODY: Asker = {};
