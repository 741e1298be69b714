import { McpAuthError, McpConnectionError } from "mcp-client-pool";
import { expect, onTestFinished, test } from "vitest";
import { settled } from "../support/manual-clock.ts";
import { inProcess } from "./custom.ts";
import { collect, connected, poolOf, serve, textOf, unanswered } from "./support.ts";

function unhandled(): unknown[] {
  const reasons: unknown[] = [];
  const listener = (reason: unknown): void => {
    reasons.push(reason);
  };
  process.on("unhandledRejection", listener);
  onTestFinished(() => void process.off("unhandledRejection", listener));
  return reasons;
}

/** An async callback, where the types want one that gives nothing: an easy mistake to make. */
function fails(what: string): () => void {
  return () => Promise.reject(new Error(what)) as unknown;
}

test("async callbacks that reject become warnings, and never unhandled rejections", async () => {
  const reasons = unhandled();
  const capabilities = { tools: {}, logging: {}, resources: { subscribe: true } };
  const { client, server } = inProcess(capabilities, ({ method, params }) => {
    if (method !== "tools/call") return undefined;
    const meta = params?.["_meta"] as { progressToken: string } | undefined;
    const progress = { progressToken: meta?.progressToken, progress: 1 };
    server.send({ jsonrpc: "2.0", method: "notifications/progress", params: progress });
    return textOf("done");
  });
  const pool = poolOf({}, { onLog: fails("onLog") });
  const warnings = collect(pool, "warning");
  await pool.addClient("m", { transport: client });
  await pool.subscribeResource("m", "file:///a", fails("subscribed"));
  const tell = (method: string, params: object): void =>
    server.send({ jsonrpc: "2.0", method: `notifications/${method}`, params });
  tell("resources/updated", { uri: "file:///a" });
  tell("message", { level: "info", data: 1 });
  expect(await pool.callTool("m__t", {}, { onProgress: fails("onProgress") })).toEqual(
    textOf("done"),
  );
  await settled();
  expect(warnings.map(({ cause }) => (cause as Error).message).toSorted()).toEqual([
    "onLog",
    "onProgress",
    "subscribed",
  ]);
  expect(warnings.map((warning) => warning.server)).toEqual(["m", "m", "m"]);
  expect(reasons).toEqual([]);
  expect(await pool.call("m", "ping")).toEqual({});
});

test.each([
  new McpConnectionError("CONNECTION_FAILED", "another server is away", { retryable: true }),
  new McpConnectionError("CONNECTION_LOST", "another was lost", { sent: "unknown" }),
  new McpAuthError("AUTH_REQUIRED", "another server wants a login"),
])(
  "aborted with an error of ours, $code: that very reason, and the server stays ready",
  async (reason) => {
    const server = await serve({ tools: { hang: { handler: unanswered }, echo: {} } });
    const pool = await connected(server);
    const events = [...collectAll(pool)];
    const controller = new AbortController();
    const { signal } = controller;
    const call = pool.callTool("s__hang", {}, { signal });
    await server.until((one) => one.executionCount("hang") === 1);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await settled();
    expect(pool.status()[0]?.state).toBe("ready");
    expect(events.flat()).toEqual([]);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.executionCount("hang")).toBe(1);
    expect(server.initializeCount).toBe(1);
  },
);

function collectAll(pool: Parameters<typeof collect>[0]): unknown[][] {
  return [
    collect(pool, "server.disconnected"),
    collect(pool, "server.auth-required"),
    collect(pool, "server.failed"),
  ];
}
