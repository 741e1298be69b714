// The open `subscriptions/listen` requests of the scripted stateless server.

import { isObject, META, TASKS_EXTENSION } from "./protocol.ts";
import type { JsonObject, RpcId } from "./protocol.ts";
import type { Reply } from "./reply.ts";
import type { ListenFilter } from "./types.ts";

export interface Notification {
  readonly method: string;
  readonly params?: JsonObject;
}

/**
 * `graceful`: the result, then the end of the stream. `abrupt`: the socket is destroyed. `silent`: the stream ends in
 * good order, without a result. `cancelled`: `notifications/cancelled` for its id, then the end without a result.
 */
export type SubscriptionEnding = "graceful" | "abrupt" | "silent" | "cancelled";

export class TestSubscription {
  /** Id of the listen request, and of the subscription. */
  readonly id: RpcId;
  readonly requested: ListenFilter;
  /** As acknowledged; empty before. */
  granted: ListenFilter = {};
  /** Notifications sent on it, the acknowledgement left out. */
  readonly sent: Notification[] = [];
  /** How it ended; undefined while it is open. */
  ended: SubscriptionEnding | "closed by the client" | undefined;
  readonly #reply: Reply;

  constructor(id: RpcId, requested: ListenFilter, reply: Reply, ended: () => void) {
    this.id = id;
    this.requested = requested;
    this.#reply = reply;
    reply.onEnd((how) => {
      this.ended ??= how === "closed by the client" ? how : "abrupt";
      ended();
    });
  }

  get isOpen(): boolean {
    return this.ended === undefined;
  }

  acknowledge(granted: ListenFilter): void {
    this.granted = granted;
    const method = "notifications/subscriptions/acknowledged";
    this.#write({ method, params: { notifications: granted } });
  }

  /** Whether it was granted what the notification is about. */
  wants({ method, params = {} }: Notification): boolean {
    const { granted } = this;
    switch (method) {
      case "notifications/tools/list_changed":
        return granted.toolsListChanged === true;
      case "notifications/prompts/list_changed":
        return granted.promptsListChanged === true;
      case "notifications/resources/list_changed":
        return granted.resourcesListChanged === true;
      case "notifications/resources/updated":
        return (granted.resourceSubscriptions ?? []).some((uri) => covers(uri, params["uri"]));
      case "notifications/tasks":
        return granted.taskIds?.includes(String(params["taskId"])) ?? false;
      default:
        return false;
    }
  }

  /** Sends it with this subscription's id, wanted or not. */
  push(notification: Notification): void {
    this.sent.push(notification);
    this.#write(notification);
  }

  /** Sends a message just as it is: without the id, or something that does not belong here. */
  pushRaw(message: object): void {
    this.#reply.send(message);
  }

  keepAlive(): void {
    this.#reply.comment("keep-alive");
  }

  end(how: SubscriptionEnding): void {
    if (!this.isOpen) return;
    this.ended = how;
    const meta = { _meta: { [META.subscription]: this.id } };
    if (how === "abrupt") this.#reply.cut("head");
    else if (how === "graceful") {
      this.#reply.finish(
        { jsonrpc: "2.0", id: this.id, result: { resultType: "complete", ...meta } },
        true,
      );
    } else {
      if (how === "cancelled") {
        this.#write({ method: "notifications/cancelled", params: { requestId: this.id } });
      }
      this.#reply.openStream();
      this.#reply.end();
    }
  }

  #write({ method, params = {} }: Notification): void {
    const own = params["_meta"];
    const _meta = {
      ...(own === undefined ? {} : (own as JsonObject)),
      [META.subscription]: this.id,
    };
    this.#reply.send({ jsonrpc: "2.0", method, params: { ...params, _meta } });
  }
}

/** An update may name a part of what was subscribed to. */
export function covers(subscribed: string, uri: unknown): boolean {
  return uri === subscribed || String(uri).startsWith(`${subscribed.replace(/\/$/, "")}/`);
}

/** The part of a filter that these capabilities offer. */
export function offered(requested: ListenFilter, capabilities: JsonObject): ListenFilter {
  const has = (name: string, flag: string): boolean => {
    const own = capabilities[name] as JsonObject | undefined;
    return own?.[flag] === true;
  };
  const { extensions } = capabilities;
  const granted: ListenFilter = {};
  if (requested.toolsListChanged === true && has("tools", "listChanged")) {
    granted.toolsListChanged = true;
  }
  if (requested.promptsListChanged === true && has("prompts", "listChanged")) {
    granted.promptsListChanged = true;
  }
  if (requested.resourcesListChanged === true && has("resources", "listChanged")) {
    granted.resourcesListChanged = true;
  }
  if (requested.resourceSubscriptions !== undefined && has("resources", "subscribe")) {
    granted.resourceSubscriptions = requested.resourceSubscriptions;
  }
  if (requested.taskIds !== undefined && isObject(extensions) && TASKS_EXTENSION in extensions)
    granted.taskIds = requested.taskIds;
  return granted;
}
