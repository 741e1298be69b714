// healthCheckIntervalMs: servers that are asked for a sign of life while nobody calls them.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServerConfig } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { isProcessAlive, until } from "../support/processes.ts";
import { serveStateless, STATELESS_STDIO, traceOf } from "./stateless-harness.ts";
import { Ledger, scripted } from "./stdio-harness.ts";
import { collect, gate, nextEvent, poolOf, serve } from "./support.ts";

const EACH_MS = 20;
const CHECKED = { healthCheckIntervalMs: EACH_MS } as const;
const STDIO_TIMEOUTS = { closeStepMs: 50, handshakeMs: 2_000 } as const;

function statelessChild(ledger: Ledger): ServerConfig {
  const records = { counterFile: ledger.file, traceFile: `${ledger.file}.trace` };
  return {
    command: process.execPath,
    args: [STATELESS_STDIO, JSON.stringify(records)],
    protocol: "2026-07-28",
  };
}

describe("a server that is well", () => {
  test("is asked again and again, over sessions, without them, and by pipe; and stays as it is", async () => {
    const [server, stateless] = [await serve(), await serveStateless()];
    const [session, child] = [new Ledger(), new Ledger()];
    const pool = poolOf(
      {
        http: { url: server.url, protocol: "legacy" },
        stateless: { url: stateless.url, protocol: "2026-07-28" },
        pipe: { ...scripted(session), protocol: "legacy" },
        child: statelessChild(child),
      },
      CHECKED,
    );
    expect((await pool.connect()).failed).toEqual({});
    const disconnected = collect(pool, "server.disconnected");
    const discovered = (): number =>
      traceOf(child).filter(({ method }) => method === "server/discover").length;
    await server.until((one) => one.requestsOf("ping").length >= 3);
    await stateless.until((one) => one.requestsOf("server/discover").length >= 4);
    await until(() => discovered() >= 4, "three checks of the child");
    expect(pool.status().map(({ state }) => state)).toEqual(["ready", "ready", "ready", "ready"]);
    expect(disconnected).toEqual([]);
    expect(server.initializeCount).toBe(1);
    expect(session.starts + child.starts).toBe(2);
    await pool.callTool("http__echo", { key: "k" });
    expect(server.executionCount("echo", "k")).toBe(1);
  });

  test("is not asked without the option", async () => {
    const [server, stateless] = [await serve(), await serveStateless()];
    const pool = poolOf({
      http: { url: server.url, protocol: "legacy" },
      stateless: { url: stateless.url, protocol: "2026-07-28" },
      // Its checks show that time has passed.
      other: { url: server.url, protocol: "legacy", headers: { "x-other": "1" }, ...CHECKED },
    });
    await pool.connect();
    const discovered = stateless.requestsOf("server/discover").length;
    await server.until((one) => one.requestsOf("ping").length >= 5);
    expect(server.requestsOf("ping").every(({ headers }) => headers["x-other"] === "1")).toBe(true);
    expect(stateless.requestsOf("server/discover")).toHaveLength(discovered);
  });

  test("is not asked while a call is under way", async () => {
    const door = gate();
    const server = await serve({ tools: { slow: { handler: () => door.opened } } });
    const pool = poolOf({
      s: { url: server.url, protocol: "legacy", ...CHECKED },
      other: { url: server.url, protocol: "legacy", headers: { "x-other": "1" }, ...CHECKED },
    });
    await pool.connect();
    const pings = (other: string | undefined): number =>
      server.requestsOf("ping").filter(({ headers }) => headers["x-other"] === other).length;
    const call = pool.callTool("s__slow");
    await server.until((one) => one.executionCount("slow") === 1);
    const before = pings(undefined);
    const others = pings("1");
    await server.until(() => pings("1") >= others + 5);
    expect(pings(undefined)).toBe(before);
    door.open();
    await call;
    await server.until(() => pings(undefined) > before);
  });

  test("may answer that it knows no ping", async () => {
    const server = await serve({
      onRequest: ({ body, res }) => {
        if (body?.method !== "ping") return false;
        const error = { code: -32601, message: "Method not found" };
        res.writeHead(200, { "content-type": "application/json" });
        res.end(JSON.stringify({ jsonrpc: "2.0", id: body.id, error }));
        return true;
      },
    });
    const pool = poolOf({ s: { url: server.url, protocol: "legacy", ...CHECKED } });
    await pool.connect();
    const disconnected = collect(pool, "server.disconnected");
    await server.until((one) => one.requestsOf("ping").length >= 3);
    expect(disconnected).toEqual([]);
  });
});

describe("a server that is not", () => {
  test("a session that was forgotten is renewed before the next call comes", async () => {
    const server = await serve();
    const pool = poolOf({ s: { url: server.url, protocol: "legacy", ...CHECKED } });
    await pool.connect();
    const renewed = nextEvent(pool, "server.reconnected");
    server.forgetSessions();
    expect(await renewed).toMatchObject({ server: "s", reason: "session-lost" });
    expect(server.initializeCount).toBe(2);
  });

  test("a server that is stopped is noticed, and found again", async () => {
    const server = await serve();
    const pool = poolOf({ s: { url: server.url, protocol: "legacy", ...CHECKED } });
    await pool.connect();
    const gone = nextEvent(pool, "server.disconnected");
    await server.stop();
    await gone;
    const back = nextEvent(pool, "server.reconnected");
    await server.listen();
    expect(await back).toMatchObject({ reason: "connection-lost" });
    await pool.callTool("s__echo", { key: "k" });
    expect(server.executionCount("echo", "k")).toBe(1);
  });

  test("HTTP that hangs: calls that come wait, and are sent once when it answers again", async () => {
    let hangs = false;
    const server = await serve({ onRequest: () => hangs });
    const pool = poolOf({
      s: { url: server.url, protocol: "legacy", ...CHECKED, timeouts: { handshakeMs: 200 } },
    });
    await pool.connect();
    const gone = nextEvent(pool, "server.disconnected");
    hangs = true;
    await gone;
    const call = pool.callTool("s__echo", { key: "k" });
    hangs = false;
    await call;
    expect(server.executionCount("echo", "k")).toBe(1);
    expect(server.requestsOf("tools/call")).toHaveLength(1);
  });

  test("a child that hangs is killed and started again (fault 46)", async () => {
    const ledger = new Ledger();
    const pool = poolOf({
      s: {
        ...scripted(ledger, { hangOn: "ping", ignoreEof: true }),
        protocol: "legacy",
        ...CHECKED,
        timeouts: { ...STDIO_TIMEOUTS, handshakeMs: 1_500 },
      },
    });
    await pool.connect();
    const gone = nextEvent(pool, "server.disconnected");
    const [first] = ledger.pids();
    expect((await gone).error).toMatchObject({ code: "TIMEOUT" });
    await until(() => ledger.starts === 2, "a second process");
    await until(() => first !== undefined && !isProcessAlive(first), "the first to end");
    expect(pool.status()[0]?.counts.crashes).toBe(0);
  });
});

test("a process with nothing else to do ends by itself, checks or not", async () => {
  const server = await serve();
  const file = fileURLToPath(new URL("./health-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", file, server.url.href], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let noise = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (noise += text));
  const [code] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once("close", (...how) => resolve(how)),
  );
  expect({ code, noise }).toEqual({ code: 0, noise: "" });
  expect(server.executionCount("echo")).toBe(1);
});
