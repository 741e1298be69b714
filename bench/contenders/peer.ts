// Other clients, by the fault suite's adapters for them: each resolves the packages that are installed beside it.

import type { Adapter, CallSettings } from "../../test/fault/suite/adapter.ts";
import { ARGUMENTS, textOf } from "./contender.ts";
import type { Client, Target } from "./contender.ts";

/** For connecting, and for each call: the pool's own default. */
const TIMEOUT_MS = 60_000;

/** @param peer as its adapter's file is named; it speaks whatever revision it finds out by its own means */
export async function connectPeer(peer: string, target: Target): Promise<Client> {
  const adapter = (await import(`../../test/peers/${peer}.mjs`)) as Adapter;
  const client = adapter.createClient();
  const server =
    target.kind === "http" ? { url: target.url } : { command: target.command, args: target.args };
  await client.connect({ bench: server }, { timeoutMs: TIMEOUT_MS, onEvent() {} });
  const [tool, ...others] = await client.listTools();
  if (tool === undefined || others.length > 0) throw new Error(`${peer} does not list one tool`);
  return {
    async call() {
      const output = await client.callTool(tool.name, ARGUMENTS, callSettings());
      return typeof output === "string" ? output : textOf(output);
    },
    close: () => client.close(),
  };
}

/** A signal of its own for each call, as a turn of an agent has: on a shared one, listeners pile up. */
function callSettings(): CallSettings {
  return { timeoutMs: TIMEOUT_MS, signal: new AbortController().signal };
}
