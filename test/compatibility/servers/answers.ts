// Ways to answer over HTTP that differ from the ordinary in one thing.

import type {
  RequestContext,
  TestHttpServer,
  TestHttpServerOptions,
  TestTool,
} from "../../support/http-server.ts";
import { json, sseEvent } from "../../support/http-server.ts";
import type { Trial } from "../trial.ts";

export type Answer = (context: RequestContext) => void;
type OnRequest = NonNullable<TestHttpServerOptions["onRequest"]>;
export type Message = Record<string, unknown>;

/** Plain text, or HTML, with a status. */
export function text(status: number, words: string, headers: Record<string, string> = {}): Answer {
  return ({ res }) => {
    const type = words.startsWith("<") ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
    res.writeHead(status, { "content-type": type, ...headers }).end(words);
  };
}

export function empty(status: number, headers: Record<string, string> = {}): Answer {
  return ({ res }) => {
    res.writeHead(status, headers).end();
  };
}

/** A JSON body. */
export function body(status: number, value: object, headers: Record<string, string> = {}): Answer {
  return ({ res }) => json(res, status, value, headers);
}

/** An error of JSON-RPC; `id` is the request's own by default. */
export function rpcFailure(
  status: number,
  code: number,
  message: string,
  { id, replies = "json" }: { id?: string | number | null; replies?: "json" | "sse" } = {},
): Answer {
  return (context) => {
    const own = context.body?.id ?? null;
    const failure = { jsonrpc: "2.0", id: id === undefined ? own : id, error: { code, message } };
    if (replies === "json") json(context.res, status, failure);
    else {
      context.res.writeHead(status, { "content-type": "text/event-stream" });
      context.res.end(sseEvent(failure));
    }
  };
}

export const silence: Answer = () => {};

/** Answers requests of a method, whatever the session. */
export function on(method: string, answer: Answer): OnRequest {
  return (context) => {
    if (context.body?.method !== method && context.method !== method) return false;
    answer(context);
    return true;
  };
}

/** A request that names a session which the server does not know. */
export function isStranger(context: RequestContext): boolean {
  const session = context.headers["mcp-session-id"];
  return session !== undefined && !context.server.sessions.has(String(session));
}

/** Answers requests whose session the server does not know. */
export function onStranger(answer: Answer): OnRequest {
  return (context) => {
    if (!isStranger(context)) return false;
    answer(context);
    return true;
  };
}

/** A server with the tool echo. */
export function server(
  trial: Trial,
  options: Omit<TestHttpServerOptions, "tools"> = {},
  tools: Readonly<Record<string, TestTool>> = { echo: {} },
): Promise<TestHttpServer> {
  return trial.http(tools, options);
}

/** Each answer changed before it is written: as JSON, or as one event. */
export function rewriting(
  change: (message: Message, context: RequestContext) => Message,
  replies: "json" | "sse" = "json",
): Pick<TestHttpServerOptions, "writeAnswer"> {
  return {
    writeAnswer(context, answer, headers) {
      writeAs(replies, context, change(answer as Message, context), headers);
    },
  };
}

/** The results of one method changed. */
export function resultsOf(
  method: string,
  change: (result: Message, context: RequestContext) => unknown,
): Pick<TestHttpServerOptions, "writeAnswer"> {
  return rewriting((message, context) =>
    context.body?.method === method && message["result"] !== undefined
      ? { ...message, result: change(message["result"] as Message, context) }
      : message,
  );
}

export function writeAs(
  replies: "json" | "sse",
  { res }: RequestContext,
  message: object,
  headers: Record<string, string> = {},
): void {
  if (replies === "json") json(res, 200, message, headers);
  else
    res.writeHead(200, { ...headers, "content-type": "text/event-stream" }).end(sseEvent(message));
}
