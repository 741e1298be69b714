// Nothing is left alive: servers that will not go, wrappers, grandchildren, and our own sudden death.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { McpClientPool, StdioServerConfig } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { groupMembers, isProcessAlive, until, untilProcessGone } from "../support/processes.ts";
import { connected, Ledger, mortal, scripted, STDIO_SERVER, textOf } from "./stdio-harness.ts";

const STUBBORN = { ignoreEof: true, ignoreSigterm: true };

/** The scripted server as a child of `sh`, which writes down its own id: it leads the group. */
function behindShell(ledger: Ledger, script: object, line = '"$@"; true'): StdioServerConfig {
  const server = [process.execPath, STDIO_SERVER, behaviour(ledger, script)];
  const shell = `echo "leader $$" >> "$1"; shift; ${line}`;
  return { command: "sh", args: ["-c", shell, "sh", ledger.file, ...server] };
}

/** As npx does it: a Node process that starts a shell that starts the server, and waits. */
function behindNpx(ledger: Ledger, script: object): StdioServerConfig {
  const wrapper = `
    require("node:fs").appendFileSync(process.argv[1], "leader " + process.pid + "\\n");
    const args = ["-c", '"$@"; exit $?', "sh", ...process.argv.slice(2)];
    const child = require("node:child_process").spawn("sh", args, { stdio: "inherit" });
    for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => {});
    child.on("exit", (code) => process.exit(code ?? 1));`;
  const server = [process.execPath, STDIO_SERVER, behaviour(ledger, script)];
  return { command: process.execPath, args: ["-e", wrapper, ledger.file, ...server] };
}

function behaviour(ledger: Ledger, script: object): string {
  return JSON.stringify({ counterFile: ledger.file, ...script });
}

/** Everything that the server and its wrappers run as, asked of the system. */
function processesOf(ledger: Ledger): number[] {
  const leader = ledger.pids("leader")[0] ?? ledger.pids()[0];
  if (leader === undefined) throw new Error("the server never started");
  return groupMembers(leader);
}

describe("fault 41: nothing is left alive (6.4)", () => {
  const servers: [string, number, (ledger: Ledger) => StdioServerConfig][] = [
    ["leaves on EOF", 1, (ledger) => scripted(ledger)],
    ["ignores EOF", 1, (ledger) => scripted(ledger, { ignoreEof: true })],
    ["ignores EOF and SIGTERM", 1, (ledger) => scripted(ledger, STUBBORN)],
    ["behind sh -c", 2, (ledger) => behindShell(ledger, {})],
    ["behind sh -c, ignores all", 2, (ledger) => behindShell(ledger, STUBBORN)],
    [
      "behind sh -c, a sibling in the background",
      2,
      (ledger) => behindShell(ledger, {}, 'sleep 1000 & exec "$@"'),
    ],
    ["behind a wrapper like npx", 3, (ledger) => behindNpx(ledger, {})],
    ["behind a wrapper like npx, ignores all", 3, (ledger) => behindNpx(ledger, STUBBORN)],
    ["with a child of its own", 2, (ledger) => scripted(ledger, { spawnChild: "plain" })],
    [
      "with a stubborn child, as stubborn itself",
      2,
      (ledger) => scripted(ledger, { ...STUBBORN, spawnChild: "stubborn" }),
    ],
    [
      "behind a wrapper like npx with a stubborn child",
      4,
      (ledger) => behindNpx(ledger, { spawnChild: "stubborn" }),
    ],
  ];
  const ways: [string, (pool: McpClientPool) => Promise<void>][] = [
    ["closeAll", (pool) => pool.closeAll()],
    ["removeClient", (pool) => pool.removeClient("s")],
  ];

  describe.each(ways)("%s", (_, end) => {
    test.each(servers)("%s", async (_name, expected, make) => {
      const ledger = new Ledger();
      const pool = await connected({ servers: { s: make(ledger) } });
      expect(textOf(await pool.callTool("s__echo", { text: "up" }))).toBe("up");
      const running = processesOf(ledger);
      expect(running.length).toBeGreaterThanOrEqual(expected);
      await end(pool);
      expect(running.filter(isProcessAlive)).toEqual([]);
      expect(processesOf(ledger)).toEqual([]);
      expect(ledger.starts).toBe(1);
    });
  });

  test("closed with a call in flight: the call learns it, and nothing is left", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: scripted(ledger, { ...STUBBORN, hangOn: "echo" }) },
    });
    const call = pool.callTool("s__echo", { key: "k" }).then(
      () => "answered",
      (error: { code: string; sent: string }) => [error.code, error.sent],
    );
    await until(() => ledger.count("k") === 1, "the call to arrive");
    const running = processesOf(ledger);
    await pool.closeAll({ drainMs: 0 });
    expect(await call).toEqual(["CLOSED", "unknown"]);
    expect(running.filter(isProcessAlive)).toEqual([]);
  });

  test("a crashed server's children go too, before the next one is used", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: scripted(ledger, { tools: ["crash", "echo"], spawnChild: "stubborn" }) },
    });
    const [orphan] = ledger.pids("child");
    await pool.callTool("s__crash").catch(() => {});
    await pool.callTool("s__echo");
    await untilProcessGone(orphan ?? 0);
    expect(ledger.starts).toBe(2);
  });
});

describe("fault 45: our process is killed", () => {
  test.each([
    ["idle", (ledger: Ledger) => mortal(ledger), undefined],
    ["behind sh -c", (ledger: Ledger) => behindShell(ledger, {}), undefined],
    ["in mid-call", (ledger: Ledger) => scripted(ledger, { hangOn: "echo" }), "echo"],
  ])("%s: its children see EOF and exit", async (_, make, tool) => {
    const ledger = new Ledger();
    const owner = ownerOf({ s: make(ledger) }, tool);
    await Promise.race([
      until(() => owner.said.includes("ready"), "the pool to connect"),
      once(owner.process, "exit").then(() => Promise.reject(new Error(owner.said))),
    ]);
    if (tool !== undefined) await until(() => ledger.count(tool) === 1, "the call to arrive");
    const running = processesOf(ledger);
    onTestFinished(() => running.filter(isProcessAlive).forEach((pid) => process.kill(pid)));
    expect(running.length).toBeGreaterThan(0);
    owner.process.kill("SIGKILL");
    await once(owner.process, "exit");
    for (const pid of running) await untilProcessGone(pid);
    expect(ledger.starts).toBe(1);
  });
});

/** A program of its own that holds a pool with these servers, says "ready", and may call a tool. */
function ownerOf(
  servers: Record<string, StdioServerConfig>,
  tool: string | undefined,
): { process: ReturnType<typeof spawn>; readonly said: string } {
  const entry = new URL("../../src/index.ts", import.meta.url).href;
  const program = `
    const { McpClientPool } = await import(${JSON.stringify(entry)});
    const pool = new McpClientPool({ servers: ${JSON.stringify(servers)} });
    const { failed } = await pool.connect();
    if (Object.keys(failed).length > 0) throw Object.values(failed)[0];
    console.log("ready");
    ${tool === undefined ? "" : `await pool.callTool("s__${tool}");`}
    setInterval(() => {}, 1_000);`;
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const child = spawn(
    process.execPath,
    ["--import", loader, "--input-type=module", "--eval", program],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const owner = { process: child, said: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (owner.said += chunk));
  }
  onTestFinished(() => void child.kill("SIGKILL"));
  return owner;
}
