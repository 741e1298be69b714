import fc from "fast-check";
import { createMemoryPair, McpClientPool, splitToolName } from "mcp-client-pool";
import type { MemoryServerEnd } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { checkServerName, isHashed, toPoolName } from "../../src/catalog/names.ts";

const ACCEPTABLE = /^[A-Za-z0-9_-]{1,64}$/;
const PLAIN = Array.from("ab_-AZ09");
const HEX = Array.from("0123456789abcdef");

/** Anything, and above all what is close to a name of ours: separators, hashes, the limit of length. */
const toolName: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: fc.constantFrom(...PLAIN, "_", "_"), maxLength: 70 }),
  fc.string({ unit: fc.constantFrom("_", "a", ".", "\ud800", "é", "😀"), maxLength: 12 }),
  fc
    .tuple(
      fc.string({ unit: fc.constantFrom(...PLAIN, "."), maxLength: 50 }),
      fc.string({ unit: fc.constantFrom(...HEX), minLength: 8, maxLength: 8 }),
    )
    .map(([start, hash]) => `${start}_${hash}`),
);

const serverName: fc.Arbitrary<string> = fc
  .string({ unit: fc.constantFrom(...PLAIN), minLength: 1, maxLength: 32 })
  .filter((name) => !name.includes("__") && !name.endsWith("_"));

describe("names (fault 56)", () => {
  test("every name is acceptable to every provider, and splitToolName leads back", () => {
    fc.assert(
      fc.property(serverName, toolName, (server, original) => {
        const name = toPoolName(checkServerName(server), original);
        expect(name).toMatch(ACCEPTABLE);
        const parts = splitToolName(name);
        expect(parts?.server).toBe(server);
        if (!isHashed(name)) expect(parts?.tool).toBe(original);
        expect(toPoolName(server, original)).toBe(name);
      }),
      { numRuns: 2_000 },
    );
  });

  test("injective: different tools have different names, over servers too", () => {
    const tool = fc.tuple(serverName, toolName);
    fc.assert(
      fc.property(fc.array(tool, { maxLength: 30 }), (tools) => {
        const originals = new Set(tools.map(([server, name]) => JSON.stringify([server, name])));
        const names = new Set(tools.map(([server, name]) => toPoolName(server, name)));
        expect(names.size).toBe(originals.size);
      }),
      { numRuns: 300 },
    );
  });

  test("injective: a tool may be named as the pool would name another one", () => {
    fc.assert(
      fc.property(serverName, toolName, (server, original) => {
        const seen = new Set<string>();
        let name = original;
        for (let round = 0; round < 4; round++) {
          const poolName = toPoolName(server, name);
          seen.add(poolName);
          const next = splitToolName(poolName)?.tool ?? "";
          if (next === name) break;
          name = next;
          expect(seen.has(toPoolName(server, name))).toBe(false);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("what is no separator is never split, and what is split was joined by the first one", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("_", "a", "b") }), (name) => {
        const parts = splitToolName(name);
        if (parts === undefined) {
          expect(name.indexOf("__")).toBeLessThan(1);
        } else {
          expect(`${parts.server}__${parts.tool}`).toBe(name);
          expect(parts.server).not.toContain("__");
        }
      }),
    );
  });
});

/** Lists tools of these names; each answers with its own. */
function answer(server: MemoryServerEnd, names: readonly string[]): void {
  server.onMessage((message) => {
    if (!("method" in message) || !("id" in message)) return;
    const { id, method } = message;
    const reply = (result: object): void => server.send({ jsonrpc: "2.0", id, result });
    if (method === "initialize") {
      const serverInfo = { name: "memory", version: "1" };
      return reply({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo });
    }
    if (method === "tools/list") {
      const inputSchema = { type: "object" };
      return reply({ tools: names.map((name) => ({ name, inputSchema })) });
    }
    const { name } = message.params as { name: string };
    reply({ content: [{ type: "text", text: name }] });
  });
}

/** The pool's name of each tool, after each was called by it and answered with its own. */
async function namesInPool(names: readonly string[]): Promise<Map<string, string>> {
  const { client, server } = createMemoryPair();
  answer(server, names);
  await using pool = new McpClientPool();
  await pool.addClient("m", { transport: client });
  for (const { name, tool } of pool.allTools) {
    const { content } = await pool.callTool(name);
    expect(content).toEqual([{ type: "text", text: tool.name }]);
  }
  return new Map(pool.allTools.map(({ name, tool }) => [tool.name, name]));
}

describe("names in a pool (fault 56)", () => {
  test("any set of tools is shown whole, routed, and named the same by the next connection", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(toolName, { maxLength: 12 }), async (names) => {
        const first = await namesInPool(names);
        expect([...first.keys()]).toEqual(names);
        expect(new Set(first.values()).size).toBe(names.length);
        for (const name of first.values()) expect(name).toMatch(ACCEPTABLE);
        // Other tools beside it, in another order: no name depends on them.
        const second = await namesInPool(["beside it", ...names.toReversed()].filter(isFirst));
        for (const [original, name] of first) expect(second.get(original)).toBe(name);
      }),
      { numRuns: 60 },
    );
  });
});

function isFirst(value: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(value) === index;
}
