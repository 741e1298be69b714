// Runs the official client suite against the built package at both wire formats, and judges each scenario.
// Usage: node test/conformance/run.mjs [--json <file>] [--revision <revision>]; `npm run build` comes first.
// docs: https://github.com/modelcontextprotocol/conformance
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Suite, expectedFailuresFile, install, readRequirements } from "./suite.mjs";

const REVISIONS = ["2025-11-25", "2026-07-28"];
/** Run by the requirement sets, yet not scored by them: ours to pass all the same. */
const ALSO_REQUIRED = ["json-schema-2020-12-preservation"];
/** What the stateless revision has done away with: SKIPPED says here that we did not send it, as it should be. */
const MUST_BE_SKIPPED = [
  "ClientMcpMethodHeader_initialize",
  "ClientMcpMethodHeader_notifications_initialized",
];

const here = import.meta.dirname;
const { values: args } = parseArgs({
  options: { json: { type: "string" }, revision: { type: "string", multiple: true } },
});

/**
 * Why a scenario that was run alone does not pass, if it does not. More is asked than the suite asks: an idle client
 * fails no check of http-standard-headers, so something must have been checked, and nothing left out.
 */
function problemOf(scenario, { checks, accepted, client, mustBeChecked }) {
  const of = (...statuses) => checks.filter(({ status }) => statuses.includes(status));
  const notSkipped = (name) => of("SUCCESS", "INFO").some((check) => check.name === name);
  const failed = of("FAILURE", "WARNING").length;
  if (failed > 0) return `${failed} failed or warned`;
  if (of("SUCCESS").length === 0) return "checked nothing";
  const left = of("SKIPPED").filter(({ name }) => !MUST_BE_SKIPPED.includes(name));
  const unchecked = mustBeChecked.filter(
    (name) => !of("SUCCESS").some((check) => check.name === name),
  );
  if (left.length + unchecked.length > 0)
    return `not checked: ${[...left.map(({ name }) => name), ...unchecked].join(", ")}`;
  const sent = MUST_BE_SKIPPED.filter(notSkipped);
  if (sent.length > 0) return `checked what must not be sent: ${sent.join(", ")}`;
  // Only authorization has refusals for good, and the suite says where: elsewhere our own client's word counts too.
  const mayFail = scenario.startsWith("auth/") && accepted;
  if (client !== "done" && !(client === "failed" && mayFail)) return `client: ${client}`;
  if (!accepted) return "the suite does not accept it";
  return undefined;
}

/** One revision, its scenarios one after the other, then all at once. */
async function runRevision(revision) {
  const { scored, notScored, expectedFailures } = await readRequirements(revision);
  const required = [...new Set([...scored, ...ALSO_REQUIRED])];
  for (const scenario of expectedFailures) {
    const fault = !scenario.startsWith("auth/")
      ? "not of auth/"
      : !scored.includes(scenario)
        ? "not a scored scenario"
        : undefined;
    if (fault !== undefined)
      throw new Error(`${expectedFailuresFile(revision)}: ${scenario} is ${fault}`);
  }

  const counts = { passed: 0, failed: 0, expectedFailures: 0 };
  const suite = new Suite(revision);
  const width = Math.max(...[...required, ...notScored].map((scenario) => scenario.length));
  const print = (scenario, { checks }, verdict) => {
    const count = (status) => checks.filter((check) => check.status === status).length;
    const [ok, failed, warnings] = ["SUCCESS", "FAILURE", "WARNING"].map(count);
    const line = `${ok} ok, ${failed} failed${warnings > 0 ? `, ${warnings} warnings` : ""}`;
    console.log(`  ${scenario.padEnd(width)}  ${line.padEnd(28)}  ${verdict}`);
  };

  console.log(`\nconformance ${revision}`);
  for (const scenario of required.filter((candidate) => !expectedFailures.includes(candidate))) {
    const result = await suite.runAlone(scenario);
    const problem = problemOf(scenario, result);
    counts[problem === undefined ? "passed" : "failed"]++;
    print(scenario, result, problem === undefined ? "pass" : `FAIL (${problem})`);
    if (problem !== undefined) printDetails(result);
  }

  // What may fail is not run a second time: judged as the suite's own list of failures judges it.
  const official = await suite.runRequirements();
  for (const scenario of expectedFailures) {
    const result = suite.ofRequirements(scenario);
    const fails = hasFailed(result);
    counts[fails ? "expectedFailures" : "failed"]++;
    print(
      scenario,
      result,
      fails
        ? "expected failure"
        : `FAIL (does not fail: take it out of ${expectedFailuresFile(revision)})`,
    );
  }
  for (const scenario of notScored.filter((candidate) => !required.includes(candidate))) {
    const result = suite.ofRequirements(scenario);
    print(scenario, result, hasFailed(result) ? "not scored" : "not scored, does not fail");
  }
  counts[official ? "passed" : "failed"]++;
  console.log(`  --requirements ${revision}, all at once: ${official ? "pass" : "FAIL"}`);
  if (!official) {
    for (const scenario of scored.filter((candidate) => !expectedFailures.includes(candidate))) {
      const result = suite.ofRequirements(scenario);
      if (!hasFailed(result)) continue;
      console.log(`    ${scenario}`);
      printDetails(result);
    }
  }
  return counts;
}

function hasFailed({ checks }) {
  return checks.some(({ status }) => status === "FAILURE" || status === "WARNING");
}

function printDetails({ checks, stderr }) {
  for (const check of checks.filter(({ status }) => status === "FAILURE" || status === "WARNING")) {
    console.log(`    ${check.id}: ${check.errorMessage ?? check.description}`);
  }
  if (stderr.trim() !== "") console.log(stderr.trimEnd().slice(-4_000).replace(/^/gm, "    | "));
}

async function main() {
  const revisions = args.revision ?? REVISIONS;
  for (const revision of revisions) {
    if (!REVISIONS.includes(revision)) {
      throw new Error(`--revision ${revision}: it is one of ${REVISIONS.join(", ")}`);
    }
  }
  if (!existsSync(path.join(here, "../../dist/index.js")))
    throw new Error("dist/ is missing: npm run build");
  await install();

  const total = { passed: 0, failed: 0, expectedFailures: 0 };
  const summary = [];
  for (const revision of revisions) {
    const counts = await runRevision(revision);
    for (const key of Object.keys(total)) total[key] += counts[key];
    const { passed, failed, expectedFailures } = counts;
    summary.push(
      `conformance ${revision}: ${passed} passed, ${failed} failed, ${expectedFailures} expected failures`,
    );
  }
  if (args.json !== undefined) writeFileSync(args.json, JSON.stringify(total));
  const results = path.relative(process.cwd(), path.join(here, "results"));
  console.log(`\n${summary.join("\n")}\nall output in ${results}/`);
  if (total.failed > 0) process.exitCode = 1;
}

await main();
