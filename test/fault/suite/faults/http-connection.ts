// HTTP: connections that are refused, reset, closed too early, silent, throttled or sent elsewhere.

import type { Fault } from "../fault.ts";
import { json, rpcError, rpcResult, startHttpServer } from "../../../support/http-server.ts";
import type { RequestContext, TestHttpServer, TestTool } from "../../../support/http-server.ts";
import { BRIEF_MS } from "../scene.ts";
import type { Scene } from "../scene.ts";

const CALLS_AT_ONCE = 20;

/** Runs, and then loses its connection. */
function resets(annotations?: object): TestTool {
  return {
    ...(annotations === undefined ? {} : { annotations }),
    handler: (_args, { res }) => {
      res.socket?.resetAndDestroy();
      return never();
    },
  };
}

export function never(): Promise<never> {
  return new Promise(() => {});
}

/** Accepts connections, and answers nothing. */
export async function hanging(scene: Scene): Promise<TestHttpServer> {
  return await scene.http({}, { onRequest: () => true });
}

export const countsOf =
  (server: TestHttpServer, tool: string) =>
  (key: string): number =>
    server.executionCount(tool, key);

export function isCall({ body }: RequestContext): boolean {
  return body?.method === "tools/call";
}

export const httpConnection: readonly Fault[] = [
  {
    id: "1",
    title: "connection refused, the server is back after half a second",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ work: {} });
      await scene.connected({ s: server });
      await server.stop();
      const { key, settled } = scene.start("work");
      const back = new Promise<void>((resolve) => setTimeout(resolve, BRIEF_MS / 2)).then(() =>
        server.listen(),
      );
      await settled;
      await back;
      await scene.judge("work", key, settled, countsOf(server, "work"), { text: key });
      await scene.call("work", countsOf(server, "work"), { key: "next", text: "next" });
    },
  },
  {
    id: "6",
    title: "reset after the tool ran",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http({ work: resets(), echo: {} });
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"));
      await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
    },
  },
  {
    id: "7",
    title: "reset after a read-only tool of a trusted server ran",
    class: "R",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      let isFirst = true;
      const server = await scene.http({
        work: {
          annotations: { readOnlyHint: true },
          handler: (_args, { res }) => {
            if (!isFirst) return "done";
            isFirst = false;
            res.socket?.resetAndDestroy();
            return never();
          },
        },
      });
      await scene.connected({ s: { url: server.url.href, trusted: true } });
      await scene.call("work", countsOf(server, "work"), { atMost: 2, text: "done" });
    },
  },
  {
    id: "8",
    title: "idle sockets closed as the client writes (60 calls)",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      let waitMs = 0;
      const server = await scene.http(
        { work: {} },
        {
          onRequest({ res }) {
            const { socket } = res;
            // From at once to a moment later, in turn: some hit the next request on its way.
            res.once("finish", () => setTimeout(() => socket?.destroy(), waitMs++ % 4));
          },
        },
      );
      await scene.connected({ s: server });
      for (let index = 0; index < 60; index += 1) {
        await scene.call("work", countsOf(server, "work"), { text: "work-" });
      }
    },
  },
  {
    id: "9",
    title: "no answer at all",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http({ work: { handler: never }, echo: {} });
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { timeoutMs: BRIEF_MS });
      await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
    },
  },
  {
    id: "15a",
    title: "session lost (404) under 20 calls: these calls",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ work: {} });
      await scene.connected({ s: server });
      server.forgetSessions();
      const calls = Array.from({ length: CALLS_AT_ONCE }, () => scene.start("work"));
      for (const { key, settled } of calls) {
        await scene.judge("work", key, settled, countsOf(server, "work"), { text: key });
      }
    },
  },
  {
    id: "15b",
    title: "session lost (404): the next call",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ work: {} });
      await scene.connected({ s: server });
      server.forgetSessions();
      await scene.start("work").settled;
      await scene.call("work", countsOf(server, "work"), { key: "next", text: "next" });
    },
  },
  {
    id: "16",
    title: "404 for ever",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http(
        { work: {} },
        {
          onRequest(context) {
            if (!isCall(context)) return false;
            json(context.res, 404, rpcError(null, -32001, "Session not found"));
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"));
      const asked = server.requestsOf("tools/call").length;
      if (asked > 3) scene.found("doubled", `the call was sent ${asked} times`);
    },
  },
  {
    id: "18",
    title: "429 with Retry-After: 1",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      let acceptedFrom = Infinity;
      const server = await scene.http(
        { work: {} },
        {
          onRequest(context) {
            if (!isCall(context) || performance.now() >= acceptedFrom) return false;
            // Timers may fire a little early.
            if (acceptedFrom === Infinity) acceptedFrom = performance.now() + 990;
            context.res.writeHead(429, { "retry-after": "1" }).end();
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { text: "work" });
    },
  },
  {
    id: "19",
    title: "503 for ever, 20 calls at once",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http(
        { work: {} },
        {
          onRequest(context) {
            if (!isCall(context)) return false;
            context.res.writeHead(503).end();
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      const calls = Array.from({ length: CALLS_AT_ONCE }, () => scene.start("work"));
      for (const { key, settled } of calls) {
        await scene.judge("work", key, settled, countsOf(server, "work"));
      }
      const asked = server.requestsOf("tools/call").length;
      if (asked > 2 * CALLS_AT_ONCE) scene.found("doubled", `20 calls were sent ${asked} times`);
    },
  },
  {
    id: "20",
    title: "redirected to another origin, with credentials",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const canary = "canary-3e1f";
      const elsewhere = await startHttpServer({
        sessions: false,
        onRequest: ({ body, res }) => {
          json(res, 200, rpcResult(body?.id ?? null, { content: [{ type: "text", text: "x" }] }));
          return true;
        },
      });
      scene.later(() => elsewhere.close());
      const server = await scene.http(
        { work: {} },
        {
          onRequest(context) {
            if (!isCall(context)) return false;
            context.res.writeHead(307, { location: elsewhere.url.href }).end();
            return true;
          },
        },
      );
      const headers = { authorization: `Bearer ${canary}`, "x-api-key": canary };
      await scene.connected({ s: { url: server.url.href, headers } });
      const { settled } = scene.start("work");
      const end = await settled;
      const leaks = elsewhere.requests.flatMap(({ headers: seen }) =>
        Object.keys(seen).filter((name) => String(seen[name]).includes(canary)),
      );
      if (leaks.length > 0) {
        scene.found("leaked", `sent to another origin: ${[...new Set(leaks)].join(", ")}`);
      }
      if (end.status !== "ok") {
        await scene.judge("work", "none", settled, () => 0);
      }
    },
  },
];
