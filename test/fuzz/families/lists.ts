// Random lists of tools, prompts and resources: endless, huge, doubled, renamed for ever, and changed after each look.

import { setTimeout as sleep } from "node:timers/promises";
import { McpClientPool, McpError } from "../../../src/index.ts";
import type { Bench, Family, Round } from "../family.ts";
import { drawPlan } from "./lists-pages.ts";
import type { ListsOrder } from "./lists.server.ts";

const FITS = /^[A-Za-z0-9_-]{1,64}$/;

/** Lists of tools that notices may cause: five at once, and two a second. */
const MOST_AT_ONCE = 8;

/** Warnings of one round: some kinds, five of each. */
const MOST_WARNINGS = 120;

let urls: { readonly odd: string; readonly good: string };

const ask = <T>({ servers }: Bench, order: ListsOrder): Promise<T> => servers.ask<T>(order);

async function play(round: Round): Promise<void> {
  const { random, problem, tried } = round;
  const plan = drawPlan(random);
  const asText = JSON.stringify(plan);
  await ask(round, { kind: "plan", plan });
  await ask(round, { kind: "count" });
  const pin = random.chance(0.3) ? new Map<string, string>() : undefined;
  const tools = random.pick([{}, { deny: ["*_*_*_*_*_x", "[_]*_*_*_x"] }, { allow: ["t*"] }]);
  const pool = new McpClientPool({
    ...(pin === undefined ? {} : { pin }),
    servers: {
      odd: { url: urls.odd, protocol: "legacy", tools },
      good: { url: urls.good, protocol: "legacy" },
    },
  });
  let warnings = 0;
  pool.on("warning", ({ message }) => {
    warnings += 1;
    if (message.length > 2_000) problem("raw error", `a warning of ${message.length}: ${asText}`);
  });
  const settle = async (what: string, work: Promise<unknown>): Promise<void> => {
    tried();
    await work.catch((error: unknown) => {
      if (error instanceof McpError && error.message.length < 5_000) return;
      problem("raw error", `${what} with ${asText}: ${String(error).slice(0, 300)}`);
    });
  };
  await settle("connect", pool.connect());
  const beforeNotices = await ask<number>(round, { kind: "count" });
  await Promise.all([
    settle("listTools", pool.listTools("odd")),
    settle("listPrompts", pool.listPrompts("odd")),
    settle("listResources", pool.listResources("odd")),
    settle("listResourceTemplates", pool.listResourceTemplates()),
    settle("callTool", pool.callTool("odd__nothing")),
    settle("callTool", pool.callTool(`odd__${"_".repeat(random.int(1, 100_000))}`)),
  ]);
  const own = pool.allTools.filter(({ server }) => server === "odd");
  tried(own.length);
  if (own.length > 5_000) problem("wrong answer", `${own.length} tools of ${asText}`);
  if (new Set(own.map(({ name }) => name)).size !== own.length) {
    problem("wrong answer", `names that are not unique: ${asText}`);
  }
  const unfit = own.find(({ name }) => !FITS.test(name));
  if (unfit !== undefined) problem("wrong answer", `the name ${JSON.stringify(unfit.name)}`);
  const shownBefore = own.map(({ name }) => name).join();
  // A list that fails as a whole must not take away what was shown.
  const after = { ...plan, pages: 1_000, cursors: "long" as const, itemsPerPage: 1 };
  await ask(round, { kind: "plan", plan: { ...after, items: "plain" as const } });
  const failure = await pool.listTools("odd", { cache: "reload" }).catch((error: unknown) => error);
  if (failure instanceof Error) {
    const now = pool.allTools.filter(({ server }) => server === "odd");
    if (now.map(({ name }) => name).join() !== shownBefore && !plan.tellsAfterList) {
      problem("lost answer", `a list that failed took away tools: ${asText}`);
    }
  }
  // A list that is soon read, and that has changed as soon as it was.
  const changing = { ...plan, pages: 1, itemsPerPage: 1, items: "plain" as const };
  await ask(round, { kind: "plan", plan: { ...changing, tellsAfterList: true } });
  await pool.listTools("odd").catch(() => {});
  await ask(round, { kind: "count" });
  await ask(round, { kind: "notify", times: random.int(1, 500) });
  await sleep(200);
  const lists = await ask<number>(round, { kind: "count" });
  if (lists > MOST_AT_ONCE)
    problem("unfair", `${lists} lists in 200 ms, ${beforeNotices} before: ${asText}`);
  const text = String(random.next());
  const result = await pool.callTool("good__echo", { text }).catch((error: unknown) => error);
  tried();
  if (!JSON.stringify(result).includes(`"${text}"`)) {
    problem("wrong answer", `the server in order gave ${JSON.stringify(result).slice(0, 200)}`);
  }
  await pool.closeAll({ drainMs: 0 });
  if (warnings > MOST_WARNINGS) problem("growth", `${warnings} warnings of ${asText}`);
  if (pin !== undefined && pin.size > 21_000) problem("growth", `${pin.size} pins of ${asText}`);
}

export const family: Family = {
  async open(bench) {
    urls = await ask(bench, { kind: "start" });
    return () => ask(bench, { kind: "stop" });
  },
  round: play,
  // Two hundred pages of a megabyte each, of four lists, on a machine with other work.
  roundMs: 120_000,
};
