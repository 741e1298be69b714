// Fault 35 and its like: the change stream of a stateless server breaks, is refused, or is ended by its server.

import { writeFileSync } from "node:fs";
import { createMemoryPair, McpHttpError } from "mcp-client-pool";
import type { JsonRpcMessage } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { until, untilProcessGone } from "../support/processes.ts";
import { RpcError } from "../support/stateless-server.ts";
import type { StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";
import type { StatelessRequest } from "../support/stateless/types.ts";
import {
  caughtUp,
  LISTEN,
  LISTS,
  overHttp,
  overStdio,
  RESOURCES,
  UPDATED,
} from "./stateless-bench.ts";
import {
  connectedTo,
  Ledger,
  PAUSES,
  pausingClock,
  poolTo,
  serveStateless,
  statelessStdio,
  traceOf,
} from "./stateless-harness.ts";
import { collect, failure, nextEvent, textOf } from "./support.ts";

describe("HTTP: the stream breaks", () => {
  test.each(["abrupt", "silent"] as const)(
    "fault 35, 8.34, 8.35: %s: opened again with a new id after a pause, the lists fetched once, one tools.changed",
    async (ending) => {
      const clock = pausingClock();
      const server = await serveStateless({
        tools: { old: {} },
        resources: RESOURCES,
        prompts: { p: {} },
      });
      const pool = await connectedTo(server, {}, { clock });
      const heard: string[] = [];
      await pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
      await server.until(({ subscriptions }) => subscriptions.length === 1);
      const changes = {
        tools: collect(pool, "tools.changed"),
        resources: collect(pool, "resources.changed"),
        prompts: collect(pool, "prompts.changed"),
      };
      const warnings = collect(pool, "warning");
      const listed = server.requestsOf("tools/list").length;

      server.endSubscriptions(ending);
      await clock.untilHeld(1_000);
      server.options.tools = { young: {} };
      expect(server.allSubscriptions).toHaveLength(2);
      clock.fire(1_000);
      await until(() => changes.tools.length > 0, "the change of the tools");
      await caughtUp(overHttp(server, pool));

      expect(changes.tools).toMatchObject([
        { added: [{ name: "s__young" }], removed: [{ name: "s__old" }] },
      ]);
      // Once for the gap, and once told by the last step.
      expect(changes.resources).toHaveLength(2);
      expect(changes.prompts).toHaveLength(1);
      expect(server.requestsOf("tools/list")).toHaveLength(listed + 1);
      const [lists, first, second] = server.allSubscriptions;
      expect(new Set([lists?.id, first?.id, second?.id]).size).toBe(3);
      expect(second?.requested).toEqual(first?.requested);
      server.notifyResourceUpdated("test://a");
      await caughtUp(overHttp(server, pool));
      expect(heard).toEqual(["test://a"]);
      expect(warnings).toEqual([]);
      expect(pool.status()[0]?.state).toBe("ready");
    },
  );

  test("fault 35: the pauses grow while it breaks at once, and begin anew once it has held", async () => {
    const clock = pausingClock();
    const server = await serveStateless();
    const pool = await connectedTo(server, {}, { clock });
    const pauses: number[] = [];
    const breakOff = async (): Promise<void> => {
      await server.until(({ subscriptions }) => subscriptions.length === 1);
      const count = server.allSubscriptions.length;
      server.endSubscriptions("abrupt");
      await clock.untilHeld();
      pauses.push(...clock.held);
      for (const pause of clock.held) clock.fire(pause);
      await server.until(({ allSubscriptions }) => allSubscriptions.length > count);
      // The acknowledgement is in.
      await clock.until(() => !clock.armed.includes(20_000));
    };
    for (let count = 0; count < 4; count++) await breakOff();
    clock.skip(5_000);
    await breakOff();
    expect(pauses).toEqual([1_000, 1_500, 2_250, 3_375, 1_000]);
    expect(await pool.callTool("s__echo")).toMatchObject(textOf("{}"));
  });

  test.each<[string, (server: StatelessServer) => void]>([
    ["503", (server) => answerListens(server, 503)],
    ["500", (server) => answerListens(server, 500)],
    ["429", (server) => answerListens(server, 429)],
    ["cut before the answer", (server) => server.cut(LISTEN, "execution", 3)],
    ["cut behind the head", (server) => (server.options.ack = cutting)],
  ])("8.34 %s passes: tried again, the lists fetched when it is there", async (_name, spoil) => {
    const clock = pausingClock();
    const server = await serveStateless({ tools: { old: {} } });
    spoil(server);
    const pool = poolTo(server, {}, { clock });
    const warnings = collect(pool, "warning");
    await pool.connect();
    for (const pause of PAUSES.slice(0, 2)) await clock.serve(pause);
    await clock.untilHeld(PAUSES[2]);
    expect(server.requestsOf(LISTEN)).toHaveLength(3);
    server.options.tools = { young: {} };
    delete server.options.onRequest;
    delete server.options.ack;
    const changed = nextEvent(pool, "tools.changed");
    await clock.serve(PAUSES[2] ?? 0);
    expect((await changed).added).toMatchObject([{ name: "s__young" }]);
    const ids = server.requestsOf(LISTEN).map(({ body }) => body?.id);
    expect(new Set(ids).size).toBe(4);
    expect(warnings).toEqual([]);
  });

  test("fault 18, 8.34: Retry-After is never undercut", async () => {
    const clock = pausingClock([7_000]);
    const server = await serveStateless();
    answerListens(server, 429, { "retry-after": "7" });
    const pool = await connectedTo(server, {}, { clock });
    await clock.untilHeld();
    expect(clock.held).toEqual([7_000]);
    delete server.options.onRequest;
    clock.fire(7_000);
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(await pool.callTool("s__echo")).toMatchObject(textOf("{}"));
  });

  test("8.34 twenty failures in a row: given up with one warning, until there is a reason", async () => {
    const clock = pausingClock();
    const server = await serveStateless({ resources: RESOURCES });
    server.cut(LISTEN, "execution", 20);
    const pool = poolTo(server, {}, { clock });
    const warnings = collect(pool, "warning");
    await pool.connect();
    for (const pause of PAUSES.slice(0, 19)) await clock.serve(pause);
    await until(() => warnings.length > 0, "the warning");
    expect(server.requestsOf(LISTEN)).toHaveLength(20);
    expect(clock.held).toEqual([]);
    expect(warnings).toMatchObject([
      { server: "s", message: expect.stringMatching(/given up/), cause: expect.any(Error) },
    ]);
    expect(await pool.callTool("s__echo")).toMatchObject(textOf("{}"));

    await pool.subscribeResource("s", "test://a", () => {});
    expect(server.requestsOf(LISTEN)).toHaveLength(21);
    expect(server.subscriptions).toHaveLength(1);
  });

  test.each<[string, (server: StatelessServer) => void]>([
    ["-32601, 404", (server) => server.reject(LISTEN, unknownMethod, 100)],
    ["-32601, 200", (server) => server.reject(LISTEN, new RpcError(-32601, "no"), 100)],
    ["a limit, 200", (server) => server.reject(LISTEN, new RpcError(-32603, "limit"), 100)],
    ["400", (server) => answerListens(server, 400)],
    ["403", (server) => answerListens(server, 403)],
    ["404", (server) => answerListens(server, 404)],
    ["405", (server) => answerListens(server, 405)],
    ["422", (server) => answerListens(server, 422)],
  ])("8.34 refused (%s): one warning, not tried again, calls go on", async (_name, spoil) => {
    const clock = pausingClock();
    const server = await serveStateless({ resources: RESOURCES });
    spoil(server);
    const pool = poolTo(server, {}, { clock });
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"] });
    expect(await pool.callTool("s__echo")).toMatchObject(textOf("{}"));
    expect(warnings).toMatchObject([
      { server: "s", message: expect.stringMatching(/change stream/), cause: expect.any(Error) },
    ]);
    expect(clock.held).toEqual([]);
    expect(server.requestsOf(LISTEN)).toHaveLength(1);
    expect(server.requestsOf("server/discover")).toHaveLength(1);
    expect(pool.status()).toMatchObject([{ state: "ready", era: "stateless" }]);
  });

  test("8.34 refused when a resource is subscribed to: that fails, the old stream lives on", async () => {
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server);
    const warnings = collect(pool, "warning");
    server.reject(LISTEN, new RpcError(-32603, "limit"));
    const error = await failure(pool.subscribeResource("s", "test://a", () => {}));
    expect(error).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: -32603 });
    await caughtUp(overHttp(server, pool));
    expect(server.subscriptions).toHaveLength(1);
    expect(warnings).toEqual([]);
    await pool.subscribeResource("s", "test://a", () => {});
  });

  test("8.34 refused with a bare 405 when a resource is subscribed to: that fails, after a bounded number of questions", async () => {
    const server = await serveStateless({ resources: RESOURCES });
    const pool = await connectedTo(server, {}, { timeouts: { timeoutMs: 10_000 } });
    answerListens(server, 405);
    const error = await failure(pool.subscribeResource("s", "test://a", () => {}));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ status: 405 });
    expect(await pool.callTool("s__echo")).toMatchObject(textOf("{}"));
    expect(server.requestsOf("server/discover").length).toBeLessThanOrEqual(3);
    expect(server.requestsOf(LISTEN).length).toBeLessThanOrEqual(8);
  });

  test("8.35, fault 1: the server is away and back: subscriptions are restored with the connection", async () => {
    const clock = pausingClock();
    const server = await serveStateless({ tools: { old: {} }, resources: RESOURCES });
    const pool = await connectedTo(server, {}, { clock });
    const heard: string[] = [];
    await pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
    const before = server.allSubscriptions.length;
    await server.stop();
    // It finds nobody there, twice.
    await clock.serve(1_000);
    await clock.serve(1_500);
    const waiting = pool.call("s", "tools/list");
    await nextEvent(pool, "server.disconnected");
    server.options.tools = { young: {} };
    const changed = nextEvent(pool, "tools.changed");
    await server.listen();
    expect(await waiting).toMatchObject({ tools: [{ name: "young" }] });
    expect((await changed).added).toMatchObject([{ name: "s__young" }]);
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    expect(server.allSubscriptions.slice(before)).toHaveLength(1);
    server.notifyResourceUpdated("test://a");
    await caughtUp(overHttp(server, pool));
    expect(heard).toEqual(["test://a"]);
  });

  test("8.35, fault 1: nothing but lists: listened for again as soon as the server is back", async () => {
    const clock = pausingClock();
    const server = await serveStateless();
    const pool = await connectedTo(server, {}, { clock });
    await server.stop();
    await clock.untilHeld(1_000);
    const waiting = pool.call("s", "tools/list");
    await nextEvent(pool, "server.disconnected");
    await server.listen();
    await waiting;
    await server.until(({ subscriptions }) => subscriptions.length === 1);
    const changed = nextEvent(pool, "tools.changed");
    server.changeTools({ fresh: {} });
    expect((await changed).added).toMatchObject([{ name: "s__fresh" }]);
    expect(server.allSubscriptions).toHaveLength(2);
  });

  test("8.35 ended in good order, then the server is away and back: listened for again", async () => {
    const clock = pausingClock();
    const server = await serveStateless();
    const pool = await connectedTo(server, {}, { clock });
    const warned = nextEvent(pool, "warning");
    server.endSubscriptions("graceful");
    await warned;
    await server.stop();
    const waiting = pool.call("s", "tools/list");
    await nextEvent(pool, "server.disconnected");
    await server.listen();
    await waiting;
    await server.until(({ subscriptions }) => subscriptions.length === 1);
  });

  test.each(["open", "unacknowledged", "between two tries"])(
    "8.25, fault 55: closeAll while it is %s ends it and leaves nothing",
    async (stage) => {
      const clock = pausingClock();
      const server = await serveStateless({
        resources: RESOURCES,
        ...(stage === "unacknowledged" ? { ack: () => null } : {}),
      });
      const pool = poolTo(server, {}, { clock });
      const connecting = pool.connect();
      if (stage === "unacknowledged") await clock.serve(1_000);
      await connecting;
      if (stage === "between two tries") {
        server.endSubscriptions("abrupt");
        await clock.untilHeld(1_000);
      }
      const waiting = pool.subscribeResource("s", "test://never", () => {});
      const settledAs = waiting.then(
        () => "made",
        (error: unknown) => (error as { code: unknown }).code,
      );
      await pool.closeAll({ drainMs: 0 });
      expect(["made", "CLOSED"]).toContain(await settledAs);
      await server.until(({ openSockets }) => openSockets === 0);
      expect(server.subscriptions).toEqual([]);
      expect(clock.armed).toEqual([]);
    },
  );
});

describe("one channel for all: the stream ends", () => {
  test("6.6, 8.35 never acknowledged: cancelled, and tried again with a new id", async () => {
    const clock = pausingClock([20_000]);
    const pair = createMemoryPair();
    const seen: JsonRpcMessage[] = [];
    pair.server.onMessage((message) => {
      seen.push(message);
      if (!("method" in message && "id" in message)) return;
      const { id, method } = message;
      const capabilities = { tools: { listChanged: true } };
      const discovered = { supportedVersions: ["2026-07-28"], capabilities };
      const result = method === "server/discover" ? discovered : { tools: [] };
      if (method !== LISTEN) pair.server.send({ jsonrpc: "2.0", id, result });
    });
    const listens = (): unknown[] =>
      seen.flatMap((one) =>
        "method" in one && one.method === LISTEN ? [Reflect.get(one, "id")] : [],
      );
    const pool = poolTo(
      { transport: pair.client },
      {},
      { clock, timeouts: { handshakeMs: 19_000 } },
    );
    const connecting = pool.connect();
    await clock.serve(1_000);
    expect(await connecting).toMatchObject({ connected: ["s"] });
    const [first] = listens();
    clock.fire(20_000);
    await clock.serve(1_000);
    await until(() => listens().length === 2, "the second try");
    expect(listens()[1]).not.toBe(first);
    expect(seen).toContainEqual({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: first, reason: expect.any(String) },
    });
    expect(pool.status()).toMatchObject([{ state: "ready", era: "stateless" }]);
  });

  test("6.7, 8.32 a notification without a tag belongs to no stream: ignored", async () => {
    const ledger = new Ledger();
    const pool = await connectedTo(statelessStdio(ledger));
    const bench = overStdio(ledger, pool);
    const warnings = collect(pool, "warning");
    const updates = collect(pool, "resource.updated");
    await bench.tellRaw(UPDATED, { uri: "test://a" });
    await bench.tellRaw("notifications/prompts/list_changed", {});
    await caughtUp(bench);
    expect(updates).toEqual([]);
    expect(warnings).toMatchObject([{ server: "s", message: expect.stringMatching(/ignored/) }]);
  });

  test.each(["result", "cancelled", "both"])(
    "6.8, 8.34 by %s: one warning, not opened again by itself",
    async (how) => {
      const clock = pausingClock();
      const ledger = new Ledger();
      const pool = await connectedTo(statelessStdio(ledger), {}, { clock });
      const bench = overStdio(ledger, pool);
      const warned = nextEvent(pool, "warning");
      const warnings = collect(pool, "warning");
      await pool.callTool("s__end", { how });
      await warned;
      await pool.callTool("s__echo");
      expect(bench.listens()).toHaveLength(1);
      expect(warnings).toMatchObject([{ message: expect.stringMatching(/ended/) }]);
      expect(clock.held).toEqual([]);
      await pool.subscribeResource("s", "test://a", () => {});
      expect(bench.listens()).toHaveLength(2);
      await caughtUp(bench);
    },
  );

  test("8.34 a notifications/cancelled behind the result means the same", async () => {
    const ledger = new Ledger();
    const pool = await connectedTo(statelessStdio(ledger));
    const bench = overStdio(ledger, pool);
    const warnings = collect(pool, "warning");
    await bench.end();
    await bench.tellRaw("notifications/cancelled", { requestId: bench.listens()[0]?.id });
    await pool.callTool("s__echo");
    expect(warnings).toMatchObject([{ message: expect.stringMatching(/ended/) }]);
    expect(bench.listens()).toHaveLength(1);
  });

  test("6.8, 8.32 notifications/cancelled for anything else has no effect", async () => {
    const ledger = new Ledger();
    const pool = await connectedTo(statelessStdio(ledger));
    const bench = overStdio(ledger, pool);
    const releaseFile = `${ledger.file}.release`;
    const slow = pool.callTool("s__slow", { releaseFile }, { requestId: 7_777 });
    await bench.tellRaw("notifications/cancelled", { requestId: 7_777 });
    await bench.tellRaw("notifications/cancelled", { requestId: String(bench.listens()[0]?.id) });
    await bench.tellRaw("notifications/cancelled", {});
    writeFileSync(releaseFile, "");
    expect(await slow).toMatchObject({ content: [{ text: "slow" }] });
    await caughtUp(bench);
    expect(bench.listens()).toHaveLength(1);
  });

  test("6.9, 8.35 the process is started again: the subscription is made there too", async () => {
    const ledger = new Ledger();
    const pool = await connectedTo(statelessStdio(ledger));
    const bench = overStdio(ledger, pool);
    const heard: string[] = [];
    await pool.subscribeResource("s", "test://a", ({ uri }) => heard.push(uri));
    const before = bench.listens().length;
    const reconnected = nextEvent(pool, "server.reconnected");
    expect(await failure(pool.callTool("s__crash"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await reconnected;
    const after = bench.listens().slice(before);
    expect(after.at(-1)?.filter).toEqual({ ...LISTS, resourceSubscriptions: ["test://a"] });
    await bench.tell(UPDATED, { uri: "test://a" });
    await caughtUp(bench);
    expect(heard).toEqual(["test://a"]);
    expect(ledger.starts).toBe(2);
    expect(ledger.count("crash")).toBe(1);
    expect(ledger.lines.filter((line) => line.startsWith("violation"))).toEqual([]);
  });

  test("8.25, fault 55: closeAll cancels it or ends stdin, and the process is gone", async () => {
    const clock = pausingClock();
    const ledger = new Ledger();
    const pool = await connectedTo(statelessStdio(ledger), {}, { clock });
    const bench = overStdio(ledger, pool);
    await pool.subscribeResource("s", "test://a", () => {});
    await pool.closeAll({ drainMs: 0 });
    for (const pid of ledger.pids()) await untilProcessGone(pid);
    const cancelled = traceOf(ledger)
      .filter(({ method }) => method === "notifications/cancelled")
      .map(({ params }) => params["requestId"]);
    const ids = bench.listens().map(({ id }) => id);
    // The last may as well have ended with stdin.
    expect([ids, ids.slice(0, -1)]).toContainEqual(cancelled);
    expect(clock.armed).toEqual([]);
    expect(ledger.lines.filter((line) => line.startsWith("violation"))).toEqual([]);
  });
});

const unknownMethod = new RpcError(-32601, "Method not found", undefined, 404);

/** Every `subscriptions/listen` is answered with this status and no JSON-RPC. */
function answerListens(server: StatelessServer, status: number, headers: object = {}): void {
  server.options.onRequest = ({ body, res }: StatelessRequest) => {
    if (body?.method !== LISTEN) return false;
    res.writeHead(status, { "content-type": "text/plain", ...headers }).end("no");
    return true;
  };
}

const cutting: NonNullable<StatelessServerOptions["ack"]> = (_filter, { cut }) => {
  cut();
  return null;
};
