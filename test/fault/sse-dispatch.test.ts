import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { sseEvent } from "../support/http-server.ts";
import type { TestTool } from "../support/http-server.ts";
import {
  byHand,
  collect,
  connected,
  gate,
  LIST_CHANGED,
  LOG_CAPABILITY,
  logMessage,
  nextEvent,
  serve,
  startStream,
  textOf,
  toolResult,
  unanswered,
} from "./support.ts";

interface Waiting {
  readonly stream: ServerResponse;
  readonly response: string;
}

describe("fault 36: list_changed × 1,000", () => {
  test("at most two fetches, and the catalogue is right", async () => {
    const server = await serve({ getStream: true, capabilities: LOG_CAPABILITY });
    const pool = await connected(server);
    const changes = collect(pool, "tools.changed");
    const fetches = (): number => server.requestsOf("tools/list").length - 1;
    const held = gate();
    server.options.onRequest = async ({ body }) => {
      if (body?.method === "tools/list") await held.opened;
    };
    const heardAll = nextEvent(pool, "log");
    for (let count = 0; count < 1_000; count++) server.notifyToolsChanged();
    server.push(logMessage("that was all"));
    await heardAll;
    await server.until(() => fetches() === 1);
    server.options.tools = { other: {} };
    const changed = nextEvent(pool, "tools.changed");
    held.open();
    await changed;
    await server.until(() => fetches() === 2);
    // Listed on demand, behind whatever may still be under way.
    await pool.listTools("s");
    await pool.call("s", "ping");
    expect(fetches()).toBe(3);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__other"]);
    expect(changes.length).toBe(1);
  });
});

describe("fault 37: the response on another stream than its request", () => {
  test("3.17 on the change stream: delivered, and the request's own stream is closed", async () => {
    let own: ServerResponse | undefined;
    const server = await serve({
      getStream: true,
      tools: byHand((context) => {
        own = startStream(context);
        context.server.push(toolResult(context, "from elsewhere"));
      }),
    });
    const pool = await connected(server);
    const warnings = collect(pool, "warning");
    expect(await pool.callTool("s__work")).toEqual(textOf("from elsewhere"));
    if (own?.destroyed === false) await once(own, "close");
    expect(server.executionCount("work")).toBe(1);
    expect(warnings).toEqual([]);
    expect(server.openStreams).toBe(1);
  });

  /** Two calls; when both are there, `answer` says which stream carries whose response. */
  function pairOfCalls(
    answer: (first: Waiting, second: Waiting) => void,
  ): Record<string, TestTool> {
    const waiting: Waiting[] = [];
    const handler: NonNullable<TestTool["handler"]> = ({ key }, context) => {
      const response = sseEvent(toolResult(context, String(key)));
      waiting.push({ stream: startStream(context), response });
      const [first, second] = waiting;
      if (first !== undefined && second !== undefined) answer(first, second);
      return unanswered();
    };
    return { work: { handler } };
  }

  test.each<[string, (first: Waiting, second: Waiting) => void]>([
    [
      "both on the second's",
      (first, second) => second.stream.write(first.response + second.response),
    ],
    [
      "both on the first's",
      (first, second) => first.stream.write(second.response + first.response),
    ],
  ])("3.17 on the stream of another call (%s): each gets its own", async (_name, answer) => {
    const server = await serve({ tools: pairOfCalls(answer) });
    const pool = await connected(server);
    const results = await Promise.all(["a", "b"].map((key) => pool.callTool("s__work", { key })));
    expect(results).toEqual([textOf("a"), textOf("b")]);
    expect(server.executionCount("work")).toBe(2);
  });

  test("3.17 what is told on a call's stream reaches the pool", async () => {
    const server = await serve({
      capabilities: LOG_CAPABILITY,
      tools: byHand((context) => {
        context.server.options.tools = { other: {} };
        startStream(context).end(
          sseEvent(logMessage("by the way")) +
            sseEvent(LIST_CHANGED) +
            sseEvent(toolResult(context, "done")),
        );
      }),
    });
    const pool = await connected(server);
    const log = nextEvent(pool, "log");
    const changed = nextEvent(pool, "tools.changed");
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(await log).toMatchObject({ server: "s", data: "by the way" });
    expect(await changed).toMatchObject({ added: [{ name: "s__other" }] });
  });
});
