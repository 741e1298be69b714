// One server seen through this package, with its defaults.

import { pathToFileURL } from "node:url";
import type * as Package from "mcp-client-pool";
import { CALL_MS, CONNECT_MS, countOf, excerpt, messageOf, textOf } from "./client.ts";
import type { CallOutcome, Client, Finding, Task } from "./client.ts";

const SERVER = "corpus";

export const measure: Client = async (task, report) => {
  const { McpClientPool, McpResponseError } = (await import(
    pathToFileURL(task.pool).href
  )) as typeof Package;
  const warnings: string[] = [];
  const pool = new McpClientPool({
    servers: { [SERVER]: configOf(task) },
    timeouts: { connectMs: CONNECT_MS, handshakeMs: CONNECT_MS },
  });
  pool.on("warning", ({ message }) => warnings.push(excerpt(message)));

  const call = async (): Promise<CallOutcome | undefined> => {
    if (task.call === null) return undefined;
    try {
      const [tool, args] = [`${SERVER}__${task.call.tool}`, task.call.arguments];
      const result = await pool.callTool(tool, args, { totalTimeoutMs: CALL_MS });
      const kind = result.isError === true ? "tool error" : "result";
      return { kind, text: textOf(result.content) };
    } catch (error) {
      const kind = error instanceof McpResponseError ? "JSON-RPC error" : "failed";
      return { kind, text: messageOf(error) };
    }
  };

  try {
    const startedAt = performance.now();
    const { failed } = await pool.connect();
    const connectMs = performance.now() - startedAt;
    const error = failed[SERVER];
    const found = (): Omit<Finding, "listed"> => {
      const [status] = pool.status();
      const { quirks } = { quirks: {}, ...(status as { quirks?: Record<string, number> }) };
      return { connectMs, quirks, warnings };
    };
    if (error !== undefined) {
      report({ ...found(), error: messageOf(error), listed: {} });
      return;
    }
    const [status] = pool.status();
    const answer = await call();
    const { prompts, resources } = status?.capabilities ?? {};
    const listed = {
      tools: await countOf(pool.listTools(SERVER)),
      ...(prompts === undefined ? {} : { prompts: await countOf(pool.listPrompts(SERVER)) }),
      ...(resources === undefined ? {} : { resources: await countOf(pool.listResources(SERVER)) }),
    };
    report({
      ...found(),
      era: status?.era,
      revision: status?.protocolVersion,
      serverInfo: `${status?.serverInfo?.name} ${status?.serverInfo?.version}`,
      listed,
      ...(answer === undefined ? {} : { call: answer }),
    });
  } finally {
    await pool.closeAll();
  }
};

function configOf({ target }: Task): Package.ServerConfig {
  return "url" in target ? { url: target.url } : { ...target, args: [...target.args] };
}
