// The one tool that the benchmark servers offer, and the raw servers' answers in both eras: as little work as
// possible, and the same in both but for what the revision demands.

const STATELESS_VERSION = "2026-07-28";
const META = "io.modelcontextprotocol/";

const SERVER_INFO = { name: "bench", version: "1.0.0" };
const CAPABILITIES = { tools: {} };

export const DESCRIPTION = "Gives a text of a fixed size.";

const TOOL = {
  name: "echo",
  description: DESCRIPTION,
  inputSchema: {
    type: "object",
    properties: { text: { type: "string" }, count: { type: "integer" } },
    required: ["text"],
  },
};
export const CONTENT = [
  { type: "text", text: "All work and no play makes a dull benchmark. ".repeat(5) },
];

/** Demanded of every result of the stateless era, and of those that may be kept. */
const COMPLETE = { resultType: "complete" };
const CACHEABLE = { ...COMPLETE, ttlMs: 60_000, cacheScope: "public" };

const CALLED = { content: CONTENT };
const CALLED_STATELESS = { ...COMPLETE, ...CALLED };
const TOOLS = { tools: [TOOL] };
const TOOLS_STATELESS = { ...CACHEABLE, ...TOOLS };

/** Whether a request is of the stateless era: it says so itself. */
export function isStateless({ params }) {
  return params?._meta?.[`${META}protocolVersion`] !== undefined;
}

/** Whether a request opens a stream that is answered with {@link acknowledgement} and stays open. */
export function opensStream({ method }) {
  return method === "subscriptions/listen";
}

/** The result of a request, or `undefined` for a method that its era does not have. */
export function resultOf(message) {
  const { method, params } = message;
  return isStateless(message) ? statelessResultOf(method) : sessionResultOf(method, params);
}

function sessionResultOf(method, params) {
  switch (method) {
    case "tools/call":
      return CALLED;
    case "tools/list":
      return TOOLS;
    case "ping":
      return {};
    case "initialize": {
      const { protocolVersion } = params;
      return { protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO };
    }
  }
}

function statelessResultOf(method) {
  switch (method) {
    case "tools/call":
      return CALLED_STATELESS;
    case "tools/list":
      return TOOLS_STATELESS;
    case "server/discover":
      return {
        ...CACHEABLE,
        supportedVersions: [STATELESS_VERSION],
        capabilities: CAPABILITIES,
        _meta: { [`${META}serverInfo`]: SERVER_INFO },
      };
  }
}

/** The response as JSON text. */
export function responseTo({ id, method }, result) {
  if (result !== undefined) return JSON.stringify({ jsonrpc: "2.0", id, result });
  const error = { code: -32601, message: `no method ${method}` };
  return JSON.stringify({ jsonrpc: "2.0", id, error });
}

/** The first message on a stream of changes, as JSON text: nothing here ever changes. */
export function acknowledgement({ id }) {
  return JSON.stringify({
    jsonrpc: "2.0",
    method: "notifications/subscriptions/acknowledged",
    params: { _meta: { [`${META}subscriptionId`]: id }, notifications: {} },
  });
}
