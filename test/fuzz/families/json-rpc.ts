// Random JSON in place of messages: members missing, doubled or of wrong types, nested, long; over a transport in memory.

import { createMemoryPair, McpClientPool } from "../../../src/index.ts";
import type { JsonRpcMessage } from "../../../src/jsonrpc/messages.ts";
import type { Random } from "../../support/random.ts";
import type { Family } from "../family.ts";
import { answerTo, type Asked } from "../wire/answers.ts";
import { judge, several, tokenOf } from "../wire/judge.ts";

const CALLS = 100;
const METHODS = [
  "ping",
  "roots/list",
  "sampling/createMessage",
  "elicitation/create",
  "notifications/progress",
  "notifications/cancelled",
  "notifications/message",
  "notifications/tools/list_changed",
  "notifications/resources/updated",
  "notifications/elicitation/complete",
  "tools/call",
  "__proto__",
  "",
] as const;

export const family: Family = {
  async round(round) {
    const { random } = round;
    const { client, server } = createMemoryPair();
    server.onMessage((received) => {
      const asked = received as Asked;
      if (asked.method === undefined || asked.id === undefined) return;
      const isHostile = asked.method === "tools/call";
      for (let count = isHostile ? random.int(0, 5) : 0; count > 0; count--) {
        server.send(valueOf(random, asked.id) as JsonRpcMessage);
      }
      server.send(answerTo(asked) as JsonRpcMessage);
    });
    const pool = new McpClientPool({
      servers: { s: { transport: client, protocol: "legacy" } },
      onElicitation: async () => ({ action: "decline" }),
      roots: [],
    });
    await pool.connect();
    await several(CALLS, 16, async (number) => {
      await judge(round, { pool, tool: "s__t", token: tokenOf(number), isGood: false });
    });
    await pool.closeAll({ drainMs: 0 });
  },
};

/** Something like a message, about the request with this id or another. */
function valueOf(random: Random, id: string | number): unknown {
  if (random.chance(0.1)) return anything(random, 4);
  if (random.chance(0.05))
    return Array.from({ length: random.int(0, 9) }, () => valueOf(random, id));
  const message: { [member: string]: unknown } = {
    jsonrpc: random.chance(0.9) ? "2.0" : anything(random, 1),
  };
  if (random.chance(0.6))
    message["method"] = random.chance(0.95) ? random.pick(METHODS) : anything(random, 1);
  // No result of ours has the id of a call as it is: that would be its answer.
  if (random.chance(0.6))
    message["id"] = random.pick([`${id}x`, -1, 1e15, null, 0, 1.5, "", {}, random.int(1e6, 2e6)]);
  if (random.chance(0.5)) message["params"] = anything(random, 4);
  if (random.chance(0.3)) message["result"] = anything(random, 3);
  if (random.chance(0.3)) message["error"] = anything(random, 3);
  return message;
}

function anything(random: Random, depth: number): unknown {
  const kind = random.draw({ scalar: 4, object: depth, array: depth });
  if (kind === "scalar") {
    return random.pick([
      null,
      true,
      0,
      -1,
      1e308,
      "",
      "x".repeat(random.int(1, 3_000)),
      "\u202e\u0000",
      7,
    ]);
  }
  const values = Array.from({ length: random.int(0, 4) }, () => anything(random, depth - 1));
  if (kind === "array") return values;
  const names = [
    "_meta",
    "progressToken",
    "requestId",
    "uri",
    "message",
    "code",
    "constructor",
    "toJSON",
    "requestedSchema",
  ];
  return Object.fromEntries(values.map((value) => [random.pick(names), value]));
}
