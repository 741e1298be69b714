// Input that a server needs before it can answer: asked of the same handlers as in the session era.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { McpInputError, McpProtocolError } from "../../core/errors.ts";
import { RpcError } from "../../jsonrpc/inbound.ts";
import { INVALID_PARAMS } from "../../jsonrpc/messages.ts";
import { elicit } from "../elicitation.ts";
import type { Continuation } from "../era.ts";
import type { ClientHandlers, HandlerContext } from "../handlers.ts";
import { checkRoots } from "../roots.ts";
import { sample } from "../sampling.ts";

/** How often one call may be sent back for input; beyond it the call fails. */
export const MAX_ROUNDS = 10;

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

/**
 * Has every request answered, all at the same time; the first that fails ends the others.
 *
 * @throws {McpProtocolError} if the server asks for what was not declared, or malformed (7.29).
 * @throws {McpInputError} if a handler threw, or a person refused where there is no answer for that (7.30).
 */
export async function answerInputs(
  context: InputContext,
  requests: { readonly [key: string]: unknown },
): Promise<{ [key: string]: object }> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  try {
    const answers = await Promise.all(
      Object.entries(requests).map(async ([key, request]) => {
        return [key, await answer({ ...context, signal }, request)] as const;
      }),
    );
    return Object.fromEntries(answers);
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

async function answer(context: InputContext, request: unknown): Promise<object> {
  const { server, method } = context;
  const asked = (request ?? {}) as { method?: unknown; params?: unknown };
  const what = typeof asked.method === "string" ? asked.method : "something without a method";
  try {
    return await ask(context, what, asked.params);
  } catch (cause) {
    context.signal.throwIfAborted();
    // Its parameters are the server's fault, and so is what was not declared.
    if (cause instanceof RpcError && cause.code === INVALID_PARAMS) {
      throw new McpProtocolError(
        `server "${server}" asked for input that it may not ask for, during ${method}: ${cause.message}`,
        { server, method, sent: "yes", cause },
      );
    }
    throw new McpInputError(
      `server "${server}" needs input (${what}) to go on with ${method}, and did not get it: ${cause instanceof Error ? cause.message : String(cause)}`,
      { server, method, sent: "yes", cause },
    );
  }
}

/** One request, as if it had come by itself: the same checks, the same handlers, the same consent. */
async function ask(context: InputContext, method: string, params: unknown): Promise<object> {
  const { handlers, server, signal } = context;
  const handler: HandlerContext = { server, signal, progress: () => {} };
  switch (method) {
    case "elicitation/create":
      return elicit(handlers, params, handler);
    case "sampling/createMessage":
      return sample(handlers, params, handler, true);
    case "roots/list":
      if (handlers.roots === undefined) break;
      return { roots: checkRoots(await handlers.roots()) };
  }
  throw new RpcError(INVALID_PARAMS, `${method} was not declared`);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
