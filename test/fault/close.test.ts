import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { McpClosedError } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import type { TestHttpServer, TestHttpServerOptions } from "../support/http-server.ts";
import {
  connected,
  failure,
  gate,
  lose,
  nextEvent,
  poolOf,
  serve,
  startStream,
  TestClock,
  textOf,
  unanswered,
} from "./support.ts";

const HANG = { hang: { handler: unanswered } };

/** Nothing of the pool's is left: no socket, and no timer that could open one. */
async function untilNothingIsLeft(server: TestHttpServer, clock: TestClock): Promise<void> {
  await server.until(({ openSockets }) => openSockets === 0);
  expect(clock.armed).toEqual([]);
}

describe("fault 55: closeAll", () => {
  test("during connect: settles, connect() reports it, nothing is left", async () => {
    const clock = new TestClock();
    const server = await serve({ onRequest: () => true });
    const pool = poolOf({ s: server }, { clock });
    const connecting = pool.connect();
    const adding = failure(pool.addClient("added", server.url));
    const calling = failure(pool.call("s", "ping"));
    await server.until((one) => one.requestsOf("server/discover").length === 2);
    await pool.closeAll();
    expect((await connecting).failed["s"]).toBeInstanceOf(McpClosedError);
    expect(await adding).toBeInstanceOf(McpClosedError);
    expect(await calling).toMatchObject({ code: "CLOSED", sent: "no", method: "ping" });
    await untilNothingIsLeft(server, clock);
    expect(pool.status().map(({ state }) => state)).not.toContain("connecting");
  });

  test("during connect, while the change stream is being opened", async () => {
    const clock = new TestClock();
    const server = await serve({ onRequest: ({ method }) => method === "GET" });
    const pool = poolOf({ s: server }, { clock });
    const connecting = pool.connect();
    await server.until((one) => one.requestsOf("GET").length === 1);
    await pool.closeAll();
    expect((await connecting).failed["s"]).toBeInstanceOf(McpClosedError);
    await untilNothingIsLeft(server, clock);
  });

  test("during connect, while the tools are being listed", async () => {
    const clock = new TestClock();
    const server = await serve({ onRequest: ({ body }) => body?.method === "tools/list" });
    const pool = poolOf({ s: server }, { clock });
    const connecting = pool.connect();
    await server.until((one) => one.requestsOf("tools/list").length === 1);
    await pool.closeAll({ drainMs: 10 });
    expect((await connecting).failed["s"]).toBeInstanceOf(McpClosedError);
    await untilNothingIsLeft(server, clock);
    expect(server.requestsOf("DELETE").length).toBe(1);
  });

  test("during reconnect: those who wait are told that nothing was sent", async () => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, {}, { clock });
    await lose(pool, server);
    const lost = Array.from({ length: 5 }, () => failure(pool.callTool("s__echo")));
    await nextEvent(pool, "server.connecting");
    await pool.closeAll();
    const errors = await Promise.all(lost);
    expect(errors.map(({ code, sent }) => [code, sent])).toEqual(lost.map(() => ["CLOSED", "no"]));
    await untilNothingIsLeft(server, clock);
    expect(server.executionCount("echo")).toBe(0);
  });

  test("during reconnect, while an attempt is under way", async () => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, {}, { clock });
    await lose(pool, server);
    const lost = failure(pool.callTool("s__echo"));
    server.options.onRequest = ({ method }) => method === "POST";
    await server.listen();
    await server.until((one) => one.requestsOf("ping").length > 0);
    await pool.closeAll({ drainMs: 10 });
    expect(await lost).toMatchObject({ code: "CLOSED", sent: "no" });
    await untilNothingIsLeft(server, clock);
  });

  test("during renewal", async () => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, {}, { clock });
    server.options.onRequest = ({ body }) => body?.method === "initialize";
    server.forgetSessions();
    const calls = Array.from({ length: 5 }, () => failure(pool.callTool("s__echo")));
    await server.until((one) => one.requestsOf("initialize").length === 2);
    await pool.closeAll({ drainMs: 10 });
    const errors = await Promise.all(calls);
    expect(errors.map(({ code }) => code)).toEqual(calls.map(() => "CLOSED"));
    // One whose 404 is still on its way has been written, as far as its caller can know.
    expect(errors.every(({ sent }) => sent === "no" || sent === "unknown")).toBe(true);
    await untilNothingIsLeft(server, clock);
    expect(server.executionCount("echo")).toBe(0);
  });

  test("during calls that end in time: all get their results, then the session is ended", async () => {
    const clock = new TestClock();
    const held = gate();
    const server = await serve({
      tools: { slow: { handler: () => held.opened.then(() => "done") } },
    });
    const pool = await connected(server, {}, { clock });
    const calls = Array.from({ length: 20 }, () => pool.callTool("s__slow"));
    await server.until((one) => one.requestsOf("tools/call").length === 20);
    const closing = pool.closeAll();
    expect(pool.closeAll()).toBe(closing);
    expect(await failure(pool.callTool("s__slow"))).toBeInstanceOf(McpClosedError);
    expect(await failure(pool.connect())).toBeInstanceOf(McpClosedError);
    held.open();
    expect(await Promise.all(calls)).toEqual(calls.map(() => textOf("done")));
    await closing;
    expect(server.sessions.size).toBe(0);
    expect(server.executionCount("slow")).toBe(20);
    await untilNothingIsLeft(server, clock);
  });

  test("during calls that do not end: each is told that it may have run", async () => {
    const clock = new TestClock();
    const server = await serve({ tools: HANG });
    const pool = await connected(server, {}, { clock });
    const calls = Array.from({ length: 20 }, () => failure(pool.callTool("s__hang")));
    await server.until((one) => one.requestsOf("tools/call").length === 20);
    await pool.closeAll({ drainMs: 10 });
    const errors = await Promise.all(calls);
    expect(errors.map(({ code, sent, method }) => [code, sent, method])).toEqual(
      calls.map(() => ["CLOSED", "unknown", "tools/call"]),
    );
    expect(server.executionCount("hang")).toBe(20);
    await untilNothingIsLeft(server, clock);
  });

  test("while a call waits for Retry-After: it settles, and its timer does not outlive the pool", async () => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, {}, { clock });
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== "tools/call") return false;
      res.writeHead(429, { "retry-after": "7" }).end();
      return true;
    };
    clock.holds = (delayMs) => delayMs >= 7_000 && delayMs < 8_000;
    const calling = failure(pool.callTool("s__echo"));
    await clock.untilHeld();
    await pool.closeAll({ drainMs: 10 });
    await server.until(({ openSockets }) => openSockets === 0);
    const kept = clock.armed;
    clock.release();
    expect(await calling).toMatchObject({ code: "CLOSED", server: "s" });
    expect(kept).toEqual([]);
  });

  test("while a broken stream is about to be resumed", async () => {
    const clock = new TestClock();
    const server = await serve({
      tools: {
        cut: {
          handler(_args, context) {
            startStream(context).end("id: 1\nretry: 9000\ndata: \n\n");
            return unanswered();
          },
        },
      },
    });
    const pool = await connected(server, {}, { clock });
    clock.holds = (delayMs) => delayMs >= 9_000 && delayMs < 10_000;
    const calling = failure(pool.callTool("s__cut"));
    await clock.untilHeld();
    await pool.closeAll({ drainMs: 10 });
    expect(await calling).toMatchObject({ code: "CLOSED", sent: "yes" });
    await untilNothingIsLeft(server, clock);
    expect(server.executionCount("cut")).toBe(1);
  });

  test("with an open change stream, and with a server that does not answer the DELETE", async () => {
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === 2_000;
    const server = await serve({
      getStream: true,
      onRequest: ({ method }) => method === "DELETE",
    });
    const pool = await connected(server, {}, { clock });
    await server.until(({ openStreams }) => openStreams === 1);
    const closing = pool.closeAll();
    await server.until((one) => one.requestsOf("DELETE").length === 1);
    clock.release();
    await closing;
    await untilNothingIsLeft(server, clock);
    expect(server.openStreams).toBe(0);
  });
});

describe("fault 55: the process of a closed pool ends by itself, with code 0", () => {
  const CHILD = fileURLToPath(new URL("./close-child.ts", import.meta.url));

  test.each<
    [
      string,
      TestHttpServerOptions,
      (server: TestHttpServer, lost: Promise<unknown>) => Promise<unknown>,
    ]
  >([
    [
      "during connect",
      { onRequest: () => true },
      (server) => server.until((one) => one.requestsOf("server/discover").length === 1),
    ],
    [
      "during reconnect",
      { tools: { echo: { handler: unanswered } } },
      async (server, disconnected) => {
        await server.until((one) => one.requestsOf("tools/call").length === 3);
        await server.stop();
        await disconnected;
      },
    ],
    [
      "during renewal",
      {
        onRequest({ body, server }) {
          if (body?.method === "tools/call" && server.initializeCount === 1)
            server.forgetSessions();
          return body?.method === "initialize" && server.initializeCount === 1;
        },
      },
      (server) => server.until((one) => one.requestsOf("initialize").length === 2),
    ],
    [
      "during calls, with a change stream",
      { getStream: true, tools: { echo: { handler: unanswered } } },
      (server) => server.until((one) => one.requestsOf("tools/call").length === 3),
    ],
  ])("%s", async (_name, options, isThere) => {
    const server = await serve(options);
    const child = fork(CHILD, [server.url.href], {
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    onTestFinished(() => {
      if (child.exitCode === null) child.kill("SIGKILL");
    });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const closed = once(child, "close");
    await isThere(server, once(child, "message"));
    child.send("close");
    const [code, signal] = (await closed) as [number | null, string | null];
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: "" });
    await server.until(({ openSockets }) => openSockets === 0);
  });
});
