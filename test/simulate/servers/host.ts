// The way to one HTTP server: connections, latency, and everything that can be between it and the pool.

import { Dispatcher } from "undici";
import type { Random } from "../../support/random.ts";
import type { Absence } from "../plan.ts";
import type { World } from "../world/world.ts";
import { Exchange, type Connection, type Network } from "./exchange.ts";
import { HttpServer } from "./http-server.ts";
import type { ServerPlan } from "./spec.ts";

/** An idle connection is closed after so long, as undici does. Milliseconds. */
const IDLE_MS = 4_000;

/** A connection that is neither made nor refused is given up after so long, as undici does. Milliseconds. */
const CONNECT_MS = 10_000;

/** A pool that opens more at once has lost its bounds. */
const MAX_EXCHANGES = 5_000;

export class Host extends Dispatcher implements Network {
  readonly world: World;
  readonly plan: ServerPlan;
  readonly random: Random;
  readonly server: HttpServer;
  stalledUntil = 0;
  /** Exchanges that were under way at once, at most. */
  mostExchanges = 0;
  readonly #exchanges = new Set<Exchange>();
  readonly #free: Connection[] = [];
  #absence: Absence | undefined;
  #absentUntil = 0;
  #partitionedUntil = 0;

  constructor(world: World, plan: ServerPlan) {
    super();
    this.world = world;
    this.plan = plan;
    this.random = world.random(`network of ${plan.name}`);
    this.server = new HttpServer(world, plan);
  }

  get openCount(): number {
    return this.#exchanges.size;
  }

  get isAway(): boolean {
    return this.#absence !== undefined;
  }

  latency(): number {
    const [least, spread] = this.plan.latencyMs;
    return least + Math.round(spread * this.random.next());
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const exchange = new Exchange(this, options, handler);
    this.#exchanges.add(exchange);
    this.mostExchanges = Math.max(this.mostExchanges, this.#exchanges.size);
    if (this.#exchanges.size > MAX_EXCHANGES) throw new Error("too many requests at once");
    const { clock } = this.world;
    if (exchange.fate === "refused" || this.#absence === "refused") {
      clock.schedule(this.latency(), () => exchange.refuse("ECONNREFUSED"));
      return true;
    }
    const kept = this.#takeKept();
    if (kept !== undefined) {
      // Never from inside `dispatch`, as with a socket that is open.
      clock.schedule(0, () => this.#send(exchange, kept));
      return true;
    }
    const closedUntil = Math.max(
      this.#partitionedUntil,
      this.#absence === "silent" ? this.#absentUntil : 0,
    );
    const waitMs = Math.max(0, closedUntil - clock.now) + 2 * this.latency();
    if (waitMs > CONNECT_MS) {
      clock.schedule(CONNECT_MS, () => exchange.refuse("UND_ERR_CONNECT_TIMEOUT"));
      return true;
    }
    clock.schedule(waitMs, () => {
      // It may have gone meanwhile.
      if (this.#absence === "refused") return exchange.refuse("ECONNREFUSED");
      this.#send(exchange, { replica: this.#anyReplica(), isDead: false, freeSince: 0 });
    });
    return true;
  }

  forgetExchange(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    const { connection } = exchange;
    if (connection === undefined || exchange.isDead) return;
    connection.freeSince = this.world.clock.now;
    this.#free.push(connection);
  }

  // --- what happens to it ---

  restart(downMs: number, absence: Absence, changesEra: boolean): void {
    const { clock } = this.world;
    const until = clock.now + downMs;
    this.#absence = absence;
    this.#absentUntil = Math.max(this.#absentUntil, until);
    this.server.restart(changesEra);
    const isBehindProxy = absence === "gateway";
    this.#breakAll(isBehindProxy);
    clock.schedule(downMs, () => {
      if (clock.now < this.#absentUntil || this.#absence === undefined) return;
      this.#absence = undefined;
      this.#note(`is back, in the ${this.server.era} era`);
    });
  }

  /** Requests under way are lost without a sign, and no connection can be made for a while. */
  partition(forMs: number): void {
    this.lose();
    this.#partitionedUntil = Math.max(this.#partitionedUntil, this.world.clock.now + forMs);
  }

  stall(forMs: number): void {
    this.stalledUntil = Math.max(this.stalledUntil, this.world.clock.now + forMs);
  }

  reset(): void {
    this.#breakAll(false);
  }

  /** Every connection is dead, those of requests under way and those that are kept, and nobody is told. */
  lose(): void {
    for (const exchange of this.#exchanges) exchange.isDead = true;
    for (const connection of this.#free) connection.isDead = true;
  }

  #breakAll(isBehindProxy: boolean): void {
    this.#free.length = 0;
    for (const exchange of [...this.#exchanges]) {
      // A request that is not written yet meets the network as it is when it is written.
      if (exchange.connection === undefined) continue;
      if (isBehindProxy && !exchange.isAnswered) this.#answerFor(exchange);
      else exchange.reset();
    }
  }

  #takeKept(): Connection | undefined {
    for (let kept = this.#free.pop(); kept !== undefined; kept = this.#free.pop()) {
      if (this.world.clock.now - kept.freeSince > IDLE_MS) continue;
      return kept;
    }
    return undefined;
  }

  #send(exchange: Exchange, connection: Connection): void {
    if (!exchange.write(connection)) return;
    if (connection.isDead || this.world.clock.now < this.#partitionedUntil) {
      exchange.isDead = true;
      return;
    }
    const delayMs = Math.max(this.latency(), this.stalledUntil - this.world.clock.now);
    this.world.clock.schedule(delayMs, () => this.#arrive(exchange, connection));
  }

  #arrive(exchange: Exchange, connection: Connection): void {
    if (exchange.isDead) return;
    if (exchange.fate === "lost-request") return exchange.reset();
    // The pool may have given it up: it arrives all the same.
    if (this.#absence === "gateway") return this.#answerFor(exchange);
    if (this.#absence !== undefined) return exchange.reset();
    const isSpread = this.plan.routing === "per-request";
    this.server.handle(exchange, isSpread ? this.#anyReplica() : connection.replica);
  }

  /** A proxy stands before the server, which is away. */
  #answerFor(exchange: Exchange): void {
    if (exchange.key !== undefined) this.world.ledger.see(exchange.key);
    exchange.head(this.random.pick([502, 503, 504]), { "content-type": "text/html" });
    exchange.data("<html>the server is away</html>");
    exchange.end();
  }

  #anyReplica(): number {
    return this.random.int(0, this.plan.replicas - 1);
  }

  #note(event: string): void {
    this.world.trace?.note(this.plan.name, event);
  }
}
