// What a stateless server tells: notifications on the stream of a request or a subscription. It asks nothing (1.12).
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns

import type { InboundHandlers } from "../../jsonrpc/inbound.ts";
import type { RequestId } from "../../jsonrpc/messages.ts";
import type { LogMessage } from "../../spec/types.ts";
import type { EraHost, ListKind } from "../era.ts";
import type { ChangeSubscription } from "./changes.ts";

const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

const LISTS: { readonly [method: string]: ListKind } = {
  "notifications/tools/list_changed": "tools",
  "notifications/resources/list_changed": "resources",
  "notifications/prompts/list_changed": "prompts",
};

export function createInbound(
  { events }: Pick<EraHost, "events">,
  changes: ChangeSubscription,
): InboundHandlers {
  let hasWarned = false;

  /** Whether it came for one of our subscriptions: by its tag, or, untagged, by the stream it came on (8.32). */
  function isOurs(method: string, params: object, streamId: RequestId | undefined): boolean {
    const tag = (params as { _meta?: { [key: string]: unknown } })._meta?.[SUBSCRIPTION_ID];
    if (changes.has(tag === undefined ? streamId : tag)) {
      changes.onHeard();
      return true;
    }
    if (!hasWarned) events.onWarning(`${method} came for no subscription: ignored`);
    hasWarned = true;
    return false;
  }

  return {
    onRequest: () => undefined,

    onNotification(method, params = {}, streamId) {
      const kind = Object.hasOwn(LISTS, method) ? LISTS[method] : undefined;
      if (kind !== undefined) {
        if (isOurs(method, params, streamId)) events.onListChanged(kind);
        return;
      }
      switch (method) {
        case "notifications/resources/updated": {
          const { uri } = params as { uri?: unknown };
          if (typeof uri === "string" && isOurs(method, params, streamId)) {
            events.onResourceUpdated(uri, params);
          }
          return;
        }
        case "notifications/subscriptions/acknowledged": {
          const { notifications, _meta } = params as {
            notifications?: object;
            _meta?: { [key: string]: unknown };
          };
          return changes.onAcknowledged(_meta?.[SUBSCRIPTION_ID] ?? streamId, notifications ?? {});
        }
        case "notifications/cancelled":
          // Valid for a subscription only, and ends it (6.8).
          return changes.onCancelled((params as { requestId?: unknown }).requestId);
        case "notifications/message":
          // Logs belong to a request, never to a subscription (8.33).
          if (streamId === undefined || !changes.has(streamId)) events.onLog(params as LogMessage);
          return;
      }
    },
  };
}
