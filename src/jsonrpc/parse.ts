// Text in, messages out, with limits; nothing past this file meets malformed JSON-RPC.
// Hot path: one look at each key of a message that is small, and no walk through it.

import { McpProtocolError } from "../core/errors.ts";
import { flatCopy } from "../core/flat.ts";
import { excerpt } from "../core/redact.ts";
import type { JsonRpcMessage } from "./messages.ts";
import { isMessage, repairBatch, repairMessage } from "./repair.ts";
import type { RepairContext } from "./repair.ts";
import { MAX_DEPTH, MAX_VALUES, shapeFailure } from "./shape.ts";

/** Messages in one array; an array of more is refused. Only 2025-03-26 has them at all. */
export const MAX_BATCH = 1_000;

const BYTE_ORDER_MARKS = /^\uFEFF+/;

/** Why a text is no message. */
export type ParseFailure = "not-json" | "too-deep" | "too-many" | "too-long" | "no-message";

/**
 * Parses one message, or the array that 2025-03-26 allows.
 *
 * @param repairs mends what is not quite a message; without them the text is judged by the letter.
 * @throws {McpProtocolError} if the text is no JSON, no JSON-RPC message, nested deeper than
 *   {@link MAX_DEPTH}, or an array of more than {@link MAX_BATCH}.
 */
export function parseMessage(
  text: string,
  repairs?: RepairContext,
): JsonRpcMessage | JsonRpcMessage[] {
  const message = tryParse(text, repairs);
  if (typeof message === "string") throw parseError(message, text);
  return message;
}

/** As {@link parseMessage}, but says why it failed in a word: an error object for every line of noise is dear. */
export function tryParse(
  text: string,
  repairs?: RepairContext,
): JsonRpcMessage | JsonRpcMessage[] | ParseFailure {
  const failure = shapeFailure(text);
  if (failure !== undefined) return failure;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return repairs === undefined ? "not-json" : withoutMark(text, repairs);
  }
  if (Array.isArray(value)) {
    if (value.length > MAX_BATCH) return "too-long";
    // One that is none must not cost the others of its batch.
    const messages = value.filter(isMessage);
    if (messages.length === value.length && messages.length > 0) return messages;
    const repaired = repairs === undefined ? [] : repairBatch(value, repairs);
    if (repaired.length > 0) return repaired;
    return messages.length > 0 ? messages : "no-message";
  }
  if (isMessage(value)) return value;
  return (repairs === undefined ? undefined : repairMessage(value, repairs)) ?? "no-message";
}

/** The error that {@link parseMessage} throws. */
export function parseError(failure: ParseFailure, text: string): McpProtocolError {
  switch (failure) {
    case "not-json":
      return new McpProtocolError(
        `the server sent something that is not JSON: ${excerpt(text, 200)}`,
        { cause: syntaxErrorOf(text) },
      );
    case "too-deep":
      return new McpProtocolError(`the server sent JSON nested deeper than ${MAX_DEPTH} levels`, {
        code: "LIMIT_EXCEEDED",
      });
    case "too-many":
      return new McpProtocolError(
        `the server sent JSON of more values than can be parsed without delay for others (${MAX_VALUES}); it must send less at once`,
        { code: "LIMIT_EXCEEDED" },
      );
    case "too-long":
      return new McpProtocolError(
        `the server sent more than ${MAX_BATCH} messages in one array; it must send them one by one`,
        { code: "LIMIT_EXCEEDED" },
      );
    case "no-message":
      return new McpProtocolError(
        `the server sent JSON that is no JSON-RPC 2.0 message: ${excerpt(text, 200)}`,
      );
  }
}

function withoutMark(
  text: string,
  repairs: RepairContext,
): JsonRpcMessage | JsonRpcMessage[] | ParseFailure {
  const bare = text.replace(BYTE_ORDER_MARKS, "");
  if (bare === text || repairs.quirks.strict) return "not-json";
  const message = tryParse(bare, repairs);
  if (typeof message !== "string") repairs.quirks.repair("byte-order-mark");
  return message;
}

function syntaxErrorOf(text: string): SyntaxError | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    // V8's own keeps the whole text alive.
    return new SyntaxError(flatCopy((error as SyntaxError).message));
  }
}
