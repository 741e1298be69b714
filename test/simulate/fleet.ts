// The pool under test and its simulated servers, and what a user does with them.

import { McpClientPool, McpError } from "mcp-client-pool";
import type { PoolEvent, PoolOptions, ServerConfig } from "mcp-client-pool";
import type { Action, Plan } from "./plan.ts";
import { Channel } from "./servers/channel.ts";
import { Host } from "./servers/host.ts";
import type { ServerPlan } from "./servers/spec.ts";
import type { World } from "./world/world.ts";

const SHORT_TIMEOUTS = {
  connectMs: 1_000,
  handshakeMs: 2_000,
  timeoutMs: 4_000,
  totalTimeoutMs: 15_000,
  queueMs: 2_000,
};

/** It opens often: a few calls in a row that are lost are enough. */
const QUICK_BREAKER = { failures: 2, openMs: 5_000, maxOpenMs: 60_000 };

/** After so long an application makes a broken channel anew, milliseconds. */
const MENDING_MS = 3_000;

/** Events of the pool that are part of the story of an episode. */
const TOLD: readonly PoolEvent[] = [
  "server.connecting",
  "server.connected",
  "server.disconnected",
  "server.reconnected",
  "server.failed",
  "server.auth-required",
  "server.circuit-opened",
  "server.circuit-closed",
  "server.closed",
];

export interface PoolEventRecord {
  readonly event: PoolEvent;
  readonly server: string;
}

export class Fleet {
  readonly pool: McpClientPool;
  readonly events: PoolEventRecord[] = [];
  /** Times that the machine slept, on the virtual clock. */
  readonly sleeps: { readonly at: number; readonly forMs: number }[] = [];
  /** How often each warning was given, by server and text. */
  readonly warnings = new Map<string, number>();
  /** Causes of warnings that are no errors of the pool's own. */
  readonly oddCauses: unknown[] = [];
  readonly #world: World;
  readonly #plans: ReadonlyMap<string, ServerPlan>;
  readonly #hosts = new Map<string, Host>();
  readonly #channels = new Map<string, Channel>();
  #channelCount = 0;

  constructor(world: World, { servers }: Plan) {
    this.#world = world;
    this.#plans = new Map(servers.map((server) => [server.name, server]));
    for (const plan of servers) {
      if (plan.kind === "http") this.#hosts.set(plan.name, new Host(world, plan));
    }
    const options: PoolOptions = {
      clock: world.clock.forPool,
      servers: Object.fromEntries(servers.map((plan) => [plan.name, this.#configOf(plan)])),
    };
    this.pool = new McpClientPool(options);
    // A transport that was handed over is used once: an application makes another when it is told that it failed.
    this.pool.on("server.failed", ({ server }) => {
      if (!this.#channels.has(server)) return;
      world.clock.schedule(MENDING_MS, () => void this.mend().catch(ignoreOwn));
    });
    for (const event of TOLD) {
      this.pool.on(event, (payload) => {
        const server = payload.server ?? "";
        this.events.push({ event, server });
        const error = "error" in payload ? payload.error : undefined;
        world.trace?.note("pool", `${event} ${server} ${error?.code ?? ""}`.trim());
      });
    }
    this.pool.on("warning", ({ server, message, cause }) => {
      world.trace?.note("pool", `warns of ${server}: ${message}`);
      const warning = `${server}: ${message}`;
      this.warnings.set(warning, (this.warnings.get(warning) ?? 0) + 1);
      if (cause instanceof Error && !(cause instanceof McpError)) this.oddCauses.push(cause);
    });
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  /** A server over a channel that is broken is made anew, as an application would. */
  async mend(): Promise<void> {
    for (const { name, kind } of this.#plans.values()) {
      if (kind === "channel" && this.#channels.get(name)?.isOpen !== true) {
        await this.#remove(name, 0);
      }
      if (this.pool.status().every((status) => status.server !== name)) await this.#add(name);
    }
  }

  /** Does what the plan says, but for calls; settles when the pool has done its part. */
  async act(action: Exclude<Action, { readonly kind: "call" }>): Promise<void> {
    const { clock, trace } = this.#world;
    trace?.note("world", describe(action));
    switch (action.kind) {
      case "sleep":
        this.#sleep(action.forMs, action.isMonotonic);
        return;
      case "connect":
        await this.pool.connect();
        return;
      case "remove":
        return this.#remove(action.server, action.drainMs);
      case "add":
        return this.#add(action.server);
      case "changed":
        for (let count = 0; count < action.count; count++) {
          clock.schedule(count * action.everyMs, () => this.#change(action.server));
        }
        return;
      default:
        break;
    }
    const host = this.#hosts.get(action.server);
    if (host !== undefined) trouble(host, action, clock.now);
    const channel = this.#channels.get(action.server);
    if (channel !== undefined) await this.#troubleChannel(channel, action);
  }

  #sleep(forMs: number, isMonotonic: boolean): void {
    const { clock } = this.#world;
    if (isMonotonic) this.sleeps.push({ at: clock.now, forMs });
    for (const host of this.#hosts.values()) {
      if (host.random.chance(0.7)) host.lose();
      else host.reset();
    }
    if (isMonotonic) clock.jump(forMs);
    else clock.jumpWall(forMs);
  }

  #change(server: string): void {
    this.#hosts.get(server)?.server.change();
    this.#channels.get(server)?.change();
  }

  async #troubleChannel(
    channel: Channel,
    action: Exclude<Action, { readonly kind: "call" }>,
  ): Promise<void> {
    switch (action.kind) {
      case "stall":
        return channel.stall(action.forMs);
      case "partition":
        // Without health checks nothing finds a channel that is dead and has not ended.
        if (this.#plans.get(action.server)?.healthCheckIntervalMs !== false) channel.lose();
        return;
      case "restart":
        channel.break();
        await this.#world.clock.sleep(action.downMs);
        return this.mend();
      case "reset":
        return channel.break();
      default:
        return;
    }
  }

  async #remove(name: string, drainMs: number): Promise<void> {
    await this.pool.removeClient(name, { drainMs }).catch(ignoreOwn);
  }

  async #add(name: string): Promise<void> {
    const plan = this.#plans.get(name);
    if (plan === undefined) return;
    await this.pool.addClient(name, this.#configOf(plan)).catch(ignoreOwn);
  }

  #configOf(plan: ServerPlan): ServerConfig {
    const { name, trusted, healthCheckIntervalMs, isLazy } = plan;
    const common = {
      trusted,
      healthCheckIntervalMs,
      lazy: isLazy,
      ...(plan.limits === "short" ? { timeouts: SHORT_TIMEOUTS, breaker: QUICK_BREAKER } : {}),
    };
    const host = this.#hosts.get(name);
    if (host !== undefined) {
      return { ...common, url: `http://${name}.test/mcp`, transport: "http", dispatcher: host };
    }
    const channel = new Channel(this.#world, plan, (this.#channelCount += 1));
    this.#channels.set(name, channel);
    return { ...common, transport: channel };
  }
}

function trouble(
  host: Host,
  action: Exclude<Action, { readonly kind: "call" }>,
  now: number,
): void {
  switch (action.kind) {
    case "restart":
      return host.restart(action.downMs, action.absence, action.changesEra);
    case "forget":
      return host.server.forget(action.replica);
    case "partition":
      return host.partition(action.forMs);
    case "stall":
      return host.stall(action.forMs);
    case "reset":
      return host.reset();
    case "cut-streams":
      return host.server.cutStreams();
    case "throttle": {
      const { forMs, limit, retryAfterS } = action;
      host.server.throttle = { until: now + forMs, limit, retryAfterS };
      return;
    }
    default:
      return;
  }
}

/** The pool may refuse a request of its user, as long as it does so with an error of its own. */
function ignoreOwn(error: unknown): void {
  if (!(error instanceof McpError)) throw error;
}

export function describe({ at: _, ...action }: Action): string {
  const { kind, ...details } = action;
  const words = Object.entries(details)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return `${kind.toUpperCase()} ${words.join(", ")}`;
}
