// The floor: for each server three requests on undici's bare dispatch, JSON.parse, and what the answers say kept.

import { Agent } from "undici";
import type { Dispatcher } from "undici";
import { CLIENT_INFO, SESSION_VERSION } from "../../contenders/contender.ts";
import { inLanes } from "./fleet-client.ts";
import type { ConnectFleet } from "./fleet-client.ts";

const HEADERS = [
  ["content-type", "application/json"],
  ["accept", "application/json, text/event-stream"],
].flat();

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: SESSION_VERSION, capabilities: {}, clientInfo: CLIENT_INFO },
});
const INITIALIZED = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });

interface Listing {
  readonly tools: readonly object[];
  readonly nextCursor?: string;
}

interface Server {
  readonly origin: string;
  readonly path: string;
  readonly headers: string[];
  readonly initialized: object;
  readonly tools: readonly object[];
}

export const connectFloor: ConnectFleet = async (urls) => {
  // One after the other to each server: a socket each.
  const agent = new Agent({ connections: 1, headersTimeout: 0, bodyTimeout: 0 });
  const servers = await inLanes(urls, (url) => connect(agent, url));
  return {
    countTools: () => servers.reduce((sum, { tools }) => sum + tools.length, 0),
    async close() {
      await inLanes(servers, ({ origin, path, headers }) =>
        send(agent, { origin, path, method: "DELETE", headers }),
      );
      await agent.close();
    },
  };
};

async function connect(agent: Agent, url: string): Promise<Server> {
  const { origin, pathname: path } = new URL(url);
  const post = (body: string, headers: string[]): Promise<Answer> =>
    send(agent, { origin, path, method: "POST", headers, body });
  const answer = await post(INITIALIZE, HEADERS);
  const headers = [
    ...HEADERS,
    ...["mcp-protocol-version", SESSION_VERSION],
    ...["mcp-session-id", String(answer.sessionId)],
  ];
  await post(INITIALIZED, headers);
  const tools: object[] = [];
  for (let id = 2, cursor: string | undefined; ; id++) {
    const params = cursor === undefined ? {} : { cursor };
    const request = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params });
    const page = resultOf(await post(request, headers)) as Listing;
    tools.push(...page.tools);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return { origin, path, headers, initialized: resultOf(answer), tools };
}

interface Answer {
  readonly body: string;
  readonly sessionId: string | string[] | undefined;
}

function resultOf({ body }: Answer): object {
  return (JSON.parse(body) as { result: object }).result;
}

function send(agent: Agent, request: Dispatcher.DispatchOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sessionId: Answer["sessionId"];
    agent.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        if (status >= 300) throw new Error(`HTTP ${status}`);
        sessionId = headers["mcp-session-id"];
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        resolve({ body: Buffer.concat(chunks).toString("utf8"), sessionId });
      },
      onResponseError(_controller, error) {
        reject(error);
      },
    });
  });
}
