// A child that writes random lines, noise and damaged messages to stdout around its answers.

import { fileURLToPath } from "node:url";
import { McpClientPool } from "../../../src/index.ts";
import type { Random } from "../../support/random.ts";
import type { Family } from "../family.ts";
import { judge, several, tokenOf } from "../wire/judge.ts";
import { cut, damage, junk } from "../wire/random-bytes.ts";

const CALLS = 150;
const CHILD = fileURLToPath(new URL("../wire/child.mjs", import.meta.url));
const NOISE = [
  "Listening on port 3000",
  "{",
  "}",
  '{"level":"info"}',
  "[1, 2]",
  "\u001b[32mready\u001b[0m",
  '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}',
  '{"jsonrpc":"2.0","method":"x"}',
  '{"jsonrpc":"2.0","id":7,"method":"ping"}',
  '{"jsonrpc":"2.0","id":987654,"result":{}}',
  "",
] as const;

export const family: Family = {
  roundMs: 90_000,
  async round(round) {
    const { random } = round;
    const pool = new McpClientPool({
      servers: { s: { command: process.execPath, args: [CHILD], protocol: "legacy" } },
      timeouts: { closeStepMs: 300 },
    });
    await pool.connect();
    await several(CALLS, 8, async (number) => {
      const token = tokenOf(number);
      // The damage of one may run into the line of another: whose answer that is, nobody can tell.
      await judge(round, {
        pool,
        tool: "s__t",
        token,
        args: { script: scriptOf(random, token) },
        isGood: false,
      });
    });
    await pool.closeAll({ drainMs: 0 });
  },
};

function scriptOf(random: Random, token: string) {
  const answer = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"${token}"}]}}\n`;
  const noise = Array.from({ length: random.int(0, 10) }, () => `${noiseOf(random)}\n`).join("");
  const text = noise + answer;
  const bytes = random.chance(0.3) ? `${damage(random, text)}\n` : text;
  return { parts: cut(random, bytes), end: random.chance(0.01) ? "exit" : "keep" };
}

function noiseOf(random: Random): string {
  const kind = random.draw({ line: 6, junk: 2, long: 1 });
  if (kind === "line") return random.pick(NOISE);
  return kind === "junk"
    ? junk(random, 60).replaceAll("\n", " ")
    : "x".repeat(random.int(1, 50_000));
}
