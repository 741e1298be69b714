// What a server may ask of this client, the same in both eras, and the capabilities that follow from it.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation

import { RpcError } from "../jsonrpc/inbound.ts";
import { INTERNAL_ERROR } from "../jsonrpc/messages.ts";
import type {
  ClientCapabilities,
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ElicitUrlParams,
  Progress,
  Root,
} from "../spec/types.ts";

/** Who asks, and until when. */
export interface HandlerContext {
  /** Name of the asking server in the pool: show it to the person who answers. */
  readonly server: string;
  /** Aborted when the server takes its request back, or its connection ends. */
  readonly signal: AbortSignal;
  /** Tells the server how far the handler is, if it asked for that. */
  readonly progress: (progress: Progress) => void;
}

/** The handlers that are installed; what is absent is not declared, and refused when asked. */
export interface ClientHandlers {
  readonly elicitForm?:
    | ((params: ElicitFormParams, context: HandlerContext) => ElicitResult | Promise<ElicitResult>)
    | undefined;
  readonly elicitUrl?:
    | ((params: ElicitUrlParams, context: HandlerContext) => ElicitResult | Promise<ElicitResult>)
    | undefined;
  readonly sample?:
    | ((
        params: CreateMessageParams,
        context: HandlerContext,
      ) => CreateMessageResult | Promise<CreateMessageResult>)
    | undefined;
  /** Whether `sample` understands `tools`, and `includeContext`. */
  readonly sampling: { readonly tools: boolean; readonly context: boolean };
  readonly roots?: (() => readonly Root[] | Promise<readonly Root[]>) | undefined;
}

/**
 * A capability is declared if, and only if, its handler is installed (checklist 7.2).
 *
 * @param roots what to say of roots, where there are any
 */
export function clientCapabilities(
  handlers: ClientHandlers,
  roots: NonNullable<ClientCapabilities["roots"]>,
): ClientCapabilities {
  const capabilities: ClientCapabilities = {};
  if (handlers.roots !== undefined) capabilities.roots = roots;
  if (handlers.sample !== undefined) {
    capabilities.sampling = {
      ...(handlers.sampling.tools ? { tools: {} } : {}),
      ...(handlers.sampling.context ? { context: {} } : {}),
    };
  }
  if (handlers.elicitUrl !== undefined) {
    capabilities.elicitation = {
      ...(handlers.elicitForm === undefined ? {} : { form: {} }),
      url: {},
    };
  } else if (handlers.elicitForm !== undefined) {
    // `{}` means form only, and is the one spelling that every revision understands.
    capabilities.elicitation = {};
  }
  return capabilities;
}

/**
 * How many handlers of each kind run at once for one server, over all its connections. A handler whose request was taken
 * back counts until it ends: only its end gives back what it holds.
 */
export const MAX_RUNNING = 256;

const limitedOf: WeakMap<ClientHandlers, ClientHandlers> = new WeakMap();

/**
 * The same handlers, of which no more than {@link MAX_RUNNING} of a kind run at once.
 *
 * Those of one server are limited together: the same handlers give the same limited ones.
 *
 * @throws {RpcError} from a handler, `-32603`, where too many run
 */
export function limitHandlers(handlers: ClientHandlers): ClientHandlers {
  const known = limitedOf.get(handlers);
  if (known !== undefined) return known;
  const { elicitForm, elicitUrl, sample, roots, sampling } = handlers;
  const limited: ClientHandlers = {
    elicitForm: elicitForm && limit(elicitForm),
    elicitUrl: elicitUrl && limit(elicitUrl),
    sample: sample && limit(sample),
    roots: roots && limit(roots),
    sampling,
  };
  limitedOf.set(handlers, limited);
  return limited;
}

function limit<Args extends unknown[], Result>(
  handler: (...args: Args) => Result | Promise<Result>,
): (...args: Args) => Promise<Result> {
  let running = 0;
  return async (...args) => {
    if (running >= MAX_RUNNING) {
      throw new RpcError(INTERNAL_ERROR, "too many requests to this client at once");
    }
    running += 1;
    try {
      return await handler(...args);
    } finally {
      running -= 1;
    }
  };
}
