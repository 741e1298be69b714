// Repairs of messages that are not quite JSON-RPC 2.0: pure functions over what was parsed, or over its text.
// Never on the hot path: they run after a message was found wanting. https://www.jsonrpc.org/specification

import { isObject } from "../core/is-object.ts";
import { excerpt } from "../core/redact.ts";
import { INTERNAL_ERROR, isErrorObject, isId } from "./messages.ts";
import type { JsonRpcErrorObject, JsonRpcMessage, RequestId } from "./messages.ts";
import type { QuirkCode } from "./quirk-table.ts";
import type { Quirks } from "./quirks.ts";

/** What a repair has to know. */
export interface RepairContext {
  readonly quirks: Quirks;
  /** Whether a call waits for an answer with this id, also where the id has become a string. */
  isAwaiting(id: RequestId): boolean;
}

/** Stands in a response in place of a result that is no object: the response still names its call. */
export class UnusableResult {
  /** The response as it came, cut for a message. */
  readonly shown: string;

  constructor(shown: string) {
    this.shown = shown;
  }
}

/** Results without content. Any answer to these requests, even `null`, says all that there is to say. */
const EMPTY_RESULTS: ReadonlySet<string> = new Set([
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
]);

/** Whether the result of this method is an empty object. */
export function hasEmptyResult(method: string): boolean {
  return EMPTY_RESULTS.has(method);
}

/** Servers ask these themselves, and may write an empty result in the question. */
const SERVER_REQUESTS: ReadonlySet<string> = new Set([
  "ping",
  "roots/list",
  "sampling/createMessage",
  "elicitation/create",
]);

/** A response has these members and no others: log lines in JSON have more. */
const RESPONSE_MEMBERS: ReadonlySet<string> = new Set([
  "jsonrpc",
  "id",
  "method",
  "params",
  "result",
  "error",
]);

const EXCERPT_CHARS = 200;

type Parsed = { readonly [member: string]: unknown };

/** What a value that was not parsed from text is: a message, a batch, or nothing that can be used. */
export function messageIn(
  value: unknown,
  context: RepairContext | undefined,
): JsonRpcMessage | JsonRpcMessage[] | undefined {
  if (isMessage(value)) return value;
  if (!Array.isArray(value)) return context && repairMessage(value, context);
  const messages = context === undefined ? [] : repairBatch(value, context);
  return messages.length > 0 ? messages : undefined;
}

/** One message made of a value that is none; undefined if its meaning is open. Counts what it repairs. */
export function repairMessage(value: unknown, context: RepairContext): JsonRpcMessage | undefined {
  if (context.quirks.strict || !isObject(value)) return undefined;
  const found: QuirkCode[] = [];
  const message = isAnswer(value, context)
    ? repairResponse(value, found, context)
    : repairCall(value, found);
  if (message !== undefined) for (const code of found) context.quirks.repair(code);
  return message;
}

/** Takes arrays inside an array of messages apart, and repairs its members; what is no message is left out. */
export function repairBatch(values: readonly unknown[], context: RepairContext): JsonRpcMessage[] {
  if (context.quirks.strict) return [];
  const members = values.flat(Infinity);
  const messages: JsonRpcMessage[] = [];
  for (const member of members) {
    const message = isMessage(member) ? member : repairMessage(member, context);
    if (message !== undefined) messages.push(message);
  }
  const isNested = members.length !== values.length || values.some(Array.isArray);
  if (isNested && messages.length > 0) context.quirks.repair("nested-batch");
  return messages;
}

/** The number that a string of decimal digits stands for, written as JSON writes it. */
export function decimalOf(id: unknown): number | undefined {
  if (typeof id !== "string") return undefined;
  const number = Number(id);
  return Number.isSafeInteger(number) && String(number) === id ? number : undefined;
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
      message.method !== "" &&
      isAbsent(message.result) &&
      isAbsent(message.error) &&
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

/** Some servers write one structure for all messages, or the request with its result: the method tells nothing then. */
function isAnswer(value: Parsed, context: RepairContext): boolean {
  const { method, id, result, error } = value;
  if (method === undefined) return true;
  if (isAbsent(method)) return "result" in value || "error" in value;
  if (typeof method !== "string" || SERVER_REQUESTS.has(method)) return false;
  const hasOutcome = !isAbsent(result) || !isAbsent(error);
  return hasOutcome && isId(id) && context.isAwaiting(id);
}

/** A request or notification. */
function repairCall(value: Parsed, found: QuirkCode[]): JsonRpcMessage | undefined {
  const { result: _result, error: _error, ...message }: { [member: string]: unknown } = value;
  if (message["id"] === null) {
    found.push("null-id");
    delete message["id"];
  }
  if ("params" in message && isNothing(message["params"])) {
    found.push("empty-params");
    delete message["params"];
  }
  return isMessage(message) ? message : undefined;
}

/** What serialisers write for parameters that are not there. */
function isNothing(params: unknown): boolean {
  return params === null || params === "" || (Array.isArray(params) && params.length === 0);
}

function repairResponse(
  value: Parsed,
  found: QuirkCode[],
  context: RepairContext,
): JsonRpcMessage | undefined {
  const { id } = value;
  if (value["method"] !== undefined) found.push("method-beside-answer");
  if (value["jsonrpc"] !== "2.0") {
    if (!isId(id) || !isPlainResponse(value) || !context.isAwaiting(id)) return undefined;
    found.push("jsonrpc-member");
  }
  let { result, error } = value;
  if (!isAbsent(error) && result === null) {
    found.push("null-beside-answer");
    result = undefined;
  } else if (isAbsent(error) && error !== undefined && result !== undefined) {
    found.push("null-beside-answer");
    error = undefined;
  }
  if (!isAbsent(error) && result === undefined) {
    if (!isErrorObject(error)) {
      found.push("error-shape");
      error = errorOf(error);
    }
    const message = { jsonrpc: "2.0", id, error };
    if (id === undefined) delete message.id;
    return isMessage(message) ? message : undefined;
  }
  // From here on only its call can say more.
  if (!isId(id)) return undefined;
  if (!isAbsent(error) || !isObject(result)) {
    result = new UnusableResult(excerpt(JSON.stringify(value), EXCERPT_CHARS));
    found.length = 0;
  }
  return { jsonrpc: "2.0", id, result: result as object };
}

/** Without the right `jsonrpc`, a response is known by its members, and by a call that waits for its id. */
function isPlainResponse(value: Parsed): boolean {
  for (const member of Object.keys(value)) if (!RESPONSE_MEMBERS.has(member)) return false;
  return "result" in value || isObject(value["error"]);
}

/** How serialisers write that there was no error. */
function isAbsent(error: unknown): boolean {
  return error === undefined || error === null || error === false || error === "";
}

/** An error object of an error in another shape. Without a readable code it is an internal error. */
function errorOf(error: unknown): JsonRpcErrorObject {
  if (!isObject(error)) {
    return { code: INTERNAL_ERROR, message: textOf(error) };
  }
  const { code, message, data } = error;
  const number = typeof code === "string" ? decimalOf(code.trim()) : undefined;
  const repaired: JsonRpcErrorObject = {
    code: Number.isInteger(code) ? (code as number) : (number ?? INTERNAL_ERROR),
    message: message === undefined ? textOf(error) : textOf(message),
  };
  if (data !== undefined) repaired.data = data;
  return repaired;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : excerpt(JSON.stringify(value), EXCERPT_CHARS);
}
