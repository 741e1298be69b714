// Text in, messages out, with limits; nothing past this file meets malformed JSON-RPC.
// Hot path: one look at each key of a message that is small, and no walk through it.

import { McpProtocolError } from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";
import type { JsonRpcMessage } from "./messages.ts";
import { isMessage, repairBatch, repairMessage } from "./repair.ts";
import type { RepairContext } from "./repair.ts";

/** How deep one message may nest, in arrays and objects. Beyond it the message is refused. */
export const MAX_DEPTH = 512;

/** Below this many characters a message cannot be nested too deep. */
const DEPTH_CHECK_CHARS = MAX_DEPTH * 2;

/** Up to this many, looking for brackets in the text is less work than a walk through what it says. */
const BRACKET_CHECK_CHARS = 65_536;

const BYTE_ORDER_MARKS = /^\uFEFF+/;

/** Why a text is no message. */
export type ParseFailure = "not-json" | "too-deep" | "no-message";

/**
 * Parses one message, or the array that 2025-03-26 allows.
 *
 * @param repairs mends what is not quite a message; without them the text is judged by the letter.
 * @throws {McpProtocolError} if the text is no JSON, no JSON-RPC message, or nested deeper than {@link MAX_DEPTH}.
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return repairs === undefined ? "not-json" : withoutMark(text, repairs);
  }
  if (mayBeDeep(text) && isDeeperThan(value, MAX_DEPTH)) return "too-deep";
  if (Array.isArray(value)) {
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

function syntaxErrorOf(text: string): unknown {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error;
  }
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
