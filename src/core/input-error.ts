// What reading a caller's input threw: a getter, a proxy, a conversion.

import { textOf } from "./error-text.ts";
import { McpConfigError, McpError } from "./errors.ts";
import { excerpt } from "./redact.ts";

/** The pool's own errors as they are; anything else as the caller's mistake. */
export function inputError(thrown: unknown, what: string): McpError {
  if (thrown instanceof McpError) return thrown;
  const text = textOf(thrown);
  return new McpConfigError(
    `${what} cannot be read${text === "" ? "" : ` (${excerpt(text, 200)})`}: pass plain data, without getters or proxies that throw; nothing was sent`,
    { path: what, cause: thrown },
  );
}

/** @throws {McpConfigError} instead of whatever reading the input throws. */
export function reading<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw inputError(error, what);
  }
}
