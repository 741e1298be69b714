// `server/discover`: what a server says of itself to whoever asks; a probe of the era at the same time.
// https://modelcontextprotocol.io/specification/2026-07-28/server/discover

import type { CallLimits } from "../../jsonrpc/running-call.ts";
import type { DiscoverResult, Implementation, ServerCapabilities } from "../../spec/types.ts";
import type { EraHost } from "../era.ts";
import { TASKS_EXTENSION } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";

const SERVER_INFO = "io.modelcontextprotocol/serverInfo";

/** What is taken for granted of a server that speaks this era and does not say what it offers. */
const ASSUMED: ServerCapabilities = {
  tools: {},
  resources: {},
  prompts: {},
  completions: {},
  extensions: { [TASKS_EXTENSION]: {} },
};

/** What is known of a server. */
export interface Discovered {
  readonly capabilities: ServerCapabilities;
  readonly serverInfo: Implementation;
  readonly instructions: string | undefined;
}

/** Asks; the result is as it came. It carries the whole envelope, lest it be taken for something else (2.3). */
export function discover(
  host: EraHost,
  envelope: Envelope,
  options: { limits: CallLimits; signal: AbortSignal },
): Promise<object> {
  const method = "server/discover";
  return host.peer.request({
    method,
    params: envelope.params(undefined),
    limits: options.limits,
    signal: options.signal,
    cancel: host.transport.channel === "exchange" ? "close" : "notify",
    outbound: { headers: envelope.headers(method, undefined, []) },
  });
}

/** Identity is for display, and may be missing (2.15). */
export function readDiscovered(result: DiscoverResult | undefined): Discovered {
  const { capabilities, instructions, _meta } = result ?? {};
  const given = _meta?.[SERVER_INFO] ?? Reflect.get(result ?? {}, "serverInfo");
  const { name, version } = (given ?? {}) as Partial<Implementation>;
  const serverInfo =
    typeof name === "string" && typeof version === "string"
      ? (given as Implementation)
      : { name: "unknown", version: "unknown" };
  return {
    capabilities: capabilities ?? ASSUMED,
    serverInfo,
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}
