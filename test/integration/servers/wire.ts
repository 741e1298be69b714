// What the toolbox needs of an SDK, whichever generation it is.

export type Params = { readonly [key: string]: unknown };

/** The request that is being answered. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly meta: Params | undefined;
  readonly progressToken: string | number | undefined;
  /** To the client, on the stream of this request where the transport has one. */
  readonly notify: (method: string, params: Params) => Promise<void>;
  /** Asks the client. @throws what it answers, with `code` and `data`; `InputNeeded`, which must be let pass. */
  readonly ask: (method: string, params?: Params) => Promise<Params>;
  /** Least level that the request wants to hear of, `off` for none; absent where the session has one. */
  readonly logLevel?: string | undefined;
  /** Ends this request's SSE stream, the answer to be fetched by resumption; absent where that is not offered. */
  readonly endStream: (() => void) | undefined;
  /** Ends the session's GET stream. */
  readonly endChanges: (() => void) | undefined;
}

/** One session, of one client. */
export interface Wire {
  handle(
    method: string,
    handler: (params: Params, context: CallContext) => object | Promise<object>,
  ): void;
  onNotification(method: string, handler: (params: Params) => void): void;
  /** Unrelated to any request. */
  notify(method: string, params?: Params): Promise<void>;
  ask(method: string, params?: Params): Promise<Params>;
  /** The SDK keeps the subscriptions, and drops changes that nobody asked for. */
  readonly keepsSubscriptions?: boolean;
}

/** An answer that is a JSON-RPC error. */
export class RpcFailure extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** The client is asked by the result of this run of the handler; the next run has its answer. */
export class InputNeeded extends Error {}

/** Notes what a server did; lines such as `echo <key>` or `level debug`. */
export type Record = (line: string) => void;

export const SERVER_INFO = { name: "toolbox", version: "1.0.0" };

export const INSTRUCTIONS = "Ask for anything.";

export const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
};
