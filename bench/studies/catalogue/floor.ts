// The floor of routing: every tool in one Map, every server's waiting calls in another, and nothing else. What a call
// costs more among many servers than with one is here the memory's doing: caches, and pages that are looked up.

import type * as Package from "../../../src/index.ts";
import type { DuplexTransport, JsonRpcMessage, Tool } from "../../../src/index.ts";
import type { ScriptedServer } from "./scripted.ts";

interface Route {
  readonly server: FloorServer;
  readonly tool: Tool;
}

export class Floor {
  readonly #routes: ReadonlyMap<string, Route>;

  private constructor(routes: ReadonlyMap<string, Route>) {
    this.#routes = routes;
  }

  static async connect(
    servers: readonly { readonly server: ScriptedServer; readonly transport: DuplexTransport }[],
  ): Promise<Floor> {
    const routes = new Map<string, Route>();
    for (const { server: scripted, transport } of servers) {
      const server = await FloorServer.connect(transport);
      const { tools } = (await server.ask("tools/list", {})) as { tools: Tool[] };
      for (const tool of tools) routes.set(`${scripted.name}__${tool.name}`, { server, tool });
    }
    return new Floor(routes);
  }

  get names(): string[] {
    return [...this.#routes.keys()];
  }

  call(name: string, args: object): Promise<unknown> {
    const route = this.#routes.get(name);
    if (route === undefined) return Promise.reject(new Error(`no tool ${name}`));
    return route.server.ask("tools/call", { name: route.tool.name, arguments: args });
  }
}

class FloorServer {
  readonly #transport: DuplexTransport;
  readonly #waiting: Map<unknown, (result: object) => void> = new Map();
  #nextId = 1;

  private constructor(transport: DuplexTransport) {
    this.#transport = transport;
  }

  static async connect(transport: DuplexTransport): Promise<FloorServer> {
    const server = new FloorServer(transport);
    const sink: Package.TransportSink = {
      onMessage: (message) => server.#receive(message as JsonRpcMessage),
      onInvalid() {},
      onClose() {},
    };
    await transport.start(sink, new AbortController().signal);
    return server;
  }

  ask(method: string, params: object): Promise<unknown> {
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#waiting.set(id, resolve);
      this.#transport.send({ jsonrpc: "2.0", id, method, params }, { onFailed() {} });
    });
  }

  #receive(message: JsonRpcMessage): void {
    if (!("result" in message)) return;
    this.#waiting.get(message.id)?.(message.result);
    this.#waiting.delete(message.id);
  }
}
