// Calls under way on two servers, then both are lost at once; every call is counted, and every execution.

import { McpOutcomeUnknownError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { ask, count, hasResult, replaysOf, until } from "./calls.ts";
import type { Outcome, Replays } from "./calls.ts";
import { color, paragraph, print, section, table } from "./screen.ts";
import type { Cell } from "./screen.ts";
import type { ShopServer } from "./servers/http.ts";
import type { NotesFiles } from "./servers/stdio.ts";
import type { Verdict } from "./verdict.ts";

/** Calls per server: answered before the fault, in flight when it comes, asked while the server is away. */
const PER_PHASE = 8;

export interface Cast {
  readonly pool: McpClientPool;
  readonly shop: ShopServer;
  readonly notes: NotesFiles;
  readonly verdict: Verdict;
}

export interface OutageReport {
  asked: number;
  results: number;
  unknown: number;
  executions: number;
  replays: number;
  /** Of calls that must not run twice. */
  unsafe: { calls: number; executions: number };
  sessions: number;
  restarts: number;
}

/** The calls of one server, and what became of each. */
interface Batch {
  readonly server: string;
  /** Safe to repeat, by the word of a trusted server. */
  readonly repeatable: Outcome[];
  /** No hint: must never run twice. */
  readonly unsafe: Outcome[];
  readonly executions: () => readonly string[];
}

export async function loseServersMidCall(cast: Cast): Promise<OutageReport> {
  const { pool, shop, notes, verdict } = cast;
  section("4. Restart one server and kill another, with calls under way on both");
  paragraph(
    "reserve_item and save_note carry idempotentHint and their servers are trusted: if an answer is lost, the pool may ask again. charge_card and send_mail carry no hint: they must not run twice.",
    "  ",
  );
  print();
  const before = { shop: shop.books.executions.length, notes: notes.executions.length };
  const shopBatch: Batch = {
    server: "shop",
    repeatable: [],
    unsafe: [],
    executions: () => shop.books.executions.slice(before.shop),
  };
  const notesBatch: Batch = {
    server: "notes",
    repeatable: [],
    unsafe: [],
    executions: () => notes.executions.slice(before.notes),
  };
  const batches = [shopBatch, notesBatch];
  const askBoth = (phase: string): void => {
    for (let n = 1; n <= PER_PHASE; n += 1) {
      const key = `${phase}-${n}`;
      shopBatch.repeatable.push(ask(pool, "shop__reserve_item", { key, item: "a chair" }));
      notesBatch.repeatable.push(ask(pool, "notes__save_note", { key, text: "a chair" }));
    }
  };
  const note = startLog(pool);

  askBoth("before");
  await allSettled(batches);
  note(`${2 * PER_PHASE} calls answered, ${PER_PHASE} on each`);

  shop.books.hold();
  notes.hold();
  askBoth("during");
  shopBatch.unsafe.push(ask(pool, "shop__charge_card", { key: "card-1", amount: 20 }));
  notesBatch.unsafe.push(ask(pool, "notes__send_mail", { key: "mail-1", to: "ada@example.com" }));
  // The servers' own books say that all of them have begun: what happens now hits them in flight.
  const begun = 2 * PER_PHASE + 1;
  await until(
    () => batches.every(({ executions }) => executions().length === begun),
    "all calls to begin",
  );
  note(`${2 * (PER_PHASE + 1)} calls in flight, by the servers' own count`);

  const lost = new Set<string>();
  pool.on("server.disconnected", ({ server }) => void lost.add(server));
  const pid = notes.pids.at(-1);
  await shop.stop();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  note(`shop stopped, its sessions gone; notes killed (SIGKILL to ${pid})`);
  await until(() => lost.has("notes"), "the pool to notice the loss of notes");
  askBoth("away");
  note(`${2 * PER_PHASE} more calls asked meanwhile`);
  await until(() => lost.has("shop"), "the pool to notice the loss of shop");
  shop.books.release();
  notes.release();
  await shop.start();
  note("shop started again on the same port");
  await allSettled(batches);
  note("all calls have returned");

  const replays = replaysOf(pool);
  showBatches(batches, replays);
  verdict.claim(
    batches.every(({ repeatable }) => repeatable.every(hasResult)),
    "every call on a repeatable tool returned its own result, exactly once",
  );
  verdict.claim(
    batches.every(({ server, repeatable, unsafe, executions }) => {
      const calls = repeatable.length + unsafe.length;
      return executions().length === calls + (replays[server] ?? 0);
    }),
    "the servers executed what was asked plus the permitted replays, nothing else",
  );
  verdict.claim(
    batches.every(({ repeatable, executions }) =>
      repeatable.every(({ key }) => {
        const ran = count(executions(), key);
        return key.startsWith("during-") ? ran === 2 : ran === 1;
      }),
    ),
    "replayed were the calls whose answers were lost, each once, and no others",
  );

  section("5. Calls that must not run twice");
  showUnsafe(batches);
  verdict.claim(
    batches.every(({ unsafe, executions }) =>
      unsafe.every(
        ({ key, error, returns }) =>
          returns === 1 &&
          error instanceof McpOutcomeUnknownError &&
          count(executions(), key) === 1,
      ),
    ),
    "their answers were lost, so they ran once and their callers were told so",
  );
  print();
  await forgetSessions(cast, shopBatch);

  const outcomes = batches.flatMap(({ repeatable, unsafe }) => [...repeatable, ...unsafe]);
  const total = Object.values(replaysOf(pool)).reduce((sum, each) => sum + each, 0);
  return {
    asked: outcomes.length,
    results: outcomes.filter(({ result }) => result !== undefined).length,
    unknown: outcomes.filter(({ error }) => error instanceof McpOutcomeUnknownError).length,
    executions: batches.reduce((sum, { executions }) => sum + executions().length, 0),
    replays: total,
    unsafe: {
      calls: batches.reduce((sum, { unsafe }) => sum + unsafe.length, 0),
      executions: batches
        .flatMap(({ unsafe, executions }) => unsafe.map(({ key }) => count(executions(), key)))
        .reduce((sum, each) => sum + each, 0),
    },
    sessions: shop.books.sessionsOpened - 1,
    restarts: notes.pids.length - 1,
  };
}

/** A server that does not know the session has not taken the call: even this one may be sent again. */
async function forgetSessions({ pool, shop, verdict }: Cast, batch: Batch): Promise<void> {
  const opened = shop.books.sessionsOpened;
  await shop.forgetSessions();
  const outcome = ask(pool, "shop__charge_card", { key: "card-2", amount: 5 });
  batch.unsafe.push(outcome);
  await outcome.settled;
  verdict.claim(
    hasResult(outcome) &&
      count(batch.executions(), "card-2") === 1 &&
      shop.books.sessionsOpened === opened + 1,
    "then shop forgot its sessions: renewed, charge_card answered, run once",
  );
}

async function allSettled(batches: readonly Batch[]): Promise<void> {
  const outcomes = batches.flatMap(({ repeatable, unsafe }) => [...repeatable, ...unsafe]);
  await Promise.all(outcomes.map(({ settled }) => settled));
}

/** Prints what happens as it happens, with the time since the start; the pool's own events among it. */
function startLog(pool: McpClientPool): (text: string) => void {
  const from = performance.now();
  const note = (text: string): void => {
    const at = `+${((performance.now() - from) / 1_000).toFixed(2)} s`;
    print(`  ${color.dim(at)}  ${text}`);
  };
  pool.on("server.disconnected", ({ server, error }) => {
    note(color.yellow(`pool: ${server} is lost (${error?.code ?? "no reason"}), reconnecting`));
  });
  pool.on("server.reconnected", ({ server, reason }) => {
    note(color.green(`pool: ${server} is back (${reason})`));
  });
  return note;
}

function showBatches(batches: readonly Batch[], replays: Replays): void {
  const right = (value: number | string): Cell => ({ text: String(value), align: "right" });
  const head = ["", "asked", "results", "executions", "of these replays", "without result"];
  print();
  table([
    head.map((text) => ({ text, paint: color.dim, align: "right" })),
    ...batches.map(({ server, repeatable, executions, unsafe }) => {
      const unsafeKeys = new Set(unsafe.map(({ key }) => key));
      return [
        server,
        right(repeatable.length),
        right(repeatable.filter(hasResult).length),
        right(executions().filter((key) => !unsafeKeys.has(key)).length),
        right(replays[server] ?? 0),
        right(repeatable.filter((outcome) => !hasResult(outcome)).length),
      ];
    }),
  ]);
  print();
}

function showUnsafe(batches: readonly Batch[]): void {
  for (const { unsafe, executions } of batches) {
    for (const { key, tool, error } of unsafe) {
      print(
        `  ${color.cyan(tool)}  asked 1, executed ${count(executions(), key)}  ${color.yellow(error instanceof Error ? error.name : "answered")}`,
      );
      if (error instanceof Error) paragraph(error.message, "    ");
    }
  }
  print();
}
