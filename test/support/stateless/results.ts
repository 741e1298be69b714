// What handlers of the scripted stateless server give back, and how it becomes a result.

import { isObject } from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";
import { TestTask } from "./tasks.ts";

export interface InputRequest {
  readonly method: string;
  readonly params?: JsonObject;
}

/** An answer of `input_required`. Give at least one of the two (a hostile server gives neither). */
export function inputRequired(input: {
  readonly inputRequests?: Readonly<Record<string, InputRequest>>;
  readonly requestState?: string;
}): JsonObject {
  return { resultType: "input_required", ...input };
}

/** For `inputRequests`: a form with the given properties, all of type string unless given as a schema. */
export function elicit(
  message: string,
  properties: Readonly<Record<string, JsonObject | "string">> = { answer: "string" },
): InputRequest {
  const schemas = Object.entries(properties).map(([name, schema]) => [
    name,
    schema === "string" ? { type: "string" } : schema,
  ]);
  const requestedSchema = {
    type: "object",
    properties: Object.fromEntries(schemas) as JsonObject,
    required: Object.keys(properties),
  };
  return { method: "elicitation/create", params: { mode: "form", message, requestedSchema } };
}

/** For `inputRequests`: a completion of one user message. */
export function sample(text: string): InputRequest {
  const messages = [{ role: "user", content: { type: "text", text } }];
  return { method: "sampling/createMessage", params: { messages, maxTokens: 100 } };
}

/** For `inputRequests`. */
export function listRoots(): InputRequest {
  return { method: "roots/list" };
}

export function textResult(text: string, isError = false): JsonObject {
  return { content: [{ type: "text", text }], ...(isError ? { isError } : {}) };
}

export function toolResult(value: unknown): JsonObject {
  if (value instanceof TestTask) return value.created();
  if (isObject(value) && (Array.isArray(value["content"]) || isTyped(value))) return value;
  return textResult(textOf(value));
}

export function resourceResult(
  uri: string,
  mimeType: string | undefined,
  value: unknown,
): JsonObject {
  if (isObject(value) && (Array.isArray(value["contents"]) || isTyped(value))) return value;
  const kind = mimeType === undefined ? {} : { mimeType };
  return { contents: [{ uri, ...kind, text: textOf(value) }] };
}

export function promptResult(description: string | undefined, value: unknown): JsonObject {
  if (isObject(value) && (Array.isArray(value["messages"]) || isTyped(value))) return value;
  const messages = [{ role: "user", content: { type: "text", text: textOf(value) } }];
  return { ...(description === undefined ? {} : { description }), messages };
}

export function asksForInput(result: JsonObject): boolean {
  return result["resultType"] === "input_required";
}

function isTyped(value: JsonObject): boolean {
  return typeof value["resultType"] === "string";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
