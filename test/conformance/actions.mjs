// What each scenario of the official suite wants done once the server is connected; any other one lists the tools only.
// An action throws if the pool gave something else than what the server sent: most scenarios look at the wire alone.

/**
 * Scenario → what to do. `scene.mustCheck(name)` has the runner insist on that check: some checks are left out
 * silently where a client did not send what they look at.
 */
export const actions = {
  tools_call: async ({ pool }) => {
    expectText(await call(pool, "add_numbers", { a: 5, b: 3 }), "8");
  },

  "elicitation-sep1034-client-defaults": async ({ pool }) => {
    await call(pool, "test_client_elicitation_defaults");
  },

  "sse-retry": async ({ pool }) => {
    expectText(await call(pool, "test_reconnection"), "completed successfully");
  },

  "json-schema-2020-12-preservation": async ({ pool }) => {
    const tool = pool.allTools.find((candidate) =>
      candidate.tool.name.startsWith("json_schema_2020"),
    );
    if (tool === undefined) throw new Error("the server lists no tool with a 2020-12 schema");
    const seen = JSON.stringify(tool.tool.inputSchema);
    if (JSON.stringify(tool.parameters) !== seen)
      throw new Error("parameters differ from inputSchema");
    await call(pool, "json_schema_echo", { schema: tool.parameters });
  },

  // The server declares no capability and answers every method: what counts is what each request carries.
  "request-metadata": async ({ pool }) => {
    await pool.call("server", "tools/list", {});
    await pool.call("server", "tools/call", { name: "anything", arguments: {} });
  },

  "sep-2322-client-request-state": async ({ pool }) => {
    expectText(await call(pool, "test_mrtr_echo_state"), "echo-state-ok");
    expectText(await call(pool, "test_mrtr_no_state"), "no-state-ok");
    expectText(await call(pool, "test_mrtr_unrelated"), "unrelated-ok");
    expectText(await call(pool, "test_mrtr_no_result_type"), "no-result-type-test-ok");
  },

  "http-standard-headers": async ({ pool }) => {
    const tools = await pool.listTools("server");
    const resources = await pool.listResources("server");
    const prompts = await pool.listPrompts("server");
    for (const { name } of tools) await pool.callTool(name, {});
    for (const { uri } of resources) await pool.readResource("server", uri);
    for (const { name } of prompts) await pool.getPrompt(name);
  },

  "http-custom-headers": async ({ pool, context, mustCheck }) => {
    for (const { name, arguments: args } of context.toolCalls) {
      const { properties } = find(pool, name).parameters;
      for (const [key, { "x-mcp-header": header }] of Object.entries(properties)) {
        if (header !== undefined && args[key] != null) mustCheck(`ClientCustomHeader_${header}`);
      }
      await call(pool, name, args);
    }
  },

  "http-invalid-tool-headers": async ({ pool }) => {
    for (const tools of [pool.allTools, await pool.listTools("server")]) {
      const shown = tools.map(({ tool }) => tool.name).join(", ");
      if (shown !== "valid_tool") throw new Error(`the pool shows ${shown || "nothing"}`);
    }
    await call(pool, "valid_tool", { region: "us-west1" });
  },

  "json-schema-ref-no-deref": async ({ pool, McpResponseError }) => {
    // This server runs no tool: the call is there for whatever a pool may do with a schema before it calls.
    await call(pool, "lookup_user", { id: "a", profile: {} }).then(
      () => {
        throw new Error("the server has answered a call that it does not know");
      },
      (error) => {
        if (!(error instanceof McpResponseError)) throw error;
      },
    );
  },
};

/** Scenario → the content of an accepted form; elsewhere it is empty, and its defaults are the pool's to apply. */
export const answers = {
  "sep-2322-client-request-state": async ({ pool }) => {
    // Between the rounds of another tool: nothing of those may be in here.
    expectText(await call(pool, "test_mrtr_unrelated"), "unrelated-ok");
    return { confirmed: true };
  },
};

/** Scenarios of auth/*: listing, then a call, is what makes a server ask for authorization and for more scope. */
export async function authorized({ pool }) {
  await pool.listTools("server");
  if (pool.allTools.some((tool) => tool.tool.name === "test-tool")) {
    await pool.call("server", "tools/call", { name: "test-tool", arguments: {} });
  }
}

/** By the server's own name: the pool's may be another. */
function find(pool, name) {
  const found = pool.allTools.find((candidate) => candidate.tool.name === name);
  if (found === undefined) throw new Error(`the pool shows no tool ${name}`);
  return found;
}

function call(pool, name, args = {}) {
  return pool.callTool(find(pool, name).name, args);
}

function expectText(result, text) {
  if (!result.content?.[0]?.text?.includes(text)) {
    throw new Error(`expected "${text}" in ${JSON.stringify(result)}`);
  }
}
