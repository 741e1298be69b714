// What the user puts around every request: approval, timing, redaction. With none installed it costs nothing.

import { untilAborted, withEither } from "../core/abort.ts";
import { McpConfigError, McpError } from "../core/errors.ts";
import { isObject } from "../core/is-object.ts";
import type { Sent } from "../core/errors.ts";
import type { JsonObject, Tool } from "../spec/types.ts";
import type { CallOptions } from "./call.ts";

/** A request on its way to a server, before it is decided when and how often it is sent. */
export interface PoolRequest {
  /** Name in the pool. */
  readonly server: string;
  /** JSON-RPC method, for example `tools/call`. */
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** The server's own definition of the tool that is called by its name in the pool. */
  readonly tool: Readonly<Tool> | undefined;
  readonly options: CallOptions;
}

/** Sends the request, or what you made of it: `params` and `options` may be others. */
export type InterceptorNext = (request: PoolRequest) => Promise<JsonObject>;

/**
 * Runs around a request. It may change what `next` sends, and what it gives back; wait; throw; or answer itself
 * without `next`. Each `next` is a call of its own: calling it twice may run a tool twice.
 */
export type Interceptor = (
  request: PoolRequest,
  next: InterceptorNext,
) => JsonObject | Promise<JsonObject>;

export class Interceptors {
  #chain: readonly { readonly intercept: Interceptor }[] = [];

  get isEmpty(): boolean {
    return this.#chain.length === 0;
  }

  /** The first one added is the outermost. Returns the function that removes it. */
  add(intercept: Interceptor): () => void {
    const link = { intercept };
    this.#chain = [...this.#chain, link];
    return () => {
      this.#chain = this.#chain.filter((one) => one !== link);
    };
  }

  /**
   * Runs the chain as it is now around `send`. An abort, and the end of the connection, end it at once.
   *
   * @param onChanged called (for an answer that may be kept) if what is sent, or what comes out, is not what it would be without interceptors
   */
  async run(
    request: PoolRequest,
    send: (request: PoolRequest) => Promise<object>,
    onChanged: (() => void) | undefined,
    closed: AbortSignal,
  ): Promise<object> {
    const chain = this.#chain;
    // An answer that may be kept is looked at: what was changed in place is changed, too.
    const isCacheable = onChanged !== undefined;
    let text: string | undefined;
    let sent: Sent = "no";
    let answer: object | undefined;
    const { signal } = request.options;
    const step = (at: number): InterceptorNext => {
      const next: InterceptorNext = async (given) => {
        checkRequest(given, request);
        const link = chain[at];
        if (link !== undefined)
          return checkResult(await link.intercept(given, step(at + 1)), given);
        if (given !== request) onChanged?.();
        // Its caller was told that it is over, whatever the options are by now.
        signal?.throwIfAborted();
        // An id is never used twice (1.3).
        const options = sent === "no" ? given.options : { ...given.options, requestId: undefined };
        sent = "unknown";
        answer = await send({ ...given, options });
        sent = "yes";
        if (isCacheable) text = JSON.stringify(answer);
        return answer as JsonObject;
      };
      return (given) => {
        const result = next(given);
        // Whoever does not wait for it has no use for its failure either.
        result.catch(() => {});
        return result;
      };
    };
    const result = await withEither([signal, closed], (either) => {
      either.throwIfAborted();
      return untilAborted(either, step(0)(request));
    }).catch((error: unknown) => {
      const isEnded = closed.aborted && error === closed.reason && error instanceof McpError;
      throw isEnded ? error.forCall(request.method, sent) : error;
    });
    if (isCacheable && (result !== answer || JSON.stringify(result) !== text)) onChanged?.();
    return result;
  }
}

function checkRequest(given: unknown, { server, method }: PoolRequest): void {
  const isRequest = isObject(given) && given["server"] === server && given["method"] === method;
  const isWhole =
    isRequest &&
    isObject(given["options"]) &&
    (given["params"] === undefined || isObject(given["params"]));
  if (isWhole) return;
  throw new McpConfigError(
    `an interceptor called next() with ${isRequest ? "params or options that are no objects" : isObject(given) ? "another server or method" : "no request"}: give it the request, or { ...request, params }`,
    { server, method, path: "use" },
  );
}

function checkResult(result: unknown, { server, method }: PoolRequest): JsonObject {
  if (isObject(result)) return result;
  throw new McpConfigError(
    `an interceptor gave ${result === undefined ? "nothing" : `a ${typeof result}`} as the result of ${method}: return await next(request), or a result object`,
    { server, method, path: "use" },
  );
}
