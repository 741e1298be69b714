// Calls as planned, over the pool under test, and what came of each.

import { getEventListeners } from "node:events";
import { McpError } from "mcp-client-pool";
import type { CallOptions, McpClientPool } from "mcp-client-pool";
import type { CallRecord } from "./history.ts";
import type { ServerSpec } from "./fleet.ts";
import { classOf, planOf } from "./plan.ts";
import type { Plan } from "./plan.ts";

/** A call has hung if it settles later than this beyond its total limit; for the machine's sake, milliseconds. */
export const MARGIN_MS = 5_000;

type Answer = Readonly<Record<string, unknown>>;

export class Load {
  readonly #pool: McpClientPool;
  readonly #seed: number;
  readonly #record: (record: CallRecord) => void;
  /** Never aborted, given to many calls: what is left on it is a leak. */
  readonly #shared: AbortController = new AbortController();
  #round = "";
  #repeat = "";
  #next = 0;
  #isRunning = false;
  #lanes: Promise<void>[] = [];

  constructor(pool: McpClientPool, seed: number, record: (record: CallRecord) => void) {
    this.#pool = pool;
    this.#seed = seed;
    this.#record = record;
  }

  /** Listeners that settled calls have left behind; when no call is under way, there is none. */
  get listenerCount(): number {
    return getEventListeners(this.#shared.signal, "abort").length;
  }

  /**
   * Which calls come in a round is a sequence that the seed knows; which lane makes which is up to the moment.
   * `repeat`: makes the keys of a round that is played again others.
   */
  start(lanes: number, round: string, repeat = ""): void {
    this.#round = round;
    this.#repeat = repeat;
    this.#next = 0;
    this.#isRunning = true;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  /** Resolves when all calls have settled. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#lanes);
  }

  /** Many at once on one server, `nth` such burst of the round. `abortWithinMs`: all of them are aborted. */
  async burst(
    nth: number,
    server: ServerSpec,
    count: number,
    abortWithinMs: number | undefined,
  ): Promise<void> {
    const plans = Array.from({ length: count }, (_, index): Plan => {
      const plan = this.#plan(`b${nth}-${index}`, server);
      return abortWithinMs === undefined ? plan : { ...plan, abortAfterMs: index % abortWithinMs };
    });
    await Promise.all(plans.map((plan) => this.perform(plan)));
  }

  /** A call that nothing is done to; whether it succeeded. */
  async probe(attempt: number, server: ServerSpec): Promise<boolean> {
    const plan: Plan = {
      ...this.#plan(`p${attempt}-${server.name}`, server),
      kind: "act",
      replay: "safe",
      abortAfterMs: undefined,
      fates: [],
      timeoutMs: 1_500,
      totalTimeoutMs: 4_000,
    };
    return (await this.perform(plan)).outcome === "success";
  }

  async perform(plan: Plan): Promise<CallRecord> {
    const startedAt = Date.now();
    const abort = plan.abortAfterMs === undefined ? undefined : new AbortController();
    const reason = new Error("the caller has changed its mind");
    const timer = abort && setTimeout(() => abort.abort(reason), plan.abortAfterMs);
    const signal = abort?.signal ?? (plan.isWatched ? this.#shared.signal : undefined);
    const outcome = await settled(
      request(this.#pool, plan, optionsOf(plan, signal)),
      plan.totalTimeoutMs + MARGIN_MS,
      (answer) => textOf(plan, answer) === plan.key,
      (error) => abort?.signal.aborted === true && error === reason,
    );
    clearTimeout(timer);
    const record: CallRecord = {
      key: plan.key,
      server: plan.server.name,
      callClass: classOf(plan),
      kind: plan.kind,
      replay: plan.replay,
      fates: plan.fates,
      startedAt,
      tookMs: Date.now() - startedAt,
      ...outcome,
    };
    this.#record(record);
    return record;
  }

  #plan(name: string, server?: ServerSpec): Plan {
    const key = `${this.#round}-${name}`;
    return { ...planOf(this.#seed, key, server), key: `${this.#repeat}${key}` };
  }

  async #lane(): Promise<void> {
    while (this.#isRunning) {
      const plan = this.#plan(`c${this.#next++}`);
      await this.perform(plan);
      await new Promise((resolve) => setTimeout(resolve, plan.pauseMs));
    }
  }
}

type Outcome = Pick<CallRecord, "outcome" | "code" | "sent" | "message" | "isTyped">;

/** Never rejects, and never waits longer than `limitMs`. */
async function settled(
  call: Promise<Answer>,
  limitMs: number,
  isOwn: (answer: Answer) => boolean,
  isReason: (error: unknown) => boolean,
): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ outcome: "hung" }), limitMs);
  });
  const work = call.then(
    (answer): Outcome => ({ outcome: isOwn(answer) ? "success" : "foreign-answer" }),
    (error: unknown): Outcome => {
      if (isReason(error)) return { outcome: "aborted" };
      if (!(error instanceof McpError)) {
        return { outcome: "error", isTyped: false, message: String(error) };
      }
      const { code, sent, message } = error;
      return { outcome: "error", isTyped: true, code, sent, message };
    },
  );
  const outcome = await Promise.race([work, limit]);
  clearTimeout(timer);
  return outcome;
}

function optionsOf(plan: Plan, signal: AbortSignal | undefined): CallOptions {
  const { key, fates, delayMs, timeoutMs, totalTimeoutMs, replay, wantsProgress } = plan;
  return {
    timeoutMs,
    totalTimeoutMs,
    replay,
    meta: { soak: { key, fates, delayMs } },
    ...(signal === undefined ? {} : { signal }),
    ...(wantsProgress ? { onProgress: () => {} } : {}),
  };
}

async function request(pool: McpClientPool, plan: Plan, options: CallOptions): Promise<Answer> {
  const { key, kind } = plan;
  const { name } = plan.server;
  switch (kind) {
    case "act":
    case "look":
    case "put":
      return {
        ...(await pool.callTool(`${name}__${kind}`, { key }, { ...options, task: undefined })),
      };
    case "read":
      return pool.call(name, "resources/read", { uri: `soak://items/${key}` }, options);
    case "prompt":
      return pool.call(name, "prompts/get", { name: "ask", arguments: { key } }, options);
    case "complete": {
      const ref = { type: "ref/prompt", name: "ask" };
      return pool.call(
        name,
        "completion/complete",
        { ref, argument: { name: "key", value: key } },
        options,
      );
    }
    case "list":
      return pool.call(name, "tools/list", {}, options);
  }
}

/** The key that an answer is about: whose answer it is. */
function textOf({ kind }: Plan, answer: Answer): unknown {
  const at = (value: unknown, ...path: (string | number)[]): unknown =>
    path.reduce(
      (inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key],
      value,
    );
  switch (kind) {
    case "act":
    case "look":
    case "put":
      return at(answer, "content", 0, "text");
    case "read":
      return at(answer, "contents", 0, "text");
    case "prompt":
      return at(answer, "messages", 0, "content", "text");
    case "complete":
      return at(answer, "completion", "values", 0);
    case "list":
      return at(answer, "_meta", "key");
  }
}
