// Many small servers of the session era in one process, an origin each, with tools of their own. Arguments: the
// number of the first one, and how many there are. Reports their ports to the parent process, tells it what was asked
// of them since it last wanted to know, and ends with it.

import { once } from "node:events";
import { createServer } from "node:http";
import { toolsOf } from "./fleet-tools.mjs";

const CAPABILITIES = { tools: {} };
const JSON_HEAD = { "content-type": "application/json" };

const NOTHING = { sockets: 0, sessions: 0, lists: 0, ended: 0 };
const asked = { ...NOTHING };

class Server {
  #name;
  #tools;
  #sessions = new Set();

  constructor(number) {
    this.#name = `server-${number}`;
    this.#tools = JSON.stringify({ tools: toolsOf(number) });
  }

  async listen() {
    const server = createServer((request, response) => this.#onRequest(request, response));
    // A client that waits for its turn keeps its sockets.
    server.keepAliveTimeout = 600_000;
    server.on("connection", () => (asked.sockets += 1));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server.address().port;
  }

  #onRequest(request, response) {
    const { method, headers } = request;
    if (method === "DELETE") {
      if (this.#sessions.delete(headers["mcp-session-id"])) asked.ended += 1;
      response.writeHead(200).end();
      return;
    }
    if (method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => this.#onMessage(response, JSON.parse(body), headers));
  }

  #onMessage(response, { id, method, params }, headers) {
    if (method === "initialize") {
      this.#initialize(response, id, params);
    } else if (!this.#sessions.has(headers["mcp-session-id"])) {
      response.writeHead(404).end();
    } else if (id === undefined) {
      response.writeHead(202).end();
    } else if (method === "tools/list") {
      asked.lists += 1;
      answer(response, `"id":${JSON.stringify(id)},"result":${this.#tools}`);
    } else {
      answer(
        response,
        `"id":${JSON.stringify(id)},"error":{"code":-32601,"message":"no such method"}`,
      );
    }
  }

  #initialize(response, id, { protocolVersion }) {
    asked.sessions += 1;
    const session = `${this.#name}-${asked.sessions}`;
    this.#sessions.add(session);
    response.setHeader("mcp-session-id", session);
    const serverInfo = { name: this.#name, version: "1.0.0" };
    const result = { protocolVersion, capabilities: CAPABILITIES, serverInfo };
    answer(response, `"id":${JSON.stringify(id)},"result":${JSON.stringify(result)}`);
  }
}

function answer(response, members) {
  response.writeHead(200, JSON_HEAD).end(`{"jsonrpc":"2.0",${members}}`);
}

const [first, count] = process.argv.slice(2).map(Number);
const ports = [];
for (let number = first; number < first + count; number++) {
  ports.push(await new Server(number).listen());
}
process.send({ ports });
process.on("message", () => {
  process.send({ ...asked });
  Object.assign(asked, NOTHING);
});
process.on("disconnect", () => process.exit());
