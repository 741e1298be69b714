// One episode: a world from its first moment to the closing of its pool, and what was seen in it.

import { McpError } from "mcp-client-pool";
import type { CallRecord } from "../soak/history.ts";
import type { CallPlan } from "./calls.ts";
import { Fleet, type PoolEventRecord } from "./fleet.ts";
import type { Plan } from "./plan.ts";
import type { Entry } from "./world/ledger.ts";
import { runOn, type LoopReport } from "./world/event-loop.ts";
import { World, type Planted } from "./world/world.ts";

/** Calm after the last fault, before each server must be ready. Milliseconds. */
const CALM_MS = 15 * 60_000;

/** One call to each server must succeed then; it may be tried so often, a minute apart. */
const PROBES = 3;

/** A request that was given up before it had a connection is held by the user's dispatcher for so long, milliseconds. */
const LEAVING_MS = 11_000;

/** A call that is not settled so long after its own end is hung, milliseconds. */
const WAITING_MS = 600_000;

/** One call as its caller saw it. */
export interface Told extends CallRecord {
  readonly totalTimeoutMs: number;
}

export interface Outcome {
  readonly plan: Plan;
  readonly virtualMs: number;
  readonly calls: readonly Told[];
  readonly servers: ReadonlyMap<string, Entry>;
  readonly handshakes: ReadonlyMap<string, number>;
  readonly events: readonly PoolEventRecord[];
  /** Servers that were not usable after the calm, and why. */
  readonly lost: readonly string[];
  /** After the pool was closed. */
  readonly left: {
    readonly timers: number;
    readonly exchanges: number;
    readonly closingMs: number;
  };
  readonly mostExchanges: number;
  readonly badDelays: readonly number[];
  readonly oddCauses: readonly unknown[];
  /** How often each warning was given, by server and text. */
  readonly warnings: ReadonlyMap<string, number>;
  /** Times that the machine slept, on the virtual clock. */
  readonly sleeps: readonly { readonly at: number; readonly forMs: number }[];
  readonly loop: LoopReport;
  readonly trace: readonly string[];
}

export interface PlayOptions {
  readonly isTraced?: boolean;
  readonly planted?: Planted | undefined;
}

export async function play(plan: Plan, options: PlayOptions = {}): Promise<Outcome> {
  const world = new World(plan, { isTraced: options.isTraced ?? false, planted: options.planted });
  const { clock } = world;
  const calls: Told[] = [];
  const lost: string[] = [];
  let fleet: Fleet | undefined;
  let left = { timers: 0, exchanges: 0, closingMs: 0 };

  const loop = await runOn(clock, async () => {
    const own = (fleet = new Fleet(world, plan));
    const { pool } = own;
    const callers: Promise<void>[] = [];
    const acts: Promise<void>[] = [];
    acts.push(pool.connect().then(() => {}));
    for (const action of plan.actions) {
      const { at, kind } = action;
      clock.schedule(at, () => {
        if (kind !== "call") acts.push(own.act(action).catch(unlessClosed));
        else callers.push(ask(world, own, action.call, calls));
      });
    }
    await clock.sleep(plan.endsAt);
    if (plan.endsCalm) {
      await clock.sleep(CALM_MS);
      lost.push(...(await unrecovered(own, world)));
    }
    const closingAt = clock.now;
    world.trace?.note("world", "CLOSE");
    await pool.closeAll({ drainMs: plan.drainMs });
    const closingMs = clock.now - closingAt;
    if (world.planted === "keeps-timer") clock.forPool.setTimer(() => {}, 60_000);
    const timers = clock.armedByPool;
    await clock.sleep(LEAVING_MS);
    const exchanges = own.hosts.reduce((sum, host) => sum + host.openCount, 0);
    left = { timers, exchanges, closingMs };
    world.trace?.note("world", "CLOSED");
    await Promise.race([Promise.all([...callers, ...acts]), clock.sleep(WAITING_MS)]);
    const settled = new Set(calls.map(({ key }) => key));
    for (const action of plan.actions) {
      if (action.kind !== "call" || settled.has(action.call.key)) continue;
      calls.push(recordOf(action.call, action.at, clock.now - action.at, { outcome: "hung" }));
    }
  });

  return {
    plan,
    virtualMs: clock.now,
    calls,
    servers: world.ledger.byKey,
    handshakes: world.ledger.handshakes,
    events: fleet?.events ?? [],
    lost,
    left,
    mostExchanges: Math.max(0, ...(fleet?.hosts.map((host) => host.mostExchanges) ?? [])),
    badDelays: clock.badDelays,
    oddCauses: fleet?.oddCauses ?? [],
    warnings: fleet?.warnings ?? new Map<string, number>(),
    sleeps: fleet?.sleeps ?? [],
    loop,
    trace: world.trace?.lines ?? [],
  };
}

/** A caller: asks, waits, perhaps loses patience, and remembers what it was told. */
async function ask(world: World, { pool }: Fleet, plan: CallPlan, calls: Told[]): Promise<void> {
  const { clock, planted, trace } = world;
  const { key, server, kind, abortAfterMs, timeoutMs, totalTimeoutMs, replay } = plan;
  const startedAt = clock.now;
  const patience = new AbortController();
  const options = { timeoutMs, totalTimeoutMs, replay, signal: patience.signal };
  const send = (): Promise<object> =>
    kind === "prompt"
      ? pool.call(server, "prompts/get", { name: "p", arguments: { key } }, options)
      : pool.callTool(`${server}__${kind}`, { key }, options);
  trace?.note(key, `ASKS ${server} ${kind}, class ${plan.callClass}, replay ${replay}`);
  if (planted === "forgets-caller" && key.endsWith("7")) return new Promise(() => {});
  if (abortAfterMs !== undefined) clock.schedule(abortAfterMs, () => patience.abort(GIVEN_UP));
  let told: Pick<Told, "outcome"> & Partial<Told>;
  try {
    const result = await send().catch((error: unknown) => {
      const isLost = error instanceof McpError && error.code === "OUTCOME_UNKNOWN";
      if (planted === "sends-again" && isLost) return send();
      throw error;
    });
    // The text is the key of the call that was executed.
    const isOwn = JSON.stringify(result).includes(`"text":"${key}"`);
    told = { outcome: isOwn ? "success" : "foreign-answer" };
  } catch (error) {
    told = outcomeOf(error);
  }
  const { outcome, code, sent, message } = told;
  trace?.note(
    key,
    `IS TOLD ${[outcome, code, sent && `sent "${sent}"`].filter(Boolean).join(", ")}`,
  );
  if (message !== undefined) trace?.note(key, message);
  calls.push(recordOf(plan, startedAt, clock.now - startedAt, told));
}

const GIVEN_UP = new Error("the caller gave up");

function outcomeOf(error: unknown): Pick<Told, "outcome"> & Partial<Told> {
  if (error === GIVEN_UP) return { outcome: "aborted" };
  if (!(error instanceof McpError)) {
    return { outcome: "error", isTyped: false, message: String(error) };
  }
  const { code, sent, message } = error;
  return { outcome: "error", isTyped: true, code, sent, message };
}

function recordOf(
  { key, server, callClass, kind, replay, fates, totalTimeoutMs = 300_000 }: CallPlan,
  startedAt: number,
  tookMs: number,
  told: Pick<Told, "outcome"> & Partial<Told>,
): Told {
  return {
    key,
    server,
    callClass,
    kind,
    replay,
    fates,
    totalTimeoutMs,
    startedAt,
    tookMs,
    ...told,
  };
}

/** All is well with the servers: each must be usable again. */
async function unrecovered(fleet: Fleet, world: World): Promise<string[]> {
  const { pool } = fleet;
  await fleet.mend();
  const gone = pool.status().filter(({ state }) => state === "failed" || state === "auth-required");
  // Only the user ends these.
  if (gone.length > 0) await pool.connect();
  const lost: string[] = [];
  for (const { server: name } of pool.status()) {
    for (let probe = 1; ; probe++) {
      const error = await pool.call(name, "tools/list").then(
        () => undefined,
        (reason: unknown) => (reason instanceof Error ? reason.message : "an odd error"),
      );
      if (error === undefined) break;
      world.trace?.note("world", `${name} is not usable: ${error}`);
      if (probe === PROBES) {
        const { state } = pool.status().find((one) => one.server === name) ?? {};
        lost.push(`${name} is ${state}: ${error}`);
        break;
      }
      await world.clock.sleep(60_000);
    }
  }
  for (const { server: name, state } of pool.status()) {
    if (state !== "ready") lost.push(`${name} is ${state}`);
  }
  return lost;
}

/** The pool was closed while something was done with it. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof McpError)) throw error;
}
