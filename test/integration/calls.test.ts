// A call while it runs: progress, cancellation and its limits, as the server sees them.

import { McpTimeoutError } from "mcp-client-pool";
import type { Progress } from "mcp-client-pool";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonOf, KINDS, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";

describe.each(KINDS)("$name", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind);
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("progress is asked for only with onProgress, and arrives in order (8.19)", async () => {
    const { pool } = bench;
    await expect(pool.callTool("s__progress", { steps: 1 })).resolves.toMatchObject({
      content: [{ text: "no token" }],
    });
    const reports: Progress[] = [];
    const result = await pool.callTool(
      "s__progress",
      { steps: 5 },
      { onProgress: (progress) => reports.push(progress) },
    );
    expect(result).toMatchObject({ content: [{ text: "done" }] });
    expect(reports).toEqual(
      [1, 2, 3, 4, 5].map((step) => ({ progress: step, total: 5, message: `step ${step}` })),
    );
  });

  test("calls at the same time have progress of their own (8.19)", async () => {
    const seen = await Promise.all(
      [3, 4].map(async (steps) => {
        const totals = new Set<number | undefined>();
        await bench.pool.callTool(
          "s__progress",
          { steps },
          { onProgress: ({ total }) => totals.add(total) },
        );
        return [...totals];
      }),
    );
    expect(seen).toEqual([[3], [4]]);
  });

  test("an aborted call rejects with the reason, and the server's handler is aborted (3.26, 8.23)", async () => {
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const call = bench.pool.callTool("s__wait", { key: "abort" }, { signal: abort.signal });
    const outcome = call.catch((cause: unknown) => cause);
    await bench.untilRecorded("waiting abort");
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    await bench.untilRecorded("aborted abort");
    expect(bench.count("wait abort")).toBe(1);
  });

  test("a call that is silent for too long is cancelled on the wire, not repeated (8.22, 8.23)", async () => {
    const call = bench.pool.callTool("s__wait", { key: "slow" }, { timeoutMs: 50 });
    const error = await call.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({
      code: "TIMEOUT",
      server: "s",
      sent: expect.stringMatching(/^(yes|unknown)$/) as unknown,
    });
    await bench.untilRecorded("aborted slow");
    expect(bench.count("wait slow")).toBe(1);
  });

  test("a call aborted beforehand is not sent (8.25)", async () => {
    const reason = new Error("too late");
    const options = { signal: AbortSignal.abort(reason) };
    await expect(bench.pool.callTool("s__echo", { key: "never" }, options)).rejects.toBe(reason);
    await bench.pool.callTool("s__echo", { key: "marker" });
    expect(bench.count("echo never")).toBe(0);
  });

  test("the caller's _meta and id go along with the call (1.3, 1.18)", async () => {
    const { pool } = bench;
    const meta = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const options = { meta, requestId: "mine", onProgress: () => {} };
    await expect(pool.callTool("s__echo", { key: "meta" }, options)).resolves.toSatisfy(
      (result: { content: object[] }) => (jsonOf(result) as { key: string }).key === "meta",
    );
    expect(bench.count(`meta of meta ${meta.traceparent}`)).toBe(1);
  });
});
