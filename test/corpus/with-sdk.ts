// One server seen through the client of the official SDK, version 2, with its defaults: a session, and no probe.

import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { CALL_MS, CONNECT_MS, countOf, messageOf, textOf } from "./client.ts";
import type { CallOutcome, Client as CorpusClient, Finding, Target, Task } from "./client.ts";

export const measure: CorpusClient = async ({ target, call }, report) => {
  const client = new Client({ name: "corpus", version: "1.0.0" });
  client.onerror = () => {};
  const startedAt = performance.now();
  const nothing = { quirks: {}, warnings: [], listed: {} };
  try {
    await client.connect(transportTo(target), { timeout: CONNECT_MS });
    const connectMs = performance.now() - startedAt;
    const answer = call === null ? {} : { call: await outcomeOf(client, call) };
    report({ ...nothing, connectMs, ...answer, listed: await listsOf(client) });
  } catch (error) {
    const connectMs = performance.now() - startedAt;
    report({ ...nothing, connectMs, error: messageOf(error) });
  } finally {
    await client.close();
  }
};

async function outcomeOf(client: Client, call: NonNullable<Task["call"]>): Promise<CallOutcome> {
  try {
    const { tool: name, arguments: args } = call;
    const result = await client.callTool({ name, arguments: args }, { timeout: CALL_MS });
    const kind = result.isError === true ? "tool error" : "result";
    return { kind, text: textOf(result.content) };
  } catch (error) {
    // A server's error has a number for its code, and the client's own have a name.
    const isAnswer = typeof (error as { code?: unknown }).code === "number";
    return { kind: isAnswer ? "JSON-RPC error" : "failed", text: messageOf(error) };
  }
}

type Transport = Parameters<Client["connect"]>[0];

function transportTo(target: Target): Transport {
  if (!("url" in target)) {
    const { command, args, env, cwd } = target;
    return new StdioClientTransport({ command, args: [...args], env, cwd, stderr: "ignore" });
  }
  const url = new URL(target.url);
  // Which transport it is must be known: this client does not find it out.
  return url.pathname.endsWith("/sse")
    ? new SSEClientTransport(url)
    : new StreamableHTTPClientTransport(url);
}

async function listsOf(client: Client): Promise<Finding["listed"]> {
  const { tools, prompts, resources } = client.getServerCapabilities() ?? {};
  const all = { timeout: CONNECT_MS };
  return {
    ...(tools && { tools: await countOf(client.listTools({}, all).then((page) => page.tools)) }),
    ...(prompts && {
      prompts: await countOf(client.listPrompts({}, all).then((page) => page.prompts)),
    }),
    ...(resources && {
      resources: await countOf(client.listResources({}, all).then((page) => page.resources)),
    }),
  };
}
