import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { McpProtocolError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { sseEvent } from "../support/http-server.ts";
import type { RequestContext } from "../support/http-server.ts";
import {
  byHand,
  collect,
  connected,
  failure,
  gate,
  LIST_CHANGED,
  LOG_CAPABILITY,
  logMessage,
  nextEvent,
  serve,
  startStream,
  TestClock,
  textOf,
  toolResult,
  unanswered,
} from "./support.ts";

describe("fault 28: the same stream, however it is written", () => {
  const TEXT = "naïve €uro 😀";

  /** Comments, a foreign field, a multi-line event and the response, in a given newline. */
  function body(context: RequestContext, newline: string): Buffer {
    const response = JSON.stringify(toolResult(context, TEXT), null, 1);
    const text = [
      ": a comment\n\n",
      "id: 1\ndata: \n\n",
      "foreign: field\nretry: 1\n\n",
      `event: message\nid: 2\n${response.replace(/^/gm, "data: ")}\n\n`,
    ].join("");
    return Buffer.from(`\u{feff}${text}`.replaceAll("\n", newline));
  }

  function inSlices(res: ServerResponse, bytes: Buffer, size: number): void {
    res.socket?.setNoDelay(true);
    let at = 0;
    const step = (): void => {
      if (at >= bytes.length) return void res.end();
      res.write(bytes.subarray(at, (at += size)), () => setImmediate(step));
    };
    step();
  }

  test.each([
    ["LF", "\n"],
    ["CR", "\r"],
    ["CRLF", "\r\n"],
  ])("3.18 %s: with a BOM, in slices of 1, 2, 3, 7 bytes and whole", async (_name, newline) => {
    const server = await serve({
      tools: {
        work: {
          handler({ size }, context) {
            inSlices(startStream(context), body(context, newline), Number(size));
            return unanswered();
          },
        },
      },
    });
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    const sizes = [1, 2, 3, 7, 1_000_000];
    const results = await Promise.all(sizes.map((size) => pool.callTool("s__work", { size })));
    expect(results).toEqual(sizes.map(() => textOf(TEXT)));
    expect(server.executionCount("work")).toBe(sizes.length);
    expect(warnings).toEqual([]);
  });
});

describe("fault 31: an event without end", () => {
  const MESSAGE_BYTES = 100_000;

  test("beyond the limit it is aborted, what is held stays small, the connection lives", async () => {
    let writtenBytes = 0;
    const stopped = gate();
    const server = await serve({
      tools: {
        ...byHand((context) => {
          const stream = startStream(context, "data: ");
          const chunk = Buffer.alloc(64 * 1024, "x");
          const flood = (): void => {
            if (stream.destroyed) return;
            writtenBytes += chunk.length;
            // Only when the chunk before was taken: what is written then is what was read.
            stream.write(chunk, (error) => (error == null ? setImmediate(flood) : undefined));
          };
          stream.once("close", () => stopped.open());
          flood();
        }),
        echo: {},
      },
    });
    const pool = await connected(server, { limits: { messageBytes: MESSAGE_BYTES } });
    const error = await failure(pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", server: "s", sent: "yes" });
    expect(error.message).toContain(String(MESSAGE_BYTES));
    await stopped.opened;
    // The limit, and what sockets buffer on both sides.
    expect(writtenBytes).toBeLessThan(16 * 1024 * 1024);
    expect(server.executionCount("work")).toBe(1);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(1);
  });

  test("one message of just under the limit passes", async () => {
    const text = "x".repeat(MESSAGE_BYTES - 1_000);
    const server = await serve({ replies: "sse", tools: { big: { handler: () => text } } });
    const pool = await connected(server, { limits: { messageBytes: MESSAGE_BYTES } });
    expect(await pool.callTool("s__big")).toEqual(textOf(text));
  });
});

describe("fault 32: what is no message has no effect", () => {
  test("3.19 3.20 priming events, unknown event names, empty events", async () => {
    const response = (context: RequestContext): object => toolResult(context, "right");
    const server = await serve({
      tools: byHand((context) => {
        const wrong = JSON.stringify(toolResult(context, "wrong"));
        startStream(context).end(
          [
            "id: 1\ndata: \n\n",
            "data:\n\n",
            "event: endpoint\ndata: /elsewhere\n\n",
            `event: ping\ndata: ${wrong}\n\n`,
            "event: ping\ndata: this is no JSON\n\n",
            "event: message\n\n",
            sseEvent(response(context), "2"),
          ].join(""),
        );
      }),
    });
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    expect(await pool.callTool("s__work")).toEqual(textOf("right"));
    expect(warnings).toEqual([]);
    expect(server.executionCount("work")).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
  });

  test("3.19 3.20 the same on the change stream", async () => {
    const server = await serve({ capabilities: LOG_CAPABILITY });
    const stream = gate();
    server.options.onRequest = (context) => {
      if (context.method !== "GET") return false;
      const res = startStream(context, "id: 1\ndata: \n\nevent: x\ndata: {}\n\n");
      void stream.opened.then(() =>
        res.write(
          `event: x\n${sseEvent(LIST_CHANGED)}data: \n\n${sseEvent(logMessage("all of it"))}`,
        ),
      );
      return true;
    };
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    const log = nextEvent(pool, "log");
    stream.open();
    expect(await log).toMatchObject({ data: "all of it" });
    await pool.call("s", "ping");
    expect(server.requestsOf("tools/list").length).toBe(1);
    expect(warnings).toEqual([]);
  });
});

describe("fault 33: the stream is left open after the response", () => {
  test("it is closed by us, and nothing is held", async () => {
    const clock = new TestClock();
    const closed: Promise<unknown>[] = [];
    const server = await serve({
      tools: byHand((context) => {
        const stream = startStream(context);
        closed.push(once(stream, "close"));
        stream.write(sseEvent(toolResult(context, "done")));
      }),
    });
    const pool = await connected(server, {}, { clock });
    const calls = Array.from({ length: 100 }, () => pool.callTool("s__work"));
    expect(await Promise.all(calls)).toEqual(calls.map(() => textOf("done")));
    await Promise.all(closed);
    expect(closed.length).toBe(100);
    expect(server.executionCount("work")).toBe(100);
    await clock.untilIdle();
    expect(pool.status()[0]).toMatchObject({ state: "ready", counts: { inFlight: 0 } });
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
  });

  test("the sockets that they hold for a moment are not those of other calls", async () => {
    const open = gate();
    const server = await serve({
      tools: {
        ...byHand((context) => {
          startStream(context).write(sseEvent(toolResult(context, "done")));
        }),
        hold: { handler: () => open.opened },
      },
    });
    const pool = await connected(server, { limits: { inFlight: 32 } });
    await Promise.all(Array.from({ length: 32 }, () => pool.callTool("s__work")));
    // As many as have places: none of them waits behind another.
    const held = Array.from({ length: 32 }, () => pool.callTool("s__hold"));
    await server.until(() => server.executionCount("hold") === 32);
    open.open();
    await Promise.all(held);
  });
});
