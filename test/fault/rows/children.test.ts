// Child processes that cannot be started, flood us, do not listen, or are started by the real npx.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { StdioServerConfig } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { groupMembers, isProcessAlive, until } from "../../support/processes.ts";
import { connected, failure, Ledger, makePool, mortal } from "../stdio-harness.ts";
import { record, scripted, STDIO_SERVER, textOf } from "../stdio-harness.ts";

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "mcp-client-pool-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe("fault 38: a command that cannot be started", () => {
  function file(name: string, text: string, mode: number): string {
    const path = join(scratch(), name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  const commands: [string, () => { command: string; cwd?: string; named?: string }][] = [
    ["ENOENT", () => ({ command: "no-such-command-here" })],
    ["ENOENT, a path", () => ({ command: join(scratch(), "missing") })],
    ["EACCES, not executable", () => ({ command: file("script.sh", "#!/bin/sh\n", 0o644) })],
    ["EACCES, a directory", () => ({ command: scratch() })],
    [
      "an interpreter that is not there",
      () => ({ command: file("script.sh", "#!/no/such/interpreter\n", 0o755) }),
    ],
    [
      "a working directory that is not there",
      () => {
        const cwd = join(scratch(), "missing");
        return { command: process.execPath, cwd, named: cwd };
      },
    ],
    [
      "a working directory that is a file",
      () => {
        const cwd = file("file", "", 0o644);
        return { command: process.execPath, cwd, named: cwd };
      },
    ],
  ];

  test.each(commands)(
    "%s: failed, named, not tried again, no environment shown",
    async (_, make) => {
      const { named, ...config } = make();
      const other = new Ledger();
      const pool = makePool({
        servers: { s: { ...config, env: { TOKEN: "canary" } }, other: scripted(other) },
      });
      const failed = record(pool, "server.failed");
      const connecting = record(pool, "server.connecting");
      const report = await pool.connect();
      expect(report.connected).toEqual(["other"]);
      const error = report.failed["s"];
      expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", server: "s" });
      expect(error?.message).toContain(named ?? config.command);
      expect(failed.map(({ server }) => server)).toEqual(["s"]);
      expect(pool.status()[0]?.state).toBe("failed");
      expect(await failure(pool.call("s", "ping"))).toMatchObject({ code: "CONNECTION_FAILED" });
      expect(connecting.filter(({ server }) => server === "s").length).toBe(1);
      for (const text of [
        String(error?.stack),
        JSON.stringify(error),
        JSON.stringify(pool.status()),
      ]) {
        expect(text).not.toMatch(/canary|TOKEN/);
        for (const value of Object.values(process.env)) {
          // What is short may well stand in a message by itself, and a path in a stack, as the place of this file.
          if (value === undefined || value.length < 16 || /[/\\]/.test(value)) continue;
          expect(text).not.toContain(value);
        }
      }
    },
  );
});

describe("fault 41: behind the real npx", () => {
  test.each<[string, object]>([
    ["a server that leaves on EOF", {}],
    ["one that ignores EOF and SIGTERM", { ignoreEof: true, ignoreSigterm: true }],
    ["one with a stubborn child", { spawnChild: "stubborn" }],
  ])("%s: nothing is left alive", async (_name, script) => {
    const ledger = new Ledger();
    const behaviour = JSON.stringify({ counterFile: ledger.file, ...script });
    const line = `echo "leader $PPID" >> "$LEDGER"; "$NODE" "$SERVER" "$BEHAVIOUR"; exit $?`;
    const env = {
      LEDGER: ledger.file,
      NODE: process.execPath,
      SERVER: STDIO_SERVER,
      BEHAVIOUR: behaviour,
      npm_config_cache: scratch(),
      npm_config_update_notifier: "false",
    };
    const pool = await connected({ servers: { s: { command: "npx", args: ["-c", line], env } } });
    expect(textOf(await pool.callTool("s__echo", { text: "up" }))).toBe("up");
    const running = groupMembers(ledger.pids("leader")[0] ?? -1);
    // npx, its shell, the server.
    expect(running.length).toBeGreaterThanOrEqual(3);
    expect(running).toEqual(expect.arrayContaining([...ledger.pids(), ...ledger.pids("child")]));
    await pool.closeAll();
    expect(running.filter(isProcessAlive)).toEqual([]);
    expect(ledger.starts).toBe(1);
  });
});

/** Bytes on the heap and beside it that are still held. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

const MIB = 1024 * 1024;

test("fault 43: 100 MB on stderr are drained, and what is held stays small", async () => {
  const ledger = new Ledger();
  const heldBefore = heldBytes();
  const peakBefore = process.resourceUsage().maxRSS;
  const pool = await connected({ servers: { s: scripted(ledger, { stderrFlood: 100_000_000 }) } });
  expect(textOf(await pool.callTool("s__echo", { key: "k", text: "alive" }))).toBe("alive");
  expect(heldBytes() - heldBefore).toBeLessThan(8 * MIB);
  expect((process.resourceUsage().maxRSS - peakBefore) / 1_024).toBeLessThan(64);
  const error = await failure(pool.callTool("s__crash"));
  expect(error.message).toContain("flood over");
  // Five lines at most, each of which is cut.
  expect(error.message.length).toBeLessThan(4_096);
  expect(ledger.count("k")).toBe(1);
});

describe("fault 44: the server stops reading its input", () => {
  const payload = "x".repeat(MIB);

  /** Its child keeps it alive: a Node process that reads no input and has nothing else to do ends. */
  const deaf = (ledger: Ledger): StdioServerConfig =>
    scripted(ledger, { stopReadingOn: "echo", spawnChild: "plain" });

  test("calls time out, what was never written says so, and memory stays flat", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: deaf(ledger) },
      timeouts: { closeStepMs: 200 },
    });
    await pool.callTool("s__echo", { key: "last" });
    const rounds = async (count: number): Promise<void> => {
      for (let round = 0; round < count; round++) {
        const calls = Array.from({ length: 10 }, () =>
          failure(pool.callTool("s__echo", { key: "lost", payload }, { timeoutMs: 20 })),
        );
        for (const error of await Promise.all(calls)) {
          expect(error).toMatchObject({ code: "TIMEOUT", limit: "silence", server: "s" });
          sent.push(error.sent);
        }
      }
    };
    const sent: string[] = [];
    await rounds(1);
    const held = heldBytes();
    await rounds(10);
    expect(heldBytes() - held).toBeLessThan(8 * MIB);
    // The pipe and the stream's own buffer take the first; all others were withdrawn.
    expect(sent.filter((one) => one !== "no").length).toBeLessThanOrEqual(2);
    expect(sent.length).toBe(110);
    expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { inFlight: 0 } });
    const running = groupMembers(ledger.pids()[0] ?? -1);
    await pool.closeAll({ drainMs: 0 });
    expect(running.filter(isProcessAlive)).toEqual([]);
    expect(ledger.count("lost")).toBe(0);
  });

  test("an aborted call that was never written is withdrawn, and the server is not told of it", async () => {
    const ledger = new Ledger();
    const pool = await connected({
      servers: { s: deaf(ledger) },
      timeouts: { closeStepMs: 200 },
    });
    await pool.callTool("s__echo");
    const written = failure(pool.callTool("s__echo", { payload }, { timeoutMs: 30 }));
    const caller = new AbortController();
    const waiting = pool.callTool("s__echo", { payload }, { signal: caller.signal });
    caller.abort("no longer wanted");
    await expect(waiting).rejects.toBe("no longer wanted");
    await written;
    expect(pool.status()[0]?.counts.inFlight).toBe(0);
  });
});

test("faults 39 and 44: a deaf server that dies settles what waits by what was written", async () => {
  const ledger = new Ledger();
  const pool = await connected({ servers: { s: mortal(ledger) } });
  await pool.callTool("s__deaf");
  const payload = "x".repeat(MIB);
  const calls = Array.from({ length: 5 }, (_, index) =>
    pool.callTool("s__work", { key: `k${index}`, text: "ok", payload }).then(
      (result) => textOf(result),
      (error: { code: string }) => error.code,
    ),
  );
  const outcomes = await Promise.all(calls);
  // Whether a call was written before the pipe broke is not ours to choose: none ran twice, none is lost.
  for (const [index, outcome] of outcomes.entries()) {
    const ran = ledger.count(`k${index}`);
    expect([outcome, ran]).toEqual(outcome === "ok" ? ["ok", 1] : ["OUTCOME_UNKNOWN", 0]);
  }
  await until(() => ledger.starts === 2, "the next process");
});
