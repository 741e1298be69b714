// What the caller does: cancels, closes too early, listens badly.

import type { Fault } from "../fault.ts";
import { BRIEF_MS } from "../scene.ts";
import { pause } from "../stage.ts";
import { whatOf } from "../verdict.ts";
import { countsOf, hanging, never } from "./http-connection.ts";

export const callers: readonly Fault[] = [
  {
    id: "53",
    title: "50 calls cancelled by their caller",
    class: "U",
    needs: ["http", "cancel"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ work: { handler: never } });
      await scene.connected({ s: server });
      const calls = Array.from({ length: 50 }, () => scene.start("work"));
      await scene.until(() => server.executionCount("work") === calls.length);
      for (const { key } of calls) await scene.cancel(key);
      for (const { key, settled } of calls) {
        const end = await settled;
        if (end.status === "ok") scene.found("lost", `${key} gave a result after it was cancelled`);
        if (end.status === "hung") scene.found("hung", `${key}: ${whatOf(end)}`);
        if (end.status === "died") scene.found("lost", `${key}: ${whatOf(end)}`);
      }
      const told = (): number => server.requestsOf("notifications/cancelled").length;
      if (!(await scene.until(() => told() >= calls.length, 2 * BRIEF_MS))) {
        scene.found("lost", `the server was told of ${told()} of ${calls.length} cancellations`);
      }
    },
  },
  ...(["http", "stdio"] as const).map((kind): Fault => ({
    id: kind === "http" ? "55a" : "55b",
    title: `closed while it connects (${kind === "http" ? "HTTP" : "stdio"})`,
    class: "U",
    needs: [kind],
    permits: "error",
    async run(scene) {
      const server = kind === "http" ? await hanging(scene) : scene.stdio({ slowStartMs: 600_000 });
      const connecting = scene.connect({ s: server });
      await scene.until(() =>
        "ledger" in server ? server.ledger.starts > 0 : server.requests.length > 0,
      );
      const closed = await scene.close();
      if (closed.status === "hung") scene.found("hung", `close: ${whatOf(closed)}`);
      const connected = await connecting;
      if (connected.status === "hung") scene.found("hung", `connect: ${whatOf(connected)}`);
      if (connected.status === "died") scene.found("lost", `connect: ${whatOf(connected)}`);
    },
  })),
  {
    id: "61",
    title: "the user's listener throws",
    class: "U",
    needs: ["http", "events"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http(
        { work: {} },
        { getStream: true, capabilities: { tools: { listChanged: true }, logging: {} } },
      );
      scene.listenerThrows = true;
      await scene.connected({ s: server });
      await scene.until(() => server.openStreams > 0, BRIEF_MS);
      const params = { level: "info", data: "hello" };
      server.push({ jsonrpc: "2.0", method: "notifications/message", params });
      server.notifyToolsChanged();
      await pause(BRIEF_MS / 2);
      await scene.call("work", countsOf(server, "work"), { text: "work" });
    },
  },
];
