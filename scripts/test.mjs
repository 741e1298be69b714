// `npm test`: every stage that CI runs, in order, then one line with what passed, failed and was skipped, always the last.
// A stage that fails does not stop those after it, unless they need it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const reports = mkdtempSync(path.join(tmpdir(), "mcp-client-pool-test-"));
const vitestReport = path.join(reports, "vitest.json");
const soakReport = path.join(reports, "soak.json");
const guardReport = path.join(reports, "guard.json");
const modelReport = path.join(reports, "model.json");
const fuzzReport = path.join(reports, "fuzz.json");
const simulationReport = path.join(reports, "simulation.json");
const conformanceReport = path.join(reports, "conformance.json");

/** Of the fuzzing and of the simulation. */
const SEED = 40_444;

/** `count` reads what a stage itself counted; a stage without it, or that left no report, counts once, if it fails. */
const stages = [
  { name: "build", command: "npm run build" },
  { name: "format", command: "npm run format:check" },
  { name: "lint", command: "npm run lint" },
  { name: "types", command: "npm run types" },
  {
    name: "tests",
    command: `vitest run --reporter=default --reporter=json --outputFile.json="${vitestReport}"`,
    count: () => {
      // What needs a program that is not installed says so in its title, and is counted apart.
      const { numPassedTests, numFailedTests, numPendingTests } = readJson(vitestReport);
      return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
    },
  },
  {
    name: "model",
    command: `npm run model -- --json "${modelReport}"`,
    count: () => readJson(modelReport),
  },
  {
    // A minute of each family, two at once. The seed is always the same, so that a change is judged by its own faults:
    // other seeds are for those who look for new ones.
    name: "fuzz",
    command: `npm run fuzz -- --minutes 1 --jobs 2 --seed ${SEED} --json "${fuzzReport}"`,
    count: () => readJson(fuzzReport),
  },
  {
    name: "simulation",
    command: `npm run simulate -- --hours 2000 --seed ${SEED} --json "${simulationReport}"`,
    count: () => readJson(simulationReport),
  },
  {
    name: "soak",
    command: `npm run soak -- --minutes 1 --seed ${randomSeed()} --json "${soakReport}"`,
    count: () => readJson(soakReport),
  },
  {
    name: "guard",
    needs: "build",
    command: `npm run guard -- --json "${guardReport}"`,
    count: () => readJson(guardReport),
  },
  {
    name: "conformance",
    needs: "build",
    command: `npm run conformance -- --json "${conformanceReport}"`,
    count: () => readJson(conformanceReport),
  },
];

const total = { passed: 0, failed: 0, skipped: 0 };
const failedStages = new Set();

/** By the clock, and printed by the stage that uses it. */
function randomSeed() {
  return Math.floor(Date.now() / 1_000) % 100_000;
}

function runStage(command) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, CI: "true" },
    });
    child.once("error", () => resolve(1));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

for (const { name, command, needs, count } of stages) {
  console.log(`\n=== ${name}`);
  if (failedStages.has(needs)) {
    console.log(`not run: ${needs} failed`);
    failedStages.add(name);
    total.failed += 1;
    continue;
  }
  const startedAt = performance.now();
  const code = await runStage(command);
  let counted = { passed: 0, failed: 0 };
  try {
    counted = count?.() ?? counted;
  } catch {
    console.log(`${name} left no report`);
  }
  total.passed += counted.passed;
  total.skipped += counted.skipped ?? 0;
  // An exit code without a failed test is a failure too: an error outside of every test, a stage that broke off.
  total.failed += code === 0 ? counted.failed : Math.max(counted.failed, 1);
  if (code !== 0) failedStages.add(name);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`=== ${name}: ${code === 0 ? "passed" : "FAILED"} in ${seconds} s`);
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

rmSync(reports, { recursive: true, force: true });
if (failedStages.size > 0) console.log(`\nfailed stages: ${[...failedStages].join(", ")}`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;
