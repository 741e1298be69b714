// The catalogue follows the server: on its word, and over lost sessions.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { KINDS, once, RECOVERING, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";

const has = (bench: Bench, name: string): boolean =>
  bench.pool.allTools.some((tool) => tool.name === name);

describe.each(KINDS)("$name", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind);
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("a tool that is new can be called, and one that is gone cannot (8.29)", async () => {
    const { pool } = bench;
    const before = pool.allTools;
    const added = once(pool, "tools.changed");
    const prompts = once(pool, "prompts.changed");
    const resources = once(pool, "resources.changed");
    await pool.callTool("s__grow", { name: "grown" });
    await expect(added).resolves.toMatchObject({
      server: "s",
      added: [{ name: "s__grown" }],
      removed: [],
      changed: [],
    });
    await expect(prompts).resolves.toEqual({ server: "s" });
    await expect(resources).resolves.toEqual({ server: "s" });
    expect(pool.allTools).toHaveLength(before.length + 1);
    expect(pool.allTools.at(-1)?.name).toBe("s__grown");
    expect(before.some(({ name }) => name === "s__grown")).toBe(false);
    await expect(pool.callTool("s__grown")).resolves.toMatchObject({
      content: [{ text: "grown" }],
    });

    const removed = once(pool, "tools.changed");
    await pool.callTool("s__shrink");
    await expect(removed).resolves.toMatchObject({ added: [], removed: [{ name: "s__grown" }] });
    await expect(pool.callTool("s__grown")).rejects.toMatchObject({ code: "TOOL_NOT_FOUND" });
    expect(pool.allTools).toEqual(before);
  });
});

test.each(RECOVERING)(
  "$name: a new session's tools replace the old one's, and its changes are heard (3.9, 8.29)",
  async (kind) => {
    await using bench = await startBench(kind);
    const { pool } = bench;
    const changed = once(pool, "tools.changed");
    await pool.callTool("s__grow", { name: "grown" });
    await changed;

    await bench.recover();

    // Each session has a list of its own: what was added is gone.
    await until(() => !has(bench, "s__grown"), "the tool of the old session to go");
    const again = once(pool, "tools.changed", ({ added }) => added.length > 0);
    await pool.callTool("s__grow", { name: "regrown" });
    await expect(again).resolves.toMatchObject({ added: [{ name: "s__regrown" }] });
    expect(bench.count("initialized")).toBe(2);
  },
);
