// HTTP hosts of the SDK, version 2, that serve the stateless era, alone or beside sessions.

import type { IncomingMessage, ServerResponse } from "node:http";
import { createMcpHandler, isLegacyRequest } from "@modelcontextprotocol/server";
import { toNodeHandler, toWebRequest } from "@modelcontextprotocol/node";
import type { NodeIncomingMessageLike } from "@modelcontextprotocol/node";
import { createSessions, startHost } from "./http.ts";
import type { HttpHost } from "./http.ts";
import { createMemory } from "./toolbox.ts";
import { createV2Server } from "./v2.ts";
import type { Params, Record } from "./wire.ts";

export interface StatelessHostOptions {
  /**
   * `none`: the session era is refused. `sessions`: it is served beside. `sessionless`: each of its requests
   * is served by itself, without a session, which is what the SDK does unless told otherwise.
   */
  readonly besides: "none" | "sessions" | "sessionless";
  /** JSON replies become SSE where a notification comes before the answer. */
  readonly replies: "json" | "sse";
  readonly record: Record;
}

type Posted =
  | {
      readonly id?: unknown;
      readonly method: string;
      readonly params?: { readonly notifications?: { readonly resourceSubscriptions?: string[] } };
    }
  | undefined;

export function startStatelessHost(options: StatelessHostOptions): Promise<HttpHost> {
  const { besides, replies, record } = options;
  const memory = createMemory();
  const publish = (method: string, params?: Params): void => {
    if (method === "notifications/tools/list_changed") handler.notify.toolsChanged();
    if (method === "notifications/prompts/list_changed") handler.notify.promptsChanged();
    if (method === "notifications/resources/list_changed") handler.notify.resourcesChanged();
    if (method === "notifications/resources/updated")
      handler.notify.resourceUpdated(String(params?.["uri"]));
  };
  const handler = createMcpHandler(
    ({ era }) =>
      createV2Server(record, {
        related: true,
        asks: "result",
        ...(era === "modern" ? { stateless: { memory, publish } } : {}),
      }),
    {
      legacy: besides === "sessionless" ? "stateless" : "reject",
      responseMode: replies === "sse" ? "sse" : "auto",
    },
  );
  const stateless = toNodeHandler(handler);
  // Without a stream of the request's own the SDK cannot turn a result that asks into requests.
  const asks = replies === "sse" ? "result" : "push";
  const sessions = createSessions({ generation: "v2", replies, record, asks });

  async function route(message: IncomingMessage, res: ServerResponse): Promise<void> {
    // Node's own class does not fit the SDK's picture of it under exactOptionalPropertyTypes.
    const request = await toWebRequest(message as NodeIncomingMessageLike);
    const isLegacy = besides === "sessions" && (await isLegacyRequest(request));
    const body = (request.method === "POST" ? await request.json() : undefined) as Posted;
    if (isLegacy) return sessions.handle(message, res, body);
    recordUnseen(body, res);
    return stateless(message as NodeIncomingMessageLike, res, body);
  }

  /** What the SDK takes care of before any handler sees it. */
  function recordUnseen(body: Posted, res: ServerResponse): void {
    if (body !== undefined && body.id === undefined) record(`notified of ${body.method}`);
    if (body?.method !== "subscriptions/listen") return;
    const { resourceSubscriptions = [], ...lists } = body.params?.notifications ?? {};
    const asked = [...Object.keys(lists), ...resourceSubscriptions].toSorted().join(" ");
    record(`listen for ${asked}`);
    res.once("close", () => record(`listened for ${asked}`));
  }

  return startHost(sessions.open, "/mcp", route, () => handler.close());
}
