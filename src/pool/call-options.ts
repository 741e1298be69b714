// What a caller says about one call, checked at the door: cheap enough for every call.

import type { CachedCallOptions } from "../catalog/pages.ts";
import type { WithheldTool } from "../catalog/pins.ts";
import type { CallOptions } from "../connection/call.ts";
import * as v from "valibot";
import { checkShape, describe, mapOf, suggestKey } from "../connection/validate.ts";
import { McpConfigError } from "../core/errors.ts";
import { inputError, reading } from "../core/input-error.ts";
import { isObject } from "../core/is-object.ts";
import { LOG_LEVELS } from "../spec/types.ts";
import { POOL_EVENTS } from "./events.ts";

export interface ToolCallOptions extends CallOptions {
  /**
   * `handle`: gives a `ToolTask` instead of the result, for servers that run the call as a task. Without it
   * tasks are followed to their end, and cancelled on abort.
   */
  readonly task?: "handle" | undefined;
}

/** One for all calls without. */
const NO_OPTIONS: ToolCallOptions = Object.freeze({});

/** How long `closeAll` and `removeClient` let calls in flight go on by default, milliseconds. */
export const DEFAULT_DRAIN_MS = 5_000;

const MAX_TIMER_MS = 2 ** 31 - 1;

/** What only some calls can have, and which. */
const ONLY: { readonly [option: string]: { readonly kind: CallKind; readonly where: string } } = {
  task: { kind: "tool", where: "callTool" },
  cache: { kind: "cached", where: "lists and readResource" },
};

type CallKind = "tool" | "cached" | "other";
type AnyCallOptions = ToolCallOptions & CachedCallOptions;

const CHECKS: {
  readonly [K in keyof Required<AnyCallOptions>]: (value: unknown) => string | undefined;
} = {
  timeoutMs: milliseconds,
  totalTimeoutMs: milliseconds,
  signal: (value) => (isSignal(value) ? undefined : "must be an AbortSignal"),
  onProgress: (value) => (typeof value === "function" ? undefined : "must be a function"),
  meta: (value) => (isObject(value) ? undefined : "must be an object"),
  requestId: (value) =>
    typeof value === "string" || Number.isSafeInteger(value)
      ? undefined
      : "must be a string or an integer",
  replay: (value) =>
    value === "safe" || value === "always" || value === "never"
      ? undefined
      : 'must be "safe", "always" or "never"',
  task: (value) => (value === "handle" ? undefined : 'must be "handle"'),
  cache: (value) =>
    value === "default" || value === "reload" || value === "no-store"
      ? undefined
      : 'must be "default", "reload" or "no-store"',
};

/** @throws {McpConfigError} naming the option. */
export function checkCallOptions<T extends object>(options: T, kind: CallKind = "other"): T {
  try {
    return checkEachOption(options, kind);
  } catch (error) {
    throw inputError(error, "the options of a call");
  }
}

function checkEachOption<T extends object>(options: T, kind: CallKind): T {
  if (!isObject(options)) {
    throw new McpConfigError(
      "the options of a call must be an object, as in { timeoutMs: 10_000 }",
    );
  }
  for (const key in options) {
    const value: unknown = options[key];
    if (value === undefined) continue;
    const problem = problemOf(key, value, kind);
    if (problem !== undefined) {
      throw new McpConfigError(`call option ${key} ${problem}`, { path: key });
    }
  }
  return options;
}

/** Gives the options. @throws {McpConfigError} for the first that is wrong. Hot path. */
export function checkToolCall(
  name: string,
  args: unknown,
  options: ToolCallOptions = NO_OPTIONS,
): ToolCallOptions {
  checkString("the name of a tool", name);
  checkData("the arguments of a tool", args);
  return checkCallOptions(options, "tool");
}

function problemOf(key: string, value: unknown, kind: CallKind): string | undefined {
  if (!Object.hasOwn(CHECKS, key)) return `is no option${suggestKey(key, Object.keys(CHECKS))}`;
  const only = ONLY[key];
  if (only !== undefined && only.kind !== kind) return `is for ${only.where} only`;
  return CHECKS[key as keyof typeof CHECKS](value);
}

/** @throws {McpConfigError} unless `value` is absent, or an object that is an object as JSON too. Hot path. */
export function checkData(what: string, value: unknown): void {
  if (value === undefined) return;
  try {
    checkObject(what, value);
    const { toJSON } = value as { toJSON?: unknown };
    const isPlain = Object.getPrototypeOf(value) === Object.prototype;
    if (isPlain && typeof toJSON !== "function") return;
    checkJson(what, value as object, toJSON);
  } catch (error) {
    throw inputError(error, what);
  }
}

/** Of a Map or a Set JSON keeps nothing, and of a Date or a Buffer something else. */
function checkJson(what: string, value: object, toJSON: unknown): void {
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  const isData = tag === "Object" || tag === "Module";
  const said: unknown =
    typeof toJSON === "function" ? JSON.parse(JSON.stringify(value) ?? "null") : value;
  if (isData && isObject(said)) return;
  throw new McpConfigError(
    `${what} must be an object that stays one as JSON, not ${isData ? "one whose toJSON() gives something else" : `a ${tag}`}; nothing was sent`,
    { path: what },
  );
}

/** @throws {McpConfigError} unless `value` is a plain object or absent. */
export function checkObject(what: string, value: unknown): void {
  if (value !== undefined && !reading(what, () => isObject(value))) {
    throw new McpConfigError(`${what} must be an object, not ${describe(value)}`, { path: what });
  }
}

/** @throws {McpConfigError} unless `value` is a string with something in it. */
export function checkString(what: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    const given = value === "" ? "an empty string" : describe(value);
    throw new McpConfigError(`${what} must be a string, not ${given}`, { path: what });
  }
}

/** @throws {McpConfigError} unless it can stand in a header as it stands in the body. */
export function checkMethod(method: unknown): void {
  checkString("method", method);
  if (typeof method !== "string" || method === method.trim()) return;
  throw new McpConfigError("method must not begin or end with white space", { path: "method" });
}

/** @throws {McpConfigError} unless it is one of `withheldTools`, or was. */
export function checkWithheld(tool: unknown): void {
  const isOne = reading("tool", () => {
    const { name, server, fingerprint } = (isObject(tool) ? tool : {}) as Partial<WithheldTool>;
    return [name, server, fingerprint].every((one) => typeof one === "string");
  });
  if (isOne) return;
  throw new McpConfigError(
    `acceptTool takes one of the pool's withheldTools, not ${describe(tool)}`,
    { path: "tool" },
  );
}

/** @throws {McpConfigError} unless every value is a string. */
export function checkPromptArguments(args: unknown): void {
  const what = "the arguments of a prompt";
  checkData(what, args);
  for (const [name, value] of reading(what, () => Object.entries(args ?? {}))) {
    if (typeof value === "string") continue;
    throw new McpConfigError(
      `${what}: ${JSON.stringify(name.slice(0, 60))} must be a string, not ${describe(value)}`,
      { path: name },
    );
  }
}

const aSignal = v.optional(v.custom<AbortSignal>(isSignal, "must be an AbortSignal"));

const SHAPES = {
  connect: v.strictObject({ signal: aSignal }),
  close: v.strictObject({
    drainMs: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_TIMER_MS))),
  }),
};

/** @throws {McpConfigError} naming the option. */
export function checkOptions(kind: "connect" | "close", options: object): void {
  checkObject("options", options);
  checkShape(SHAPES[kind], "", options);
}

const completionSchema = v.object({
  ref: v.variant("type", [
    v.object({ type: v.literal("ref/prompt"), name: v.string() }),
    v.object({ type: v.literal("ref/resource"), uri: v.string() }),
  ]),
  argument: v.object({ name: v.string(), value: v.string() }),
  context: v.optional(v.object({ arguments: v.optional(mapOf(v.string())) })),
});

/** @throws {McpConfigError} naming what is wrong. */
export function checkCompletion(request: object): void {
  checkShape(completionSchema, "", request);
}

/** @throws {McpConfigError} */
export function checkLogLevel(level: unknown): void {
  if ((LOG_LEVELS as readonly unknown[]).includes(level)) return;
  throw new McpConfigError(
    `log level ${typeof level === "string" ? JSON.stringify(level.slice(0, 40)) : describe(level)} is none of ${LOG_LEVELS.join(", ")}`,
    { path: "level" },
  );
}

/** @throws {McpConfigError} for an event that will never come. */
export function checkEvent(event: unknown): void {
  if ((POOL_EVENTS as readonly unknown[]).includes(event)) return;
  const hint = typeof event === "string" ? suggestKey(event, POOL_EVENTS) : "";
  throw new McpConfigError(`there is no such event${hint}`, { path: "event" });
}

/** @throws {McpConfigError} */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new McpConfigError(`${what} must be a function, not ${describe(value)}`, { path: what });
}

/** Something that only inherits from one throws when it is looked at. */
function isSignal(value: unknown): boolean {
  try {
    return value instanceof AbortSignal && typeof value.aborted === "boolean";
  } catch {
    return false;
  }
}

function milliseconds(value: unknown): string | undefined {
  return typeof value === "number" && value > 0 && value <= MAX_TIMER_MS
    ? undefined
    : `must be a number of milliseconds from 1 to ${MAX_TIMER_MS}`;
}

/** `closeAll` never rejects: what is no time is the default, and what is too long the longest. */
export function drainMsOf(options: unknown): number {
  try {
    return toDrainMs((options as { drainMs?: unknown } | null | undefined)?.drainMs);
  } catch {
    return DEFAULT_DRAIN_MS;
  }
}

/** The same of the option alone. */
export function toDrainMs(given: unknown): number {
  if (typeof given !== "number" || Number.isNaN(given)) return DEFAULT_DRAIN_MS;
  return Math.min(Math.max(given, 0), MAX_TIMER_MS);
}
