// Text of one message to the sink, and whether it was the awaited response.

import { McpProtocolError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { JsonRpcFailure, JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import { parseError, tryParse, type ParseFailure } from "../../jsonrpc/parse.ts";
import type { Exchange } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "./context.ts";

/** With `strict`: events of one connection that are no messages and are reported one by one; others are only counted. */
const REPORTED_EVENTS = 5;

/** The message in `text`, or the error that names the server. */
export function readMessage(
  context: HttpContext,
  method: string | undefined,
  text: string,
): JsonRpcMessage | JsonRpcMessage[] | McpProtocolError {
  const message = tryParse(text, context.sink.repairs);
  return typeof message === "string" ? messageError(context, method, message, text) : message;
}

function messageError(
  { server, address }: HttpContext,
  method: string | undefined,
  failure: ParseFailure,
  text: string,
): McpProtocolError {
  const cause = parseError(failure, text);
  const code = cause.code === "LIMIT_EXCEEDED" ? "LIMIT_EXCEEDED" : "PROTOCOL_ERROR";
  const message = `"${server}" at ${address}: ${cause.message}`;
  return new McpProtocolError(message, { code, server, method, sent: "yes", cause });
}

/** An event that is no message, and names no call: it is counted, named once, and with `strict` reported as an error. */
export function reportEvent(
  context: HttpContext,
  method: string | undefined,
  failure: ParseFailure,
  text: string,
): void {
  const { quirks, sink } = context;
  if (quirks.repair("bad-event", quirks.has("bad-event") ? undefined : excerpt(text, 100))) return;
  // An error object, with its stack, is dearer than all else that is done for such an event.
  if (context.reportedEvents >= REPORTED_EVENTS) return;
  context.reportedEvents += 1;
  sink.onInvalid(messageError(context, method, failure, text));
}

/** Gives the data of an event to the sink; true if the response to `awaitedId` was in it. */
export function deliverEvent(
  context: HttpContext,
  method: string | undefined,
  text: string,
  exchange?: Exchange,
  awaitedId?: RequestId,
): boolean {
  const message = tryParse(text, context.sink.repairs);
  if (typeof message === "string") {
    if (context.sink.onBroken?.(text) === undefined) reportEvent(context, method, message, text);
    return false;
  }
  context.sink.onMessage(message, exchange);
  return awaitedId !== undefined && holdsResponseTo(message, awaitedId);
}

export function holdsResponseTo(
  message: JsonRpcMessage | JsonRpcMessage[],
  id: RequestId,
): boolean {
  return Array.isArray(message)
    ? message.some((one) => isResponseTo(one, id))
    : isResponseTo(message, id);
}

/** An error without id: the server could not read the request that it answers. */
export function isNamelessFailure(
  message: JsonRpcMessage | JsonRpcMessage[],
): message is JsonRpcFailure {
  return (
    !Array.isArray(message) &&
    "error" in message &&
    (message.id === undefined || message.id === null)
  );
}

function isResponseTo(message: JsonRpcMessage, id: RequestId): boolean {
  return !("method" in message) && message.id === id;
}
