// Section 2.7 of the protocol, from both sides: a server that is upgraded to the stateless era, or rolled back, while
// it is in use. Whatever happens, no call runs twice.

import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { McpError } from "mcp-client-pool";
import type { McpClientPool, StdioServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { settled } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import { elicit, inputRequired } from "../support/stateless-server.ts";
import type { Era, StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";
import type { StatelessRequest } from "../support/stateless/types.ts";
import {
  connectedTo,
  Ledger,
  LOG_LEVEL,
  pausingClock,
  reconnect,
  serveStateless,
  STATELESS_STDIO,
  traceOf,
} from "./stateless-harness.ts";
import { collect, failure, gate, nextEvent, QUICK, textOf } from "./support.ts";

const URI = "test://a";
const VERSIONS = { stateless: "2026-07-28", session: "2025-11-25" } as const;

/** What `status()` says of a server that speaks like this. */
function statusOf(era: Era): object {
  const name = era === "sessions" ? "session" : "stateless";
  return { state: "ready", era: name, protocolVersion: VERSIONS[name] };
}

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A server whose tool `work` takes a few turns, and gives its key back. */
function working(random: () => number, era: Era): StatelessServerOptions {
  return {
    era,
    getStream: true,
    replies: () => (random() < 0.5 ? "json" : "sse"),
    resources: { [URI]: {} },
    tools: toolsOf(random, "old"),
    // What it says of itself is to hold for an hour: a change refutes it all the same.
    caching: { "server/discover": { ttlMs: 3_600_000, cacheScope: "private" } },
  };
}

/** Everything that was called must be there after a change as well. */
function toolsOf(random: () => number, only: string): NonNullable<StatelessServerOptions["tools"]> {
  const handler = async ({ key }: Record<string, unknown>): Promise<string> => {
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await settled();
    return String(key);
  };
  return { work: { handler }, [only]: {} };
}

interface Outcome {
  readonly key: string;
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * Makes `count` calls with keys of their own, many at a time; after `changeAt` of them, `change` is called in their
 * midst. Settles when all have.
 */
async function load(
  pool: McpClientPool,
  random: () => number,
  count: number,
  change: { readonly at: number; readonly run: () => unknown },
): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = [];
  let changing: unknown;
  while (outcomes.length < count) {
    const burst = Math.min(1 + Math.floor(random() * 12), count - outcomes.length);
    for (let index = 0; index < burst; index++) {
      const key = `k${outcomes.length}`;
      outcomes.push(
        pool.callTool("s__work", { key }).then(
          (result) => ({ key, result }),
          (error: unknown) => ({ key, error }),
        ),
      );
      if (outcomes.length === change.at) changing = change.run();
    }
    // Some bursts wait for what is under way, others come on top of it.
    if (random() < 0.2) await Promise.all(outcomes);
    else for (let turns = Math.floor(random() * 4); turns > 0; turns--) await settled();
  }
  await changing;
  return Promise.all(outcomes);
}

const keysOf = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ key }) => key);
const failed = (outcomes: readonly Outcome[]): Outcome[] =>
  outcomes.filter(({ error }) => error !== undefined);

/** Requests with which eras are found out, from the `from`th request on. */
function probesOf(server: StatelessServer, from = 0): { discover: number; initialize: number } {
  const methods = server.requests.slice(from).map(({ body }) => body?.method);
  const count = (method: string): number => methods.filter((one) => one === method).length;
  return { discover: count("server/discover"), initialize: count("initialize") };
}

const MOVES: readonly (readonly [Era, Era])[] = [
  ["sessions", "stateless"],
  ["stateless", "sessions"],
  ["both", "sessions"],
];
/** A server that learns the new era beside its own goes on with what it has begun. */
const SWAPS = MOVES.slice(0, 2);
const SEEDS = [1, 2, 3, 4];
const CASES = MOVES.flatMap((move) => SEEDS.map((seed) => [...move, seed] as const));

describe("HTTP: it speaks another era from one request to the next", () => {
  test.each(CASES)(
    "2.7, 1.4 %s to %s under load (seed %i): every call succeeds, each runs once",
    async (from, to, seed) => {
      const random = randomOf(seed);
      const server = await serveStateless(working(random, from));
      const pool = await connectedTo(server);
      const warnings = collect(pool, "warning");
      const heard: string[] = [];
      await pool.subscribeResource("s", URI, ({ uri }) => heard.push(uri));
      await pool.setLogLevel("s", "warning");
      expect(pool.status()).toMatchObject([statusOf(from)]);

      let before = 0;
      const outcomes = await load(pool, random, 240, {
        at: 60 + Math.floor(random() * 60),
        run: () => {
          before = server.requests.length;
          server.options.tools = toolsOf(random, "young");
          server.setEra(to);
        },
      });

      expect(failed(outcomes)).toEqual([]);
      for (const { key, result } of outcomes) expect(result).toMatchObject(textOf(key));
      expect(keysOf(outcomes).filter((key) => server.executionCount("work", key) !== 1)).toEqual(
        [],
      );
      expect(server.executionCount("work")).toBe(240);

      // One renegotiation for all callers: the era that was, the probe, the era that is.
      expect(pool.status()).toMatchObject([{ ...statusOf(to), counts: { renewals: 1 } }]);
      const { discover, initialize } = probesOf(server, before);
      expect(discover).toBeLessThanOrEqual(1);
      expect(initialize).toBeLessThanOrEqual(1);

      await until(() => pool.allTools.some(({ name }) => name === "s__young"), "the new tools");
      expect(pool.allTools.map(({ name }) => name)).toEqual(["s__work", "s__young"]);
      await until(() => server.openStreams + server.subscriptions.length === 1, "one stream");
      const updated = nextEvent(pool, "resource.updated");
      expect(server.notifyResourceUpdated(URI)).toBe(1);
      await updated;
      expect(heard).toEqual([URI]);
      await pool.callTool("s__work", { key: "last" });
      expect(logLevelOf(server, to)).toBe("warning");
      expect(warnings).toEqual([]);
    },
  );

  test.each(SWAPS)("2.7 %s to %s and back, wave by wave", async (from, to) => {
    const random = randomOf(99);
    const server = await serveStateless(working(random, from));
    const pool = await connectedTo(server);
    for (const [wave, era] of [to, from, to, from].entries()) {
      server.setEra(era);
      const keys = Array.from({ length: 50 }, (_, index) => `${wave}-${index}`);
      const results = await Promise.all(keys.map((key) => pool.callTool("s__work", { key })));
      expect(results).toMatchObject(keys.map((key) => textOf(key)));
      expect(keys.map((key) => server.executionCount("work", key))).toEqual(keys.map(() => 1));
      expect(pool.status()).toMatchObject([{ ...statusOf(era), counts: { renewals: wave + 1 } }]);
    }
  });

  test.each(SWAPS)(
    "2.7 %s to %s: a refusal that comes when all is agreed again is no reason to agree once more",
    async (from, to) => {
      const late = gate();
      const server = await serveStateless(working(randomOf(10), from));
      const pool = await connectedTo(server);
      server.options.onRequest = async ({ text }) => {
        if (text.includes('"late"')) await late.opened;
        return false;
      };
      const call = pool.callTool("s__work", { key: "late" });
      await server.until(() => server.requestsOf("tools/call").length === 1);
      server.setEra(to);
      await pool.callTool("s__work", { key: "early" });
      expect(pool.status()).toMatchObject([{ ...statusOf(to), counts: { renewals: 1 } }]);
      const before = server.requests.length;
      late.open();
      expect(await call).toMatchObject(textOf("late"));
      expect(pool.status()).toMatchObject([{ ...statusOf(to), counts: { renewals: 1 } }]);
      expect(probesOf(server, before)).toEqual({ discover: 0, initialize: 0 });
      expect(server.executionCount("work", "late")).toBe(1);
    },
  );

  test.each(MOVES)("2.7 %s to %s: lists and reads go on as calls do", async (from, to) => {
    const server = await serveStateless({ ...working(randomOf(5), from), prompts: { p: {} } });
    const pool = await connectedTo(server);
    server.setEra(to);
    const [tools, resources, read, prompt] = await Promise.all([
      pool.listTools("s"),
      pool.listResources("s"),
      pool.readResource("s", URI),
      pool.getPrompt("s__p"),
    ]);
    expect(tools.map(({ name }) => name)).toEqual(["s__work", "s__old"]);
    expect(resources).toMatchObject([{ uri: URI }]);
    expect(read).toMatchObject({ contents: [{ uri: URI }] });
    expect(prompt).toHaveProperty("messages");
    expect(pool.status()).toMatchObject([{ ...statusOf(to), counts: { renewals: 1 } }]);
  });

  test.each(MOVES)(
    "2.7, 8.12, 8.13 %s to %s: a subscription made at that very time holds",
    async (from, to) => {
      const server = await serveStateless(working(randomOf(6), from));
      const pool = await connectedTo(server);
      const heard: string[] = [];
      server.setEra(to);
      await pool.subscribeResource("s", URI, ({ uri }) => heard.push(uri));
      expect(pool.status()).toMatchObject([statusOf(to)]);
      await until(() => server.openStreams + server.subscriptions.length === 1, "one stream");
      const updated = nextEvent(pool, "resource.updated");
      server.notifyResourceUpdated(URI);
      await updated;
      expect(heard).toEqual([URI]);
    },
  );

  test("2.7, 8.29, 8.34 rolled back while nobody calls: the change stream finds it out", async () => {
    const clock = pausingClock();
    const server = await serveStateless(working(randomOf(7), "stateless"));
    const pool = await connectedTo(server, {}, { clock });
    const reconnected = nextEvent(pool, "server.reconnected");
    const changed = nextEvent(pool, "tools.changed");
    server.options.tools = { young: {} };
    server.setEra("sessions");
    await clock.serve(1_000);
    expect(await reconnected).toEqual({ server: "s", reason: "session-lost" });
    expect((await changed).added).toMatchObject([{ name: "s__young" }]);
    expect(pool.status()).toMatchObject([statusOf("sessions")]);
    // From here on changes come as sessions have them.
    await server.until(({ openStreams }) => openStreams === 1);
    const again = nextEvent(pool, "tools.changed");
    server.changeTools({ youngest: {} });
    expect((await again).added).toMatchObject([{ name: "s__youngest" }]);
    expect(clock.held).toEqual([]);
  });

  test.each([
    ["stateless", "sessions", "2026-07-28", "initialize"],
    ["sessions", "stateless", "2025-11-25", "server/discover"],
    ["sessions", "stateless", "legacy", "server/discover"],
  ] as const)(
    "2.6, 2.7 %s to %s where only %s is allowed: calls fail unsent, nobody sends %s; back again, all is well",
    async (from, to, protocol, forbidden) => {
      const server = await serveStateless(working(randomOf(11), from));
      const pace = { ...QUICK, initialMs: 60_000, maxMs: 60_000, budgetMs: 100 };
      const pool = await connectedTo(server, { protocol }, { reconnect: pace });
      const before = server.requests.length;
      server.setEra(to);
      const calls = Array.from({ length: 20 }, () => failure(pool.callTool("s__work")));
      for (const error of await Promise.all(calls)) {
        expect(error.server).toBe("s");
        expect(error.code).not.toBe("OUTCOME_UNKNOWN");
      }
      expect(server.executionCount("work")).toBe(0);
      const sent = server.requests.slice(before).map(({ body }) => body?.method);
      expect(sent).not.toContain(forbidden);
      expect(probesOf(server, before).discover + probesOf(server, before).initialize).toBeLessThan(
        4,
      );
      server.setEra(from);
      await reconnect(pool);
      expect(await pool.callTool("s__work", { key: "k" })).toMatchObject(textOf("k"));
      expect(pool.status()).toMatchObject([statusOf(from)]);
    },
  );

  test("2.7, 7.28 rolled back while a person is asked: unknown, and not run again", async () => {
    const answered = gate();
    const server = await serveStateless({
      tools: {
        work: {
          handler: (_args, { inputResponses }) =>
            inputResponses === undefined
              ? inputRequired({ inputRequests: { q: elicit("Who?") }, requestState: "s" })
              : "done",
        },
      },
    });
    const pool = await connectedTo(
      server,
      {},
      {
        onElicitation: async () => {
          server.setEra("sessions");
          await answered.opened;
          return { action: "accept", content: { answer: "x" } };
        },
      },
    );
    const call = failure(pool.callTool("s__work", { key: "k" }));
    answered.open();
    expect(await call).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s" });
    expect(server.executionCount("work", "k")).toBe(1);
    expect(pool.status()).toMatchObject([statusOf("sessions")]);
  });

  test("2.7, 12.13 rolled back while a task runs: unknown, and not run again", async () => {
    const server = await serveStateless({
      tools: {
        work: {
          handler: (_args, { tasks }) =>
            tasks.createTask({ onGet: (_task, count) => count === 2 && server.setEra("sessions") }),
        },
      },
    });
    const pool = await connectedTo(server);
    const error = await failure(pool.callTool("s__work", { key: "k" }));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", method: "tools/call" });
    expect(server.executionCount("work", "k")).toBe(1);
  });
});

/** The level that the server was last told, in the way of its era. */
function logLevelOf(server: StatelessServer, era: Era): unknown {
  if (era === "sessions")
    return server.requestsOf("logging/setLevel").at(-1)?.body?.params?.["level"];
  const meta = server.requestsOf("tools/call").at(-1)?.body?.params?.["_meta"];
  return (meta as Record<string, unknown> | undefined)?.[LOG_LEVEL];
}

test("2.5, 2.7 one that learns the stateless era beside its own: what has begun goes on", async () => {
  const server = await serveStateless(working(randomOf(9), "sessions"));
  const pool = await connectedTo(server);
  server.setEra("both");
  expect(await pool.callTool("s__work", { key: "k" })).toMatchObject(textOf("k"));
  server.forgetSessions();
  expect(await pool.callTool("s__work", { key: "l" })).toMatchObject(textOf("l"));
  expect(["k", "l"].map((key) => server.executionCount("work", key))).toEqual([1, 1]);
  expect(pool.status()).toMatchObject([{ state: "ready", counts: { renewals: 1 } }]);
});

describe("HTTP: it is started anew in another era, and its sockets die", () => {
  test.each(CASES)(
    "2.7, 4.13 %s to %s under load (seed %i): only what was on its way is unknown, nothing runs twice",
    async (from, to, seed) => {
      const random = randomOf(seed + 100);
      const server = await serveStateless(working(random, from));
      const pool = await connectedTo(server);
      await pool.setLogLevel("s", "warning");
      const outcomes = await load(pool, random, 240, {
        at: 60 + Math.floor(random() * 60),
        run: () => server.restart(to),
      });

      for (const { error } of failed(outcomes)) {
        expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s" });
      }
      for (const { key, result } of outcomes) {
        if (result !== undefined) expect(result).toMatchObject(textOf(key));
        const executions = server.executionCount("work", key);
        expect(executions, key).toBeLessThanOrEqual(1);
        if (result !== undefined) expect(executions, key).toBe(1);
      }
      expect(failed(outcomes).length).toBeLessThan(60);
      await pool.callTool("s__work", { key: "last" });
      expect(pool.status()).toMatchObject([statusOf(to)]);
      expect(logLevelOf(server, to)).toBe("warning");
    },
  );
});

/** Answers what `fits` with this status and body. */
function answering(
  server: StatelessServer,
  fits: (method: string) => boolean,
  answer: (request: StatelessRequest) => { status: number; body: unknown; type?: string },
): void {
  server.options.onRequest = (request) => {
    if (!fits(request.body?.method ?? request.method)) return false;
    const { status, body, type = "application/json" } = answer(request);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    request.res.writeHead(status, { "content-type": type }).end(text);
    return true;
  };
}

const rpc = (id: unknown, code: number, data?: object): object => {
  return { jsonrpc: "2.0", id, error: { code, message: "no", ...(data && { data }) } };
};
const everything = (): boolean => true;
const onlyCalls = (method: string): boolean => method === "tools/call";

interface Nonsense {
  readonly name: string;
  readonly fits: (method: string) => boolean;
  readonly answer: Parameters<typeof answering>[2];
}

const NONSENSE: readonly Nonsense[] = [
  ...[everything, onlyCalls].flatMap((fits): Nonsense[] => {
    const what = fits === everything ? "everything" : "every call";
    return [
      {
        name: `404 to ${what}`,
        fits,
        answer: () => ({ status: 404, body: "", type: "text/html" }),
      },
      { name: `405 to ${what}`, fits, answer: () => ({ status: 405, body: "" }) },
      {
        name: `400 in HTML to ${what}`,
        fits,
        answer: () => ({ status: 400, body: "<html>", type: "text/html" }),
      },
      {
        name: `400, -32000 of nobody's id to ${what}`,
        fits,
        answer: () => ({ status: 400, body: rpc(null, -32_000) }),
      },
      {
        name: `-32022 with sessions only to ${what}`,
        fits,
        answer: ({ body }) => ({
          status: 400,
          body: rpc(body?.id, -32_022, { supported: ["2025-11-25"] }),
        }),
      },
      {
        name: `-32022 with the same revision to ${what}`,
        fits,
        answer: ({ body }) => ({
          status: 400,
          body: rpc(body?.id, -32_022, { supported: ["2026-07-28"] }),
        }),
      },
      {
        name: `-32022 with a revision of the future to ${what}`,
        fits,
        answer: ({ body }) => ({
          status: 400,
          body: rpc(body?.id, -32_022, { supported: ["2099-01-01"] }),
        }),
      },
      {
        name: `-32020 to ${what}`,
        fits,
        answer: ({ body }) => ({ status: 400, body: rpc(body?.id, -32_020) }),
      },
      {
        name: `a page in HTML to ${what}`,
        fits,
        answer: () => ({ status: 200, body: "<html>", type: "text/html" }),
      },
    ];
  }),
];

describe("HTTP: it answers nonsense", () => {
  test.each(
    (["stateless", "sessions"] as const).flatMap((era) =>
      NONSENSE.map(({ name, fits, answer }) => [era, name, fits, answer] as const),
    ),
  )(
    "2.7, 2.9, 4.14 %s, then %s: calls fail, after a bounded number of questions",
    async (era, _name, fits, answer) => {
      const server = await serveStateless({ era, tools: { work: {} } });
      // Attempts to reconnect have a pace of their own: one and no more.
      const pace = { ...QUICK, initialMs: 60_000, maxMs: 60_000, budgetMs: 100 };
      const pool = await connectedTo(server, {}, { reconnect: pace });
      const before = server.requests.length;
      answering(server, fits, answer);
      const errors = await Promise.all(
        Array.from({ length: 30 }, () => failure(pool.callTool("s__work"))),
      );
      for (const error of errors) {
        expect(error).toBeInstanceOf(McpError);
        expect(error.server).toBe("s");
        expect(error.code).not.toBe("OUTCOME_UNKNOWN");
      }
      expect(server.executionCount("work")).toBe(0);
      const { discover, initialize } = probesOf(server, before);
      expect(discover + initialize).toBeLessThanOrEqual(8);
      const calls = server.requestsOf("tools/call").length;
      expect(calls).toBeLessThanOrEqual(3 * 30);
      expect(server.requests.length - before).toBeLessThanOrEqual(3 * 30 + 30);

      // It comes to its senses.
      delete server.options.onRequest;
      await reconnect(pool);
      expect(await pool.callTool("s__work", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
      expect(server.executionCount("work", "k")).toBe(1);
      expect(pool.status()).toMatchObject([statusOf(era)]);
    },
  );

  test("2.7 it changes its mind with every request: each call is decided, none runs twice", async () => {
    const server = await serveStateless(working(randomOf(8), "stateless"));
    const pool = await connectedTo(server);
    const eras: readonly Era[] = ["sessions", "stateless"];
    let turn = 0;
    server.options.onRequest = ({ body }) => {
      if (body?.method === "tools/call") server.setEra(eras[turn++ % 2] ?? "stateless");
      return false;
    };
    const before = server.requests.length;
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const outcomes = await Promise.all(
      keys.map((key) =>
        pool.callTool("s__work", { key }).then(
          () => "done",
          (error: unknown) => error,
        ),
      ),
    );
    for (const [index, outcome] of outcomes.entries()) {
      const executions = server.executionCount("work", `k${index}`);
      expect(executions).toBe(outcome === "done" ? 1 : 0);
      if (outcome !== "done") expect(outcome).toBeInstanceOf(McpError);
    }
    // At most two sendings for each call, and a renegotiation for each of them.
    const { discover, initialize } = probesOf(server, before);
    expect(discover + initialize).toBeLessThanOrEqual(2 * 2 * 20);
  });
});

/** A child that is whatever its script says when it is started. */
class Shifting {
  readonly ledger: Ledger = new Ledger();
  readonly config: StdioServerConfig;

  constructor(script: object) {
    this.become(script);
    const server = JSON.stringify(pathToFileURL(STATELESS_STDIO).href);
    const file = JSON.stringify(this.#file);
    const code = `import { readFileSync } from "node:fs";
process.argv[2] = readFileSync(${file}, "utf8");
await import(${server});`;
    this.config = {
      command: process.execPath,
      args: ["--input-type=module", "--eval", code],
      timeouts: { closeStepMs: 300 },
    };
  }

  get #file(): string {
    return `${this.ledger.file}.script`;
  }

  /** From the next start on. */
  become(script: object): void {
    const records = { counterFile: this.ledger.file, traceFile: `${this.ledger.file}.trace` };
    writeFileSync(this.#file, JSON.stringify({ ...records, ...script }));
  }

  kill(): void {
    const pid = this.ledger.pids().at(-1);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }

  get violations(): string[] {
    return this.ledger.lines.filter((line) => line.startsWith("violation"));
  }
}

describe("stdio: the process is started again as another", () => {
  test.each(CASES.filter(([, , seed]) => seed <= 2))(
    "2.7, 6.9, 6.10 %s to %s under load (seed %i): only what was on its way is unknown, nothing runs twice",
    async (from, to, seed) => {
      const random = randomOf(seed + 200);
      const child = new Shifting({ era: from, tools: ["work", "change", "old"] });
      const { ledger } = child;
      const pool = await connectedTo(child.config);
      const heard: string[] = [];
      await pool.subscribeResource("s", URI, ({ uri }) => heard.push(uri));
      await pool.setLogLevel("s", "warning");
      expect(pool.status()).toMatchObject([statusOf(from)]);
      const reconnected = nextEvent(pool, "server.reconnected");
      let before = 0;
      const outcomes = await load(pool, random, 240, {
        at: 60 + Math.floor(random() * 60),
        run: () => {
          before = traceOf(ledger).length;
          child.become({ era: to, tools: ["work", "change", "young"] });
          child.kill();
        },
      });
      await reconnected;

      for (const { key, error, result } of outcomes) {
        const executions = ledger.count(key);
        expect(executions, key).toBeLessThanOrEqual(1);
        if (error !== undefined) expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
        else expect(result).toBeDefined();
        if (error === undefined) expect(executions, key).toBe(1);
      }
      expect(failed(outcomes).length).toBeLessThan(60);

      expect(pool.status()).toMatchObject([statusOf(to)]);
      expect(ledger.starts).toBe(2);
      const methods = traceOf(ledger)
        .slice(before)
        .map(({ method }) => method);
      expect(methods.filter((method) => method === "server/discover").length).toBeLessThanOrEqual(
        1,
      );
      expect(methods.filter((method) => method === "initialize").length).toBeLessThanOrEqual(1);
      await until(() => pool.allTools.some(({ name }) => name === "s__young"), "the new tools");
      expect(pool.allTools.map(({ name }) => name)).toEqual(["s__work", "s__change", "s__young"]);

      const updated = nextEvent(pool, "resource.updated");
      const params = { uri: URI };
      await pool.callTool("s__change", { method: "notifications/resources/updated", params });
      expect(await updated).toEqual({ server: "s", uri: URI });
      expect(heard).toEqual([URI]);
      const last = traceOf(ledger);
      const level =
        to === "sessions"
          ? last.findLast(({ method }) => method === "logging/setLevel")?.params["level"]
          : (last.findLast(({ method }) => method === "tools/call")?.params["_meta"] as object);
      expect(to === "sessions" ? level : Reflect.get(level as object, LOG_LEVEL)).toBe("warning");
      expect(child.violations).toEqual([]);
    },
  );

  test.each(SWAPS)("2.5, 2.7 %s to %s and back", async (from, to) => {
    const child = new Shifting({ era: from });
    const pool = await connectedTo(child.config);
    for (const [index, era] of [to, from, to].entries()) {
      const reconnected = nextEvent(pool, "server.reconnected");
      child.become({ era });
      child.kill();
      await reconnected;
      await pool.callTool("s__echo", { key: `k${index}` });
      expect(pool.status()).toMatchObject([statusOf(era)]);
      expect(child.ledger.count(`k${index}`)).toBe(1);
    }
    expect(child.violations).toEqual([]);
  });

  test("2.5, 6.9 what a process said of itself is not believed of the next, however long it was to hold", async () => {
    const child = new Shifting({ era: "stateless", ttlMs: 3_600_000 });
    const pool = await connectedTo(child.config);
    const reconnected = nextEvent(pool, "server.reconnected");
    child.become({ era: "sessions" });
    child.kill();
    await reconnected;
    await pool.callTool("s__echo");
    expect(pool.status()).toMatchObject([statusOf("sessions")]);
    expect(child.violations).toEqual([]);
  });
});
