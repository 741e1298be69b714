import { expect, test } from "vitest";
import { McpClientPool } from "../../../src/index.ts";
import type { PoolEvent } from "../../../src/index.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { FakeDuplex, initializeResult } from "../fakes.ts";

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
};

/** A server with one tool; `work` is never answered. */
function serverWith(tool: string): FakeDuplex {
  const fake = new FakeDuplex();
  fake.script = ({ method }) => {
    if (method === "initialize") return initializeResult(CAPABILITIES);
    if (method === "tools/list")
      return { tools: [{ name: tool, inputSchema: { type: "object" } }] };
    return method === "tools/call" ? undefined : {};
  };
  return fake;
}

test("a server that is being removed is heard no more, for its name may be another server's", async () => {
  const clock = new ManualClock();
  const old = serverWith("old");
  const pool = new McpClientPool({ clock, servers: { s: { transport: old, protocol: "legacy" } } });
  await pool.connect();
  const heardOfOld: string[] = [];
  await pool.subscribeResource("s", "a://x", () => void heardOfOld.push("old"));
  const working = pool.callTool("s__old").catch(() => {});
  await settled();
  const removing = pool.removeClient("s", { drainMs: 5_000 });
  const fresh = serverWith("fresh");
  await pool.addClient("s", { transport: fresh, protocol: "legacy" });

  const heard: string[] = [];
  const events: PoolEvent[] = [
    "tools.changed",
    "prompts.changed",
    "resources.changed",
    "resource.updated",
    "log",
  ];
  for (const event of events) pool.on(event, () => void heard.push(event));
  await pool.subscribeResource("s", "a://x", () => void heardOfOld.push("fresh"));
  const listsBefore = old.of("tools/list").length;
  const tell = (fake: FakeDuplex): void => {
    const notify = (method: string, params: object = {}): void =>
      fake.push({ jsonrpc: "2.0", method: `notifications/${method}`, params });
    notify("tools/list_changed");
    notify("prompts/list_changed");
    notify("resources/list_changed");
    notify("resources/updated", { uri: "a://x" });
    notify("message", { level: "error", data: "text" });
  };
  tell(old);
  await settled();
  expect(heard).toEqual([]);
  expect(heardOfOld).toEqual([]);
  expect(old.of("tools/list")).toHaveLength(listsBefore);
  tell(fresh);
  await settled();
  expect(heard.toSorted()).toEqual([
    "log",
    "prompts.changed",
    "resource.updated",
    "resources.changed",
  ]);
  expect(heardOfOld).toEqual(["fresh"]);
  await clock.run(5_000);
  await Promise.all([removing, working]);
  await pool.closeAll({ drainMs: 0 });
  expect(clock.armedCount).toBe(0);
});
