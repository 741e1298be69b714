// Faults that a test orders from the scripted stateless server: answers held back, streams cut, requests refused.

import type { Reply } from "./reply.ts";
import type { RpcError } from "./protocol.ts";
import { paramsOf } from "./protocol.ts";
import type { StatelessRecord } from "./types.ts";

/** A JSON-RPC method, or any condition; see `toolCall()`. */
export type Match = string | ((record: StatelessRecord) => boolean);

/**
 * `execution`: before the handler runs, no byte sent. `answer`: it has run, no byte sent. `stream`: it has run and the
 * head of an SSE stream is sent. `event` (only a cut): and half of the answer's event too.
 */
export type Stage = "execution" | "answer" | "stream" | "event";

/** Calls of this tool, or only those with this `arguments.key`. */
export function toolCall(name: string, key?: string): Match {
  return ({ body }) => {
    const params = paramsOf(body);
    const args = params["arguments"] as Record<string, unknown> | undefined;
    return (
      body?.method === "tools/call" &&
      params["name"] === name &&
      (key === undefined || args?.["key"] === key)
    );
  };
}

/** Holds every request that matches until `release()` or `cut()`; after that it holds nothing more. */
export class Hold {
  readonly match: Match;
  readonly stage: Stage;
  /** All that it ever held. */
  readonly records: StatelessRecord[] = [];
  readonly #waiting = new Map<Reply, () => void>();
  #isOver = false;

  constructor(match: Match, stage: Stage) {
    this.match = match;
    this.stage = stage;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Requests that it holds now; those that the client gave up are let go. */
  get waiting(): number {
    return this.#waiting.size;
  }

  release(): void {
    this.#isOver = true;
    for (const go of this.#waiting.values()) go();
  }

  /** Destroys the sockets of what it holds. */
  cut(): void {
    this.#isOver = true;
    for (const reply of this.#waiting.keys())
      reply.cut(this.stage === "stream" ? "head" : "nothing");
  }

  /** @internal */
  async wait(record: StatelessRecord, reply: Reply, changed: () => void): Promise<void> {
    this.records.push(record);
    const released = new Promise<void>((resolve) => {
      this.#waiting.set(reply, resolve);
      reply.onEnd(() => resolve());
    });
    changed();
    await released;
    this.#waiting.delete(reply);
    changed();
  }
}

interface Order<T> {
  readonly match: Match;
  readonly what: T;
  left: number;
}

export class Interventions {
  readonly #holds = new Set<Hold>();
  readonly #cuts: Array<Order<Stage>> = [];
  readonly #rejections: Array<Order<RpcError>> = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  hold(match: Match, stage: Stage): Hold {
    const hold = new Hold(match, stage);
    this.#holds.add(hold);
    return hold;
  }

  cut(match: Match, stage: Stage, times: number): void {
    this.#cuts.push({ match, what: stage, left: times });
  }

  reject(match: Match, error: RpcError, times: number): void {
    this.#rejections.push({ match, what: error, left: times });
  }

  releaseAll(): void {
    for (const hold of this.#holds) hold.release();
  }

  /** The error ordered for this request; used up by this. */
  takeRejection(record: StatelessRecord): RpcError | undefined {
    return take(this.#rejections, record);
  }

  /** Where this request is to be cut; used up by this. */
  takeCut(record: StatelessRecord): Stage | undefined {
    return take(this.#cuts, record);
  }

  /** Waits for every hold of this stage that matches. */
  async pass(record: StatelessRecord, stage: Stage, reply: Reply): Promise<void> {
    for (const hold of this.#holds) {
      if (hold.isOver || hold.stage !== stage || !matches(hold.match, record)) continue;
      if (!reply.isOpen) return;
      if (stage === "stream") reply.openStream();
      await hold.wait(record, reply, this.#changed);
    }
  }
}

function take<T>(orders: Array<Order<T>>, record: StatelessRecord): T | undefined {
  const order = orders.find(({ match, left }) => left > 0 && matches(match, record));
  if (order === undefined) return undefined;
  order.left -= 1;
  return order.what;
}

function matches(match: Match, record: StatelessRecord): boolean {
  return typeof match === "string" ? record.body?.method === match : match(record);
}
