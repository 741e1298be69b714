// The client under test: the suite starts it once for every scenario, with the server's URL as its last argument.
import { appendFileSync } from "node:fs";

const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const url = process.argv.at(-1);

/** What a scenario wants done once the server is connected; any other scenario lists the tools only. */
const actions = {
  tools_call: async (pool) => {
    await pool.callTool("server__add_numbers", { a: 5, b: 3 });
  },

  "elicitation-sep1034-client-defaults": async (pool) => {
    await pool.callTool("server__test_client_elicitation_defaults", {});
  },

  "sse-retry": async (pool) => {
    await pool.callTool("server__test_reconnection", {});
  },

  "json-schema-2020-12-preservation": async (pool) => {
    const tool = pool.allTools.find((candidate) =>
      candidate.tool.name.startsWith("json_schema_2020"),
    );
    if (tool === undefined) throw new Error("the server lists no tool with a 2020-12 schema");
    const seen = JSON.stringify(tool.tool.inputSchema);
    if (JSON.stringify(tool.parameters) !== seen)
      throw new Error("parameters differ from inputSchema");
    await pool.callTool("server__json_schema_echo", { schema: tool.parameters });
  },
};

/** Scenarios of auth/*: listing, then a call, is what makes a server ask for authorization and for more scope. */
async function authorized(pool) {
  await pool.listTools("server");
  if (pool.allTools.some((tool) => tool.tool.name === "test-tool")) {
    await pool.call("server", "tools/call", { name: "test-tool", arguments: {} });
  }
}

async function main() {
  // Imported here, so that a build that cannot be loaded is reported as well.
  const { McpClientPool } = await import("../../dist/index.js");
  const pool = new McpClientPool({
    // Nothing is filled in here: the defaults of the requested schema are the pool's to apply.
    onElicitation: async () => ({ action: "accept", content: {} }),
  });
  try {
    await pool.addClient("server", url);
    if (!Array.isArray(pool.allTools)) throw new Error("allTools is not a list");
    const act = actions[scenario] ?? (scenario.startsWith("auth/") ? authorized : undefined);
    await act?.(pool);
  } finally {
    await pool.closeAll();
  }
}

/** run.mjs reads this: the suite itself does not tell whether its client finished, failed or was killed. */
function report(outcome) {
  const file = process.env.MCP_CONFORMANCE_OUTCOMES;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ scenario, outcome })}\n`);
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

const late = exitAfter(20_000, "hangs");
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
