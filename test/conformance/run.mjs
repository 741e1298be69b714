// Runs the official client suite against the built package, under the Node 24 that this folder's package brings.
// Usage: node test/conformance/run.mjs [--json <file>]; `npm run build` comes first.
// docs: https://github.com/modelcontextprotocol/conformance
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  readFileSync,
  rmSync,
  mkdirSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const REVISION = "2025-11-25";
/** Run by the requirement set, yet not scored by it: ours to pass all the same. */
const ALSO_REQUIRED = ["json-schema-2020-12-preservation"];
/** Here the server refuses for good, and a client that says so has done right. */
const CLIENT_MAY_FAIL = ["auth/scope-retry-limit"];
const SCENARIO_TIMEOUT_MS = 30_000;
const SUITE_TIMEOUT_MS = 300_000;
const INSTALL_TIMEOUT_MS = 300_000;

const here = import.meta.dirname;
const results = path.join(here, "results");
const outcomesFile = path.join(results, "outcomes.jsonl");
const logFile = path.join(results, "suite.log");
const suitePackage = path.join(here, "node_modules/@modelcontextprotocol/conformance");
const { values: args } = parseArgs({ options: { json: { type: "string" } } });

/** Runs a command in its own process group, and ends the whole group when it is over, late or interrupted. */
async function run(command, commandArgs, { timeoutMs, env, onOutput }) {
  const child = spawn(command, commandArgs, {
    cwd: here,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  const end = () => {
    try {
      if (process.platform === "win32") child.kill("SIGKILL");
      else if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group is gone already.
    }
  };
  const interrupted = () => {
    end();
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, timeoutMs);
  child.stdout.on("data", onOutput);
  child.stderr.on("data", onOutput);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      // Not "close": a grandchild that holds the pipes open must not keep us waiting.
      child.once("exit", (code) => resolve({ code: code ?? 1, late }));
    });
  } finally {
    clearTimeout(timer);
    end();
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

/** The packages of this folder, if they are missing or of another version than the one asked for. */
async function install() {
  const wanted = readJson(path.join(here, "package.json")).dependencies[
    "@modelcontextprotocol/conformance"
  ];
  const manifest = path.join(suitePackage, "package.json");
  if (existsSync(manifest) && readJson(manifest).version === wanted) return;
  console.log("installing the conformance suite (npm ci in test/conformance)");
  const windows = process.platform === "win32";
  const { code } = await run(
    windows ? "npm.cmd" : "npm",
    ["ci", "--no-audit", "--no-fund", "--loglevel=error"],
    { timeoutMs: INSTALL_TIMEOUT_MS, onOutput: (chunk) => process.stdout.write(chunk) },
  );
  if (code !== 0) throw new Error("npm ci in test/conformance failed");
}

/** A PATH on which `node` is this folder's Node 24; where npm has none for the platform, our own must do. */
function suitePath() {
  const bin = path.join(here, "node_modules/.bin");
  const own = ["node", "node.cmd"].some((name) => existsSync(path.join(bin, name)));
  if (!own && Number(process.versions.node.split(".")[0]) < 24) {
    throw new Error(
      `the suite needs Node 24, and npm has none for ${process.platform}-${process.arch}: start this with Node 24`,
    );
  }
  return [own ? bin : path.dirname(process.execPath), process.env.PATH].join(path.delimiter);
}

/**
 * Exactly what the suite's `--requirements` runs, at the same wire version, but one scenario after the other, so
 * that each one's checks can be counted: a scenario in which nothing was checked is no pass.
 */
async function runSuite(scenarios) {
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const env = { PATH: suitePath(), MCP_CONFORMANCE_OUTCOMES: outcomesFile };
  const deadline = Date.now() + SUITE_TIMEOUT_MS;
  for (const scenario of scenarios) {
    const timeoutMs = Math.min(SCENARIO_TIMEOUT_MS + 5_000, deadline - Date.now());
    if (timeoutMs <= 0) {
      console.log(`the suite took longer than ${SUITE_TIMEOUT_MS / 1_000} s: the rest is not run`);
      break;
    }
    const log = [];
    // Relative paths and a bare `node`: the suite hands the command to a shell, unquoted.
    const { late } = await run(
      "node",
      [
        path.join(suitePackage, "dist/index.js"),
        ...["client", "--command", "node client.mjs", "--scenario", scenario],
        ...["--spec-version", REVISION, "--force", "--timeout", String(SCENARIO_TIMEOUT_MS)],
        ...["--output-dir", "results/checks"],
      ],
      { timeoutMs, env, onOutput: (chunk) => log.push(chunk) },
    );
    if (late) log.push(Buffer.from("\nended: it took too long\n"));
    appendFileSync(logFile, Buffer.concat(log));
  }
}

/** The suite's own verdict, as its documentation runs it: every scenario at once, against the list of failures. */
async function runRequirements() {
  const log = [];
  const { code, late } = await run(
    "node",
    [
      path.join(suitePackage, "dist/index.js"),
      ...["client", "--command", "node client.mjs", "--requirements", REVISION],
      ...["--expected-failures", "expected-failures.yml"],
    ],
    {
      timeoutMs: SUITE_TIMEOUT_MS,
      env: { PATH: suitePath(), MCP_CONFORMANCE_OUTCOMES: path.join(results, "at-once.jsonl") },
      onOutput: (chunk) => log.push(chunk),
    },
  );
  appendFileSync(logFile, Buffer.concat(log));
  return code === 0 && !late;
}

/** Scenario → what was checked and how our client ended: the suite saves each as `<scenario>-<time>/`. */
function readResults(scenarios) {
  const found = new Map();
  const outcomes = new Map(
    (existsSync(outcomesFile) ? readFileSync(outcomesFile, "utf8") : "")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .map(({ scenario, outcome }) => [scenario, outcome]),
  );
  for (const scenario of scenarios) {
    const parent = path.join(results, "checks", path.dirname(scenario));
    const name = existsSync(parent)
      ? readdirSync(parent).find(
          (entry) => entry.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "") === path.basename(scenario),
        )
      : undefined;
    const file = name === undefined ? undefined : path.join(parent, name, "checks.json");
    found.set(scenario, {
      checks: file !== undefined && existsSync(file) ? readJson(file) : [],
      client: outcomes.get(scenario) ?? "killed",
      stderr: name === undefined ? "" : readText(path.join(parent, name, "stderr.txt")),
    });
  }
  return found;
}

/** A scenario passes if something was checked, nothing failed, and our client finished by itself. */
function judge(scenario, { checks, client }) {
  const count = (status) => checks.filter((check) => check.status === status).length;
  const [passed, failed, warnings] = ["SUCCESS", "FAILURE", "WARNING"].map(count);
  const ended = client === "done" || (client === "failed" && CLIENT_MAY_FAIL.includes(scenario));
  let problem;
  if (failed > 0) problem = `${failed} failed`;
  else if (passed === 0) problem = "checked nothing";
  else if (!ended) problem = `client: ${client}`;
  return { passed, failed, warnings, problem };
}

async function main() {
  if (!existsSync(path.join(here, "../../dist/index.js")))
    throw new Error("dist/ is missing: npm run build");
  await install();
  const { parse } = await import("yaml");
  const requirements = parse(readText(path.join(suitePackage, `requirements/${REVISION}.yaml`)));
  const expected = new Set(parse(readText(path.join(here, "expected-failures.yml"))).client ?? []);
  const scored = [...requirements.client, ...ALSO_REQUIRED];
  const unscored = requirements.not_scored
    .filter(({ scenario, leg }) => leg === "client" && !scored.includes(scenario))
    .map(({ scenario }) => scenario);
  for (const scenario of expected) {
    if (!scenario.startsWith("auth/"))
      throw new Error(`expected-failures.yml: ${scenario} is not of auth/`);
    if (!scored.includes(scenario))
      throw new Error(`expected-failures.yml: ${scenario} is not a scored scenario`);
  }

  const scenarios = [...new Set([...scored, ...unscored])];
  await runSuite(scenarios);
  const found = readResults(scenarios);

  const counts = { passed: 0, failed: 0, expectedFailures: 0 };
  const width = Math.max(...[...found.keys()].map((scenario) => scenario.length));
  const details = [];
  for (const [scenario, result] of found) {
    const { passed, failed, warnings, problem } = judge(scenario, result);
    let verdict;
    if (!scored.includes(scenario)) {
      verdict = problem === undefined ? "passes, not scored" : "not scored";
    } else if (expected.has(scenario)) {
      if (problem === undefined) {
        counts.failed++;
        verdict = "FAIL (passes: take it out of expected-failures.yml)";
      } else {
        counts.expectedFailures++;
        verdict = "expected failure";
      }
    } else if (problem === undefined) {
      counts.passed++;
      verdict = "pass";
    } else {
      counts.failed++;
      verdict = `FAIL (${problem})`;
      details.push([scenario, result]);
    }
    const checks = `${passed} ok, ${failed} failed${warnings > 0 ? `, ${warnings} warnings` : ""}`;
    console.log(`  ${scenario.padEnd(width)}  ${checks.padEnd(28)}  ${verdict}`);
  }

  for (const [scenario, { checks, stderr }] of details) {
    console.log(`\n${scenario}`);
    for (const check of checks.filter(({ status }) => status === "FAILURE")) {
      console.log(`  ${check.id}: ${check.errorMessage ?? check.description}`);
    }
    if (stderr.trim() !== "") console.log(stderr.trimEnd().slice(-4_000).replace(/^/gm, "  | "));
  }

  const official = await runRequirements();
  counts[official ? "passed" : "failed"]++;
  console.log(`\n  --requirements ${REVISION}, all at once: ${official ? "pass" : "FAIL"}`);

  const { passed, failed, expectedFailures } = counts;
  if (args.json !== undefined) writeFileSync(args.json, JSON.stringify(counts));
  console.log(
    `\nconformance ${REVISION}: ${passed} passed, ${failed} failed, ${expectedFailures} expected failures; all output in ${path.relative(process.cwd(), results)}/`,
  );
  if (failed > 0) process.exitCode = 1;
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

await main();
