// One HTTP exchange over the simulated network, as undici's dispatch has it: from the connection to the last byte.

import type { Dispatcher } from "undici";
import type { Fate } from "../calls.ts";
import type { VirtualTimer } from "../world/clock.ts";
import type { World } from "../world/world.ts";
import { keyOf, type Rpc } from "./methods.ts";
import type { ServerPlan } from "./spec.ts";

/** The way to one server. */
export interface Network {
  readonly world: World;
  readonly plan: ServerPlan;
  /** Nothing is delivered before, on the virtual clock. */
  readonly stalledUntil: number;
  /** One way, milliseconds. */
  latency(): number;
  /** It is over. */
  forgetExchange(exchange: Exchange): void;
}

/** A connection that is kept for the next request. */
export interface Connection {
  readonly replica: number;
  /** Nothing that is written to it arrives. */
  isDead: boolean;
  freeSince: number;
}

type Stage = "connecting" | "written" | "answered" | "over";

interface Delivery {
  readonly at: number;
  readonly run: () => void;
}

export class Exchange implements Dispatcher.DispatchController {
  readonly network: Network;
  readonly httpMethod: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly rpc: Rpc;
  readonly key: string | undefined;
  readonly fate: Fate;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  /** The connection that it went over, once it is written. */
  connection: Connection | undefined;
  /** Nothing comes back any more, and nobody is told. */
  isDead = false;
  /** Told when the pool has given it up, or the connection is gone. */
  onOver: (() => void) | undefined;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #deliveries: Delivery[] = [];
  #timer: VirtualTimer | undefined;
  #stage: Stage = "connecting";
  #saidAt = -1;
  #lastAt = 0;

  constructor(
    network: Network,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ) {
    this.network = network;
    this.#handler = handler;
    this.httpMethod = options.method;
    this.headers = readHeaders(options.headers);
    this.rpc = typeof options.body === "string" ? (JSON.parse(options.body) as Rpc) : {};
    this.key = keyOf(this.rpc);
    this.fate = this.key === undefined ? "ok" : network.world.nextFate(this.key);
  }

  /** For the trace. */
  get what(): string {
    const rpc = this.rpc.method ?? this.httpMethod;
    return this.key === undefined ? rpc : `${rpc} ${this.key}`;
  }

  get isOver(): boolean {
    return this.#stage === "over";
  }

  get isAnswered(): boolean {
    return this.#stage === "answered";
  }

  // --- the pool's side ---

  abort(reason: Error): void {
    if (this.#stage === "over") return;
    this.aborted = true;
    this.reason = reason;
    this.#note("is given up");
    this.#fail(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  // --- the network's side ---

  /** No connection could be made: nothing of it was written. */
  refuse(code: "ECONNREFUSED" | "UND_ERR_CONNECT_TIMEOUT"): void {
    if (this.#stage !== "connecting") return;
    this.#note(`cannot connect (${code})`);
    this.#fail(failure(code));
  }

  /** True: it is on its way, and may arrive. */
  write(connection: Connection): boolean {
    if (this.#stage !== "connecting") return false;
    this.connection = connection;
    try {
      this.#handler.onRequestStart?.(this, {});
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
    // The handler may have given it up.
    if (this.isOver) return false;
    this.#stage = "written";
    this.#note("is sent");
    return true;
  }

  head(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#deliver(() => {
      this.#stage = "answered";
      this.#note(`is answered with ${status}`);
      this.#handler.onResponseStart?.(this, status, headers);
    });
  }

  data(text: string): void {
    this.#deliver(() => this.#handler.onResponseData?.(this, Buffer.from(text)));
  }

  end(): void {
    this.#deliver(() => {
      this.#over();
      this.#handler.onResponseEnd?.(this, {});
    });
  }

  /** The connection breaks, after what was sent before. */
  reset(): void {
    this.#deliver(() => {
      this.#note("loses its connection");
      this.#fail(failure("UND_ERR_SOCKET"));
    });
  }

  #deliver(run: () => void): void {
    if (this.isOver || this.isDead) return;
    const { now } = this.network.world.clock;
    // Parts of an answer that are sent together arrive together.
    if (now !== this.#saidAt) this.#lastAt = Math.max(this.#lastAt, now + this.network.latency());
    this.#saidAt = now;
    this.#deliveries.push({ at: this.#lastAt, run });
    if (this.#timer === undefined) this.#arm();
  }

  #arm(): void {
    const next = this.#deliveries[0];
    if (next === undefined || this.isOver) return;
    const { clock } = this.network.world;
    const at = Math.max(next.at, this.network.stalledUntil);
    this.#timer = clock.schedule(Math.max(0, at - clock.now), () => {
      this.#timer = undefined;
      if (this.isOver || this.isDead) return;
      // The network may have stalled since.
      if (clock.now >= this.network.stalledUntil) this.#deliverDue();
      this.#arm();
    });
  }

  /** All that has arrived by now, in one turn, as from a socket. */
  #deliverDue(): void {
    const { now } = this.network.world.clock;
    for (let next = this.#deliveries[0]; next !== undefined && next.at <= now;) {
      this.#deliveries.shift();
      next.run();
      next = this.#deliveries[0];
    }
  }

  #fail(reason: Error): void {
    this.connection = undefined;
    this.#over();
    this.#handler.onResponseError?.(this, reason);
  }

  #over(): void {
    this.#stage = "over";
    this.#deliveries.length = 0;
    if (this.#timer !== undefined) this.network.world.clock.cancel(this.#timer);
    this.network.forgetExchange(this);
    this.onOver?.();
  }

  #note(event: string): void {
    this.network.world.trace?.note(this.network.plan.name, `${this.what} ${event}`);
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function readHeaders(given: Dispatcher.DispatchOptions["headers"]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  if (!Array.isArray(given)) return headers;
  for (let index = 0; index + 1 < given.length; index += 2) {
    headers.set(String(given[index]).toLowerCase(), String(given[index + 1]));
  }
  return headers;
}
