// What the scripted stateless stdio server holds against its client.

import { isDeepStrictEqual } from "node:util";
import {
  isObject,
  metaOf,
  original,
  Refusal,
  SESSION_VERSIONS,
  supported,
  violation,
} from "./wire.mjs";

export const LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];
export const REMOVED = [
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/list",
  "tasks/result",
];

/** Every `input_required` given out: its state, its keys, and the parameters that it belongs to. */
export const asked = [];

export function checkEnvelope(message) {
  const wrong = envelopeFault(message);
  if (wrong !== undefined) {
    violation(message, wrong);
    throw new Refusal(-32602, wrong);
  }
  if (!isObject(metaOf(message, "clientInfo"))) violation(message, "_meta has no clientInfo");
  const requested = metaOf(message, "protocolVersion");
  if (!supported.includes(requested) || SESSION_VERSIONS.includes(requested)) {
    if (SESSION_VERSIONS.includes(requested)) violation(message, `_meta names ${requested}`);
    throw new Refusal(-32022, "Unsupported protocol version", { supported, requested });
  }
  if (REMOVED.includes(message.method)) violation(message, "is no method of this revision");
}

function envelopeFault(message) {
  if (!isObject(message.params?._meta)) return "_meta is missing";
  if (typeof metaOf(message, "protocolVersion") !== "string") return "_meta has no protocolVersion";
  const declared = metaOf(message, "clientCapabilities");
  if (!isObject(declared)) return "_meta has no clientCapabilities";
  const odd = Object.keys(declared).find((key) => !isObject(declared[key]));
  if (odd !== undefined) return `clientCapabilities.${odd} is no object`;
  const level = metaOf(message, "logLevel");
  if (level !== undefined && !LEVELS.includes(level)) return "logLevel is unknown";
  return undefined;
}

/** What `ask` gave out must come back byte for byte, with the same parameters. */
export function checkRetry(message) {
  const { inputResponses, requestState } = message.params ?? {};
  if (message.method === "tasks/update") return;
  if (inputResponses === undefined && requestState === undefined) return;
  const found = asked.find(
    (one) =>
      one.state === requestState &&
      isDeepStrictEqual(one.params, original(message)) &&
      isDeepStrictEqual(one.keys, Object.keys(inputResponses ?? {})),
  );
  if (found === undefined) violation(message, "is no retry of what was asked");
  for (const [key, one] of Object.entries(inputResponses ?? {})) {
    if (!isObject(one) || "result" in one || "jsonrpc" in one) {
      violation(message, `inputResponses.${key} is no bare result`);
    }
  }
}
