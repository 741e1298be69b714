// The toolbox on the official SDK, version 2, in the session era. https://github.com/modelcontextprotocol/typescript-sdk

import { Server } from "@modelcontextprotocol/server";
import type { ServerContext } from "@modelcontextprotocol/server";
import { installToolbox } from "./toolbox.ts";
import { CAPABILITIES, INSTRUCTIONS, SERVER_INFO } from "./wire.ts";
import type { CallContext, Params, Record } from "./wire.ts";

/** @param related whether a message belongs on the stream of its request: with JSON replies there is none. */
export function createV2Server(record: Record, related: boolean): Server {
  const server = new Server(SERVER_INFO, {
    capabilities: CAPABILITIES,
    instructions: INSTRUCTIONS,
  });
  const notify = (method: string, params?: Params): Promise<void> =>
    server.notification({ method, params } as never);
  const ask = (method: string, params?: Params): Promise<Params> =>
    server.request({ method, params } as never);
  const contextOf = ({ mcpReq, http }: ServerContext): CallContext => ({
    signal: mcpReq.signal,
    meta: mcpReq._meta,
    progressToken: mcpReq._meta?.progressToken,
    notify: related ? (method, params) => mcpReq.notify({ method, params }) : notify,
    ask: related
      ? (method, params): Promise<Params> => mcpReq.send({ method, params } as never)
      : ask,
    endStream: http?.closeSSE,
    endChanges: http?.closeStandaloneSSE,
  });
  installToolbox(
    {
      handle: (method, handler) =>
        server.setRequestHandler(
          method as "tools/call",
          (request: { params?: Params }, context: ServerContext) =>
            handler(request.params ?? {}, contextOf(context)) as never,
        ),
      onNotification: (method, handler) =>
        server.setNotificationHandler(method as "notifications/initialized", (notification) =>
          handler(notification.params ?? {}),
        ),
      notify,
      ask,
    },
    record,
  );
  return server;
}
