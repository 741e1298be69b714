// `npm run model`: has spin check the model of one connection, docs/design/connection.pml. What is checked, and how to read
// it, is in docs/design/connection-model.md.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const MODEL = fileURLToPath(new URL("../docs/design/connection.pml", import.meta.url));

/** A run that takes longer, or more memory, has failed. The compiler's optimisations cost more time than they save. */
const MAX_RUN_MS = 300_000;
const MAX_MEMORY_MB = 700;

const [MAY, ONCE, NEVER] = [1, 2, 3];
const [EXECUTIONS, TOLD, MOVES] = [1, 2, 4];
const ALL = EXECUTIONS + TOLD + MOVES;
const ALONE = { CALLS: 1, PROPERTIES: ALL, TIMED: 1, CLOSING: 1 };
const WORLD = { ...ALONE, OTHERS: 1 };

/** No error may be found. */
const CHECKS = [
  check("a call of class U, any two faults", { ...WORLD, FIRST: ONCE, FAULTS: 2 }),
  check("the same, refusals in other words", { ...ALONE, FIRST: ONCE, FAULTS: 2, ODD: 1 }),
  check("a call that may run again, any two faults", {
    ...WORLD,
    OTHERS: 0,
    FIRST: MAY,
    FAULTS: 2,
  }),
  check("the same, any fault, in other words", { ...WORLD, FIRST: MAY, FAULTS: 1, ODD: 1 }),
  check('replay: "never", any two faults', { ...ALONE, FIRST: NEVER, FAULTS: 2 }),
  check("a server that says 404 to calls that ran", { ...WORLD, FIRST: ONCE, FAULTS: 2, LIAR: 1 }),
  check("two replicas", { ...ALONE, FIRST: ONCE, FAULTS: 2, REPLICAS: 1 }),
  check("two callers, any fault", { ...ALONE, CALLS: 2, FIRST: ONCE, FAULTS: 1 }),
  check("two callers, late answers", { ...WORLD, CALLS: 2, FIRST: ONCE, FAULTS: 0, IDS: 1 }),
  check("closed, and no caller has a limit: none is left", {
    ...{ CALLS: 2, PROPERTIES: ALL, CLOSING: 1, FIRST: ONCE, FAULTS: 1 },
  }),
  check("no caller has a limit, and none is left", {
    ...{ CALLS: 2, PROPERTIES: ALL, FIRST: ONCE, FAULTS: 1 },
  }),
  ends("every call ends, by its limit at the latest", { FAULTS: 1, TIMED: 1, AWAY: 1 }),
  ends("every call ends once the connection is closed", { FAULTS: 1, CLOSING: 1, AWAY: 1 }),
  ends("every call ends when the server is back", { FAULTS: 2 }),
];

/** Faults of the code, and then servers that break an assumption: an error must be found. */
const PLANTS = [
  plant("lost_is_sent_again", EXECUTIONS),
  plant("late_refusal_is_proof", EXECUTIONS),
  plant("refusal_needs_no_ping", EXECUTIONS, { LIAR: 1 }),
  plant("refusal_is_not_checked", EXECUTIONS, { LIAR: 1 }),
  plant("broken_is_proof", EXECUTIONS, { FAULTS: 2, ODD: 1 }),
  plant("any_words_are_proof", EXECUTIONS, { FAULTS: 2, ODD: 1 }),
  plant("refusal_is_forgotten", TOLD, { FIRST: MAY, LIAR: 1, FAULTS: 2 }),
  plant("replay_is_forgotten", TOLD, { FIRST: MAY }),
  plant("one_id_for_all", TOLD, { CALLS: 2, FAULTS: 0, IDS: 1 }),
  plant("check_outlives_its_state", MOVES, { FAULTS: 2, CLOSING: 1 }),
  plant("attempt_outlives_its_state", MOVES, { CLOSING: 1 }),
  plant("users_code_is_forgotten", MOVES, { FAULTS: 2, CLOSING: 1 }),
  plant("end_tells_nobody", ALL, { CLOSING: 1, TIMED: 0 }),
  plant("line_is_not_closed", ALL, { CLOSING: 1, TIMED: 0 }),
  plant("check_renews_nothing", ALL, { FAULTS: 2, TIMED: 0 }),
  { ...ends("silence_has_no_limit", { FAULTS: 1, TIMED: 1 }), planted: "silence_has_no_limit" },
  plant("unsound_early_refusal", EXECUTIONS),
  plant("unsound_tool_speaks_of_session", EXECUTIONS, { FAULTS: 2, ODD: 1 }),
];

/** Moves that the table allows and that this connection never makes: it always drains before it closes. */
const NEVER_MADE = [
  "move backoff failed",
  ...["idle", "connecting", "ready", "backoff", "auth_required", "failed"].map(
    (from) => `move ${from} closed`,
  ),
];

/** Eras are not modelled; and to be refused late after two replays takes three faults. */
function isUnmet(row) {
  return row.startsWith("era_lost") || row.startsWith("session_lost too_late may two");
}

function check(name, options) {
  return { name, options, isLiveness: false };
}

/** That something happens, under weak fairness. */
function ends(name, options) {
  const usual = { CALLS: 1, PROPERTIES: ALL, FIRST: ONCE };
  return { name, options: { ...usual, ...options }, isLiveness: true };
}

function plant(name, properties, options = {}) {
  const usual = { CALLS: 1, FIRST: ONCE, FAULTS: 1, TIMED: 1, PROPERTIES: properties };
  return { ...check(name, { ...usual, ...options }), planted: name };
}

const HELP = `Usage: npm run model -- [options]

Has spin check docs/design/connection.pml, the model of one connection and of what may be sent again:
first that nothing is wrong with it, then that each fault which is built in is found. Needs spin and
a C compiler; without them it says so and checks nothing.

  --json <file>   write the counts there
  --help          print this

Exit code: 0 all is as it should be, 1 it is not, 2 wrong options.`;

const { values } = readOptions();
if (values.help === true) {
  console.log(HELP);
  process.exit(0);
}
const tally = { passed: 0, failed: 0, skipped: 0 };
let folder;

function readOptions() {
  try {
    const options = { json: { type: "string" }, help: { type: "boolean", short: "h" } };
    return parseArgs({ options });
  } catch (error) {
    console.error(`${error.message.split(". ")[0]} (see --help)`);
    process.exit(2);
  }
}

/** Resolves with the code and the output; never rejects. */
function run(command, args, { env = {}, cwd = folder } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: MAX_RUN_MS,
    });
    const parts = [];
    child.stdout.on("data", (part) => parts.push(part));
    child.stderr.on("data", (part) => parts.push(part));
    child.once("error", (error) => resolve({ code: 1, output: String(error) }));
    child.once("close", (code) =>
      resolve({ code: code ?? 1, output: Buffer.concat(parts).toString() }),
    );
  });
}

function has(program, arg) {
  return spawnSync(program, [arg], { stdio: "ignore" }).error === undefined;
}

async function build(isLiveness) {
  const name = isLiveness ? "liveness" : "safety";
  const cwd = mkdtempSync(path.join(folder, `${name}-`));
  const generated = await run("spin", [...(isLiveness ? ["-DENDS"] : []), "-a", MODEL], { cwd });
  const flags = isLiveness ? ["-DNFAIR=4"] : ["-DSAFETY"];
  const limits = ["-DCOLLAPSE", `-DMEMLIM=${MAX_MEMORY_MB}`];
  const compiled =
    generated.code === 0
      ? await run("gcc", ["-w", "-O0", ...flags, ...limits, "-o", "pan", "pan.c"], { cwd })
      : generated;
  if (compiled.code !== 0) throw new Error(`the ${name} verifier: ${compiled.output}`);
  return path.join(cwd, "pan");
}

async function verify({ name, options, isLiveness, planted }, verifiers) {
  const cwd = mkdtempSync(path.join(folder, "run-"));
  const env = Object.fromEntries(Object.entries(options).map(([key, n]) => [key, String(n)]));
  const args = ["-m200000", "-w20", ...(isLiveness ? ["-a", "-f"] : [])];
  const startedAt = performance.now();
  const { output } = await run(verifiers[isLiveness ? 1 : 0], args, {
    cwd,
    env: { ...env, PLANTED: planted ?? "" },
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const number = (pattern) => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const errors = number(/errors: (\d+)/);
  const isComplete = !/Search not completed|max search depth|out of memory/.test(output);
  const isFound = planted !== undefined;
  const isRight = isFound ? errors > 0 : errors === 0 && isComplete;
  tally[isRight ? "passed" : "failed"] += 1;
  const what = isFound ? `planted: ${name}` : name;
  const states = number(/(\d+) states, stored/);
  const found =
    errors > 0 ? (/pan:1: ([a-z ]+)/.exec(output)?.[1].trim() ?? "an error") : "no error";
  console.log(
    `${isRight ? "ok    " : "FAILED"} ${what.padEnd(50)} ${String(states).padStart(9)} states, depth ${number(/depth reached (\d+)/)}, ${seconds} s: ${found}`,
  );
  if (!isRight) console.log(output.split("\n").slice(0, 12).join("\n"));
  return isFound ? [] : output.split("\n").filter((line) => line.startsWith("seen "));
}

/** What the model's tables hold, and which of it no check has used. */
function unused(seen) {
  const text = readFileSync(MODEL, "utf8");
  const rows = (macro) =>
    [...text.matchAll(new RegExp(`^  ${macro}\\(([^)]*)\\)`, "gm"))].map(([, row]) =>
      row.replaceAll(",", ""),
    );
  const listed = (type) => new RegExp(`mtype:${type} = \\{ ([^}]*) \\}`).exec(text)[1].split(", ");
  const names = { move: listed("of_state"), turn: listed("of_link") };
  const used = new Set(
    seen.map((line) => {
      const [, kind, ...rest] = line.split(" ");
      // spin numbers names from the last to the first.
      const name = (n) => names[kind].at(-Number(n));
      return kind === "replay" ? `replay ${rest.join(" ")}` : `${kind} ${rest.map(name).join(" ")}`;
    }),
  );
  const all = [
    ...rows("MOVE").map((row) => `move ${row}`),
    ...rows("TURN").map((row) => `turn ${row}`),
    // Eras are not modelled.
    ...rows("REPLAY").flatMap((row) => (isUnmet(row) ? [] : [`replay ${row}`])),
  ];
  return all.filter((row) => !used.has(row));
}

/** As many at once as there are processors, two at the most. */
async function inTurn(jobs, work) {
  const queue = [...jobs];
  const results = [];
  const lanes = Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      results.push(...(await work(job)));
    }
  });
  await Promise.all(lanes);
  return results;
}

async function main() {
  const missing = [
    ["spin", "-V"],
    ["gcc", "--version"],
  ].filter(([program, arg]) => !has(program, arg));
  if (missing.length > 0) {
    const names = missing.map(([program]) => program).join(" and ");
    console.log(`skipped: the check of the connection's model, which needs ${names}`);
    tally.skipped = 1;
    return;
  }
  folder = mkdtempSync(path.join(tmpdir(), "mcp-client-pool-model-"));
  try {
    const verifiers = await Promise.all([build(false), build(true)]);
    const seen = await inTurn([...CHECKS, ...PLANTS], (job) => verify(job, verifiers));
    const isAsExpected = unused(seen).toSorted().join("\n") === NEVER_MADE.toSorted().join("\n");
    tally[isAsExpected ? "passed" : "failed"] += 1;
    console.log(
      `${isAsExpected ? "ok    " : "FAILED"} every move, turn and row was used, but: ${unused(seen).join(", ")}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(tally));
console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exitCode = tally.failed > 0 ? 1 : 0;
