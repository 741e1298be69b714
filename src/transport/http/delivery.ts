// Text of one message to the sink, and whether it was the awaited response.

import { McpProtocolError } from "../../core/errors.ts";
import type { JsonRpcFailure, JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import { parseMessage } from "../../jsonrpc/parse.ts";
import type { Exchange } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "./context.ts";

/** The message in `text`, or the error that names the server. */
export function readMessage(
  context: HttpContext,
  method: string | undefined,
  text: string,
): JsonRpcMessage | JsonRpcMessage[] | McpProtocolError {
  try {
    return parseMessage(text, context.sink.repairs);
  } catch (cause) {
    if (!(cause instanceof McpProtocolError)) throw cause;
    return new McpProtocolError(`"${context.server}" at ${context.address}: ${cause.message}`, {
      code: cause.code === "LIMIT_EXCEEDED" ? "LIMIT_EXCEEDED" : "PROTOCOL_ERROR",
      server: context.server,
      method,
      sent: "yes",
      cause,
    });
  }
}

/** Gives the data of an event to the sink; true if the response to `awaitedId` was in it. */
export function deliverEvent(
  context: HttpContext,
  method: string | undefined,
  text: string,
  exchange?: Exchange,
  awaitedId?: RequestId,
): boolean {
  const message = readMessage(context, method, text);
  if (message instanceof McpProtocolError) {
    if (context.sink.onBroken?.(text) === undefined) context.sink.onInvalid(message);
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
