// The toolbox on the official SDK, version 2, in either era. https://github.com/modelcontextprotocol/typescript-sdk

import { LOG_LEVEL_META_KEY, Server } from "@modelcontextprotocol/server";
import type { ServerContext } from "@modelcontextprotocol/server";
import { Asking } from "./asking.ts";
import type { Memory } from "./toolbox-tools.ts";
import { installToolbox } from "./toolbox.ts";
import { CAPABILITIES, INSTRUCTIONS, InputNeeded, SERVER_INFO } from "./wire.ts";
import type { CallContext, Params, Record } from "./wire.ts";

export interface V2Options {
  /** Whether a message belongs on the stream of its request: with JSON replies there is none. */
  readonly related: boolean;
  /**
   * `push` (default) asks the client by a request, as the session era does; `result` by a result, which the SDK
   * turns into requests in the session era.
   */
  readonly asks?: "push" | "result";
  /** Present in the stateless era. */
  readonly stateless?: {
    /** Where the SDK makes an instance for each request: what outlives it. */
    readonly memory: Memory;
    /** Where an instance's own notifications reach nobody: tells those who listen. */
    readonly publish?: (method: string, params: Params | undefined) => void;
  };
}

export function createV2Server(record: Record, options: V2Options): Server {
  const { related, asks = "push", stateless } = options;
  const server = new Server(SERVER_INFO, {
    capabilities: CAPABILITIES,
    instructions: INSTRUCTIONS,
  });
  const notify = async (method: string, params?: Params): Promise<void> =>
    stateless?.publish === undefined
      ? server.notification({ method, params } as never)
      : stateless.publish(method, params);
  const push = (method: string, params?: Params): Promise<Params> =>
    server.request({ method, params } as never);
  const contextOf = ({ mcpReq, http }: ServerContext, asking: Asking): CallContext => ({
    signal: mcpReq.signal,
    meta: mcpReq._meta,
    progressToken: mcpReq._meta?.progressToken,
    notify: related ? (method, params) => mcpReq.notify({ method, params }) : notify,
    ask(method, params): Promise<Params> {
      if (asks === "result") return asking.ask(method, params);
      return related ? mcpReq.send({ method, params } as never) : push(method, params);
    },
    logLevel: stateless && levelOf(mcpReq.envelope),
    endStream: http?.closeSSE,
    endChanges: http?.closeStandaloneSSE,
  });
  installToolbox(
    {
      handle: (method, handler) =>
        server.setRequestHandler(
          method as "tools/call",
          async (request: { params?: Params }, context: ServerContext) => {
            const asking = new Asking(context.mcpReq);
            try {
              return (await handler(request.params ?? {}, contextOf(context, asking))) as never;
            } catch (error) {
              if (error instanceof InputNeeded) return asking.result() as never;
              throw error;
            }
          },
        ),
      onNotification: (method, handler) =>
        server.setNotificationHandler(method as "notifications/initialized", (notification) =>
          handler(notification.params ?? {}),
        ),
      notify,
      ask: push,
      keepsSubscriptions: stateless !== undefined,
    },
    record,
    stateless?.memory,
  );
  return server;
}

function levelOf(envelope: Params | undefined): string {
  const level = envelope?.[LOG_LEVEL_META_KEY];
  return typeof level === "string" ? level : "off";
}
