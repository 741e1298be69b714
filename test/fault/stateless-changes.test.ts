// Section 8 of the protocol: `subscriptions/listen`, the stream of changes of a stateless server.

import { McpUnsupportedError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { settled } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import { toolCall } from "../support/stateless-server.ts";
import type { ListenFilter } from "../support/stateless/types.ts";
import {
  caughtUp,
  filtersOf,
  HTTP,
  LISTEN,
  LISTS,
  overHttp,
  RESOURCES,
  RESOURCES_CHANGED,
  STDIO,
  TOOLS_CHANGED,
  UPDATED,
} from "./stateless-bench.ts";
import type { Config } from "./stateless-bench.ts";
import {
  connectedTo,
  HandClock,
  LOG_LEVEL,
  NO_LIMIT_MS,
  pausingClock,
  poolTo,
  serveStateless,
  SUBSCRIPTION_ID,
} from "./stateless-harness.ts";
import { collect, failure, gate, nextEvent, textOf } from "./support.ts";

describe.each([HTTP, STDIO])("$name", (kind) => {
  describe("8.30 what is listened for", () => {
    const all = { tools: {}, resources: {}, prompts: {} };
    const changing = { listChanged: true };

    test.each<[string, object, Config["listen"], ListenFilter | undefined]>([
      ["tools", { tools: changing }, undefined, { toolsListChanged: true }],
      [
        "what declares listChanged, and no more",
        { ...all, prompts: changing },
        "auto",
        { promptsListChanged: true },
      ],
      ["nothing declares it: no stream", all, "auto", undefined],
      ["listen: false: no stream", { tools: changing }, false, undefined],
      [
        "listen: true: all lists that there are",
        { tools: {}, resources: {} },
        true,
        { toolsListChanged: true, resourcesListChanged: true },
      ],
    ])("%s", async (_name, capabilities, listen, filter) => {
      const config = listen === undefined ? {} : { listen };
      const { pool, listens } = await kind.start({ capabilities }, config);
      await pool.callTool("s__echo");
      expect(filtersOf(listens())).toEqual(filter === undefined ? [] : [filter]);
    });
  });

  test("8.13, 8.30 subscribeResource: one stream for lists and resources, by the same call as ever", async () => {
    const bench = await kind.start();
    const { pool, listens, open, tell } = bench;
    const heard: string[] = [];
    await pool.subscribeResource("s", "test://a", ({ server, uri }) => {
      heard.push(`${server} ${uri}`);
    });
    expect(filtersOf(listens())).toEqual([
      LISTS,
      { ...LISTS, resourceSubscriptions: ["test://a"] },
    ]);
    await until(() => open().length === 1, "the old stream to be closed");
    expect(open()[0]?.filter.resourceSubscriptions).toEqual(["test://a"]);

    const event = nextEvent(pool, "resource.updated");
    await tell(UPDATED, { uri: "test://a" });
    expect(await event).toEqual({ server: "s", uri: "test://a" });
    await tell(UPDATED, { uri: "test://b" });
    await caughtUp(bench);
    expect(heard).toEqual(["s test://a"]);
  });

  test("8.35 several subscribers share one entry; the last to leave shrinks the filter", async () => {
    const bench = await kind.start();
    const { pool, listens, open, tell } = bench;
    const heard: string[] = [];
    const subscribe = (name: string, uri: string) =>
      pool.subscribeResource("s", uri, () => heard.push(name));
    const [first, second, third] = await Promise.all([
      subscribe("first", "test://a"),
      subscribe("second", "test://a"),
      subscribe("third", "test://b"),
    ]);
    expect(listens()).toHaveLength(2);
    await tell(UPDATED, { uri: "test://a" });
    await caughtUp(bench);
    expect(heard.toSorted()).toEqual(["first", "second"]);

    await first.close();
    await first.close();
    await tell(UPDATED, { uri: "test://a" });
    await caughtUp(bench);
    expect(heard.slice(2)).toEqual(["second"]);
    expect(listens()).toHaveLength(2);

    await second.close();
    await until(() => open()[0]?.id === listens()[2]?.id, "the smaller stream alone");
    expect(listens()[2]?.filter).toEqual({ ...LISTS, resourceSubscriptions: ["test://b"] });
    await third.close();
    await until(() => open()[0]?.id === listens()[3]?.id, "the stream for lists alone");
    expect(listens()[3]?.filter).toEqual(LISTS);
    expect(listens()).toHaveLength(4);
  });

  test("8.35 what is subscribed to in one turn goes into one new stream", async () => {
    const { pool, listens, open } = await kind.start();
    const uris = Array.from({ length: 50 }, (_, index) => `test://many/${index}`);
    await Promise.all(uris.map((uri) => pool.subscribeResource("s", uri, () => {})));
    expect(filtersOf(listens())).toEqual([LISTS, { ...LISTS, resourceSubscriptions: uris }]);
    await until(() => open().length === 1, "the old stream to be closed");
  });

  test("8.35 without lists the stream is there for resources only, and ends with the last", async () => {
    const { pool, listens, open } = await kind.start({}, { listen: false });
    const subscription = await pool.subscribeResource("s", "test://a", () => {});
    expect(filtersOf(listens())).toEqual([{ resourceSubscriptions: ["test://a"] }]);
    await subscription.close();
    await until(() => open().length === 0, "the stream to be closed");
    await pool.callTool("s__echo");
    expect(listens()).toHaveLength(1);
  });

  test("8.35 a subscription that is ended and made again at once holds", async () => {
    const bench = await kind.start();
    const { pool, listens, open, tell } = bench;
    const heard: string[] = [];
    const first = await pool.subscribeResource("s", "test://a", () => heard.push("first"));
    const closing = first.close();
    await pool.subscribeResource("s", "test://a", () => heard.push("second"));
    await closing;
    await until(() => open()[0]?.id === listens().at(-1)?.id, "the newest stream alone");
    expect(open()[0]?.filter.resourceSubscriptions).toEqual(["test://a"]);
    await tell(UPDATED, { uri: "test://a" });
    await caughtUp(bench);
    expect(heard).toEqual(["second"]);
  });

  test("8.32 a tag must be the subscription's id with its type; any other is ignored, one warning", async () => {
    const bench = await kind.start();
    const { pool, listens, tellRaw } = bench;
    const warnings = collect(pool, "warning");
    const updates = collect(pool, "resource.updated");
    const id = listens()[0]?.id;
    expect(typeof id).toBe("number");
    const tagged = (uri: string, tag: unknown): Promise<void> =>
      tellRaw(UPDATED, { uri, _meta: { [SUBSCRIPTION_ID]: tag } });
    await tagged("test://as-string", String(id));
    await tagged("test://foreign", "server-discover-probe-1");
    await tagged("test://null", null);
    await tagged("test://right", id);
    await caughtUp(bench);
    expect(updates.map(({ uri }) => uri)).toEqual(["test://right"]);
    expect(warnings).toMatchObject([{ server: "s", message: expect.stringMatching(/ignored/) }]);
  });

  test("fault 36, 8.30: 1,000 list_changed make two fetches, the second for what came during the first", async () => {
    // Over stdio the server is told by calls, which must not wait for one another.
    const bench = await kind.start({}, {}, { limits: { inFlight: 2_000 } });
    const { pool, tell, delayLists } = bench;
    const before = pool.status()[0]?.counts.calls ?? 0;
    const answer = delayLists();
    await Promise.all(Array.from({ length: 1_000 }, () => tell(TOOLS_CHANGED)));
    await caughtUp(bench);
    answer();
    await until(() => pool.status()[0]?.counts.inFlight === 0, "the fetches to end");
    const told = kind === STDIO ? 1_001 : 0;
    expect(pool.status()[0]?.counts.calls).toBe(before + told + 2);
  });

  test("8.34 a graceful end: left alone with a warning, until there is a reason", async () => {
    const clock = pausingClock();
    const bench = await kind.start({}, {}, { clock });
    const { pool, listens, open, tell, end } = bench;
    const heard: string[] = [];
    await pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
    const warned = nextEvent(pool, "warning");
    const warnings = collect(pool, "warning");
    await end();
    expect(await warned).toMatchObject({ server: "s", message: expect.stringMatching(/ended/) });
    expect(await pool.callTool("s__echo", { text: "x" })).toMatchObject({ content: [{}] });
    expect(clock.held).toEqual([]);
    expect(listens()).toHaveLength(2);

    await pool.subscribeResource("s", "test://b", ({ uri }) => heard.push(uri));
    expect(listens()[2]?.filter).toEqual({
      ...LISTS,
      resourceSubscriptions: ["test://a", "test://b"],
    });
    await until(() => open().at(-1)?.id === listens()[2]?.id, "the new stream");
    await tell(UPDATED, { uri: "test://a" });
    await caughtUp(bench);
    expect(heard).toEqual(["test://a"]);
    expect(warnings).toHaveLength(1);
  });
});

describe("HTTP: the acknowledgement", () => {
  test("8.31 connecting waits for it: what is listed afterwards cannot change unseen", async () => {
    const clock = pausingClock();
    const acknowledged = gate();
    const server = await serveStateless({
      ack: (filter) => acknowledged.opened.then(() => filter),
    });
    const pool = poolTo(server, {}, { clock });
    const connecting = pool.connect();
    await server.until(() => server.requestsOf(LISTEN).length === 1);
    await settled();
    expect(server.requestsOf("tools/list")).toEqual([]);
    acknowledged.open();
    expect(await connecting).toMatchObject({ connected: ["s"] });
    expect(server.requestsOf("tools/list")).toHaveLength(1);
    expect(server.subscriptions).toHaveLength(1);
    expect(clock.held).toEqual([]);
  });

  test("8.31, 8.35 but not for longer than a second; it still counts, and what was missed is made up for", async () => {
    const clock = pausingClock();
    const acknowledged = gate();
    const server = await serveStateless({
      tools: { old: {} },
      ack: (filter) => acknowledged.opened.then(() => filter),
    });
    const pool = poolTo(server, {}, { clock });
    const connecting = pool.connect();
    await clock.serve(1_000);
    expect(await connecting).toMatchObject({ connected: ["s"] });
    expect(await pool.callTool("s__old")).toMatchObject(textOf("{}"));

    // Nobody is told of this.
    server.options.tools = { young: {} };
    const changed = nextEvent(pool, "tools.changed");
    acknowledged.open();
    expect((await changed).added).toMatchObject([{ name: "s__young" }]);
    const again = nextEvent(pool, "tools.changed");
    server.changeTools({ youngest: {} });
    expect((await again).added).toMatchObject([{ name: "s__youngest" }]);
    expect(server.allSubscriptions).toHaveLength(1);
  });

  test("8.31 one that names less is told of by a warning; the rest works", async () => {
    const server = await serveStateless({
      resources: RESOURCES,
      prompts: { p: {} },
      ack: () => ({ toolsListChanged: true }),
    });
    const pool = poolTo(server);
    const warnings = collect(pool, "warning");
    await pool.connect();
    expect(warnings).toMatchObject([
      { server: "s", message: expect.stringMatching(/will not report.*prompts.*resources/) },
    ]);
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools({ fresh: {} });
    expect((await changed).added).toMatchObject([{ name: "s__fresh" }]);
  });

  test("8.31 a resource that it leaves out is refused, as often as it is asked for; others hold", async () => {
    const server = await serveStateless({
      resources: RESOURCES,
      ack: (filter) => {
        const uris = filter.resourceSubscriptions?.filter((uri) => uri !== "test://b");
        return { ...filter, ...(uris === undefined ? {} : { resourceSubscriptions: uris }) };
      },
    });
    const pool = await connectedTo(server);
    const heard: string[] = [];
    const good = pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
    const bad = failure(pool.subscribeResource("s", "test://b", () => heard.push("never")));
    await good;
    expect(await bad).toBeInstanceOf(McpUnsupportedError);
    expect(await bad).toMatchObject({ server: "s", capability: "resources.subscribe" });
    const again = await failure(pool.subscribeResource("s", "test://b", () => {}));
    expect(again).toBeInstanceOf(McpUnsupportedError);

    await pool.subscribeResource("s", "test://c", () => {});
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(server.subscriptions[0]?.requested.resourceSubscriptions).toEqual([
      "test://a",
      "test://c",
    ]);
    const updated = nextEvent(pool, "resource.updated");
    server.notifyResourceUpdated("test://a");
    await updated;
    expect(heard).toEqual(["test://a"]);
  });

  test("8.22, 8.31 a resource that is never acknowledged: a timeout, and everything else as before", async () => {
    const server = await serveStateless({
      resources: RESOURCES,
      ack: (filter) => (filter.resourceSubscriptions?.includes("test://b") ? null : filter),
    });
    const pool = await connectedTo(server, {}, { timeouts: { timeoutMs: 80 } });
    const heard: string[] = [];
    await pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
    const error = await failure(pool.subscribeResource("s", "test://b", () => {}));
    expect(error).toMatchObject({ code: "TIMEOUT", server: "s", method: "resources/subscribe" });
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(server.subscriptions[0]?.granted).toEqual({
      ...LISTS,
      resourceSubscriptions: ["test://a"],
    });
    server.notifyResourceUpdated("test://a");
    await caughtUp(overHttp(server, pool));
    expect(heard).toEqual(["test://a"]);
  });

  test("8.31 a resource that a later stream leaves out is told of by a warning", async () => {
    const clock = pausingClock();
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server, {}, { clock });
    await pool.subscribeResource("s", "test://a", () => {});
    const warnings = collect(pool, "warning");
    server.options.ack = ({ resourceSubscriptions: _none, ...lists }) => lists;
    server.endSubscriptions("abrupt");
    const refetched = nextEvent(pool, "resources.changed");
    await clock.serve(1_000);
    await refetched;
    expect(warnings).toMatchObject([{ server: "s", message: expect.stringContaining("test://a") }]);
  });

  test("8.31, 8.32 its own tag counts: that of another type acknowledges nothing", async () => {
    const clock = pausingClock();
    const server = await serveStateless({ resources: RESOURCES, ack: () => null });
    const pool = poolTo(server, {}, { clock });
    let isConnected = false;
    const connecting = pool.connect().then(() => (isConnected = true));
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    const [stream] = server.subscriptions;
    const acknowledge = (tag: unknown): void =>
      stream?.pushRaw({
        jsonrpc: "2.0",
        method: "notifications/subscriptions/acknowledged",
        params: { notifications: LISTS, _meta: { [SUBSCRIPTION_ID]: tag } },
      });
    acknowledge(String(stream?.id));
    // A notification before the acknowledgement is a breach, and taken nevertheless.
    const early = nextEvent(pool, "resources.changed");
    stream?.push({ method: RESOURCES_CHANGED });
    await early;
    expect(isConnected).toBe(false);
    acknowledge(stream?.id);
    await connecting;
    expect(clock.held).toEqual([]);
  });

  test("8.35 never acknowledged: closed, and tried again with a new id", async () => {
    const clock = pausingClock([20_000]);
    const server = await serveStateless({ tools: { old: {} }, ack: () => null });
    const pool = poolTo(server, {}, { clock, timeouts: { handshakeMs: 19_000 } });
    const connecting = pool.connect();
    await clock.serve(1_000);
    await connecting;
    clock.fire(20_000);
    await server.until(({ subscriptions }) => subscriptions.length === 0);
    expect(server.allSubscriptions[0]?.ended).toBe("closed by the client");
    server.options.tools = { young: {} };
    delete server.options.ack;
    const changed = nextEvent(pool, "tools.changed");
    await clock.serve(1_000);
    expect((await changed).added).toMatchObject([{ name: "s__young" }]);
    expect(server.allSubscriptions).toHaveLength(2);
    expect(server.allSubscriptions[1]?.id).not.toBe(server.allSubscriptions[0]?.id);
  });

  test("8.35 after it there is no limit: a stream that is silent for a month is as good as new", async () => {
    const clock = new HandClock();
    clock.holds = (delayMs) => delayMs === NO_LIMIT_MS;
    const server = await serveStateless();
    const pool = await connectedTo(server, {}, { clock, timeouts: { handshakeMs: 19_000 } });
    expect(clock.armed).not.toContain(20_000);
    clock.fire(NO_LIMIT_MS);
    clock.fire(NO_LIMIT_MS);
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools({ fresh: {} });
    await changed;
    expect(server.allSubscriptions).toHaveLength(1);
  });
});

describe("HTTP: what comes on it", () => {
  test("8.32 without a tag the stream itself says whose it is", async () => {
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server);
    const warnings = collect(pool, "warning");
    const updated = nextEvent(pool, "resource.updated");
    server.subscriptions[0]?.pushRaw({
      jsonrpc: "2.0",
      method: UPDATED,
      params: { uri: "test://a" },
    });
    expect(await updated).toEqual({ server: "s", uri: "test://a" });
    expect(warnings).toEqual([]);
  });

  test("8.33 progress and log messages do not belong on it: dropped", async () => {
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server);
    const logs = collect(pool, "log");
    const progress: unknown[] = [];
    const hold = server.hold(toolCall("echo"));
    const options = { requestId: 4_242, onProgress: (report: unknown) => progress.push(report) };
    const call = pool.callTool("s__echo", {}, options);
    await server.until(() => hold.waiting === 1);
    const [stream] = server.subscriptions;
    const meta = hold.records[0]?.body?.params?.["_meta"] as Record<string, unknown>;
    const progressToken = meta["progressToken"];
    expect(progressToken).toBeDefined();
    stream?.push({ method: "notifications/progress", params: { progressToken, progress: 1 } });
    stream?.push({ method: "notifications/message", params: { level: "error", data: "x" } });
    await caughtUp(overHttp(server, pool));
    hold.release();
    await call;
    expect(progress).toEqual([]);
    expect(logs).toEqual([]);
  });

  test("8.18 the log level goes with each request, and its messages come with its answer", async () => {
    const server = await serveStateless({
      tools: {
        chatty: {
          handler: (_args, { log }) => {
            log("info", "too low");
            log("error", "heard");
            return "done";
          },
        },
      },
    });
    const pool = await connectedTo(server);
    const logs = collect(pool, "log");
    await pool.callTool("s__chatty");
    expect(logs).toEqual([]);
    await pool.setLogLevel("s", "warning");
    expect(server.requestsOf("logging/setLevel")).toEqual([]);
    await pool.callTool("s__chatty");
    expect(logs).toMatchObject([{ server: "s", level: "error", data: "heard" }]);
    const levels = server
      .requestsOf("tools/call")
      .map(({ body }) => Reflect.get(body?.params?.["_meta"] ?? {}, LOG_LEVEL) as unknown);
    expect(levels).toEqual([undefined, "warning"]);
  });

  test("8.31, 8.35 the old stream reports until the new one is acknowledged, and nothing is lost between", async () => {
    const acknowledged = gate();
    const openAtAck: number[] = [];
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server);
    server.options.ack = async (filter) => {
      await acknowledged.opened;
      openAtAck.push(server.subscriptions.length);
      return filter;
    };
    const subscribing = pool.subscribeResource("s", "test://a", () => {});
    await server.until(() => server.requestsOf(LISTEN).length === 2);
    const changed = nextEvent(pool, "resources.changed");
    server.push({ method: RESOURCES_CHANGED });
    await changed;
    acknowledged.open();
    await subscribing;
    expect(openAtAck).toEqual([1]);
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(server.allSubscriptions.map(({ ended }) => ended)).toEqual([
      "closed by the client",
      undefined,
    ]);
  });

  test("8.35 the filter changes 20 times under a rain of updates: each of them is heard", async () => {
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server);
    const heard = new Set<string>();
    await pool.subscribeResource("s", "test://a", ({ uri }) => heard.add(uri));
    const sent: string[] = [];
    const subscribing: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round++) {
      subscribing.push(pool.subscribeResource("s", `test://more/${round}`, () => {}));
      for (let turn = 0; turn < 5; turn++) {
        const uri = `test://a/${round}/${turn}`;
        sent.push(uri);
        server.notifyResourceUpdated(uri);
        await settled();
      }
    }
    await Promise.all(subscribing);
    await caughtUp(overHttp(server, pool));
    expect([...heard]).toEqual(expect.arrayContaining(sent));
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(server.subscriptions[0]?.granted.resourceSubscriptions).toHaveLength(21);
  });

  test("8.35 it takes no socket from 128 calls, neither open nor when it is opened anew", async () => {
    const server = await serveStateless({ resources: RESOURCES, tools: { work: {} } });
    const pool = await connectedTo(server);
    const hold = server.hold(toolCall("work"));
    const calls = Array.from({ length: 128 }, () => pool.callTool("s__work"));
    await server.until(() => hold.waiting === 128);
    const heard = nextEvent(pool, "resource.updated");
    await pool.subscribeResource("s", "test://a", () => {});
    server.notifyResourceUpdated("test://a");
    await heard;
    expect(hold.waiting).toBe(128);
    hold.release();
    await Promise.all(calls);
    expect(server.executionCount("work")).toBe(128);
  });
});
