// Servers of sessions that go away, forget and cut at their calls' own wish, and know what they have run.

import { startHttpServer } from "../../support/http-server.ts";
import type { RequestContext, TestHttpServer } from "../../support/http-server.ts";

export type RaceOrder =
  | { readonly name: "start"; readonly count: number }
  | { readonly name: "restart" | "forget" | "drop" | "change"; readonly server: number }
  /** Gives how often each key was run, by all servers together. */
  | { readonly name: "ledger"; readonly keys: readonly string[] }
  | { readonly name: "stop" };

/** How long a slow call runs, milliseconds. */
const SLOW_MS = 30;
const TOOLS = ["act", "look"];

let servers: TestHttpServer[] = [];
/** One restart at a time: each takes its port again. */
let restarting: Promise<void> = Promise.resolve();

export async function obey(given: unknown): Promise<unknown> {
  const order = given as RaceOrder;
  switch (order.name) {
    case "start":
      servers = await Promise.all(Array.from({ length: order.count }, start));
      return servers.map(({ url }) => url.href);
    case "restart":
      return restart(order.server);
    case "forget":
      return servers[order.server]?.forgetSessions();
    case "drop":
      return servers[order.server]?.dropSockets();
    case "change":
      return servers[order.server]?.notifyToolsChanged();
    case "ledger":
      return order.keys.map((key) => runsOf(key));
    case "stop":
      await restarting;
      await Promise.all(servers.map((server) => server.close()));
      return undefined;
  }
}

function restart(server: number): Promise<void> {
  restarting = restarting.then(() => servers[server]?.restart());
  return restarting;
}

function runsOf(key: string): number {
  return servers.reduce(
    (sum, server) =>
      TOOLS.reduce((counted, tool) => counted + server.executionCount(tool, key), sum),
    0,
  );
}

function start(): Promise<TestHttpServer> {
  const look = { annotations: { readOnlyHint: true }, handler: run };
  return startHttpServer({ getStream: true, tools: { act: { handler: run }, look }, onRequest });
}

/** Before the call is run. */
function onRequest({ body, res }: RequestContext): boolean {
  const args = (body?.params?.["arguments"] ?? {}) as Record<string, unknown>;
  if (args["fate"] !== "lost") return false;
  res.destroy();
  return true;
}

async function run(args: Record<string, unknown>, { res }: RequestContext): Promise<unknown> {
  if (args["fate"] === "slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  if (args["fate"] === "cut") res.destroy();
  return args;
}
