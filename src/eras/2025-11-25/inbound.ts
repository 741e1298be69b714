// What a session-era server asks and tells, routed to whoever answers.
// https://modelcontextprotocol.io/specification/2025-11-25/client

import { excerpt } from "../../core/redact.ts";
import type { InboundContext, InboundHandlers } from "../../jsonrpc/inbound.ts";
import { RpcError } from "../../jsonrpc/inbound.ts";
import { METHOD_NOT_FOUND } from "../../jsonrpc/messages.ts";
import type { LogMessage } from "../../spec/types.ts";
import { elicit } from "../elicitation.ts";
import type { EraHost } from "../era.ts";
import { limitHandlers } from "../handlers.ts";
import { checkRoots } from "../roots.ts";
import { sample } from "../sampling.ts";

/** The key that ties a message to a task (12.17). */
const RELATED_TASK = "io.modelcontextprotocol/related-task";

/** Longest id of a task that is sent back, characters. */
const MAX_TASK_ID_CHARS = 1_024;

export interface SessionInbound extends InboundHandlers {
  /** Called with the id of each URL elicitation that the server reports as complete (7.22). */
  onElicitationComplete: (elicitationId: string) => void;
}

/**
 * @param contentArrays whether the negotiated revision allows several blocks in a sampling result;
 *   asked at the time of use, because requests may arrive before the revision is known.
 */
export function createInbound(host: EraHost, contentArrays: () => boolean): SessionInbound {
  const { events, server } = host;
  const handlers = limitHandlers(host.handlers);

  function answer(
    method: string,
    params: object | undefined,
    inbound: InboundContext,
  ): Promise<object> {
    const context = { server, signal: inbound.signal, progress: inbound.progress };
    switch (method) {
      case "ping":
        return Promise.resolve({});
      case "elicitation/create":
        if (handlers.elicitForm === undefined && handlers.elicitUrl === undefined) break;
        return elicit(handlers, params, context);
      case "sampling/createMessage":
        if (handlers.sample === undefined) break;
        return sample(handlers, params, context, contentArrays());
      case "roots/list":
        if (handlers.roots === undefined) break;
        return Promise.resolve(handlers.roots()).then((roots) => ({ roots: checkRoots(roots) }));
    }
    throw new RpcError(METHOD_NOT_FOUND, `this client does not offer ${excerpt(method, 100)}`);
  }

  const inbound: SessionInbound = {
    onElicitationComplete: () => {},

    async onRequest(method, params, context) {
      const result = await answer(method, params, context);
      const task = relatedTaskOf(params);
      if (task === undefined) return result;
      return { ...result, _meta: { ...metaOf(result), [RELATED_TASK]: task } };
    },

    onNotification(method, params = {}) {
      switch (method) {
        case "notifications/tools/list_changed":
          return events.onListChanged("tools");
        case "notifications/resources/list_changed":
          return events.onListChanged("resources");
        case "notifications/prompts/list_changed":
          return events.onListChanged("prompts");
        case "notifications/resources/updated": {
          const { uri } = params as { uri?: unknown };
          if (typeof uri === "string") events.onResourceUpdated(uri, params);
          return;
        }
        case "notifications/message":
          return events.onLog(params as LogMessage);
        case "notifications/elicitation/complete": {
          const { elicitationId } = params as { elicitationId?: unknown };
          if (typeof elicitationId === "string") inbound.onElicitationComplete(elicitationId);
          return;
        }
      }
      // Unknown notifications, and task status, on which nobody may rely (12.19), are not ours to judge.
    },
  };
  return inbound;
}

/** What goes back to the server as it came must not be long: the answers to many requests may wait to be read. */
function relatedTaskOf(params: object | undefined): { taskId: string } | undefined {
  const { taskId } = (metaOf(params)?.[RELATED_TASK] ?? {}) as { taskId?: unknown };
  return typeof taskId === "string" && taskId.length <= MAX_TASK_ID_CHARS ? { taskId } : undefined;
}

function metaOf(value: object | undefined): { [key: string]: unknown } | undefined {
  return (value as { _meta?: { [key: string]: unknown } } | undefined)?._meta;
}
