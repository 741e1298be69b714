// A transport of the user's own, to a server on the other end of one channel. Once broken it stays broken.

import { McpConnectionError } from "mcp-client-pool";
import type { DuplexTransport } from "mcp-client-pool";
import type { World } from "../world/world.ts";
import { answerOf, keyOf, LIST_CHANGED, message, notification, resultOfCall } from "./methods.ts";
import type { Rpc } from "./methods.ts";
import type { ServerPlan } from "./spec.ts";

type Sink = Parameters<DuplexTransport["start"]>[0];
type Message = Parameters<DuplexTransport["send"]>[0];
type Exchange = Parameters<DuplexTransport["send"]>[1];
type Incoming = Parameters<Sink["onMessage"]>[0];

export class Channel implements DuplexTransport {
  readonly channel = "duplex";
  readonly kind = "custom";
  readonly address: string;
  readonly #world: World;
  readonly #plan: ServerPlan;
  readonly #latency: () => number;
  readonly #random;
  #sink: Sink | undefined;
  #state: "new" | "open" | "broken" | "closed" = "new";
  #lastAt = 0;
  #stalledUntil = 0;
  #isLost = false;
  #changes = 0;

  constructor(world: World, plan: ServerPlan, life: number) {
    this.#world = world;
    this.#plan = plan;
    this.address = plan.name;
    this.#random = world.random(`channel ${plan.name} ${life}`);
    const [least, spread] = plan.latencyMs;
    this.#latency = () => least + Math.round(spread * this.#random.next());
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  async start(sink: Sink, signal: AbortSignal): Promise<void> {
    await this.#world.clock.sleep(this.#latency());
    signal.throwIfAborted();
    this.#sink = sink;
    this.#state = "open";
  }

  send(given: Message, exchange: Exchange): { close(): void } {
    const rpc = JSON.parse(JSON.stringify(given)) as Rpc;
    let isClosed = false;
    if (this.#state !== "open") {
      queueMicrotask(() => {
        if (!isClosed) exchange.onFailed(broken("no"));
      });
      return { close: () => (isClosed = true) };
    }
    exchange.onWritten?.();
    if (rpc.id === undefined) exchange.onAccepted?.();
    this.#note(`${rpc.method} ${keyOf(rpc) ?? ""} is sent`);
    const key = keyOf(rpc);
    const fate = key === undefined ? "ok" : this.#world.nextFate(key);
    this.#schedule(this.#latency(), () => {
      if (fate === "lost-request") return this.break();
      this.#arrive(rpc, key, fate);
    });
    return { close() {} };
  }

  close(): Promise<void> {
    this.#end("closed", broken("no"));
    return Promise.resolve();
  }

  // --- what happens to it ---

  /** The other end is gone. */
  break(): void {
    this.#note("breaks");
    this.#end("broken", broken("unknown"));
  }

  stall(forMs: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.clock.now + forMs);
  }

  /** Nothing arrives any more, and nobody is told. */
  lose(): void {
    this.#isLost = true;
  }

  change(): void {
    this.#changes += 1;
    this.#deliver(notification(LIST_CHANGED));
  }

  #arrive(rpc: Rpc, key: string | undefined, fate: string): void {
    const { ledger } = this.#world;
    const { era } = this.#plan;
    if (rpc.method === "initialize" || rpc.method === "server/discover") {
      ledger.shake(this.#plan.name);
    }
    if (rpc.id === undefined) return;
    if (key === undefined) {
      this.#deliver(message(rpc.id, answerOf(rpc, era, this.#changes)));
      return;
    }
    ledger.see(key);
    if (fate === "hang-before") return;
    if (fate === "rpc-error") {
      const error = { code: -32_602, message: "no", status: 200 };
      return this.#deliver(message(rpc.id, { error }));
    }
    const delayMs = fate === "slow" ? this.#random.pick([2_000, 70_000]) : this.#random.int(0, 30);
    this.#schedule(delayMs, () => {
      ledger.run(key, this.#world.clock.now);
      this.#note(`EXECUTES ${key}`);
      if (fate === "hang-after") return;
      if (fate === "lost-answer") return this.break();
      const result = resultOfCall(rpc, era, key);
      if (fate === "foreign") this.#deliver(message("of-nobody", { result }));
      const isError = fate === "tool-error" ? { isError: true } : {};
      for (let times = fate === "double" ? 2 : 1; times > 0; times--) {
        this.#deliver(message(rpc.id, { result: { ...result, ...isError } }));
      }
    });
  }

  /** In order, as on a wire. */
  #deliver(text: string): void {
    const { now } = this.#world.clock;
    this.#lastAt = Math.max(this.#lastAt, now + this.#latency());
    const delayMs = this.#lastAt - now;
    this.#schedule(delayMs, () => this.#sink?.onMessage(JSON.parse(text) as Incoming));
  }

  #schedule(delayMs: number, run: () => void): void {
    const { clock } = this.#world;
    clock.schedule(Math.max(delayMs, this.#stalledUntil - clock.now), () => {
      if (this.#state === "open" && !this.#isLost) run();
    });
  }

  #end(state: "broken" | "closed", reason: McpConnectionError): void {
    if (this.#state === "broken" || this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#state = state;
    if (wasOpen) this.#sink?.onClose(reason);
  }

  #note(event: string): void {
    this.#world.trace?.note(this.#plan.name, event);
  }
}

function broken(sent: "no" | "unknown"): McpConnectionError {
  const code = sent === "no" ? "CONNECTION_FAILED" : "CONNECTION_LOST";
  return new McpConnectionError(code, "the channel is broken", { sent, retryable: true });
}
