// What the modules of the scripted stateless stdio server share: its script, its records, its output.

import { appendFileSync, existsSync } from "node:fs";

export const VERSION = "2026-07-28";
export const SESSION_VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
export const PREFIX = "io.modelcontextprotocol/";
const TASKS = `${PREFIX}tasks`;

export const script = JSON.parse(process.argv[2] ?? "{}");
export const era = script.era ?? "stateless";
export const supported =
  script.supportedVersions ?? (era === "both" ? [VERSION, "2025-11-25"] : [VERSION]);
export const capabilities = script.capabilities ?? {
  tools: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  logging: {},
  extensions: { [TASKS]: {} },
};
/** What changes while it runs; `hasSession`: the client confirmed it by `notifications/initialized`. */
export const state = {
  isFirst: true,
  isInitialized: false,
  hasSession: false,
  lateProbe: undefined,
};

/** Thrown: the request is answered with this error. */
export class Refusal extends Error {
  constructor(code, message, data) {
    super(message);
    this.error = { code, message, ...(data === undefined ? {} : { data }) };
  }
}

export function record(line) {
  if (script.counterFile) appendFileSync(script.counterFile, `${line}\n`);
}

export function violation(message, fault) {
  record(`violation ${message.method ?? "?"} ${JSON.stringify(message.id)}: ${fault}`);
}

export function write(message) {
  const line = `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
  process.stdout.write(script.replyNoise ? `${script.replyNoise}\n${line}` : line);
}

export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = (value) => ({ content: [{ type: "text", text: String(value) }] });

/** A key of `_meta` under the protocol's prefix. */
export const metaOf = (message, key) => message.params?._meta?.[PREFIX + key];

/** The request's parameters without what a retry adds. */
export function original(message) {
  const {
    _meta,
    inputResponses: _responses,
    requestState: _state,
    ...params
  } = message.params ?? {};
  return params;
}

/** Refuses a request whose client did not declare the tasks extension with it. */
export function demandTasks(message) {
  if (isObject(metaOf(message, "clientCapabilities")?.extensions?.[TASKS])) return;
  throw new Refusal(-32021, "Missing required client capability", {
    requiredCapabilities: { extensions: { [TASKS]: {} } },
  });
}

/** A request for input, as `inputRequests` have it. */
export function inputRequest(method = "elicitation/create") {
  if (method === "roots/list") return { method };
  if (method === "sampling/createMessage") {
    const messages = [{ role: "user", content: { type: "text", text: "What now?" } }];
    return { method, params: { messages, maxTokens: 100 } };
  }
  const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
  return { method, params: { mode: "form", message: "Who are you?", requestedSchema } };
}

/** False: `isOver` said so before. */
export async function untilExists(file, isOver = () => false) {
  while (!existsSync(String(file))) {
    if (isOver()) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}
