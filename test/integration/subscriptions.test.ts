// Resource subscriptions: delivered to who asked, ended when nobody asks, made again in every new session.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { KINDS, once, RECOVERING, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";

const URI = "test:///note.txt";

describe.each(KINDS)("$name", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind);
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("every subscriber hears of a change until it ends its subscription (8.12)", async () => {
    const { pool } = bench;
    const heard: string[] = [];
    const first = await pool.subscribeResource("s", URI, ({ uri }) => heard.push(`1 ${uri}`));
    const second = await pool.subscribeResource("s", URI, ({ uri }) => heard.push(`2 ${uri}`));
    expect(bench.count(`subscribe ${URI}`)).toBe(1);

    const event = once(pool, "resource.updated");
    await pool.callTool("s__touch", { uri: URI });
    await expect(event).resolves.toEqual({ server: "s", uri: URI });
    await until(() => heard.length === 2, "both listeners");
    expect(heard).toEqual([`1 ${URI}`, `2 ${URI}`]);

    await first.close();
    await first.close();
    expect(bench.count(`unsubscribe ${URI}`)).toBe(0);
    await pool.callTool("s__touch", { uri: URI });
    await until(() => heard.length === 3, "the second listener");
    expect(heard.at(-1)).toBe(`2 ${URI}`);

    await second.close();
    expect(bench.count(`unsubscribe ${URI}`)).toBe(1);
    const { content } = await pool.callTool("s__touch", { uri: URI });
    expect(content).toEqual([{ type: "text", text: "false" }]);
  });

  test("a change below the resource is one of the resource (8.12)", async () => {
    const { pool } = bench;
    const heard: string[] = [];
    await using _folder = await pool.subscribeResource("s", "test:///folder", ({ uri }) =>
      heard.push(uri),
    );
    await pool.callTool("s__touch", { uri: "test:///folder/2" });
    await until(() => heard.length > 0, "the change below");
    expect(heard).toEqual(["test:///folder/2"]);
  });
});

test.each(RECOVERING)(
  "$name: updates go on in the next session (3.9, 6.10, 8.12)",
  async (kind) => {
    await using bench = await startBench(kind);
    const { pool } = bench;
    const heard: string[] = [];
    await pool.subscribeResource("s", URI, ({ uri }) => heard.push(uri));
    const ended = await pool.subscribeResource("s", "test:///blob.bin", () => heard.push("ended"));
    await ended.close();

    await bench.recover();

    expect(bench.count("initialized")).toBe(2);
    expect(bench.count(`subscribe ${URI}`)).toBe(2);
    expect(bench.count("subscribe test:///blob.bin")).toBe(1);
    await pool.callTool("s__touch", { uri: "test:///blob.bin" });
    await pool.callTool("s__touch", { uri: URI });
    await until(() => heard.length > 0, "an update in the second session");
    expect(heard).toEqual([URI]);
  },
);
