// The client under test: the suite starts it once for every scenario, with the server's URL as its last argument.
import { appendFileSync } from "node:fs";
import { actions, answers, authorized } from "./actions.mjs";

const STATELESS_REVISION = "2026-07-28";

const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const url = process.argv.at(-1);
const mustBeChecked = new Set();

async function main() {
  // Imported here, so that a build that cannot be loaded is reported as well.
  const { McpClientPool, McpResponseError } = await import("../../dist/index.js");
  // Every capability is declared, so that the form of each is checked.
  const pool = new McpClientPool({
    onElicitation: async () => ({
      action: "accept",
      content: (await answers[scenario]?.({ pool })) ?? {},
    }),
    onSampling: () => Promise.reject(new Error("no scenario asks for a completion")),
    roots: [],
  });
  try {
    // Nothing tells the pool which revision this is: to find out is its own task.
    await pool.addClient("server", url);
    expectRevision(pool);
    if (!Array.isArray(pool.allTools)) throw new Error("allTools is not a list");
    const act = actions[scenario] ?? (scenario.startsWith("auth/") ? authorized : undefined);
    const mustCheck = (name) => mustBeChecked.add(name);
    await act?.({ pool, context, mustCheck, McpResponseError });
    expectRevision(pool);
  } finally {
    await pool.closeAll();
  }
}

/** A scenario passed in the other era says nothing about this one; sessions may agree on an older revision. */
function expectRevision(pool) {
  const { protocolVersion } = pool.status()[0];
  if ((protocolVersion === STATELESS_REVISION) !== (revision === STATELESS_REVISION)) {
    throw new Error(`a server of ${revision} was spoken to in ${protocolVersion}`);
  }
}

/** suite.mjs reads this: the suite itself does not tell whether its client finished, failed or was killed. */
function report(outcome) {
  const file = process.env.MCP_CONFORMANCE_OUTCOMES;
  if (file === undefined) return;
  const line = JSON.stringify({ scenario, outcome, mustBeChecked: [...mustBeChecked] });
  appendFileSync(file, `${line}\n`);
}

/** The suite ends a late client's shell and then waits for the client itself: so the client ends itself. */
function exitAfter(ms, outcome) {
  const timer = setTimeout(() => {
    console.error(`${outcome}:`, process.getActiveResourcesInfo().join(", "));
    report(outcome);
    process.exit(2);
  }, ms);
  // Unreferenced, so that it never keeps the process alive.
  return timer.unref();
}

const late = exitAfter(Number(process.env.MCP_CONFORMANCE_CLIENT_ENDS_AFTER_MS ?? 20_000), "hangs");
// What still waits here may have nothing that keeps the process alive: exiting so is no success.
let outcome = "gave up waiting";
process.once("exit", (code) => code !== 2 && report(outcome));
try {
  await main();
  outcome = "done";
} catch (error) {
  console.error(error);
  outcome = "failed";
  process.exitCode = 1;
} finally {
  clearTimeout(late);
  // By now nothing may keep the process alive.
  exitAfter(3_000, "still alive after closeAll");
}
