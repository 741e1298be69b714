// Event streams of random lines and messages, cut at random, with and without the response.

import { McpClientPool } from "../../../src/index.ts";
import type { Random } from "../../support/random.ts";
import type { Family } from "../family.ts";
import { judge, several, tokenOf } from "../wire/judge.ts";
import { cut, damage, junk } from "../wire/random-bytes.ts";
import type { Script } from "../wire/raw-server.ts";

const CALLS = 60;
const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const LINES = [
  ": comment",
  "",
  "",
  "data",
  "data:",
  "data: 1",
  "data: {",
  "data: [DONE]",
  "id: 1",
  "id:",
  "event: message",
  "event: x",
  "retry: 0",
  "retry: 99999999999",
  "foreign",
  "\u00ef\u00bb\u00bfdata: x",
] as const;

export const family: Family = {
  async round(round) {
    const { random, servers } = round;
    const url = await servers.ask<string>("url");
    const pool = new McpClientPool({ servers: { s: { url } } });
    await pool.connect();
    await several(CALLS, 8, async (number) => {
      const token = tokenOf(number);
      const isGood = random.chance(0.5);
      const script = scriptOf(random, token, isGood);
      await judge(round, { pool, tool: "s__t", token, args: { script }, isGood });
    });
    await pool.closeAll({ drainMs: 0 });
  },
};

/** Lines before the response that neither answer the call nor run into the response's event. */
function scriptOf(random: Random, token: string, isGood: boolean): Script {
  const answer = `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"${token}"}]}}`;
  const before = Array.from({ length: random.int(0, 40) }, () => lineOf(random)).join("");
  const event = `${before}\n\ndata: ${answer}\n\n`;
  if (isGood) {
    const at = event.indexOf("$ID");
    const parts = [
      HEAD,
      ...cut(random, event.slice(0, at)),
      event.slice(at, at + 3),
      event.slice(at + 3),
    ];
    return { parts, end: random.pick(["keep", "end"]) };
  }
  const bytes = random.chance(0.7)
    ? damage(random, event)
    : event.slice(0, random.int(0, event.length));
  return {
    parts: [HEAD, ...cut(random, bytes)],
    end: random.pick(["keep", "end", "end", "reset"]),
  };
}

function lineOf(random: Random): string {
  const end = random.pick(["\n", "\n", "\r\n"]);
  const kind = random.draw({ line: 6, notice: 2, junk: 1, many: 1 });
  if (kind === "line") return random.pick(LINES) + end;
  if (kind === "notice") {
    const method = random.pick(["message", "progress", "x", "tools/list_changed", "cancelled"]);
    return `data: {"jsonrpc":"2.0","method":"notifications/${method}","params":{"data":1}}${end}${end}`;
  }
  if (kind === "many") return `data: ${"x".repeat(random.int(1, 3_000))}${end}`;
  return `: ${junk(random, 40).replaceAll(/[\r\n]/g, "")}${end}`;
}
