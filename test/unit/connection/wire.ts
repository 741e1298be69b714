// A wire of the test's own under the real HTTP transport: an undici dispatcher that answers by script, in either era.

import type { Dispatcher } from "undici";
import { initializeResult } from "../fakes.ts";

interface Rpc {
  readonly id?: number | string;
  readonly method: string;
}

/** One HTTP request on the wire, and what the test makes of it. */
export class WireRequest {
  readonly verb: string;
  readonly rpc: Rpc | undefined;
  isAborted = false;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #controller: Dispatcher.DispatchController;

  constructor(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
    this.verb = options.method;
    this.rpc = typeof options.body === "string" ? (JSON.parse(options.body) as Rpc) : undefined;
    this.#handler = handler;
    this.#controller = {
      aborted: false,
      paused: false,
      reason: null,
      abort: () => (this.isAborted = true),
      pause: () => {},
      resume: () => {},
    };
  }

  /** It is written. */
  start(): this {
    this.#handler.onRequestStart?.(this.#controller, {});
    return this;
  }

  head(status: number, headers: Record<string, string> = {}): this {
    this.#handler.onResponseStart?.(this.#controller, status, headers);
    return this;
  }

  data(text: string): this {
    this.#handler.onResponseData?.(this.#controller, Buffer.from(text));
    return this;
  }

  end(): void {
    this.#handler.onResponseEnd?.(this.#controller, {});
  }

  fail(code: string, syscall?: string): void {
    const error = Object.assign(new Error(code), { code, syscall });
    this.#handler.onResponseError?.(this.#controller, error);
  }

  status(status: number, headers: Record<string, string> = {}, body?: object): void {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    this.start().head(status, { ...headers, ...type });
    this.data(body === undefined ? "" : JSON.stringify(body)).end();
  }

  rpcError(status: number, code: number, data?: object): void {
    const error = { code, message: "no", ...(data === undefined ? {} : { data }) };
    this.status(status, {}, { jsonrpc: "2.0", id: this.rpc?.id, error });
  }

  result(result: object, headers: Record<string, string> = {}): void {
    this.status(200, headers, { jsonrpc: "2.0", id: this.rpc?.id, result });
  }

  stream(text: string): this {
    return this.start().head(200, { "content-type": "text/event-stream" }).data(text);
  }
}

export type Fault = (request: WireRequest, wire: Wire) => void;

/** Of a tool and of a resource. */
export const RESULT = { content: [], contents: [] } as const;

/** A server that answers everything, but for `fault`, which befalls the first request of `victim`. */
export class Wire {
  readonly requests: WireRequest[] = [];
  /** What becomes of a GET. */
  onGet: Fault = (request) => request.status(405);
  /** What becomes of a ping, of either era, until the next `initialize`. */
  onPing: Fault | undefined;
  readonly #victim: string;
  readonly #fault: Fault;

  constructor(victim: string, fault: Fault) {
    this.#victim = victim;
    this.#fault = fault;
  }

  /** What was handed over of the call, whether or not it was written. */
  get attempts(): WireRequest[] {
    return this.of(this.#victim);
  }

  of(method: string): WireRequest[] {
    return this.requests.filter(({ rpc }) => rpc?.method === method);
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const request = new WireRequest(options, handler);
    this.requests.push(request);
    queueMicrotask(() => this.#answer(request));
    return true;
  }

  #answer(request: WireRequest): void {
    const { rpc, verb } = request;
    if (verb === "GET") return this.onGet(request, this);
    if (verb === "DELETE") return request.status(204);
    if (rpc?.id === undefined) return request.status(202);
    const isPing = rpc.method === "ping" || rpc.method === "server/discover";
    if (isPing && this.onPing !== undefined) return this.onPing(request, this);
    switch (rpc.method) {
      case "initialize":
        this.onPing = undefined;
        return request.result(initializeResult({}), { "mcp-session-id": `s${Math.random()}` });
      case "server/discover":
        return request.result({
          resultType: "complete",
          supportedVersions: ["2026-07-28"],
          capabilities: {},
          serverInfo: { name: "fake", version: "1" },
          ttlMs: 0,
          cacheScope: "private",
        });
      case "tools/list":
        return request.result({ tools: [{ name: "t", inputSchema: { type: "object" } }] });
      case this.#victim:
        if (this.attempts.length === 1) return this.#fault(request, this);
    }
    request.result(RESULT);
  }
}
