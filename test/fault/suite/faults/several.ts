// Servers that are dead, hang or crash, beside a good one.

import type { TestHttpServer } from "../../../support/http-server.ts";
import type { ServerEntry } from "../adapter.ts";
import type { Fault } from "../fault.ts";
import { BRIEF_MS } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { PATIENT_MS, pause } from "../stage.ts";
import { whatOf } from "../verdict.ts";
import { countsOf, hanging, never } from "./http-connection.ts";

/** Connects to all, whatever comes of it; the good one must be usable within that time from the start on. */
async function usableBeside(
  scene: Scene,
  bad: Record<string, ServerEntry | TestHttpServer>,
  withinMs: number,
): Promise<void> {
  const good = await scene.http({ echo: {} });
  const startedAt = performance.now();
  const connecting = scene.connect({ ...bad, good }, 2 * withinMs);
  const settled = connecting.then(() => true);
  // A client may list while it still connects; if it cannot, there is nothing to lose.
  while (!(await isListed(scene))) {
    if (await Promise.race([settled, pause(100).then(() => false)])) break;
  }
  const ms = Math.round(performance.now() - startedAt);
  if (!(await isListed(scene))) {
    const [listed, connected] = [await scene.list(), await connecting];
    const ends = [connected, listed].map(({ status }) => status);
    const what = `the good server's tool is not there; connect: ${whatOf(connected)}; list: ${whatOf(listed)}`;
    const isTold = ends.includes("error");
    scene.found(ends.includes("hung") ? "hung" : isTold ? "error" : "lost", what);
    return;
  }
  await scene.call("echo", countsOf(good, "echo"), { text: "echo" });
  if (ms > withinMs) scene.found("error", `the good server was usable after ${ms} ms`);
  const connected = await connecting;
  if (connected.status === "hung" || connected.status === "died") {
    scene.found(connected.status === "hung" ? "hung" : "lost", `connect: ${whatOf(connected)}`);
  }
}

async function isListed(scene: Scene): Promise<boolean> {
  const listed = await scene.list();
  return listed.status === "ok" && scene.nameOf("echo") !== undefined;
}

export const several: readonly Fault[] = [
  {
    id: "38",
    title: "a command that is not there, beside a good server",
    class: "U",
    needs: ["stdio", "http", "several"],
    permits: "recovered",
    run: (scene) =>
      usableBeside(
        scene,
        { bad: { command: "/nowhere/no-such-command", args: [] } },
        PATIENT_MS / 2,
      ),
  },
  {
    id: "40",
    title: "a server that crashes at every start, beside a good one",
    class: "U",
    needs: ["stdio", "http", "several"],
    permits: "recovered",
    async run(scene) {
      const bad = scene.stdio({ crashAtStart: true });
      await usableBeside(scene, { bad }, PATIENT_MS / 2);
      await pause(2 * BRIEF_MS);
      const { starts } = bad.ledger;
      if (starts > 10) scene.found("doubled", `it was started ${starts} times`);
    },
  },
  {
    id: "50",
    title: "a dead and a hanging server beside a good one",
    class: "U",
    needs: ["http", "several"],
    permits: "recovered",
    async run(scene) {
      const dead = await scene.http({});
      const { url } = dead;
      await dead.close();
      const bad = { dead: { url: url.href }, hanging: await hanging(scene) };
      await usableBeside(scene, bad, 2 * BRIEF_MS);
    },
  },
  {
    id: "51",
    title: "40 calls hang at one server, 100 go to another",
    class: "U",
    needs: ["http", "several"],
    permits: "recovered",
    async run(scene) {
      const stuck = await scene.http({ stuck: { handler: never } });
      const good = await scene.http({ echo: {} });
      await scene.connected({ stuck, good });
      const hangingCalls = Array.from({ length: 40 }, () =>
        scene.start("stuck", {}, { timeoutMs: PATIENT_MS }),
      );
      await scene.until(() => stuck.executionCount("stuck") === 40);
      for (let round = 0; round < 5; round += 1) {
        const calls = Array.from({ length: 20 }, () => scene.start("echo"));
        for (const { key, settled } of calls) {
          await scene.judge("echo", key, settled, countsOf(good, "echo"), { text: key });
        }
      }
      if (scene.openRequests < 40)
        scene.found("error", "the good server's calls waited for the others");
      for (const { key } of hangingCalls) await scene.cancel(key);
    },
  },
];
