// The story: three servers as one pool; one is restarted and one is killed while calls are under way.

import { createRequire } from "node:module";
import { McpClientPool } from "mcp-client-pool";
import { children, watchChildren } from "./children.ts";
import { onClose } from "./closing.ts";
import { loseServersMidCall } from "./outage.ts";
import type { OutageReport } from "./outage.ts";
import {
  bad,
  color,
  duration,
  firstLine,
  marked,
  print,
  progressLine,
  section,
  table,
} from "./screen.ts";
import { ShopServer } from "./servers/http.ts";
import { NotesFiles } from "./servers/stdio.ts";
import { Verdict } from "./verdict.ts";

const EVERYTHING = createRequire(import.meta.url).resolve(
  "@modelcontextprotocol/server-everything/dist/index.js",
);

/** The exit code: 0 if the story holds. */
export async function playStory(): Promise<number> {
  const startedAt = performance.now();
  const verdict = new Verdict();
  watchChildren();

  const shop = new ShopServer();
  await shop.start();
  onClose(() => shop.stop());
  const notes = new NotesFiles();
  onClose(() => notes.remove());

  const pool = new McpClientPool({
    servers: {
      // Trusted: what these say of their tools (idempotentHint) is believed, so that such calls may be repeated.
      shop: { url: shop.url, trusted: true },
      notes: { ...notes.command, trusted: true },
      everything: { command: process.execPath, args: [EVERYTHING, "stdio"] },
    },
    clientInfo: { name: "mcp-client-pool-demo", version: "1.0.0" },
  });
  onClose(() => pool.closeAll({ drainMs: 0 }));

  await connect(pool, verdict);
  showCatalogue(pool);
  const calls = await callWithProgress(pool, verdict);
  const outage = await loseServersMidCall({ pool, shop, notes, verdict });
  const tools = pool.allTools.length;
  await closePool(pool, verdict);

  section("Summary");
  summarise({ tools, calls, outage, tookMs: performance.now() - startedAt });
  if (verdict.broken.length === 0) {
    print(`\n  ${color.green("The promise held.")}`);
    return 0;
  }
  print(`\n  ${color.red("The promise did not hold:")}`);
  for (const claim of verdict.broken) print(`  ${bad} ${claim}`);
  return 1;
}

async function connect(pool: McpClientPool, verdict: Verdict): Promise<void> {
  section("1. Connect to three servers at once");
  const from = performance.now();
  const took = new Map<string, number>();
  const stopListening = pool.on("server.connected", ({ server }) => {
    took.set(server, performance.now() - from);
  });
  const report = await pool.connect();
  const allMs = performance.now() - from;
  stopListening();
  table(
    pool
      .status()
      .map(({ server, state, address, tools, protocolVersion }) => [
        marked(state === "ready", server),
        { text: duration(took.get(server) ?? Number.NaN), align: "right" },
        `${tools} tools`,
        protocolVersion ?? "",
        address.startsWith("http") ? address : "stdio, a child process",
      ]),
  );
  for (const error of Object.values(report.failed)) print(`  ${bad} ${error.message}`);
  verdict.claim(report.connected.length === 3, `all three connected, in ${duration(allMs)}`);
}

function showCatalogue(pool: McpClientPool): void {
  section(`2. One catalogue: ${pool.allTools.length} tools, ready to be given to an LLM`);
  table(
    pool.allTools.map(({ name, description }) => [
      { text: name, paint: color.cyan },
      firstLine(description),
    ]),
  );
}

/** The number of calls made. */
async function callWithProgress(pool: McpClientPool, verdict: Verdict): Promise<number> {
  section("3. Call tools on each, with progress");
  const wanted: [string, { [key: string]: unknown }, RegExp][] = [
    ["shop__reserve_item", { key: "first", item: "a lamp" }, /^reserved: a lamp/],
    ["notes__save_note", { key: "first", text: "the lamp is ours" }, /^saved: the lamp/],
    ["everything__trigger-long-running-operation", { duration: 0.6, steps: 6 }, /completed/],
    ["everything__get-sum", { a: 19, b: 23 }, /\b42\b/],
  ];
  const label = Math.max(...wanted.map(([name]) => name.length));
  let asExpected = 0;
  for (const [name, args, expected] of wanted) {
    const line = progressLine(name.padEnd(label));
    const result = await pool.callTool(name, args, { onProgress: (it) => line.update(it) });
    const [first] = result.content;
    const text = first?.type === "text" ? first.text : "";
    if (expected.test(text)) asExpected += 1;
    line.end(firstLine(text));
  }
  verdict.claim(asExpected === wanted.length, `${asExpected} of ${wanted.length} as expected`);
  return wanted.length;
}

async function closePool(pool: McpClientPool, verdict: Verdict): Promise<void> {
  section("6. Close");
  const from = performance.now();
  await pool.closeAll();
  const { started, running } = children();
  const pids = started.join(", ");
  print(`  closeAll() took ${duration(performance.now() - from)}`);
  verdict.claim(
    running.length === 0,
    running.length === 0
      ? `no child process is left of ${started.length} that were started (${pids})`
      : `child processes are left: ${running.join(", ")} of ${pids}`,
  );
}

function summarise(facts: {
  tools: number;
  calls: number;
  outage: OutageReport;
  tookMs: number;
}): void {
  const { tools, calls, outage, tookMs } = facts;
  const { asked, results, unknown, executions, replays, unsafe, sessions, restarts } = outage;
  const rows: [string, string][] = [
    ["servers", `3, with ${tools} tools`],
    ["calls", `${calls + asked} asked = ${calls + results} results + ${unknown} "outcome unknown"`],
    [
      "executions",
      `${executions} for the ${asked} calls from then on = ${asked} + ${replays} permitted replays`,
    ],
    ["unrepeatable", `${unsafe.calls} of these calls, ${unsafe.executions} executions`],
    ["recovered", `${sessions} lost sessions, ${restarts} killed process`],
    ["time", duration(tookMs)],
  ];
  table(rows.map(([name, value]) => [{ text: name, paint: color.dim }, value]));
}
