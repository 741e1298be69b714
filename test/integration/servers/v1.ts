// The toolbox on the official SDK, version 1. https://github.com/modelcontextprotocol/typescript-sdk

import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  InitializedNotificationSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  ResultSchema,
  RootsListChangedNotificationSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { installToolbox } from "./toolbox.ts";
import { CAPABILITIES, INSTRUCTIONS, SERVER_INFO } from "./wire.ts";
import type { CallContext, Params, Record } from "./wire.ts";

const REQUESTS: { readonly [method: string]: object } = {
  "tools/list": ListToolsRequestSchema,
  "tools/call": CallToolRequestSchema,
  "resources/list": ListResourcesRequestSchema,
  "resources/templates/list": ListResourceTemplatesRequestSchema,
  "resources/read": ReadResourceRequestSchema,
  "resources/subscribe": SubscribeRequestSchema,
  "resources/unsubscribe": UnsubscribeRequestSchema,
  "prompts/list": ListPromptsRequestSchema,
  "prompts/get": GetPromptRequestSchema,
  "completion/complete": CompleteRequestSchema,
  "logging/setLevel": SetLevelRequestSchema,
};

const NOTIFICATIONS: { readonly [method: string]: object } = {
  "notifications/initialized": InitializedNotificationSchema,
  "notifications/roots/list_changed": RootsListChangedNotificationSchema,
};

/** The part of `RequestHandlerExtra` that is used here. */
interface Extra {
  readonly signal: AbortSignal;
  readonly _meta?: { progressToken?: string | number; [key: string]: unknown };
  readonly closeSSEStream?: () => void;
  readonly closeStandaloneSSEStream?: () => void;
  sendNotification(notification: object): Promise<void>;
  sendRequest(request: object, schema: typeof ResultSchema): Promise<Params>;
}

/** @param related whether a message belongs on the stream of its request: with JSON replies there is none. */
export function createV1Server(record: Record, related: boolean): Server {
  const server = new Server(SERVER_INFO, {
    capabilities: CAPABILITIES,
    instructions: INSTRUCTIONS,
  });
  const notify = (method: string, params?: Params): Promise<void> =>
    server.notification({ method, params } as never);
  const ask = async (method: string, params?: Params): Promise<Params> =>
    server.request({ method, params } as never, ResultSchema);
  const contextOf = (extra: Extra): CallContext => ({
    signal: extra.signal,
    meta: extra._meta,
    progressToken: extra._meta?.progressToken,
    notify: related ? (method, params) => extra.sendNotification({ method, params }) : notify,
    ask: related ? (method, params) => extra.sendRequest({ method, params }, ResultSchema) : ask,
    endStream: extra.closeSSEStream,
    endChanges: extra.closeStandaloneSSEStream,
  });
  installToolbox(
    {
      handle: (method, handler) =>
        server.setRequestHandler(
          REQUESTS[method] as never,
          ((request: { params?: Params }, extra: Extra) =>
            handler(request.params ?? {}, contextOf(extra))) as never,
        ),
      onNotification: (method, handler) =>
        server.setNotificationHandler(
          NOTIFICATIONS[method] as never,
          ((notification: { params?: Params }) => handler(notification.params ?? {})) as never,
        ),
      notify,
      ask,
    },
    record,
  );
  return server;
}
