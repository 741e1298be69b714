// What handlers of the scripted stateless server see of a request, and what they may send before its answer.

import { capabilitiesOf, isObject, LOG_LEVELS, META, metaOf, paramsOf } from "./protocol.ts";
import type { Reply } from "./reply.ts";
import type { TaskTable } from "./tasks.ts";
import type { HandlerContext, StatelessRequest } from "./types.ts";

export function handlerContext(
  request: StatelessRequest,
  reply: Reply,
  tasks: TaskTable,
): HandlerContext {
  const { body, era } = request;
  const params = paramsOf(body);
  const meta = metaOf(body);
  const { inputResponses, requestState } = params;
  const notify = (message: object): void => reply.send({ jsonrpc: "2.0", ...message });
  return {
    ...request,
    id: body?.id ?? "",
    params,
    meta,
    clientCapabilities: capabilitiesOf(body),
    inputResponses: isObject(inputResponses) ? inputResponses : undefined,
    requestState: typeof requestState === "string" ? requestState : undefined,
    signal: reply.signal,
    tasks,
    progress: (progress, total, message) => {
      const progressToken = meta["progressToken"];
      if (progressToken === undefined) return;
      const report = {
        progressToken,
        progress,
        ...(total === undefined ? {} : { total }),
        ...(message === undefined ? {} : { message }),
      };
      notify({ method: "notifications/progress", params: report });
    },
    log: (level, data, logger) => {
      const wanted = era === "session" ? "debug" : meta[META.logLevel];
      if (typeof wanted !== "string") return;
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(wanted)) return;
      const entry = { level, data, ...(logger === undefined ? {} : { logger }) };
      notify({ method: "notifications/message", params: entry });
    },
    notify,
    openStream: () => reply.openStream(),
    cut: () => reply.cut("head"),
  };
}
