// What the soak's servers say, whatever carries it: written from the specification, without dependencies.

const META = "io.modelcontextprotocol/";
export const STATELESS = "2026-07-28";

const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { listChanged: true },
  prompts: { listChanged: true },
  completions: {},
};

/** The soak's own part of a request: `{ key, fates, delayMs }`, or undefined. */
export function orderOf(message) {
  return message.params?._meta?.soak;
}

export function isStateless(message) {
  return message.params?._meta?.[`${META}protocolVersion`] !== undefined;
}

export function resultMessage(id, result) {
  return { jsonrpc: "2.0", id, result };
}

export function errorMessage(id, code, message, data) {
  return {
    jsonrpc: "2.0",
    id,
    error: { code, message, ...(data === undefined ? {} : { data }) },
  };
}

export function supportedBy(era) {
  if (era === "stateless") return [STATELESS];
  return era === "both" ? [STATELESS, "2025-11-25"] : ["2025-11-25"];
}

/** Says that a server of the stateless era alone knows no sessions. */
export function noSessions(message) {
  return errorMessage(message.id, -32022, "Unsupported protocol version", {
    supported: [STATELESS],
    requested: message.params?.protocolVersion,
  });
}

export function listChanged(subscriptionId) {
  const params =
    subscriptionId === undefined
      ? {}
      : { params: { _meta: { [`${META}subscriptionId`]: subscriptionId } } };
  return { jsonrpc: "2.0", method: "notifications/tools/list_changed", ...params };
}

export function acknowledged(message) {
  const asked = message.params?.notifications ?? {};
  const { toolsListChanged, promptsListChanged, resourcesListChanged } = asked;
  return {
    jsonrpc: "2.0",
    method: "notifications/subscriptions/acknowledged",
    params: {
      notifications: { toolsListChanged, promptsListChanged, resourcesListChanged },
      _meta: { [`${META}subscriptionId`]: message.id },
    },
  };
}

export function progress(message, step) {
  const progressToken = message.params?._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  return {
    jsonrpc: "2.0",
    method: "notifications/progress",
    params: { progressToken, progress: step, total: 3 },
  };
}

/** The answer to a request in good order. `version`: how often the tools have changed. */
export function answerTo(message, { name, era, version }) {
  const { id, method, params = {} } = message;
  const serverInfo = { name, version: "1.0.0" };
  const stateless = isStateless(message);
  const complete = (result) =>
    resultMessage(id, stateless ? { resultType: "complete", ...result } : result);
  const cacheable = (result) =>
    complete(stateless ? { ttlMs: 0, cacheScope: "private", ...result } : result);
  switch (method) {
    case "initialize":
      return resultMessage(id, {
        protocolVersion: params.protocolVersion,
        capabilities: CAPABILITIES,
        serverInfo,
      });
    case "ping":
      return complete({});
    case "server/discover":
      if (!stateless || era === "sessions") break;
      return cacheable({
        supportedVersions: supportedBy(era),
        capabilities: CAPABILITIES,
        _meta: { [`${META}serverInfo`]: serverInfo },
      });
    case "tools/list":
      return cacheable({ tools: toolsOf(version), _meta: { key: orderOf(message)?.key } });
    case "tools/call":
      return complete({ content: [{ type: "text", text: String(params.arguments?.key) }] });
    case "resources/list":
      return cacheable({ resources: [] });
    case "resources/read":
      return cacheable({ contents: [{ uri: params.uri, text: params.uri.split("/").at(-1) }] });
    case "prompts/list":
      return cacheable({ prompts: [{ name: "ask" }] });
    case "prompts/get":
      return complete({
        messages: [
          { role: "user", content: { type: "text", text: String(params.arguments?.key) } },
        ],
      });
    case "completion/complete":
      return complete({ completion: { values: [String(params.argument?.value)] } });
  }
  return errorMessage(id, -32601, `Method not found: ${method}`);
}

function toolsOf(version) {
  const inputSchema = { type: "object", properties: { key: { type: "string" } } };
  return [
    { name: "act", description: "changes something", inputSchema },
    { name: "look", inputSchema, annotations: { readOnlyHint: true } },
    { name: "put", inputSchema, annotations: { idempotentHint: true } },
    { name: "changing", description: `version ${version}`, inputSchema },
  ];
}
