// One stdio transport over the scripted server, with everything it reports recorded.

import { EventEmitter, once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { systemClock } from "../../../../src/core/clock.ts";
import type { McpError, McpProtocolError } from "../../../../src/core/errors.ts";
import type { JsonRpcMessage, JsonRpcResponse } from "../../../../src/jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle } from "../../../../src/jsonrpc/transport.ts";
import { createStdioTransport } from "../../../../src/transport/stdio/stdio.ts";
import type {
  StdioTransport,
  StdioTransportOptions,
} from "../../../../src/transport/stdio/stdio.ts";
import { groupMembers } from "../../../support/processes.ts";
import { repairLog } from "../../fakes.ts";

export const SERVER: string = fileURLToPath(
  new URL("../../../support/stdio-server.mjs", import.meta.url),
);

export class Harness {
  readonly transport: StdioTransport;
  readonly messages: (JsonRpcMessage | JsonRpcMessage[])[] = [];
  readonly invalid: McpProtocolError[] = [];
  readonly closed: McpError[] = [];
  readonly #events = new EventEmitter();

  constructor(options: Partial<StdioTransportOptions> = {}) {
    this.transport = createStdioTransport({
      server: "s",
      command: process.execPath,
      args: [],
      env: {},
      cwd: undefined,
      clock: systemClock,
      quirks: repairLog(),
      limits: { messageBytes: 1 << 20, stderrBytes: 4096 },
      timeouts: { closeStepMs: 300 },
      ...options,
    });
    onTestFinished(() => this.transport.close());
  }

  start(signal: AbortSignal = new AbortController().signal): Promise<void> {
    return this.transport.start(
      {
        onMessage: (message) => {
          this.messages.push(message);
          this.#events.emit("change");
        },
        onInvalid: (error) => {
          this.invalid.push(error);
          this.#events.emit("change");
        },
        onClose: (reason) => {
          this.closed.push(reason);
          this.#events.emit("change");
        },
      },
      signal,
    );
  }

  send(message: JsonRpcMessage, exchange: Partial<Exchange> = {}): ExchangeHandle {
    return this.transport.send(message, { onFailed: () => {}, ...exchange });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#events, "change");
  }

  /** Sends a request and waits for its response. */
  async request(id: number, method: string, params: object = {}): Promise<JsonRpcResponse> {
    this.send({ jsonrpc: "2.0", id, method, params });
    return this.response(id);
  }

  async response(id: number): Promise<JsonRpcResponse> {
    const find = (): JsonRpcResponse | undefined =>
      this.messages.flat().find((m): m is JsonRpcResponse => !("method" in m) && m.id === id);
    await this.until(() => find() !== undefined);
    return find() as JsonRpcResponse;
  }

  /** The text of a tool's result. */
  async call(id: number, name: string, args: object = {}): Promise<string> {
    const response = await this.request(id, "tools/call", { name, arguments: args });
    if (!("result" in response)) throw new Error(JSON.stringify(response));
    return (response.result as { content: { text: string }[] }).content[0]?.text ?? "";
  }

  async lost(): Promise<McpError> {
    await this.until(() => this.closed.length > 0);
    return this.closed[0] as McpError;
  }

  get group(): number {
    const { pid } = this.transport;
    if (pid === undefined) throw new Error("not started");
    return pid;
  }

  members(): number[] {
    return groupMembers(this.group);
  }
}

/** The scripted server of `test/support`. */
export function scripted(
  script: object = {},
  options: Partial<StdioTransportOptions> = {},
): Harness {
  return new Harness({ args: [SERVER, JSON.stringify(script)], ...options });
}

/** A few lines of JavaScript as the server. */
export function inline(code: string, options: Partial<StdioTransportOptions> = {}): Harness {
  return new Harness({ args: ["-e", code], ...options });
}
