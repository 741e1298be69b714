// Floods of one kind of line or event each, beside a server that does no harm and whose calls are timed.

import { fileURLToPath } from "node:url";
import { McpClientPool } from "../../../src/index.ts";
import type { Family, Round } from "../family.ts";

const CHILD = fileURLToPath(new URL("../wire/child.mjs", import.meta.url));
const ALONE_MS = 700;
const FLOOD_MS = 1_500;
/** A flood that is unfair so many times is reported. */
const ATTEMPTS = 3;
/** What a machine of two cores adds to the slowest call in a hundred, by itself, when a second process is busy. Milliseconds. */
const MACHINE_MS = 30;

const notice = (method: string, params = "{}"): string =>
  `{"jsonrpc":"2.0","method":"notifications/${method}","params":${params}}`;

const MESSAGES: Readonly<Record<string, string>> = {
  "log messages": notice("message", '{"level":"info","data":"x"}'),
  progress: notice("progress", '{"progressToken":1,"progress":1}'),
  "changed lists": notice("tools/list_changed"),
  "changed resources": notice("resources/updated", '{"uri":"a:b"}'),
  cancellations: notice("cancelled", '{"requestId":1}'),
  "unknown notices": notice("x"),
  pings: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  questions: '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"x"}}',
  "unknown requests": '{"jsonrpc":"2.0","id":2,"method":"x"}',
  strays: '{"jsonrpc":"2.0","id":999999999,"result":{}}',
  "errors without an id": '{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"x"}}',
  batches: `[${Array(50).fill(notice("x")).join(",")}]`,
  "no JSON": "x",
  "broken JSON": '{"jsonrpc":"2.0","id":1,"result":',
  "JSON that is no message": '{"level":"info"}',
  "long texts": `{"jsonrpc":"2.0","method":"x","params":{"text":"${"x".repeat(500_000)}"}}`,
  "deep JSON": "[".repeat(50_000),
};

/** Of streams only. */
const EVENTS: Readonly<Record<string, string>> = {
  "blank lines": "\n",
  comments: ":\n",
  "unknown fields": "a\n",
  "empty data": "data:\n\n",
  "lines that end in CR": "\r",
  "lines of one event": "data: x\n",
  ids: "id: 1\n",
  "retry:": "retry: 0\n",
};

export const family: Family = {
  roundMs: 60_000,
  async round(round) {
    const { random, servers } = round;
    const url = await servers.ask<string>("url");
    const child = { command: process.execPath, args: [CHILD], protocol: "legacy" } as const;
    const pool = new McpClientPool({
      servers: { good: child, child, http: { url, protocol: "legacy" } },
      timeouts: { closeStepMs: 300 },
    });
    await pool.connect();
    const isHttp = random.chance(0.5);
    const flood = isHttp ? eventOf(round) : lineOf(round);
    const tool = isHttp ? "http__t" : "child__t";
    const floods: Promise<unknown>[] = [];
    const seen: string[] = [];
    // The machine may have been busy with something else: only what is seen each time is the pool's.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const alone = await p99(pool, round, ALONE_MS);
      const over = pool.callTool(tool, { flood }, { totalTimeoutMs: FLOOD_MS * 3 }).catch(() => {});
      floods.push(over);
      const beside = await p99(pool, round, FLOOD_MS);
      if (beside <= alone * 2 + MACHINE_MS) break;
      seen.push(`${alone.toFixed(1)} ms alone and ${beside.toFixed(1)} ms beside`);
      await over;
    }
    if (seen.length === ATTEMPTS) {
      round.problem("unfair", `p99 ${seen.join(", ")} a flood of ${flood.name} in ${tool}`);
    }
    await pool.closeAll({ drainMs: 0 });
    await Promise.all(floods);
  },
};

interface Flood {
  readonly name: string;
  readonly line: string;
  readonly forMs: number;
  readonly stream?: string;
}

function lineOf({ random }: Round): Flood {
  const [name, line] = random.pick(Object.entries(MESSAGES));
  return { name, line, forMs: FLOOD_MS, stream: random.pick(["stdout", "stdout", "stderr"]) };
}

function eventOf({ random }: Round): Flood {
  const isMessage = random.chance(0.6);
  const [name, line] = random.pick(Object.entries(isMessage ? MESSAGES : EVENTS));
  return { name, line: isMessage ? `data: ${line}\n\n` : line, forMs: FLOOD_MS };
}

/** Calls one after the other; the time that 99 of 100 stay below, milliseconds. */
async function p99(pool: McpClientPool, { tried, problem }: Round, forMs: number): Promise<number> {
  const times: number[] = [];
  const endsAt = performance.now() + forMs;
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    const token = `<token ${times.length}>`;
    const result = await pool.callTool("good__t", { token });
    times.push(performance.now() - startedAt);
    tried();
    if (!JSON.stringify(result).includes(token)) problem("wrong answer", JSON.stringify(result));
  }
  times.sort((one, other) => one - other);
  return times[Math.floor(times.length * 0.99)] ?? 0;
}
