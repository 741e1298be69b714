// One simulated server over Streamable HTTP: sessions on each replica, change streams, and its list of tools.

import type { Random } from "../../support/random.ts";
import type { World } from "../world/world.ts";
import { serveCall, type CallServer, type Throttle } from "./call.ts";
import type { Exchange } from "./exchange.ts";
import { answerOf, event, isStateless, LIST_CHANGED, message, notification } from "./methods.ts";
import type { Rpc } from "./methods.ts";
import { ResumableStreams } from "./resumable-streams.ts";
import type { Era, ServerPlan } from "./spec.ts";

const JSON_TYPE = { "content-type": "application/json" };
const EVENTS_TYPE = { "content-type": "text/event-stream" };
const TEXT_TYPE = { "content-type": "text/plain" };

/** As the official SDK's example answers to a request without a session. */
const NO_SESSION = -32000;

export class HttpServer implements CallServer {
  readonly world: World;
  readonly plan: ServerPlan;
  readonly random: Random;
  readonly streams = new ResumableStreams();
  era: Era;
  throttle: Throttle | undefined;
  /** Calls that are being executed. */
  running = 0;
  /** By replica. */
  readonly #sessions: Set<string>[];
  /** Streams of changes that are open; with the id of their subscription in the stateless era. */
  readonly #listeners = new Map<Exchange, Rpc["id"]>();
  #changes = 0;
  #sessionCount = 0;
  /** Counts restarts: work that began before one does not go on after it. */
  #life = 0;

  constructor(world: World, plan: ServerPlan) {
    this.world = world;
    this.plan = plan;
    this.era = plan.era;
    this.random = world.random(`server ${plan.name}`);
    this.#sessions = Array.from({ length: plan.replicas }, () => new Set<string>());
  }

  /** It has arrived at one of the replicas. */
  handle(exchange: Exchange, replica: number): void {
    const { httpMethod, rpc } = exchange;
    if (httpMethod === "DELETE") return this.#endSession(exchange, replica);
    if (httpMethod === "GET") return this.#listen(exchange, replica);
    const { method } = rpc;
    if (method === "initialize" || method === "server/discover") {
      this.world.ledger.shake(this.plan.name);
    }
    if (exchange.key !== undefined) this.world.ledger.see(exchange.key);
    if (this.era === "session" && method === "initialize") return this.#begin(exchange, replica);
    if (this.era === "session" && !this.#knows(exchange, replica)) return;
    if (rpc.id === undefined) return this.text(exchange, 202, "");
    if (method === "subscriptions/listen" && this.era === "stateless") {
      return this.#subscribe(exchange);
    }
    const isCall = exchange.key !== undefined && (this.era === "session" || isStateless(rpc));
    if (isCall) return serveCall(this, exchange, exchange.key ?? "");
    const reply = answerOf(rpc, this.era, this.#changes);
    const status = "error" in reply ? reply.error.status : 200;
    this.json(exchange, status, message(rpc.id, reply));
  }

  /** Runs it later, unless the server is restarted before. */
  later(delayMs: number, work: () => void): void {
    const life = this.#life;
    this.world.clock.schedule(delayMs, () => {
      if (this.#life === life) work();
    });
  }

  // --- what happens to it ---

  restart(changesEra: boolean): void {
    this.#life += 1;
    this.running = 0;
    for (const sessions of this.#sessions) sessions.clear();
    this.streams.clear();
    this.#listeners.clear();
    if (changesEra) this.era = this.era === "session" ? "stateless" : "session";
  }

  forget(replica: number): void {
    this.#sessions[replica]?.clear();
  }

  cutStreams(): void {
    for (const exchange of [...this.#listeners.keys()]) {
      if (this.random.chance(0.5)) exchange.end();
      else exchange.reset();
    }
    this.#listeners.clear();
  }

  change(): void {
    this.#changes += 1;
    for (const [exchange, subscription] of this.#listeners) {
      exchange.data(event(notification(LIST_CHANGED, subscription)));
    }
  }

  // --- what it says ---

  json(exchange: Exchange, status: number, body: string): void {
    exchange.head(status, JSON_TYPE);
    exchange.data(body);
    exchange.end();
  }

  text(
    exchange: Exchange,
    status: number,
    body: string,
    headers: Record<string, string> = {},
  ): void {
    exchange.head(status, { ...TEXT_TYPE, ...headers });
    if (body !== "") exchange.data(body);
    exchange.end();
  }

  events(exchange: Exchange): void {
    exchange.head(200, EVENTS_TYPE);
  }

  /** In the words in which this server refuses a session that it does not know. */
  refuse(exchange: Exchange): void {
    const { status, code } = this.plan.refusal;
    if (code === undefined) return this.text(exchange, status, "no such session");
    const error = { code, message: "Session not found", status };
    this.json(exchange, status, message(null, { error }));
  }

  // --- sessions ---

  #begin(exchange: Exchange, replica: number): void {
    const answer = message(exchange.rpc.id, answerOf(exchange.rpc, this.era, this.#changes));
    const headers: Record<string, string> = { ...JSON_TYPE };
    if (this.plan.hasSessionIds) {
      const id = `${this.plan.name}-${(this.#sessionCount += 1)}`;
      this.#sessions[replica]?.add(id);
      headers["mcp-session-id"] = id;
      this.world.trace?.note(this.plan.name, `begins session ${id} on replica ${replica}`);
    }
    exchange.head(200, headers);
    exchange.data(answer);
    exchange.end();
  }

  /** Whether the session is known; if not, it has been refused. */
  #knows(exchange: Exchange, replica: number): boolean {
    if (!this.plan.hasSessionIds) return true;
    const id = exchange.headers.get("mcp-session-id");
    if (id === undefined) {
      const error = { code: NO_SESSION, message: "No valid session ID", status: 400 };
      this.json(exchange, 400, message(null, { error }));
      return false;
    }
    if (this.#sessions[replica]?.has(id) === true) return true;
    this.world.trace?.note(this.plan.name, `refuses ${exchange.what}: session ${id} is not known`);
    this.refuse(exchange);
    return false;
  }

  #endSession(exchange: Exchange, replica: number): void {
    const id = exchange.headers.get("mcp-session-id");
    if (id !== undefined) this.#sessions[replica]?.delete(id);
    this.text(exchange, id === undefined ? 400 : 200, "");
  }

  // --- streams of changes ---

  #listen(exchange: Exchange, replica: number): void {
    if (this.era === "stateless") return this.text(exchange, 405, "");
    if (!this.#knows(exchange, replica)) return;
    const cursor = exchange.headers.get("last-event-id");
    if (cursor !== undefined) {
      if (!this.streams.has(cursor)) return this.text(exchange, 404, "no such stream");
      this.events(exchange);
      return this.streams.resume(exchange, cursor);
    }
    if (!this.plan.hasChangeStream) return this.text(exchange, 405, "");
    this.events(exchange);
    this.#keep(exchange, undefined);
  }

  #subscribe(exchange: Exchange): void {
    const { id, params } = exchange.rpc;
    this.events(exchange);
    const acknowledged = { notifications: params?.notifications ?? {} };
    const method = "notifications/subscriptions/acknowledged";
    exchange.data(event(notification(method, id, acknowledged)));
    this.#keep(exchange, id);
  }

  #keep(exchange: Exchange, subscription: Rpc["id"]): void {
    if (exchange.isOver) return;
    this.#listeners.set(exchange, subscription);
    exchange.onOver = () => this.#listeners.delete(exchange);
  }
}
