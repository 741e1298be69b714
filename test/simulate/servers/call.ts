// Calls on a simulated HTTP server: by its fate a call is executed or not, and is answered or not.

import type { Exchange } from "./exchange.ts";
import { event, message, resultOfCall } from "./methods.ts";
import type { ResumableStreams } from "./resumable-streams.ts";
import type { Era, ServerPlan } from "./spec.ts";
import type { Random } from "../../support/random.ts";
import type { World } from "../world/world.ts";

export interface Throttle {
  readonly until: number;
  readonly limit: number;
  readonly retryAfterS: number | undefined;
}

/** The server, as far as its calls need it. */
export interface CallServer {
  readonly world: World;
  readonly plan: ServerPlan;
  readonly random: Random;
  readonly streams: ResumableStreams;
  readonly era: Era;
  readonly throttle: Throttle | undefined;
  /** Calls that are being executed. */
  running: number;
  /** Runs it later, unless the server is restarted before. */
  later(delayMs: number, work: () => void): void;
  json(exchange: Exchange, status: number, body: string): void;
  text(exchange: Exchange, status: number, body: string, headers?: Record<string, string>): void;
  /** Opens a stream of events. */
  events(exchange: Exchange): void;
  /** In the words in which this server refuses a session that it does not know. */
  refuse(exchange: Exchange): void;
}

/** A refusal that comes through a proxy which asked another replica first comes so late, milliseconds. */
const LATE_MS = 1_500;

export function serveCall(server: CallServer, exchange: Exchange, key: string): void {
  const { throttle, random, world } = server;
  const { fate, rpc } = exchange;
  const isThrottled =
    throttle !== undefined && throttle.until > world.clock.now && server.running >= throttle.limit;
  if (isThrottled) return tooMany(server, exchange, throttle.retryAfterS);
  switch (fate) {
    case "hang-before":
      return;
    case "throttled":
      return tooMany(server, exchange, random.chance(0.3) ? undefined : random.pick([0, 2]));
    case "throttled-for-long":
      return tooMany(server, exchange, 45);
    case "busy":
      return server.text(exchange, 503, "busy", random.chance(0.5) ? { "retry-after": "1" } : {});
    case "rpc-error": {
      const error = { code: -32_602, message: "no", status: 200 };
      return server.json(exchange, 200, message(rpc.id, { error }));
    }
    default:
      break;
  }
  const slowMs = random.pick([2_000, 30_000, 70_000, 400_000]);
  const quickMs = random.int(0, 30);
  const hasStream = server.plan.answers !== "json" && fate !== "cut-answer";
  const isEarly = hasStream && (fate === "slow" || random.chance(0.5));
  const stream = new Answer(server, exchange);
  if (isEarly) stream.open();
  server.running += 1;
  server.later(fate === "slow" ? slowMs : quickMs, () => {
    server.running -= 1;
    execute(server, key);
    finish(server, exchange, key, stream);
  });
}

function execute({ world, plan }: CallServer, key: string): void {
  const times = world.planted === "runs-twice" && key.endsWith("7") ? 2 : 1;
  for (let time = 0; time < times; time++) {
    world.ledger.run(key, world.clock.now);
    world.trace?.note(plan.name, `EXECUTES ${key}`);
  }
}

/** It has been executed. */
function finish(server: CallServer, exchange: Exchange, key: string, answer: Answer): void {
  const { random, plan, era } = server;
  const { rpc } = exchange;
  const result = resultOfCall(rpc, era, key);
  const own = message(rpc.id, { result });
  switch (exchange.fate) {
    case "hang-after":
      return;
    case "lost-answer":
      return exchange.reset();
    case "cut-answer":
      return answer.cut(own);
    case "gateway-after":
      if (answer.isOpen) return exchange.reset();
      return server.text(exchange, random.pick([502, 503, 504]), "the gateway gave up");
    case "late-refusal":
      if (answer.isOpen || era === "stateless" || !plan.hasSessionIds) return exchange.reset();
      return server.later(LATE_MS, () => server.refuse(exchange));
    case "garbage":
      if (answer.isOpen) return exchange.reset();
      return server.json(exchange, 200, "<<<");
    case "tool-error":
      return answer.send([message(rpc.id, { result: { ...result, isError: true } })]);
    case "double":
      return answer.send([own, own]);
    case "foreign":
      return answer.send([message("of-nobody", { result }), own]);
    default:
      return answer.send([own]);
  }
}

function tooMany(server: CallServer, exchange: Exchange, retryAfterS: number | undefined): void {
  const headers = retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };
  server.text(exchange, 429, "too many", headers as Record<string, string>);
}

/** The answer to a call, in the form that the server gives. */
class Answer {
  readonly #server: CallServer;
  readonly #exchange: Exchange;
  /** Of the stream that can be resumed. */
  #name: string | undefined;
  #isOpen = false;

  constructor(server: CallServer, exchange: Exchange) {
    this.#server = server;
    this.#exchange = exchange;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { plan, era, streams } = this.#server;
    this.#server.events(this.#exchange);
    const isResumable = plan.answers === "events-with-ids" && era === "session";
    if (isResumable) this.#name = streams.open(this.#exchange);
  }

  send(messages: readonly string[]): void {
    const server = this.#server;
    if (server.plan.answers === "json" || (!this.#isOpen && messages.length === 1)) {
      // One message is all that such a body can hold: the last one is the call's own.
      return server.json(this.#exchange, 200, messages.at(-1) ?? "");
    }
    this.open();
    for (const one of messages) this.#push(one);
    if (this.#name === undefined) this.#exchange.end();
    else server.streams.end(this.#name);
  }

  /** Breaks off in the middle; a stream that can be resumed holds the rest. */
  cut(own: string): void {
    const { plan, random, streams } = this.#server;
    if (plan.answers === "json") {
      this.#exchange.head(200, { "content-type": "application/json" });
      this.#exchange.data(own.slice(0, own.length / 2));
      return this.#exchange.reset();
    }
    this.open();
    const isOrderly = random.chance(0.5);
    if (this.#name === undefined) {
      if (isOrderly) this.#exchange.end();
      else this.#exchange.reset();
      return;
    }
    streams.cut(this.#name, isOrderly);
    streams.push(this.#name, own);
    streams.end(this.#name);
  }

  #push(one: string): void {
    if (this.#name === undefined) this.#exchange.data(event(one));
    else this.#server.streams.push(this.#name, one);
  }
}
