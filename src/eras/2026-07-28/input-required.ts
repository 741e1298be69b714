// Input that a server needs before it can answer: asked of the same handlers as in the session era.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { McpInputError, McpProtocolError } from "../../core/errors.ts";
import { isObject } from "../../core/is-object.ts";
import { excerpt } from "../../core/redact.ts";
import { RpcError } from "../../jsonrpc/inbound.ts";
import { INVALID_PARAMS } from "../../jsonrpc/messages.ts";
import { prepareElicitation } from "../elicitation.ts";
import type { Continuation } from "../era.ts";
import { limitHandlers, type ClientHandlers, type HandlerContext } from "../handlers.ts";
import { checkRoots } from "../roots.ts";
import { prepareSampling } from "../sampling.ts";

/** How often one call may be sent back for input; beyond it the call fails. */
export const MAX_ROUNDS = 10;

/** How much may be asked at once; beyond it nobody is asked, and the call fails. */
const MAX_QUESTIONS = 256;

/** Between rounds in which nothing was asked for, milliseconds (7.26). */
export const IDLE_ROUND_MS = 250;

/** The requests that may be answered with a demand for input (7.24). */
const MAY_ASK: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

export interface InputDemand {
  readonly inputRequests: { readonly [key: string]: unknown } | undefined;
  readonly requestState: string | undefined;
}

/** Who asks, for what, and who answers. */
export interface InputContext {
  readonly server: string;
  /** Method of the call that needs the input. */
  readonly method: string;
  readonly handlers: ClientHandlers;
  readonly signal: AbortSignal;
}

/**
 * Reads an `input_required` result.
 *
 * @throws {McpProtocolError} if this request cannot have one, or it has neither of its two fields (7.25).
 */
export function readDemand(server: string, method: string, result: object): InputDemand {
  const { inputRequests, requestState } = result as {
    inputRequests?: unknown;
    requestState?: unknown;
  };
  const fail = (why: string): never => {
    throw new McpProtocolError(`server "${server}" answered ${method} with input_required${why}`, {
      server,
      method,
      sent: "yes",
    });
  };
  if (!MAY_ASK.has(method)) fail(", which this request cannot have");
  if (requestState !== undefined && typeof requestState !== "string") {
    fail(" and a requestState that is no string");
  }
  if (inputRequests !== undefined && !isObject(inputRequests)) {
    fail(" and inputRequests that are no object");
  }
  if (inputRequests === undefined && requestState === undefined) {
    fail(" and neither inputRequests nor requestState");
  }
  return {
    inputRequests: inputRequests as InputDemand["inputRequests"],
    requestState: requestState as string | undefined,
  };
}

/** What the next request carries: the state exactly as it came, and only if it came (7.27). */
export function continuationOf(
  { requestState }: InputDemand,
  inputResponses: { readonly [key: string]: object } | undefined,
): Continuation {
  return {
    ...(inputResponses === undefined ? {} : { inputResponses }),
    ...(requestState === undefined ? {} : { requestState }),
  };
}

/** Asks whoever answers; what is asked has been checked. */
type Ask = (context: HandlerContext) => Promise<object>;

/**
 * Has every request answered, all at the same time, after all were found to be in order; the first that fails ends
 * the others.
 *
 * @throws {McpProtocolError} if the server asks for what was not declared, or malformed: nobody was asked (7.29).
 * @throws {McpInputError} if a handler threw, or a person refused where there is no answer for that (7.30).
 */
export async function answerInputs(
  context: InputContext,
  requests: { readonly [key: string]: unknown },
): Promise<{ [key: string]: object }> {
  const { server, method } = context;
  const count = Object.keys(requests).length;
  if (count > MAX_QUESTIONS) {
    throw new McpProtocolError(
      `server "${server}" asked ${count} things at once during ${method}, more than ${MAX_QUESTIONS}`,
      { code: "LIMIT_EXCEEDED", server, method, sent: "yes" },
    );
  }
  const questions = await Promise.all(
    Object.entries(requests).map(async ([key, request]) => {
      return { key, what: methodOf(request), ask: await prepare(context, request) };
    }),
  );
  // Given up meanwhile: nobody is asked in vain.
  context.signal.throwIfAborted();
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  try {
    const answers = await Promise.all(
      questions.map(async ({ key, what, ask }) => {
        return [key, await answer({ ...context, signal }, what, ask)] as const;
      }),
    );
    return Object.fromEntries(answers);
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

/** The same checks as if it had come by itself. */
async function prepare(context: InputContext, request: unknown): Promise<Ask> {
  const { server, method } = context;
  const handlers = limitHandlers(context.handlers);
  const { params } = (request ?? {}) as { params?: unknown };
  try {
    switch (methodOf(request)) {
      case "elicitation/create":
        return await prepareElicitation(handlers, params);
      case "sampling/createMessage":
        return prepareSampling(handlers, params, true);
      case "roots/list": {
        const { roots } = handlers;
        if (roots !== undefined) return async () => ({ roots: checkRoots(await roots()) });
      }
    }
    throw new RpcError(INVALID_PARAMS, `${methodOf(request)} was not declared`);
  } catch (cause) {
    throw new McpProtocolError(
      `server "${server}" asked for input that it may not ask for, during ${method}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { server, method, sent: "yes", cause },
    );
  }
}

/** One answer, from the same handlers and with the same consent as if the request had come by itself. */
async function answer(
  { server, method, signal }: InputContext,
  what: string,
  ask: Ask,
): Promise<object> {
  try {
    return sendable(await ask({ server, signal, progress: () => {} }));
  } catch (cause) {
    signal.throwIfAborted();
    throw new McpInputError(
      `server "${server}" needs input (${what}) to go on with ${method}, and did not get it: ${cause instanceof Error ? cause.message : String(cause)}`,
      { server, method, sent: "yes", cause },
    );
  }
}

/** @throws {TypeError} unless a handler gave an object that JSON can say. */
function sendable(result: unknown): object {
  if (!isObject(result)) throw new TypeError("the handler must return an object");
  JSON.stringify(result);
  return result as object;
}

function methodOf(request: unknown): string {
  const { method } = (request ?? {}) as { method?: unknown };
  return typeof method === "string" ? excerpt(method, 100) : "something without a method";
}
