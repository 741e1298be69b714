// stdio: children that crash, will not go, write noise, floods, stop reading, start slowly.

import type { Fault } from "../fault.ts";
import { BRIEF_MS } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { PATIENT_MS } from "../stage.ts";
import type { Ledger, StdioServer } from "../servers.ts";

const MB = 1024 * 1024;

/** The server behind a shell, which writes down its own id. */
function behindShell(server: string[], ledger: Ledger): string[] {
  const line = 'echo "leader $$" >> "$1"; shift; "$@"; true';
  return ["sh", "-c", line, "sh", ledger.file, ...server];
}

const countsOf =
  ({ ledger }: StdioServer) =>
  (key: string): number =>
    ledger.count(key);

/** Connects, and calls a tool that is in order. */
async function works(scene: Scene, server: StdioServer): Promise<void> {
  await scene.connected({ s: server });
  await scene.call("echo", countsOf(server), { args: { text: "grün" }, text: "grün" });
}

export const stdio: readonly Fault[] = [
  {
    id: "39a",
    title: "crash in mid-call: this call",
    class: "U",
    needs: ["stdio"],
    permits: "error",
    async run(scene) {
      const server = scene.stdio({});
      await scene.connected({ s: server });
      await scene.call("crash", countsOf(server));
    },
  },
  {
    id: "39b",
    title: "crash in mid-call: the next call",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    async run(scene) {
      const server = scene.stdio({});
      await scene.connected({ s: server });
      const { key, settled } = scene.start("crash");
      await settled;
      const ran = server.ledger.count(key);
      if (ran > 1) scene.found("doubled", `crash ran ${ran} times`);
      await scene.call("echo", countsOf(server), { args: { text: "up" }, text: "up" });
    },
  },
  {
    id: "41a",
    title: "ignores EOF and SIGTERM, with a child as stubborn",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    run: (scene) =>
      works(scene, scene.stdio({ ignoreEof: true, ignoreSigterm: true, spawnChild: "stubborn" })),
  },
  {
    id: "41b",
    title: "the same behind sh -c",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    run: (scene) =>
      works(scene, scene.stdio({ ignoreEof: true, ignoreSigterm: true }, behindShell)),
  },
  {
    id: "42",
    title: "a banner, and noise between the messages",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    run: (scene) =>
      works(scene, scene.stdio({ banner: "Starting server v1.2 ...", noise: "[debug] handling" })),
  },
  {
    id: "43",
    title: "20 MB on stderr before anything else",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    memoryMb: 128,
    run: (scene) => works(scene, scene.stdio({ stderrFlood: 20 * MB })),
  },
  {
    id: "44",
    title: "stops reading stdin; 30 calls of 1 MB follow",
    class: "U",
    needs: ["stdio"],
    permits: "error",
    memoryMb: 384,
    async run(scene) {
      const server = scene.stdio({ tools: ["echo", "slow", "stop"], stopReadingOn: "stop" });
      await scene.connected({ s: server });
      // What it waits for keeps it alive once nothing is read any more.
      const slow = scene.start("slow", { releaseFile: "/nowhere/at/all" }, { timeoutMs: BRIEF_MS });
      await scene.until(() => server.ledger.count(slow.key) > 0);
      await scene.call("stop", countsOf(server), { text: "stop" });
      const text = "x".repeat(MB);
      const calls = Array.from({ length: 30 }, () =>
        scene.start("echo", { text }, { timeoutMs: BRIEF_MS }),
      );
      for (const { key, settled } of calls) {
        await scene.judge("echo", key, settled, countsOf(server), { text: "xxx" });
      }
      await scene.judge("slow", slow.key, slow.settled, countsOf(server));
    },
  },
  {
    id: "46",
    title: "an answer of 50 MB in one line",
    class: "U",
    needs: ["stdio"],
    permits: "error",
    async run(scene) {
      const server = scene.stdio({
        tools: ["echo", "huge"],
        hugeOn: { tool: "huge", bytes: 50 * MB },
      });
      await scene.connected({ s: server });
      await scene.call("huge", countsOf(server), { text: "xxx" });
      await scene.call("echo", countsOf(server), { args: { text: "next" }, text: "next" });
    },
  },
  {
    id: "47",
    title: "one byte at a time, CRLF",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    run: (scene) => works(scene, scene.stdio({ tools: ["echo"], splitWrites: 1, crlf: true })),
  },
  {
    id: "49",
    title: "reads nothing for 3 seconds after its start",
    class: "U",
    needs: ["stdio"],
    permits: "recovered",
    async run(scene) {
      const server = scene.stdio({ slowStartMs: 3_000 });
      await scene.connected({ s: server }, 2 * PATIENT_MS);
      await scene.call("echo", countsOf(server), { args: { text: "up" }, text: "up" });
      const { starts } = server.ledger;
      if (starts > 1) scene.found("doubled", `the server was started ${starts} times`);
    },
  },
];
