// A scripted stdio MCP server of revision 2026-07-28, of sessions, or of both, without dependencies.
//
// Behaviour is JSON in argv[2]; every field is optional.
//
// Era
//   era               "stateless" (default): `initialize` is answered with -32022, naming `supportedVersions`;
//                     "both": a request with the envelope is served statelessly, after `initialize` also one without;
//                     "sessions": 2025-11-25 only, `server/discover` is an unknown method
//   supportedVersions named by `server/discover` and -32022 (default ["2026-07-28"], with "2025-11-25" when both)
//   probe             how `server/discover` is answered instead: { "error": {code, message, data} } or
//                     { "result": {…} } (sent as it is)
//   refuseProbes      the first that many probes get -32022 with `supportedVersions`
//   silentOnProbe     `server/discover` and unknown methods are never answered
//   dieOnProbe        exits with code 7 if the first message is not `initialize`
//   lateProbe         the probe is answered right after the answer to `initialize`
//   startDelayMs      nothing is read before
//   startFile         nothing is read before this file exists
//
// Records
//   counterFile       one line is appended per spawn: `started <pid>`; per message received: `received <method>`;
//                     per execution of a tool: the call's `key` argument, or the tool's name; and
//                     `initialize <version>`, `cancelled <id as JSON>` (by a notification that names a request in
//                     flight or a subscription), `aborted <key or name>` (a `slow` call that ended by it),
//                     `violation <method> <id as JSON>: <text>`
//   traceFile         every line received is appended as it is
//
// What it serves
//   tools             names listed, in this order (default: all below but `grown…`)
//   extraTools        descriptions (`{ name, inputSchema, … }`) that are listed after them; they give back their arguments
//   resources         uris (default ["test://one"]); the text is `<uri> read <n>`
//   capabilities, instructions
//   ttlMs, cacheScope hints of all results that carry them (default 0, "private")
//   replyNoise        a line written to stdout before every message
//
// Tools
//   echo              text: `text`, or its name          pid    text: the process's id
//   ask               `rounds` (default 1) of input_required with the key `q<round>`, asking by `method` (default
//                     "elicitation/create"), with requestState `state` plus the round unless `state` is null; with
//                     `onlyState` no inputRequests; the text is the JSON of { inputResponses, requestState } at the end
//   slow              until `releaseFile` exists, or it is cancelled: never answered then
//   crash             exits with code 7
//   progress          `steps` progress notifications, and a log message of `level` if the request asked for that level
//   mirrored          has valid `x-mcp-header` annotations      broken    has an invalid one
//   task              a task; it is completed by the `polls`th tasks/get (default 2); `ask`: asks for input `q` first;
//                     `fail`: ends in an error; `cancel: "ignore"`: tasks/cancel changes nothing
//   change            sends the notification `method` (default tools/list_changed) with `params` to each subscription
//                     granted it, with its id; the text is how many. `untagged`: once, without id
//   grow              adds the tool `name`, then as `change`
//   end               ends all subscriptions by `how`: "result" (default), "cancelled" or "both"
//
// Violations: a faulty envelope, an id used twice, a response, a batch, a line that is no JSON, a method or notification
// that this revision lacks, a cancellation of what was never sent, a retry that is not the one asked for.
import { appendFileSync } from "node:fs";
import { checkEnvelope, checkRetry, REMOVED } from "./stateless/stdio/checks.mjs";
import { listen, subscriptions } from "./stateless/stdio/subscriptions.mjs";
import { serveTask } from "./stateless/stdio/tasks.mjs";
import { callTool, listTools } from "./stateless/stdio/tools.mjs";
import {
  capabilities,
  era,
  isObject,
  metaOf,
  PREFIX,
  record,
  Refusal,
  script,
  SESSION_VERSIONS,
  state,
  supported,
  untilExists,
  VERSION,
  violation,
  write,
} from "./stateless/stdio/wire.mjs";

const CACHED = [
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
];

const SERVER_INFO = { name: "stateless-stdio", version: "1.0.0" };
const uris = script.resources ?? ["test://one"];
const reads = new Map();
const seenIds = new Set();
const inFlight = new Map();
let probesRefused = 0;

async function resultOf(message, entry) {
  const { method, params = {} } = message;
  switch (method) {
    case "tools/list":
      return { tools: listTools() };
    case "tools/call":
      return await callTool(message, entry);
    case "resources/list":
      return { resources: uris.map((uri) => ({ uri, name: uri })) };
    case "resources/templates/list":
      return { resourceTemplates: [] };
    case "resources/read": {
      if (!uris.includes(params.uri)) throw new Refusal(-32602, "Resource not found", params);
      const count = (reads.get(params.uri) ?? 0) + 1;
      reads.set(params.uri, count);
      return { contents: [{ uri: params.uri, text: `${params.uri} read ${count}` }] };
    }
    default:
      throw new Refusal(-32601, `Method not found: ${method}`);
  }
}

function discover() {
  if (probesRefused < (script.refuseProbes ?? 0)) {
    probesRefused += 1;
    throw new Refusal(-32022, "Unsupported protocol version", { supported, requested: VERSION });
  }
  if (script.probe?.error !== undefined) {
    const { code, message, data } = script.probe.error;
    throw new Refusal(code, message ?? "no", data);
  }
  return (
    script.probe?.result ?? {
      supportedVersions: supported,
      capabilities,
      instructions: script.instructions,
      _meta: { [`${PREFIX}serverInfo`]: SERVER_INFO },
    }
  );
}

async function statelessResult(message, entry) {
  const { method } = message;
  checkEnvelope(message);
  checkRetry(message);
  if (method === "server/discover") {
    const result = discover();
    return script.probe?.result === undefined ? complete(method, result) : result;
  }
  if (method.startsWith("tasks/") && !REMOVED.includes(method)) {
    return complete(method, serveTask(message));
  }
  const result = await resultOf(message, entry);
  return result === undefined ? undefined : complete(method, result);
}

function complete(method, result) {
  const hints = { ttlMs: script.ttlMs ?? 0, cacheScope: script.cacheScope ?? "private" };
  return { resultType: "complete", ...(CACHED.includes(method) ? hints : {}), ...result };
}

async function sessionResult(message, entry) {
  const { method, params = {} } = message;
  if (method === "initialize") {
    record(`initialize ${params.protocolVersion}`);
    if (era === "stateless") {
      const requested = params.protocolVersion;
      throw new Refusal(-32022, "Unsupported protocol version", { supported, requested });
    }
    if (!SESSION_VERSIONS.includes(params.protocolVersion)) {
      violation(message, `initialize offers ${params.protocolVersion}`);
    }
    state.isInitialized = true;
    const { extensions: _extensions, ...own } = capabilities;
    return {
      protocolVersion: "2025-11-25",
      capabilities: own,
      serverInfo: SERVER_INFO,
      instructions: script.instructions,
    };
  }
  if (method === "ping" || method.startsWith("logging/")) return {};
  if (method === "resources/subscribe" || method === "resources/unsubscribe") return {};
  if (method === "server/discover" && script.probe !== undefined) return discover();
  const result = await resultOf(message, entry);
  if (result?.resultType !== undefined) throw new Refusal(-32603, "cannot be told in a session");
  return result;
}

/** Whether a request is served without a session. */
function isStateless(message) {
  if (era === "sessions" || message.method === "initialize") return false;
  return (
    era === "stateless" || metaOf(message, "protocolVersion") !== undefined || !state.isInitialized
  );
}

async function request(message) {
  const { id, method } = message;
  const key = JSON.stringify(id);
  if (seenIds.has(key)) violation(message, "the id was used before");
  seenIds.add(key);
  const entry = { isCancelled: false };
  inFlight.set(key, entry);
  const isProbe = method === "server/discover";
  let answer;
  try {
    if (method === "subscriptions/listen" && isStateless(message)) {
      checkEnvelope(message);
      listen(message);
      inFlight.delete(key);
      return;
    }
    const result = await (isStateless(message) ? statelessResult : sessionResult)(message, entry);
    if (result === undefined || entry.isCancelled) return;
    answer = { id, result };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (script.silentOnProbe && error.error.code === -32601) return;
    answer = { id, error: error.error };
  }
  if (isProbe && script.silentOnProbe) return;
  inFlight.delete(key);
  if (isProbe && script.lateProbe) {
    state.lateProbe = answer;
    return;
  }
  write(answer);
  if (method === "initialize" && state.lateProbe !== undefined) write(state.lateProbe);
}

function notification(message) {
  const { method, params = {} } = message;
  if (method === "notifications/cancelled") {
    const key = JSON.stringify(params.requestId);
    const entry = inFlight.get(key);
    if (!seenIds.has(key)) violation(message, `cancels ${key}, which was never sent`);
    const wasSubscribed = subscriptions.delete(params.requestId);
    if (entry !== undefined || wasSubscribed) record(`cancelled ${key}`);
    if (entry !== undefined) entry.isCancelled = true;
    inFlight.delete(key);
  } else if (method === "notifications/initialized" && state.isInitialized) {
    state.hasSession = true;
  } else if (!state.isInitialized && era !== "sessions") {
    violation(message, "is no notification of this revision");
  }
}

function receive(line) {
  if (script.traceFile) appendFileSync(script.traceFile, `${line}\n`);
  let message;
  try {
    message = JSON.parse(line);
  } catch {
    violation({}, `no JSON: ${line.slice(0, 100)}`);
    return;
  }
  if (!isObject(message) || message.jsonrpc !== "2.0") {
    violation({}, "no JSON-RPC object");
    return;
  }
  if (typeof message.method !== "string") {
    if (!state.isInitialized) violation(message, "a response was sent");
    return;
  }
  record(`received ${message.method}`);
  if (state.isFirst && script.dieOnProbe && message.method !== "initialize") process.exit(7);
  state.isFirst = false;
  if (!("id" in message)) notification(message);
  else if (typeof message.id !== "string" && !Number.isSafeInteger(message.id)) {
    violation(message, "the id is no string or integer");
  } else void request(message);
}

function read() {
  let pending = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk) => {
    pending += chunk;
    const lines = pending.split("\n");
    pending = lines.pop();
    for (const line of lines) if (line.trim() !== "") receive(line);
  });
  process.stdin.on("end", () => process.exit(0));
}

record(`started ${process.pid}`);
process.stdout.on("error", () => process.exit(1));
if (script.startDelayMs) {
  await new Promise((resolve) => setTimeout(resolve, script.startDelayMs));
}
if (script.startFile) await untilExists(script.startFile);
read();
