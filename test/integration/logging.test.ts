// The server's log: its level is kept by the server, and set again in every new session.

import type { LogLevel, LogMessage } from "mcp-client-pool";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { KINDS, RECOVERING, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";

const log = (bench: Bench, level: LogLevel, data: unknown): Promise<unknown> =>
  bench.pool.callTool("s__log", { level, data });

describe.each(KINDS)("$name", (kind) => {
  const handled: [LogMessage, { server: string }][] = [];
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind, {
      onLog: (message, context) => void handled.push([message, context]),
    });
  });

  beforeEach(() => {
    handled.length = 0;
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("what the level lets pass reaches onLog and the log event (8.17)", async () => {
    const events: object[] = [];
    const off = bench.pool.on("log", (event) => events.push(event));
    await log(bench, "info", "too early");
    await bench.pool.setLogLevel("s", "info");
    await log(bench, "debug", "too little");
    await log(bench, "info", { answer: 42 });
    await until(() => handled.length > 0, "the message");
    off();
    const message = { level: "info", logger: "toolbox", data: { answer: 42 } };
    expect(handled).toEqual([[message, { server: "s" }]]);
    expect(events).toEqual([{ server: "s", ...message }]);
    expect(bench.count("level info")).toBe(1);
  });
});

test.each(RECOVERING)("$name: the level holds in the next session (3.9, 8.17)", async (kind) => {
  const messages: unknown[] = [];
  await using bench = await startBench(kind, { onLog: ({ data }) => void messages.push(data) });
  await bench.pool.setLogLevel("s", "debug");

  await bench.recover();

  expect(bench.count("initialized")).toBe(2);
  expect(bench.count("level debug")).toBe(2);
  await log(bench, "debug", "still here");
  await until(() => messages.length > 0, "the message");
  expect(messages).toEqual(["still here"]);
});
