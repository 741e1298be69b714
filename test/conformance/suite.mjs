// The official suite as a program: installs it, starts it under its Node 24, reads back what it saved.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";

/** How long a client has, alone and when every scenario's is started at once: some 40 processes. */
const CLIENT_TIMEOUT_MS = { alone: 30_000, atOnce: 120_000 };
/** How much sooner a client ends itself, so that it can say what it waits for. */
const SOONER_MS = 10_000;
const SUITE_MARGIN_MS = 5_000;
const INSTALL_TIMEOUT_MS = 300_000;

const here = import.meta.dirname;
const suitePackage = path.join(here, "node_modules/@modelcontextprotocol/conformance");
// Relative to this folder, and a bare `node`: the suite hands the command to a shell, unquoted.
const clientCommand = ["client", "--command", "node client.mjs"];

/** The packages of this folder, if they are missing or of another version than the one asked for. */
export async function install() {
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

/** What the suite demands at a revision, and the scenarios that may fail there: both as the suite reads them. */
export async function readRequirements(revision) {
  const { parse } = await import("yaml");
  const { client, not_scored: notScored } = parse(
    readFileSync(path.join(suitePackage, `requirements/${revision}.yaml`), "utf8"),
  );
  const expected = parse(readFileSync(path.join(here, expectedFailuresFile(revision)), "utf8"));
  return {
    scored: client,
    notScored: notScored.filter(({ leg }) => leg === "client").map(({ scenario }) => scenario),
    expectedFailures: expected.client ?? [],
  };
}

export function expectedFailuresFile(revision) {
  return `expected-failures.${revision}.yml`;
}

/** One revision's runs, with everything they say and leave in a folder of their own below results/. */
export class Suite {
  #revision;
  #results;

  constructor(revision) {
    this.#revision = revision;
    this.#results = `results/${revision}`;
    rmSync(path.join(here, this.#results), { recursive: true, force: true });
    mkdirSync(path.join(here, this.#results), { recursive: true });
  }

  /** One scenario by itself, at the wire version that the requirements run it at. */
  async runAlone(scenario) {
    const outcomes = path.join(here, this.#results, "outcomes.jsonl");
    const { code } = await this.#run(
      [
        ...["--scenario", scenario, "--spec-version", this.#revision, "--force"],
        ...["--output-dir", `${this.#results}/alone`],
      ],
      CLIENT_TIMEOUT_MS.alone,
      { MCP_CONFORMANCE_OUTCOMES: outcomes },
    );
    const reported = readText(outcomes)
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .findLast((line) => line.scenario === scenario);
    return {
      ...this.#saved("alone", scenario),
      accepted: code === 0,
      client: reported?.outcome ?? "killed",
      mustBeChecked: reported?.mustBeChecked ?? [],
    };
  }

  /** The suite's own verdict, as its documentation runs it: every scenario at once, against the list of failures. */
  async runRequirements() {
    const { code } = await this.#run(
      [
        ...["--requirements", this.#revision, "--output-dir", `${this.#results}/at-once`],
        ...["--expected-failures", expectedFailuresFile(this.#revision)],
      ],
      CLIENT_TIMEOUT_MS.atOnce,
    );
    return code === 0;
  }

  /** What a scenario left behind when all were run at once. */
  ofRequirements(scenario) {
    return this.#saved("at-once", scenario);
  }

  async #run(suiteArgs, clientTimeoutMs, env) {
    const log = [];
    const args = [...clientCommand, ...suiteArgs, "--timeout", String(clientTimeoutMs)];
    const { code, late } = await run("node", [path.join(suitePackage, "dist/index.js"), ...args], {
      timeoutMs: clientTimeoutMs + SUITE_MARGIN_MS,
      env: {
        PATH: suitePath(),
        MCP_CONFORMANCE_CLIENT_ENDS_AFTER_MS: String(clientTimeoutMs - SOONER_MS),
        ...env,
      },
      onOutput: (chunk) => log.push(chunk),
    });
    if (late) log.push(Buffer.from("\nended: it took too long\n"));
    appendFileSync(path.join(here, this.#results, "suite.log"), Buffer.concat(log));
    return { code: late ? 1 : code };
  }

  /** The suite saves each scenario as `<scenario>-<time>/`. */
  #saved(folder, scenario) {
    const parent = path.join(here, this.#results, folder, path.dirname(scenario));
    const name = existsSync(parent)
      ? readdirSync(parent).findLast(
          (entry) => entry.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "") === path.basename(scenario),
        )
      : undefined;
    if (name === undefined) return { checks: [], stderr: "" };
    const checks = path.join(parent, name, "checks.json");
    return {
      checks: existsSync(checks) ? readJson(checks) : [],
      stderr: readText(path.join(parent, name, "stderr.txt")),
    };
  }
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

function readText(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
