// HTTP: answers that are broken, foreign, doubled, or too large.

import { gzipSync } from "node:zlib";
import type { RequestContext, TestTool } from "../../../support/http-server.ts";
import { json, rpcResult } from "../../../support/http-server.ts";
import type { Fault } from "../fault.ts";
import { BRIEF_MS } from "../scene.ts";
import type { Scene } from "../scene.ts";
import { PATIENT_MS } from "../stage.ts";
import { countsOf, never } from "./http-connection.ts";

const MB = 1024 * 1024;

export function result({ body }: RequestContext, text: string): object {
  return rpcResult(body?.id ?? null, { content: [{ type: "text", text }] });
}

/** Answers by hand; runs, as the count has it. */
export function byHand(answer: (context: RequestContext) => void): TestTool {
  return {
    handler: (_args, context) => {
      answer(context);
      return never();
    },
  };
}

function page(type: string, text: string): TestTool {
  return byHand(({ res }) => {
    res.writeHead(200, { "content-type": type }).end(text);
  });
}

/** Each tool once, and then one that is in order: the connection must have lived through it. */
async function tryEach(
  scene: Scene,
  tools: Record<string, TestTool>,
  { answered, timeoutMs = BRIEF_MS }: { answered: boolean; timeoutMs?: number },
): Promise<void> {
  const server = await scene.http({ ...tools, echo: {} });
  await scene.connected({ s: server });
  for (const tool of Object.keys(tools)) {
    await scene.call(tool, countsOf(server, tool), { timeoutMs, answered });
  }
  await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
}

/** Gzip of `count` MB of one letter: a file of many members, so that making it takes no memory either. */
function bombOf(count: number): Buffer {
  const member = gzipSync(Buffer.alloc(MB, "x"));
  return Buffer.concat(Array.from({ length: count }, () => member));
}

export const httpAnswers: readonly Fault[] = [
  {
    id: "10",
    title: "the answer breaks off (content-length, chunked)",
    class: "U",
    needs: ["http"],
    permits: "error",
    run: (scene) =>
      tryEach(
        scene,
        {
          short: byHand(({ res }) => {
            res.writeHead(200, { "content-type": "application/json", "content-length": "999" });
            res.write('{"jsonrpc":', () => res.destroy());
          }),
          chunked: byHand(({ res }) => {
            res.writeHead(200, { "content-type": "application/json" });
            res.write('{"jsonrpc":', () => res.destroy());
          }),
        },
        { answered: false },
      ),
  },
  {
    id: "11",
    title: "200 with HTML; with nothing; 204",
    class: "U",
    needs: ["http"],
    permits: "error",
    run: (scene) =>
      tryEach(
        scene,
        {
          html: page("text/html", "<html><body>Welcome to the hotel's network</body></html>"),
          empty: page("application/json", ""),
          none: byHand(({ res }) => res.writeHead(204).end()),
        },
        { answered: true },
      ),
  },
  {
    id: "12",
    title: "the answer has the id of nobody's request",
    class: "U",
    needs: ["http"],
    permits: "error",
    run: (scene) =>
      tryEach(
        scene,
        {
          foreign: byHand(({ res }) =>
            json(res, 200, rpcResult("nobody", { content: [{ type: "text", text: "foreign" }] })),
          ),
        },
        { answered: true },
      ),
  },
  {
    id: "13",
    title: "the answer comes twice",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const server = await scene.http({
        work: byHand((context) => {
          const { res } = context;
          res.writeHead(200, { "content-type": "text/event-stream" });
          for (const text of ["first", "second"]) {
            res.write(`data: ${JSON.stringify(result(context, text))}\n\n`);
          }
          res.end();
        }),
        echo: {},
      });
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { text: "first" });
      await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
    },
  },
  {
    id: "14",
    title: "malformed JSON; 100,000 levels; an array; null",
    class: "U",
    needs: ["http"],
    permits: "error",
    run: (scene) =>
      tryEach(
        scene,
        {
          malformed: page("application/json", '{"jsonrpc": "2.0", "id": '),
          deep: page("application/json", "[".repeat(100_000) + "]".repeat(100_000)),
          array: page("application/json", "[1, 2]"),
          null: page("application/json", "null"),
        },
        { answered: true },
      ),
  },
  {
    id: "22",
    title: "a decompression bomb (600 MB in less than 1 MB)",
    class: "U",
    needs: ["http"],
    permits: "error",
    memoryMb: 256,
    async run(scene) {
      const bomb = bombOf(600);
      await tryEach(
        scene,
        {
          bomb: byHand(({ res }) => {
            res.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
            res.end(bomb);
          }),
        },
        { answered: true, timeoutMs: PATIENT_MS },
      );
    },
  },
  {
    id: "23",
    title: "a result of 50 MB",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      const server = await scene.http({ work: { handler: () => "x".repeat(50 * MB) }, echo: {} });
      await scene.connected({ s: server });
      await scene.call("work", countsOf(server, "work"), { answered: true, text: "xxx" });
      await scene.call("echo", countsOf(server, "echo"), { key: "next", text: "next" });
    },
  },
];
