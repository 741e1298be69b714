// What a caller says about one call, checked at the door: cheap enough for every call.

import type { CallOptions } from "../connection/call.ts";
import { McpConfigError } from "../core/errors.ts";

const MAX_TIMER_MS = 2 ** 31 - 1;

const CHECKS: {
  readonly [K in keyof Required<CallOptions>]: (value: unknown) => string | undefined;
} = {
  timeoutMs: milliseconds,
  totalTimeoutMs: milliseconds,
  signal: (value) => (value instanceof AbortSignal ? undefined : "must be an AbortSignal"),
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
};

/** @throws {McpConfigError} naming the option. */
export function checkCallOptions(options: CallOptions): CallOptions {
  if (!isObject(options)) {
    throw new McpConfigError(
      "the options of a call must be an object, as in { timeoutMs: 10_000 }",
    );
  }
  for (const key in options) {
    const value = options[key as keyof CallOptions];
    if (value === undefined) continue;
    const check = CHECKS[key as keyof CallOptions] as
      | ((value: unknown) => string | undefined)
      | undefined;
    const problem =
      check === undefined
        ? `is no option; known are ${Object.keys(CHECKS).join(", ")}`
        : check(value);
    if (problem !== undefined) {
      throw new McpConfigError(`call option ${key} ${problem}`, { path: key });
    }
  }
  return options;
}

/** @throws {McpConfigError} unless `value` is a plain object or absent. */
export function checkObject(what: string, value: unknown): void {
  if (value !== undefined && !isObject(value)) {
    const given = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
    throw new McpConfigError(`${what} must be an object, not ${given}`, { path: what });
  }
}

/** @throws {McpConfigError} unless `value` is a string with something in it. */
export function checkString(what: string, value: unknown): void {
  if (typeof value !== "string" || value === "") {
    const given = value === "" ? "an empty string" : typeof value;
    throw new McpConfigError(`${what} must be a string, not ${given}`, { path: what });
  }
}

function milliseconds(value: unknown): string | undefined {
  return typeof value === "number" && value > 0 && value <= MAX_TIMER_MS
    ? undefined
    : `must be a number of milliseconds from 1 to ${MAX_TIMER_MS}`;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
