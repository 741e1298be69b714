import { describe, expect, test } from "vitest";
import { UsageError } from "../fault/suite/command-line.ts";
import type { CallRecord } from "../soak/history.ts";
import { check, PROMISES } from "./check.ts";
import { play, type Outcome, type Told } from "./episode.ts";
import { parseOptions } from "./options.ts";
import { planOf, type Plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { simulate, type Story } from "./simulate.ts";
import { warmUp } from "./warm-up.ts";
import type { Planted } from "./world/world.ts";

/** Short enough for a test: the first storms of an episode. */
function beginning(seed: number, actions: number): Plan {
  const plan = planOf(seed);
  const some = plan.actions.slice(0, actions);
  return { ...plan, actions: some, endsAt: (some.at(-1)?.at ?? 0) + 60_000 };
}

describe("the command line", () => {
  test("what is not said has a default", () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ kind: "run", hours: 200, isTraced: false });
    expect(parseOptions(["--help"])).toEqual({ kind: "help" });
    expect(parseOptions(["--seed", "7", "--hours", "1", "--plant", "sends-again"])).toMatchObject({
      seed: 7,
      hours: 1,
      planted: "sends-again",
    });
  });

  test.each([
    ["--hours", "0"],
    ["--hours", "1.5"],
    ["--seed", "x"],
    ["--plant", "a-tree"],
    ["--json", "/no/such/folder/x.json"],
    ["--minutes", "1"],
  ])("%s %s is wrong", (option, value) => {
    expect(() => parseOptions([option, value])).toThrow(UsageError);
  });
});

describe("the virtual world", () => {
  test("the same seed gives the same trace, byte for byte", async () => {
    await warmUp();
    const first = await play(beginning(42, 120), { isTraced: true });
    const second = await play(beginning(42, 120), { isTraced: true });
    expect(first.trace.length).toBeGreaterThan(200);
    expect(second.trace.join("\n")).toBe(first.trace.join("\n"));
    expect(second.loop.turns).toBe(first.loop.turns);
    // Without a trace it is the same world.
    expect((await play(beginning(42, 120))).calls).toEqual(first.calls);
  });

  test("another seed gives another trace", async () => {
    await warmUp();
    const one = await play(beginning(42, 20), { isTraced: true });
    const other = await play(beginning(43, 20), { isTraced: true });
    expect(other.trace.join("\n")).not.toBe(one.trace.join("\n"));
  });

  test("the promises are kept over some virtual hours of faults", async () => {
    const stories: Story[] = [];
    const totals = await simulate({ seed: 7, hours: 60, onStory: (story) => stories.push(story) });
    expect(stories).toEqual([]);
    expect(totals.calls).toBeGreaterThan(100);
    expect(totals.executions).toBeGreaterThan(50);
    expect(totals.faults).toBeGreaterThan(50);
    expect(Object.keys(totals.broken)).toEqual(PROMISES);
  });
});

describe("faults that are built in", () => {
  test.each<[Planted, string]>([
    ["runs-twice", "class U ran at most once"],
    ["sends-again", "class U ran at most once"],
    ["forgets-caller", "every call settled"],
    ["keeps-timer", "closeAll leaves no timer and no request"],
  ])("%s is found, and told with few actions", async (planted, promise) => {
    await warmUp();
    const plan = await firstBroken(planted, promise);
    const { plan: shortest } = await shrink(plan, promise, { planted });
    const outcome = await play(shortest, { planted, isTraced: true });
    expect(check(outcome).map((violation) => violation.promise)).toContain(promise);
    expect(shortest.actions.length).toBeLessThanOrEqual(4);
    // Without it the very same story is a good one.
    expect(check(await play(shortest))).toEqual([]);
  });
});

async function firstBroken(planted: Planted, promise: string): Promise<Plan> {
  for (let seed = 1; seed <= 20; seed++) {
    const plan = beginning(seed, 120);
    const violations = check(await play(plan, { planted }));
    if (violations.some((violation) => violation.promise === promise)) return plan;
  }
  throw new Error(`20 episodes with ${planted} did not break "${promise}"`);
}

describe("each promise can be found broken", () => {
  const call: Told = {
    key: "c1",
    server: "s0",
    callClass: "U",
    kind: "act",
    replay: "safe",
    fates: [],
    totalTimeoutMs: 1_000,
    startedAt: 0,
    tookMs: 10,
    outcome: "success",
  };
  const failed = (rest: Partial<CallRecord>): Told[] => [
    { ...call, outcome: "error", isTyped: true, code: "TIMEOUT", sent: "unknown", ...rest },
  ];
  const ran = (times: number, seen = times): Outcome["servers"] =>
    new Map([["c1", { seen, ran: times, ranAt: [] }]]);
  const plan: Plan = { ...beginning(1, 0), actions: [], endsCalm: true, drainMs: 0 };
  const [server] = plan.servers;
  const name = server?.name ?? "";
  const http: Plan = {
    ...plan,
    servers: server === undefined ? [] : [{ ...server, kind: "http" }],
  };
  const good: Outcome = {
    plan: http,
    virtualMs: 1_000,
    calls: [call],
    servers: ran(1),
    handshakes: new Map([[name, 2]]),
    events: [],
    lost: [],
    left: { timers: 0, exchanges: 0, closingMs: 0 },
    mostExchanges: 3,
    badDelays: [],
    oddCauses: [],
    warnings: new Map(),
    sleeps: [],
    loop: { turns: 10, unhandled: [], realTimers: [], stuck: undefined },
    trace: [],
  };
  const { loop, left } = good;

  test("what is good is good", () => {
    expect(check(good)).toEqual([]);
  });

  const broken: [string, Partial<Outcome>][] = [
    ["class U ran at most once", { servers: ran(2) }],
    [
      'replay: "never" ran at most once',
      { servers: ran(2), calls: [{ ...call, replay: "never" }] },
    ],
    [
      "what may be repeated ran three times at most",
      { servers: ran(4), calls: [{ ...call, callClass: "R" }] },
    ],
    ["every success ran", { servers: new Map() }],
    ['sent "no" did not run', { calls: failed({ sent: "no" }) }],
    ['sent "yes" was seen by the server', { servers: new Map(), calls: failed({ sent: "yes" }) }],
    [
      "the outcome is not unknown where it is known",
      { servers: new Map(), calls: failed({ code: "OUTCOME_UNKNOWN", sent: "no" }) },
    ],
    ["every call settled", { calls: [{ ...call, outcome: "hung" }] }],
    ["every error is typed", { calls: failed({ isTyped: false }) }],
    ["every answer is the call's own", { calls: [{ ...call, outcome: "foreign-answer" }] }],
    ["every execution belongs to a call", { calls: [] }],
    ["every call ends within its total limit", { calls: [{ ...call, tookMs: 1_300 }] }],
    ["every server is ready again after fifteen minutes of calm", { lost: ["s0 is failed"] }],
    ["closeAll leaves no timer and no request", { left: { ...left, timers: 1 } }],
    ["closeAll leaves no timer and no request", { left: { ...left, exchanges: 1 } }],
    ["closeAll ends in time", { left: { ...left, closingMs: 16_000 } }],
    [
      "the events of each server follow each other as they may",
      {
        events: [
          { event: "server.connecting", server: name },
          { event: "server.closed", server: name },
          { event: "server.connected", server: name },
        ],
      },
    ],
    ["nothing is thrown at nobody", { loop: { ...loop, unhandled: [new Error("thrown")] } }],
    ["nothing is thrown at nobody", { oddCauses: [new Error("illegal")] }],
    ["handshakes and requests are bounded", { handshakes: new Map([[name, 100]]) }],
    ["handshakes and requests are bounded", { mostExchanges: 1_000 }],
    ["no warning is given again and again", { warnings: new Map([["s0: the same", 50]]) }],
    ["every timer has a delay that Node keeps", { badDelays: [Number.NaN] }],
    ["nothing waits for real time", { loop: { ...loop, realTimers: ["setTimeout"] } }],
    ["the world comes to its end", { loop: { ...loop, stuck: "no timer is armed" } }],
  ];

  test.each(broken)("%s (%#)", (promise, change) => {
    expect(check({ ...good, ...change }).map((violation) => violation.promise)).toContain(promise);
  });

  test("there is an example of every promise", () => {
    expect([...new Set(broken.map(([promise]) => promise))].toSorted()).toEqual(
      [...PROMISES].toSorted(),
    );
  });
});
