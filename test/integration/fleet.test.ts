// One pool in front of servers of every kind at once: both eras, every transport, and one that is dead.

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { McpClientPool, McpError } from "mcp-client-pool";
import type { PoolTool } from "mcp-client-pool";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { ERA_KINDS, eraOf, jsonOf, KINDS, once } from "./kinds.ts";
import type { Running } from "./kinds.ts";
import { RESOURCES } from "./servers/toolbox-resources.ts";
import { TOOLS } from "./servers/toolbox-tools.ts";

const NOTE = "test:///note.txt";

interface Member {
  /** Name in the pool. */
  readonly name: string;
  readonly running: Running;
  readonly era: () => "stateless" | "session";
}

describe("servers of every kind beside a dead one", () => {
  const members: Member[] = [];
  let pool: McpClientPool;
  let deadUrl: string;
  let report: Awaited<ReturnType<McpClientPool["connect"]>>;

  beforeAll(async () => {
    deadUrl = `http://127.0.0.1:${await closedPort()}/mcp`;
    await Promise.all([
      ...ERA_KINDS.map(async (kind, index) => {
        const running = await kind.start();
        const era = (): "stateless" | "session" => eraOf(kind, "auto", running.lines());
        members.push({ name: `era${index}`, running, era });
      }),
      ...KINDS.map(async (kind, index) => {
        const running = await kind.start();
        members.push({ name: `kind${index}`, running, era: () => "session" });
      }),
    ]);
    pool = new McpClientPool({
      reconnect: { jitterMs: 0, initialMs: 10 },
      onElicitation: (_params, { server }) => ({ action: "accept", content: { name: server } }),
      servers: {
        ...Object.fromEntries(members.map(({ name, running }) => [name, running.config])),
        dead: { url: deadUrl },
      },
    });
    report = await pool.connect();
  });

  afterAll(async () => {
    await pool.closeAll();
    await Promise.all(members.map(({ running }) => running.close()));
  });

  const toolsOf = (name: string): readonly PoolTool[] =>
    pool.allTools.filter(({ server }) => server === name);
  const count = ({ running }: Member, line: string): number =>
    running.lines().filter((recorded) => recorded === line).length;

  test("all connect but the dead one, which says why (2b, 2c)", () => {
    expect(new Set(report.connected)).toEqual(new Set(members.map(({ name }) => name)));
    expect(Object.keys(report.failed)).toEqual(["dead"]);
    expect(report.failed["dead"]).toBeInstanceOf(McpError);
    expect(report.failed["dead"]).toMatchObject({ server: "dead", sent: "no" });
  });

  test("each is spoken to in its own era", () => {
    const eras = Object.fromEntries(pool.status().map(({ server, era }) => [server, era]));
    expect(eras).toEqual({
      ...Object.fromEntries(members.map(({ name, era }) => [name, era()])),
      dead: undefined,
    });
    expect(new Set(Object.values(eras))).toEqual(new Set(["stateless", "session", undefined]));
    for (const { server, state, era, protocolVersion } of pool.status()) {
      if (server === "dead") continue;
      expect(state).toBe("ready");
      expect(protocolVersion).toBe(era === "stateless" ? "2026-07-28" : "2025-11-25");
    }
  });

  test("one catalogue has the tools of all, each under a name of its own (8.1)", () => {
    expect(pool.allTools).toHaveLength(members.length * TOOLS.length);
    expect(new Set(pool.allTools.map(({ name }) => name)).size).toBe(pool.allTools.length);
    for (const { name } of members)
      expect(toolsOf(name).map(({ tool }) => tool)).toMatchObject(TOOLS);
    expect(toolsOf("dead")).toEqual([]);
  });

  test("the lists of all are joined, and the dead one breaks none (8.11, 8.15)", async () => {
    // The dead one is waited for, as it may come back, but only for so long.
    const limit = { totalTimeoutMs: 1_000 };
    const [resources, prompts] = await Promise.all([
      pool.listResources(undefined, limit),
      pool.listPrompts(undefined, limit),
    ]);
    expect(resources).toHaveLength(members.length * RESOURCES.length);
    expect(new Set(prompts.map(({ name }) => name)).size).toBe(members.length * 9);
  });

  test("every call goes to the server that its name means, and runs there alone, once", async () => {
    const calls = members.flatMap(({ name }) =>
      [1, 2, 3].map((index) => ({ name, key: `routed-${name}-${index}` })),
    );
    const results = await Promise.all(
      calls.map(({ name, key }) => pool.callTool(`${name}__echo`, { key })),
    );
    expect(results.map((result) => jsonOf(result))).toEqual(calls.map(({ key }) => ({ key })));
    for (const { name, key } of calls) {
      const ran = members.filter((member) => count(member, `echo ${key}`) > 0);
      expect(ran.map((member) => member.name)).toEqual([name]);
      expect(ran.map((member) => count(member, `echo ${key}`))).toEqual([1]);
    }
  });

  test("handlers know who asks, in either era (7.15, 7.28)", async () => {
    const results = await Promise.all(members.map(({ name }) => pool.callTool(`${name}__elicit`)));
    const named = results.map((result) => {
      const answer = jsonOf(result) as { result: { content: { name: string } } };
      return answer.result.content.name;
    });
    expect(named).toEqual(members.map(({ name }) => name));
  });

  test("a change of one is a change of that one (8.29, 8.30)", async () => {
    const changed: string[] = [];
    const off = pool.on("tools.changed", ({ server }) => changed.push(server));
    for (const { name } of members) {
      const heard = once(pool, "tools.changed", ({ server }) => server === name);
      await pool.callTool(`${name}__grow`, { name: `grown in ${name}` });
      await expect(heard).resolves.toMatchObject({ added: [{ server: name }] });
      expect(toolsOf(name)).toHaveLength(TOOLS.length + 1);
    }
    off();
    expect(changed).toEqual(members.map(({ name }) => name));
    expect(pool.allTools).toHaveLength(members.length * (TOOLS.length + 1));
  });

  test("updates of the same URI are told apart by their server (8.12, 8.30)", async () => {
    const heard: string[] = [];
    const subscriptions = await Promise.all(
      members.map(({ name }) => pool.subscribeResource(name, NOTE, () => heard.push(name))),
    );
    await Promise.all(members.map(({ name }) => pool.callTool(`${name}__touch`, { uri: NOTE })));
    await until(() => heard.length >= members.length, "an update of each");
    expect(heard.toSorted()).toEqual(members.map(({ name }) => name).toSorted());
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
  });

  test("what is asked of the dead one fails by itself, and was not sent", async () => {
    const limit = { totalTimeoutMs: 50 };
    for (const ask of [
      () => pool.callTool("dead__echo", {}, limit),
      () => pool.call("dead", "tools/list", {}, limit),
    ]) {
      const error: unknown = await ask().catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(McpError);
      expect(error).toMatchObject({ server: "dead", sent: "no" });
    }
    expect(pool.status().find(({ server }) => server === "dead")?.state).not.toBe("ready");
    const [first] = members;
    await expect(pool.callTool(`${first?.name}__echo`, { key: "alive" })).resolves.toBeDefined();
  });

  test("all are gone when the pool has closed", async () => {
    await pool.closeAll();
    const hosts = members.flatMap(({ running: { host } }) => (host === undefined ? [] : [host]));
    await until(() => hosts.every(({ socketCount }) => socketCount === 0), "the last socket");
    expect(hosts.map(({ sessionCount }) => sessionCount)).toEqual(hosts.map(() => 0));
  });
});

/** Nobody listens there at this moment. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
