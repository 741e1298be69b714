// Section 9 of the protocol through the pool: what a server lets us use again, for how long, for whom.

import { McpClientPool, McpConfigError, McpResponseError } from "mcp-client-pool";
import type { CacheStore, PoolOptions, ServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import {
  connectedTo,
  Ledger,
  poolTo,
  serveStateless,
  statelessStdio,
  traceOf,
} from "../fault/stateless-harness.ts";
import { collect, failure, nextEvent } from "../fault/support.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { elicit, inputRequired, RpcError } from "../support/stateless-server.ts";
import type { StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";

const TTL_MS = 60_000;
const FRESH = { ttlMs: TTL_MS, cacheScope: "private" };
const URI = "test://a";

type CallOptions = Parameters<McpClientPool["readResource"]>[2];
type Hint = NonNullable<StatelessServerOptions["caching"]>[string];

interface Kind {
  readonly method: string;
  readonly ask: (pool: McpClientPool, options?: CallOptions) => Promise<unknown>;
}

const READ: Kind = {
  method: "resources/read",
  ask: (pool, options) => pool.readResource("s", URI, options),
};
const RESOURCES: Kind = {
  method: "resources/list",
  ask: (pool, options) => pool.listResources("s", options),
};
const TEMPLATES: Kind = {
  method: "resources/templates/list",
  ask: (pool, options) => pool.listResourceTemplates("s", options),
};
const PROMPTS: Kind = {
  method: "prompts/list",
  ask: (pool, options) => pool.listPrompts("s", options),
};
const TOOLS: Kind = {
  method: "tools/list",
  ask: (pool, options) => pool.listTools("s", options),
};

const KINDS = [TOOLS, RESOURCES, TEMPLATES, PROMPTS, READ];

const CONTENT: StatelessServerOptions = {
  resources: { [URI]: {}, "test://b": {} },
  resourceTemplates: [{ uriTemplate: "test://{x}", name: "any" }],
  prompts: { p: {} },
};

/** Everything that may carry a hint does carry this one. */
function hinting(hint: Hint): StatelessServerOptions {
  return { ...CONTENT, caching: Object.fromEntries(KINDS.map(({ method }) => [method, hint])) };
}

interface Bench {
  readonly server: StatelessServer;
  readonly pool: McpClientPool;
  readonly clock: ManualClock;
  /** How often the server was asked since the pool was connected. */
  readonly asked: (kind: Kind) => number;
}

async function start(
  options: StatelessServerOptions,
  config: Partial<ServerConfig> = {},
  poolOptions: Omit<PoolOptions, "servers"> = {},
): Promise<Bench> {
  const clock = new ManualClock();
  const server = await serveStateless(options);
  const pool = await connectedTo(server, config, { clock, ...poolOptions });
  const before = new Map(KINDS.map(({ method }) => [method, server.requestsOf(method).length]));
  const asked = ({ method }: Kind): number =>
    server.requestsOf(method).length - (before.get(method) ?? 0);
  return { server, pool, clock, asked };
}

describe.each(KINDS)("$method", (kind) => {
  test("9.1, 9.2 fresh: answered without the server; stale to the millisecond: asked", async () => {
    const { pool, clock, asked } = await start(hinting(FRESH));
    const first = await kind.ask(pool, { cache: "reload" });
    expect(await kind.ask(pool)).toEqual(first);
    clock.advance(TTL_MS - 1);
    expect(await kind.ask(pool)).toEqual(first);
    expect(asked(kind)).toBe(1);
    clock.advance(1);
    expect(await kind.ask(pool)).toEqual(first);
    expect(asked(kind)).toBe(2);
    clock.advance(TTL_MS - 1);
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
  });

  test.each<[string, Hint]>([
    ["0", { ttlMs: 0, cacheScope: "public" }],
    ["negative", { ttlMs: -1, cacheScope: "public" }],
    ["a string", { ttlMs: "60000", cacheScope: "public" }],
    ["null", { ttlMs: null, cacheScope: "public" }],
    ["absent", { cacheScope: "public" }],
    ["no hints at all", null],
  ])("9.2 ttlMs %s: stale at once", async (_name, hint) => {
    const { pool, asked } = await start(hinting(hint));
    await kind.ask(pool);
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
  });

  test("9.2 an absurd ttlMs holds for a day", async () => {
    const { pool, clock, asked } = await start(hinting({ ttlMs: 1e300, cacheScope: "private" }));
    await kind.ask(pool, { cache: "reload" });
    clock.advance(24 * 60 * 60 * 1_000 - 1);
    await kind.ask(pool);
    expect(asked(kind)).toBe(1);
    clock.advance(1);
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
  });

  test("9.9 reload asks and keeps the answer, no-store asks and touches nothing", async () => {
    const { pool, clock, asked } = await start(hinting(FRESH));
    await kind.ask(pool, { cache: "reload" });
    clock.advance(TTL_MS / 2);
    await kind.ask(pool, { cache: "no-store" });
    expect(asked(kind)).toBe(2);
    clock.advance(TTL_MS / 2 - 1);
    await kind.ask(pool, { cache: "default" });
    expect(asked(kind)).toBe(2);
    clock.advance(1);
    await kind.ask(pool, { cache: "no-store" });
    await kind.ask(pool);
    expect(asked(kind)).toBe(4);
    clock.advance(TTL_MS / 2);
    await kind.ask(pool, { cache: "reload" });
    clock.advance(TTL_MS - 1);
    await kind.ask(pool);
    expect(asked(kind)).toBe(5);
  });

  test("9.3 the caller's own _meta may matter: neither read nor kept", async () => {
    const { pool, asked } = await start(hinting(FRESH));
    await kind.ask(pool, { cache: "reload" });
    await kind.ask(pool, { meta: { traceparent: "x" } });
    await kind.ask(pool, { meta: {} });
    expect(asked(kind)).toBe(3);
    await kind.ask(pool);
    expect(asked(kind)).toBe(3);
  });

  test("9.3 the protocol's own _meta does not: progress and log level make no difference", async () => {
    const { pool, asked } = await start(hinting(FRESH));
    await kind.ask(pool, { cache: "reload" });
    await pool.setLogLevel("s", "debug");
    await kind.ask(pool, { onProgress: () => {} });
    expect(asked(kind)).toBe(1);
  });

  test("9.9 what is handed out is the caller's own: a change of it changes nothing", async () => {
    const { pool, asked } = await start(hinting(FRESH), {}, {});
    const first = (await kind.ask(pool, { cache: "reload" })) as object;
    const text = JSON.stringify(first);
    spoil(first);
    const second = (await kind.ask(pool)) as object;
    expect(JSON.stringify(second)).toBe(text);
    spoil(second);
    expect(JSON.stringify(await kind.ask(pool))).toBe(text);
    expect(asked(kind)).toBe(1);
  });

  test("9.5 an error is never kept", async () => {
    const { server, pool, asked } = await start(hinting(FRESH));
    server.reject(kind.method, new RpcError(-32603, "not now"));
    expect(await failure(kind.ask(pool, { cache: "reload" }))).toBeInstanceOf(McpResponseError);
    await kind.ask(pool, { cache: "reload" });
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
  });

  test("an aborted call rejects with its reason, also when there is an answer", async () => {
    const { pool, asked } = await start(hinting(FRESH));
    await kind.ask(pool, { cache: "reload" });
    const reason = new Error("not wanted any more");
    const signal = AbortSignal.abort(reason);
    await expect(kind.ask(pool, { signal })).rejects.toBe(reason);
    expect(asked(kind)).toBe(1);
  });
});

/** Empties whatever it is given, as far as it can be. */
function spoil(value: object): void {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === "object" && inner !== null && !Object.isFrozen(inner)) spoil(inner);
  }
  for (const key of Object.keys(value)) Reflect.deleteProperty(value, key);
}

describe("invalidation", () => {
  test.each<[string, readonly Kind[]]>([
    ["tools", [TOOLS]],
    ["prompts", [PROMPTS]],
    ["resources", [RESOURCES, TEMPLATES]],
  ])("9.6 %s/list_changed: that list is asked for anew, and no other", async (list, stale) => {
    const { server, pool, asked } = await start(hinting(FRESH));
    for (const kind of KINDS) await kind.ask(pool, { cache: "reload" });
    // The pool keeps its own picture of the tools, and so its answer fresh.
    const changed = nextEvent(pool, list === "tools" ? "tools.changed" : "resources.changed");
    const marked = nextEvent(pool, "prompts.changed");
    if (list === "tools") server.changeTools({ fresh: {} });
    else server.push({ method: `notifications/${list}/list_changed` });
    await (list === "prompts" ? marked : changed);
    for (const kind of KINDS) await kind.ask(pool);
    expect(Object.fromEntries(KINDS.map((kind) => [kind.method, asked(kind)]))).toEqual(
      Object.fromEntries(KINDS.map((kind) => [kind.method, stale.includes(kind) ? 2 : 1])),
    );
  });

  test("9.6 resources/updated: that resource, and no other", async () => {
    const { server, pool, asked } = await start(hinting(FRESH));
    await pool.subscribeResource("s", URI, () => {});
    await READ.ask(pool);
    await pool.readResource("s", "test://b");
    const updated = nextEvent(pool, "resource.updated");
    server.notifyResourceUpdated(URI);
    await updated;
    await pool.readResource("s", "test://b");
    expect(asked(READ)).toBe(2);
    await READ.ask(pool);
    expect(asked(READ)).toBe(3);
    await READ.ask(pool);
    expect(asked(READ)).toBe(3);
  });

  test("9.6 a listener that reads the resource anew gets the new text", async () => {
    const { server, pool } = await start(hinting(FRESH));
    await READ.ask(pool);
    const read = new Promise((resolve) => {
      void pool
        .subscribeResource("s", URI, () => resolve(READ.ask(pool)))
        .then(() => {
          server.options.resources = { [URI]: { text: "young" } };
          server.notifyResourceUpdated(URI);
        });
    });
    expect(await read).toMatchObject({ contents: [{ text: "young" }] });
  });

  test.each<[Kind, string]>([
    [READ, "notifications/resources/updated"],
    [RESOURCES, "notifications/resources/list_changed"],
    [TEMPLATES, "notifications/resources/list_changed"],
    [PROMPTS, "notifications/prompts/list_changed"],
  ])("9.6 $method in flight at the time of $1: handed over, not kept", async (kind, method) => {
    const { server, pool, asked } = await start(hinting(FRESH));
    await pool.subscribeResource("s", URI, () => {});
    const hold = server.hold(kind.method);
    const asking = kind.ask(pool);
    await server.until(() => hold.waiting === 1);
    const told = Promise.race([
      nextEvent(pool, "resource.updated"),
      nextEvent(pool, "resources.changed"),
      nextEvent(pool, "prompts.changed"),
    ]);
    server.push({ method, params: { uri: URI } });
    await told;
    hold.release();
    await asking;
    expect(asked(kind)).toBe(1);
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
    await kind.ask(pool);
    expect(asked(kind)).toBe(2);
  });

  test("9.6 tools/list in flight at the time of its change: the catalogue is that of the second answer", async () => {
    const { server, pool, asked } = await start(hinting(FRESH));
    const hold = server.hold("tools/list");
    const asking = TOOLS.ask(pool, { cache: "reload" });
    await server.until(() => hold.waiting === 1);
    const changed = nextEvent(pool, "tools.changed", ({ added }) =>
      added.some(({ name }) => name === "s__young"),
    );
    server.changeTools({ young: {} });
    await server.until(() => hold.waiting === 2);
    hold.release();
    await asking;
    await changed;
    expect(await TOOLS.ask(pool)).toMatchObject([{ name: "s__young" }]);
    expect(asked(TOOLS)).toBe(2);
  });

  test("8.35 after a gap in the change stream nothing is fresh any more", async () => {
    const { server, pool, clock, asked } = await start(hinting(FRESH));
    for (const kind of KINDS) await kind.ask(pool, { cache: "reload" });
    server.endSubscriptions("abrupt");
    await server.until(({ subscriptions }) => subscriptions.length === 0);
    while (!clock.dueIn.includes(1_000)) await clock.run(0);
    const reopened = nextEvent(pool, "prompts.changed");
    await clock.run(1_000);
    await reopened;
    for (const kind of KINDS) await kind.ask(pool);
    expect(KINDS.slice(1).map(asked)).toEqual([2, 2, 2, 2]);
    // Of the tools the pool draws its own picture, too.
    expect(asked(TOOLS)).toBeGreaterThanOrEqual(2);
  });

  test("9.8 after a reconnect nothing is fresh any more", async () => {
    const server = await serveStateless(hinting({ ttlMs: 3_600_000, cacheScope: "private" }));
    const pool = await connectedTo(server);
    for (const kind of KINDS) await kind.ask(pool, { cache: "reload" });
    await server.stop();
    const waiting = pool.call("s", "tools/list");
    await nextEvent(pool, "server.disconnected");
    const before = KINDS.map(({ method }) => server.requestsOf(method).length);
    await server.listen();
    await waiting;
    for (const kind of KINDS) await kind.ask(pool);
    const asked = KINDS.map(({ method }, index) => {
      return server.requestsOf(method).length - (before[index] ?? 0);
    });
    expect(asked.slice(1)).toEqual([1, 1, 1, 1]);
    expect(asked[0]).toBeGreaterThan(1);
  });
});

describe("the pool's own upkeep", () => {
  test("9.8 the catalogue asks the server, however fresh its last answer is", async () => {
    const hint = { ttlMs: 3_600_000, cacheScope: "public" };
    const cacheStore = new Map<string, string>();
    const options: StatelessServerOptions = { ...hinting(hint), tools: { old: {} } };
    const { server, pool, asked } = await start(options, {}, { cacheStore });
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools({ young: {} });
    await changed;
    expect(asked(TOOLS)).toBe(1);
    // What it asked for itself is as good an answer as any.
    expect(await TOOLS.ask(pool)).toMatchObject([{ name: "s__young" }]);
    expect(asked(TOOLS)).toBe(1);

    const other = await connectedTo(server, named("other"), { cacheStore });
    expect(asked(TOOLS)).toBe(2);
    expect(other.allTools).toMatchObject([{ name: "s__young" }]);
  });

  test("9.8 nothing is fetched in the background, not in a day", async () => {
    const { server, pool, clock } = await start(hinting({ ttlMs: 1_000, cacheScope: "public" }));
    for (const kind of KINDS) await kind.ask(pool, { cache: "reload" });
    const before = server.requests.length;
    await clock.run(24 * 60 * 60 * 1_000);
    expect(server.requests.slice(before)).toEqual([]);
    expect(server.subscriptions).toHaveLength(1);
  });

  test("9.1 server/discover too: another pool on the same store needs none while it holds", async () => {
    const clock = new ManualClock();
    const cacheStore = new Map<string, string>();
    const server = await serveStateless({
      instructions: "as discovered",
      caching: { "server/discover": FRESH },
      ids: "not-outstanding",
    });
    const connect = async (): Promise<McpClientPool> =>
      connectedTo(server, { listen: false }, { clock, cacheStore });
    const first = await connect();
    await first.closeAll();
    clock.advance(TTL_MS - 1);
    const second = await connect();
    expect(second.status()).toMatchObject([{ era: "stateless", instructions: "as discovered" }]);
    expect(server.requestsOf("server/discover")).toHaveLength(1);
    await second.closeAll();
    clock.advance(1);
    await connect();
    expect(server.requestsOf("server/discover")).toHaveLength(2);
    expect(server.requestsOf("initialize")).toEqual([]);
  });
});

describe("pages", () => {
  /** Lists one resource per page; the cursors are those of its generation. */
  function paged(ttls: readonly number[]): { server: StatelessServerOptions; generation: number } {
    const state = {
      generation: 1,
      server: {
        ...CONTENT,
        methods: {
          "resources/list": ({ cursor }: Record<string, unknown>) => {
            const cursors = ttls.map((_, index) =>
              index === 0 ? undefined : `${state.generation}-${index}`,
            );
            const page = cursors.indexOf(cursor as string | undefined);
            if (page === -1) throw new RpcError(-32602, `Unknown cursor: ${String(cursor)}`);
            const nextCursor = cursors[page + 1];
            return {
              resources: [{ uri: `test://${state.generation}/${page}`, name: "page" }],
              ttlMs: ttls[page],
              cacheScope: "private",
              ...(nextCursor === undefined ? {} : { nextCursor }),
            };
          },
        },
      },
    };
    return state;
  }

  const cursorsAsked = (server: StatelessServer): unknown[] =>
    server.requestsOf("resources/list").map(({ body }) => body?.params?.["cursor"]);
  const urisOf = (pool: McpClientPool): Promise<string[]> =>
    pool.listResources("s").then((listed) => listed.map(({ uri }) => uri));

  test("9.7 each has a life of its own: only those that are stale are asked for", async () => {
    const { server, pool, clock } = await start(paged([1_000, 5_000, 3_000]).server);
    const uris = ["test://1/0", "test://1/1", "test://1/2"];
    expect(await urisOf(pool)).toEqual(uris);
    expect(await urisOf(pool)).toEqual(uris);
    expect(cursorsAsked(server)).toEqual([undefined, "1-1", "1-2"]);
    clock.advance(1_000);
    expect(await urisOf(pool)).toEqual(uris);
    expect(cursorsAsked(server).slice(3)).toEqual([undefined]);
    clock.advance(2_000);
    expect(await urisOf(pool)).toEqual(uris);
    expect(cursorsAsked(server).slice(4)).toEqual([undefined, "1-2"]);
  });

  test("9.7, 8.28 a refused cursor: everything is dropped, and the list is fetched from the start, once", async () => {
    const script = paged([5_000, 1_000, 5_000]);
    const { server, pool, clock } = await start(script.server);
    await urisOf(pool);
    clock.advance(1_000);
    script.generation = 2;
    const asked = server.requestsOf("resources/list").length;
    expect(await urisOf(pool)).toEqual(["test://2/0", "test://2/1", "test://2/2"]);
    expect(cursorsAsked(server).slice(asked)).toEqual(["1-1", undefined, "2-1", "2-2"]);
    await urisOf(pool);
    expect(cursorsAsked(server).slice(asked)).toHaveLength(4);
  });

  test("9.7, 8.28 refused again: its error, and no third try", async () => {
    const script = paged([5_000, 1_000]);
    const { server, pool, clock } = await start(script.server);
    await urisOf(pool);
    clock.advance(1_000);
    server.options.methods = {
      "resources/list": ({ cursor }) => {
        if (cursor !== undefined) throw new RpcError(-32602, "Unknown cursor");
        return { resources: [], nextCursor: "never known" };
      },
    };
    const asked = server.requestsOf("resources/list").length;
    expect(await failure(pool.listResources("s"))).toMatchObject({ rpcCode: -32602 });
    expect(cursorsAsked(server).slice(asked)).toEqual(["1-1", undefined, "never known"]);
  });

  test("9.6 a change makes all of them stale", async () => {
    const { server, pool } = await start(paged([5_000, 5_000, 5_000]).server);
    await urisOf(pool);
    const changed = nextEvent(pool, "resources.changed");
    server.push({ method: "notifications/resources/list_changed" });
    await changed;
    await urisOf(pool);
    expect(cursorsAsked(server).slice(3)).toEqual([undefined, "1-1", "1-2"]);
  });
});

/** Another client, to the server's checks; and another principal, to the cache. */
function named(client: string): { headers: Record<string, string> } {
  return { headers: { "x-client": client } };
}

describe("principals", () => {
  const personal: StatelessServerOptions = {
    ...CONTENT,
    resources: {
      [URI]: { read: (_uri, { headers }) => `for ${String(headers["authorization"])}` },
    },
    ids: "not-outstanding",
  };

  async function family(hint: Hint) {
    const cacheStore = new Map<string, string>();
    const server = await serveStateless({ ...personal, caching: { [READ.method]: hint } });
    const join = (name: string): Promise<McpClientPool> =>
      connectedTo(server, { headers: { authorization: name }, listen: false }, { cacheStore });
    const read = async (pool: McpClientPool): Promise<string> =>
      JSON.stringify((await pool.readResource("s", URI)).contents);
    return { server, join, read, cacheStore };
  }

  test.each<[string, Hint]>([
    ["private", FRESH],
    ["of no scope", { ttlMs: TTL_MS }],
    ["of an unknown scope", { ttlMs: TTL_MS, cacheScope: "shared" }],
  ])("9.4, 13.11 what is %s never crosses from one to another", async (_name, hint) => {
    const { server, join, read } = await family(hint);
    const [alice, bob] = [await join("alice"), await join("bob")];
    expect(await read(alice)).toContain("for alice");
    expect(await read(bob)).toContain("for bob");
    expect(await read(alice)).toContain("for alice");
    expect(server.requestsOf(READ.method)).toHaveLength(2);
    // The same one in another process.
    const again = await join("alice");
    expect(await read(again)).toContain("for alice");
    expect(server.requestsOf(READ.method)).toHaveLength(2);
  });

  test("9.4 what is public is everybody's", async () => {
    const { server, join, read } = await family({ ttlMs: TTL_MS, cacheScope: "public" });
    const [alice, bob] = [await join("alice"), await join("bob")];
    expect(await read(alice)).toContain("for alice");
    expect(await read(bob)).toContain("for alice");
    expect(server.requestsOf(READ.method)).toHaveLength(1);
  });

  test("9.4 public once and private since: nobody is given the old one", async () => {
    const { server, join, read } = await family({ ttlMs: TTL_MS, cacheScope: "public" });
    const [alice, bob] = [await join("alice"), await join("bob")];
    await read(alice);
    server.options.caching = { [READ.method]: FRESH };
    await bob.readResource("s", URI, { cache: "reload" });
    expect(await read(alice)).toContain("for alice");
    expect(await read(bob)).toContain("for bob");
    expect(server.requestsOf(READ.method)).toHaveLength(3);
  });

  test("13.5 neither header nor URL can be read off a key of the store", async () => {
    const { join, read, cacheStore } = await family(FRESH);
    await read(await join("s3cret"));
    expect(cacheStore.size).toBeGreaterThan(0);
    expect([...cacheStore.keys()].join("\n")).not.toMatch(/s3cret|127\.0\.0\.1/);
    expect([...cacheStore.values()].join("\n").replaceAll("for s3cret", "")).not.toContain(
      "s3cret",
    );
  });
});

describe("what is never kept", () => {
  test("7.31, 9.5 an answer that input was given for", async () => {
    let given = 0;
    const { server, pool } = await start(
      {
        ...hinting(FRESH),
        resources: {
          [URI]: {
            read: (_uri, { inputResponses }) =>
              inputResponses === undefined
                ? inputRequired({ inputRequests: { q: elicit("Who?") } })
                : JSON.stringify(inputResponses),
          },
        },
      },
      {},
      { onElicitation: () => ({ action: "accept", content: { answer: `${++given}` } }) },
    );
    expect(JSON.stringify(await READ.ask(pool))).toContain('\\"1\\"');
    expect(JSON.stringify(await READ.ask(pool))).toContain('\\"2\\"');
    expect(server.requestsOf(READ.method)).toHaveLength(4);
  });

  test("7.31, 9.5 an answer that state was handed back for", async () => {
    const server = await serveStateless({
      ...hinting(FRESH),
      resources: {
        [URI]: {
          read: (_uri, { requestState }) =>
            requestState === undefined ? inputRequired({ requestState: "s" }) : "text",
        },
      },
    });
    const pool = await connectedTo(server);
    await READ.ask(pool);
    await READ.ask(pool);
    expect(server.requestsOf(READ.method)).toHaveLength(4);
  });

  test("9.9 whatever a server with sessions says", async () => {
    const hint = { ttlMs: TTL_MS, cacheScope: "public" };
    const cacheStore = new Map<string, string>();
    const { server, pool, asked } = await start(
      {
        ...CONTENT,
        era: "sessions",
        methods: {
          "resources/list": () => ({ resources: [], ...hint }),
          "resources/read": () => ({ contents: [], ...hint }),
        },
      },
      {},
      { cacheStore },
    );
    expect(pool.status()).toMatchObject([{ era: "session" }]);
    for (const kind of [RESOURCES, READ]) {
      await kind.ask(pool);
      await kind.ask(pool);
      expect(asked(kind)).toBe(2);
    }
    expect([...cacheStore.keys()].every((key) => key.startsWith("era:"))).toBe(true);
    expect(server.requestsOf("initialize")).toHaveLength(1);
  });

  test("9.1 results of other methods, hint or no hint", async () => {
    const hint = { ttlMs: TTL_MS, cacheScope: "public" };
    const { server, pool } = await start({
      ...hinting(FRESH),
      caching: { "prompts/get": hint, "tools/call": hint },
    });
    for (let count = 0; count < 2; count++) {
      await pool.callTool("s__echo");
      await pool.getPrompt("s__p");
    }
    expect(server.executionCount("echo")).toBe(2);
    expect(server.requestsOf("prompts/get")).toHaveLength(2);
  });
});

test("9.2, 9.3 over stdio the same: by resource, until the time is up", async () => {
  const clock = new ManualClock();
  const ledger = new Ledger();
  const script = { ttlMs: TTL_MS, resources: [URI, "test://b"] };
  const pool = await connectedTo(statelessStdio(ledger, script), {}, { clock });
  const read = async (uri: string): Promise<unknown> =>
    (await pool.readResource("s", uri)).contents[0];
  expect(await read(URI)).toMatchObject({ text: `${URI} read 1` });
  expect(await read("test://b")).toMatchObject({ text: "test://b read 1" });
  expect(await read(URI)).toMatchObject({ text: `${URI} read 1` });
  clock.advance(TTL_MS);
  expect(await read(URI)).toMatchObject({ text: `${URI} read 2` });
  const reads = traceOf(ledger).filter(({ method }) => method === READ.method);
  expect(reads).toHaveLength(3);
  // Nothing here waits for a clock that stands still.
  await pool.closeAll({ drainMs: 0 });
});

describe("what a user may give", () => {
  const good = { get: () => undefined, set: () => {}, delete: () => {} };

  test.each<[string, unknown]>([
    ["null", null],
    ["a string", "redis://127.0.0.1"],
    ["a function", () => good],
    ["nothing in it", {}],
    ["no delete", { get: good.get, set: good.set }],
    ["a get that is no function", { ...good, get: "x" }],
  ])("a cacheStore that is none (%s) is refused with its path", (_name, cacheStore) => {
    const make = (): unknown => new McpClientPool({ cacheStore } as PoolOptions);
    expect(make).toThrow(McpConfigError);
    expect(make).toThrow(expect.objectContaining({ path: "cacheStore", code: "INVALID_CONFIG" }));
    expect(make).toThrow(/cacheStore/);
  });

  test.each<unknown>(["always", "", true, null, 0, {}])(
    "the call option cache: %j is refused, with what there is",
    async (cache) => {
      const pool = poolTo({ url: "http://127.0.0.1:1/mcp" });
      const options = { cache } as CallOptions;
      for (const kind of KINDS) {
        const error = await failure(kind.ask(pool, options));
        expect(error).toBeInstanceOf(McpConfigError);
        expect(error).toMatchObject({ path: "cache", message: expect.stringMatching(/"reload"/) });
      }
    },
  );

  test("the call option cache where nothing is kept is refused, not ignored", async () => {
    const pool = poolTo({ url: "http://127.0.0.1:1/mcp" });
    const options = { cache: "reload" } as object;
    const refused = [
      pool.callTool("s__echo", {}, options),
      pool.getPrompt("s__p", {}, options),
      pool.call("s", "tools/list", {}, options),
      pool.complete(
        "s",
        { type: "ref/prompt", name: "p" },
        { name: "x", value: "" },
        undefined,
        options,
      ),
    ];
    for (const call of refused) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(McpConfigError);
      expect(error).toMatchObject({ path: "cache", message: expect.stringMatching(/only/) });
    }
  });

  const broken: CacheStore = {
    get: () => {
      throw new Error("no get");
    },
    set: () => Promise.reject(new Error("no set")),
    delete: () => Promise.reject(new Error("no delete")),
  };

  test("a store that fails costs nothing but its use: one warning for each of its methods", async () => {
    const server = await serveStateless(hinting(FRESH));
    const pool = poolTo(server, {}, { cacheStore: broken });
    const warnings = collect(pool, "warning");
    await pool.connect();
    for (let round = 0; round < 3; round++) {
      for (const kind of KINDS) await kind.ask(pool);
    }
    expect(server.requestsOf(READ.method)).toHaveLength(3);
    const messages = warnings.map(({ message }) => /cacheStore\.(\w+)/.exec(message)?.[1]);
    expect(messages.length).toBeGreaterThan(0);
    for (const name of messages) expect(["get", "set", "delete"]).toContain(name);
    // The eras are kept beside the answers, by a guard of their own.
    expect(messages.filter((name) => name === "get").length).toBeLessThanOrEqual(2);
    expect(messages.filter((name) => name === "set").length).toBeLessThanOrEqual(2);
  });

  test("a store that gives what nobody put there is not believed", async () => {
    const answer = JSON.stringify({ result: { contents: [{ uri: URI, text: "forged" }] } });
    const server = await serveStateless(hinting(FRESH));
    const store = { ...good, get: () => answer };
    const pool = await connectedTo(server, {}, { cacheStore: store });
    expect(JSON.stringify(await READ.ask(pool))).not.toContain("forged");
    expect(server.requestsOf(READ.method)).toHaveLength(1);
  });
});
