// Event streams: cut, sliced, endless, left open, and the stream that tells of changes.

import type { TestTool } from "../../../support/http-server.ts";
import { sseEvent } from "../../../support/http-server.ts";
import { startStatelessServer } from "../../../support/stateless-server.ts";
import type { ClientTool } from "../adapter.ts";
import type { Fault } from "../fault.ts";
import { BRIEF_MS } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { PATIENT_MS, pause } from "../stage.ts";
import { byHand, result } from "./http-answers.ts";
import { countsOf } from "./http-connection.ts";

const EVENT_STREAM = { "content-type": "text/event-stream" };
/** How long a client may take to learn of a change that it was told of. */
const FRESH_MS = 5_000;

/** Bytes one by one, so that each is a chunk of its own on the wire more often than not. */
function dribble(text: string): TestTool {
  return byHand((context) => {
    const { res } = context;
    const bytes = Buffer.from(
      text.replace("$RESULT", () => JSON.stringify(result(context, "grün"))),
    );
    res.writeHead(200, EVENT_STREAM);
    let at = 0;
    const next = (): void => {
      if (at === bytes.length) res.end();
      else res.write(bytes.subarray(at, ++at), () => setImmediate(next));
    };
    next();
  });
}

/** The result, one JSON member per data line. */
function multiLine(): TestTool {
  return byHand((context) => {
    const lines = JSON.stringify(result(context, "grün"), null, 1).split("\n");
    context.res.writeHead(200, EVENT_STREAM);
    context.res.end(`event: message\n${lines.map((line) => `data: ${line}\n`).join("")}\n`);
  });
}

/** Whether the client comes to show the tool, asked again and again as an agent would. */
async function showsSoon(scene: Scene, tool: string): Promise<boolean> {
  const deadline = performance.now() + FRESH_MS;
  while (performance.now() < deadline) {
    const tools: readonly ClientTool[] = await scene.listed();
    if (tools.length > 0 && scene.nameOf(tool) !== undefined) return true;
    await pause(100);
  }
  return false;
}

export const streams: readonly Fault[] = [
  {
    id: "25",
    title: "stream cut after an event id",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      let answer: (() => object) | undefined;
      const server = await scene.http(
        {
          work: byHand((context) => {
            answer = () => result(context, "late");
            const { res } = context;
            res.writeHead(200, EVENT_STREAM);
            res.write("id: 1\nretry: 10\ndata: \n\n", () => res.destroy());
          }),
        },
        {
          onRequest({ method, headers, res }) {
            if (method !== "GET" || headers["last-event-id"] === undefined) return false;
            res.writeHead(200, EVENT_STREAM);
            res.end(answer === undefined ? "" : sseEvent(answer(), "2"));
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { text: "late" });
    },
  },
  {
    id: "26",
    title: "stream cut, no event id",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http({
        cut: byHand(({ res }) => {
          res.writeHead(200, EVENT_STREAM);
          res.write(": working\n\n", () => res.destroy());
        }),
        ended: byHand(({ res }) => {
          res.writeHead(200, EVENT_STREAM).end(": working\n\n");
        }),
        echo: {},
      });
      await scene.connected({ s: server });
      for (const tool of ["cut", "ended"]) {
        await scene.call(tool, countsOf(server, tool), { timeoutMs: 2 * BRIEF_MS });
      }
      await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
    },
  },
  {
    id: "28",
    title: "one-byte slices, CRLF, CR, BOM, comments, many lines",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const tools = {
        slices: dribble(": hello\n\nevent: message\ndata: $RESULT\n\n"),
        crlf: dribble(": hello\r\n\r\nid: 7\r\ndata: $RESULT\r\n\r\n"),
        cr: dribble("data: $RESULT\r\r: bye\r\r"),
        bom: dribble("\uFEFFdata: $RESULT\n\n"),
        lines: multiLine(),
      };
      const server = await scene.http(tools);
      await scene.connected({ s: server });
      for (const tool of Object.keys(tools)) {
        await scene.call(tool, countsOf(server, tool), { text: "grün" });
      }
    },
  },
  {
    id: "29",
    title: "comments for ever",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http({
        work: byHand(({ res }) => {
          res.writeHead(200, EVENT_STREAM);
          const timer = setInterval(() => res.write(": still here\n\n"), 50);
          res.once("close", () => clearInterval(timer));
        }),
      });
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { timeoutMs: BRIEF_MS });
    },
  },
  {
    id: "33",
    title: "stream left open after the answer",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({
        work: byHand((context) => {
          context.res.writeHead(200, EVENT_STREAM);
          context.res.write(sseEvent(result(context, "done")));
        }),
      });
      await scene.connected({ s: server });
      const before = scene.openRequests;
      await scene.call("work", countsOf(server, "work"), { text: "done" });
      if (!(await scene.until(() => scene.openRequests <= before, 2 * BRIEF_MS))) {
        scene.found("leaked", "the stream of an answered call is held open");
      }
    },
  },
  {
    id: "34",
    title: "stateless era: cut after the tool ran",
    class: "U",
    needs: ["http", "stateless"],
    permits: "error",
    async run(scene) {
      const server = await startStatelessServer({
        tools: { work: { description: "The tool work" } },
      });
      scene.later(() => server.close());
      await scene.connected({ s: { url: server.url.href } });
      server.cut("tools/call", "stream");
      const count = (key: string): number => server.executionCount("work", key);
      await scene.call("work", count);
      await scene.call("work", count, { key: "next", text: "next" });
    },
  },
  {
    id: "35",
    title: "the tools change while the stream of changes is broken",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ old: {} }, { getStream: true });
      await scene.connected({ s: server });
      await scene.until(() => server.openStreams > 0, BRIEF_MS);
      server.options.tools = { ...server.options.tools, grown: { description: "The tool grown" } };
      server.endStreams();
      if (await showsSoon(scene, "grown")) {
        await scene.call("grown", countsOf(server, "grown"), { text: "grown" });
      } else scene.found("lost", "the tool that came is never shown");
    },
  },
  {
    id: "36",
    title: "list_changed, 1,000 times",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({ old: {} }, { getStream: true });
      await scene.connected({ s: server });
      await scene.until(() => server.openStreams > 0, BRIEF_MS);
      const before = server.requestsOf("tools/list").length;
      server.options.tools = { ...server.options.tools, grown: { description: "The tool grown" } };
      for (let count = 0; count < 1_000; count += 1) server.notifyToolsChanged();
      await scene.until(() => server.requestsOf("tools/list").length > before, BRIEF_MS);
      const fetches = server.requestsOf("tools/list").length - before;
      if (fetches > 10) scene.found("doubled", `the list was fetched ${fetches} times`);
      if (!(await showsSoon(scene, "grown"))) scene.found("lost", "the new tool is never shown");
      else
        await scene.call("grown", countsOf(server, "grown"), {
          text: "grown",
          timeoutMs: PATIENT_MS,
        });
    },
  },
];
