// Text in, messages out, with limits; nothing past this file meets malformed JSON-RPC.
// Hot path: one look at each key of a message that is small, and no walk through it.

import { McpProtocolError } from "../core/errors.ts";
import { isObject } from "../core/is-object.ts";
import { excerpt } from "../core/redact.ts";
import type { JsonRpcMessage } from "./messages.ts";

/** How deep one message may nest, in arrays and objects. Beyond it the message is refused. */
export const MAX_DEPTH = 512;

/** Below this many characters a message cannot be nested too deep. */
const DEPTH_CHECK_CHARS = MAX_DEPTH * 2;

/** Up to this many, looking for brackets in the text is less work than a walk through what it says. */
const BRACKET_CHECK_CHARS = 65_536;

/**
 * Parses one message, or the array that 2025-03-26 allows.
 *
 * @throws {McpProtocolError} if the text is no JSON, no JSON-RPC message, or nested deeper than {@link MAX_DEPTH}.
 */
export function parseMessage(text: string): JsonRpcMessage | JsonRpcMessage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new McpProtocolError(
      `the server sent something that is not JSON: ${excerpt(text, 200)}`,
      {
        cause,
      },
    );
  }
  if (mayBeDeep(text) && isDeeperThan(value, MAX_DEPTH)) {
    throw new McpProtocolError(`the server sent JSON nested deeper than ${MAX_DEPTH} levels`, {
      code: "LIMIT_EXCEEDED",
    });
  }
  if (Array.isArray(value)) {
    // One that is none must not cost the others of its batch.
    const messages = value.filter(isMessage);
    if (messages.length > 0) return messages;
  } else if (isMessage(value)) return value;
  throw new McpProtocolError(
    `the server sent JSON that is no JSON-RPC 2.0 message: ${excerpt(text, 200)}`,
  );
}

/** Whether a value is one JSON-RPC 2.0 message. */
export function isMessage(value: unknown): value is JsonRpcMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const message = value as {
    jsonrpc?: unknown;
    id?: unknown;
    method?: unknown;
    params?: unknown;
    result?: unknown;
    error?: unknown;
  };
  if (message.jsonrpc !== "2.0") return false;
  const { id } = message;
  if (message.method !== undefined) {
    return (
      typeof message.method === "string" &&
      (id === undefined ? !("id" in message) : isId(id)) &&
      (message.params === undefined || isObject(message.params))
    );
  }
  if (message.error !== undefined) {
    return (
      message.result === undefined &&
      (id === undefined || id === null || isId(id)) &&
      isErrorObject(message.error)
    );
  }
  return isId(id) && isObject(message.result);
}

function isId(id: unknown): boolean {
  return typeof id === "string" || Number.isInteger(id);
}

function isErrorObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { code, message } = value as { code?: unknown; message?: unknown };
  return Number.isInteger(code) && (message === undefined || typeof message === "string");
}

/** No deeper than there are brackets, those in strings included. */
function mayBeDeep(text: string): boolean {
  if (text.length < DEPTH_CHECK_CHARS) return false;
  if (text.length > BRACKET_CHECK_CHARS) return true;
  let count = 0;
  for (const bracket of ["{", "["]) {
    let at = text.indexOf(bracket);
    while (at !== -1) {
      if (++count > MAX_DEPTH) return true;
      at = text.indexOf(bracket, at + 1);
    }
  }
  return false;
}

/** Walks without recursion, so that what it looks for cannot overflow its own stack. */
function isDeeperThan(root: unknown, limit: number): boolean {
  if (typeof root !== "object" || root === null) return false;
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limit) return true;
    const next: object[] = [];
    for (const node of level) {
      for (const child of Array.isArray(node) ? node : Object.values(node)) {
        if (typeof child === "object" && child !== null) next.push(child as object);
      }
    }
    level = next;
  }
  return false;
}
