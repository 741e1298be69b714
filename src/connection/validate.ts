// The shapes of the options, checked at the door: every message names the option by its path.

import { closest, distance } from "fastest-levenshtein";
import * as v from "valibot";
import { McpConfigError } from "../core/errors.ts";
import { reading } from "../core/input-error.ts";
import { SESSION_VERSIONS, STATELESS_VERSIONS } from "../spec/versions.ts";
import type { HttpServerConfig, StdioServerConfig, TransportServerConfig } from "./config-types.ts";

export type CheckedServer =
  | { readonly kind: "http"; readonly config: HttpServerConfig }
  | { readonly kind: "stdio"; readonly config: StdioServerConfig }
  | { readonly kind: "custom"; readonly config: TransportServerConfig };

// The longest delay that a Node timer keeps; a longer one would fire at once.
const milliseconds = v.pipe(v.number(), v.minValue(1), v.maxValue(2 ** 31 - 1));
export const count: v.GenericSchema<number> = v.pipe(v.number(), v.integer(), v.minValue(1));
const strings = v.array(v.string());
const stringMap = mapOf(v.string());

const connectionEntries = {
  protocol: v.optional(v.picklist(["auto", "legacy", ...SESSION_VERSIONS, ...STATELESS_VERSIONS])),
  strict: v.optional(v.boolean()),
  trusted: v.optional(v.boolean()),
  lazy: v.optional(v.boolean()),
  required: v.optional(v.boolean()),
  listen: v.optional(v.union([v.boolean(), v.literal("auto")])),
  outputValidation: v.optional(v.picklist(["warn", "error", "off"])),
  tools: v.optional(v.strictObject({ allow: v.optional(strings), deny: v.optional(strings) })),
  limits: v.optional(
    v.strictObject({
      inFlight: v.optional(count),
      queued: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
      messageBytes: v.optional(count),
      stderrBytes: v.optional(count),
      tools: v.optional(count),
      pages: v.optional(count),
      listItems: v.optional(count),
      listBytes: v.optional(count),
    }),
  ),
  timeouts: v.optional(
    v.strictObject({
      connectMs: v.optional(milliseconds),
      handshakeMs: v.optional(milliseconds),
      timeoutMs: v.optional(milliseconds),
      totalTimeoutMs: v.optional(milliseconds),
      queueMs: v.optional(milliseconds),
      closeStepMs: v.optional(milliseconds),
    }),
  ),
  reconnect: v.optional(
    v.strictObject({
      jitterMs: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(60_000))),
      initialMs: v.optional(milliseconds),
      factor: v.optional(v.pipe(v.number(), v.minValue(1))),
      maxMs: v.optional(milliseconds),
      budgetMs: v.optional(milliseconds),
      backgroundMaxMs: v.optional(milliseconds),
      crashLimit: v.optional(count),
      crashWindowMs: v.optional(milliseconds),
    }),
  ),
  retryBudget: v.optional(
    v.strictObject({
      share: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
      perSecond: v.optional(v.pipe(v.number(), v.minValue(0))),
    }),
  ),
  breaker: v.optional(
    v.strictObject({
      failures: v.optional(count),
      openMs: v.optional(milliseconds),
      maxOpenMs: v.optional(milliseconds),
    }),
  ),
  throttleStatuses: v.optional(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599))),
  ),
  healthCheckIntervalMs: v.optional(v.union([milliseconds, v.literal(false)])),
};

const serverEntries = { ...connectionEntries, disabled: v.optional(v.boolean()) };

const connectionSchema = v.strictObject(connectionEntries);

const httpSchema = v.strictObject({
  ...serverEntries,
  url: v.union([v.string(), v.instance(URL)]),
  headers: v.optional(stringMap),
  dispatcher: v.optional(
    v.custom<object>((value) => isObjectWith(value, "dispatch"), "must be an undici Dispatcher"),
  ),
  transport: v.optional(v.picklist(["auto", "http", "sse"])),
  type: v.optional(v.picklist(["http", "streamable-http", "sse"])),
});

const stdioSchema = v.strictObject({
  ...serverEntries,
  command: v.string(),
  args: v.optional(strings),
  env: v.optional(stringMap),
  cwd: v.optional(v.string()),
  transport: v.optional(v.picklist(["auto", "stdio"])),
  type: v.optional(v.literal("stdio")),
});

const customSchema = v.strictObject({
  ...serverEntries,
  transport: v.custom<object>(
    (value) => isObjectWith(value, "send") && isObjectWith(value, "start"),
    "must be a Transport: an object with start(), send() and close()",
  ),
});

/**
 * @param otherKeys keys that are valid in the same place but checked elsewhere, to be suggested for a misspelt one
 * @throws {McpConfigError}
 */
export function checkConnectionOptions(
  path: string,
  value: object,
  otherKeys: readonly string[] = [],
): void {
  checkShape(connectionSchema, path, value, otherKeys);
}

/** @throws {McpConfigError} */
export function checkServerConfig(path: string, value: unknown): CheckedServer {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new McpConfigError(
      `${path} must be an object with "url", "command" or "transport", not ${describe(value)}`,
      { path },
    );
  }
  const has = (key: string): boolean => Reflect.get(value, key) !== undefined;
  if (has("url") && has("command")) {
    throw new McpConfigError(`${path} has both "url" and "command": a server is one or the other`, {
      path,
    });
  }
  if (has("url")) {
    checkShape(httpSchema, path, value);
    return { kind: "http", config: value as HttpServerConfig };
  }
  if (typeof Reflect.get(value, "transport") === "object") {
    checkShape(customSchema, path, value);
    return { kind: "custom", config: value as TransportServerConfig };
  }
  if (!has("command")) {
    throw new McpConfigError(
      `${path} has neither "url" (a server over HTTP) nor "command" (a child process) nor "transport" (an object)`,
      { path },
    );
  }
  checkShape(stdioSchema, path, value);
  return { kind: "stdio", config: value as StdioServerConfig };
}

/** A plain object from strings to what `value` allows. */
export function mapOf(value: v.GenericSchema): v.GenericSchema {
  const map = v.record(v.string(), value);
  const isObject = v.custom<object>((input) => !Array.isArray(input), "must be an object");
  return v.lazy((input) => (Array.isArray(input) ? isObject : map));
}

/**
 * Checks `value` against a valibot schema of strict objects.
 *
 * @throws {McpConfigError} on the first thing that is wrong, with near matches for a misspelt key.
 */
export function checkShape(
  schema: v.GenericSchema,
  path: string,
  value: unknown,
  otherKeys: readonly string[] = [],
): void {
  const result = reading(path === "" ? "the input" : path, () =>
    v.safeParse(schema, value, { abortEarly: true }),
  );
  if (result.success) return;
  const [issue] = result.issues;
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const where = [path, ...keys].filter((part) => part !== "").join(".");
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw new McpConfigError(`${where} is no option${suggest(schema, value, keys, otherKeys)}`, {
      path: where,
    });
  }
  const expected = issue.type === "custom" ? issue.message : `must be ${wordsFor(issue)}`;
  const isSecret = keys.some((key) => key === "env" || key === "headers" || key === "args");
  const { input } = issue;
  if (issue.type === "picklist" && typeof input === "string" && !isSecret) {
    const options = Array.from(
      (issue.expected ?? "").matchAll(/"([^"]+)"/g),
      ([, one]) => one ?? "",
    );
    const near = suggestNear(input, options);
    throw new McpConfigError(
      `${where} ${expected}, not ${JSON.stringify(input.slice(0, 40))}${near}`,
      {
        path: where,
      },
    );
  }
  const given = describe(input, isSecret);
  throw new McpConfigError(`${where} ${expected}, not ${given}`, { path: where });
}

function wordsFor(issue: v.BaseIssue<unknown>): string {
  return issue.type === "integer" ? "a whole number" : inWords(issue.expected);
}

/** valibot's notation, in words. */
function inWords(expected: string | null): string {
  if (expected === null) return "valid";
  if (expected === "Array") return "an array";
  if (expected === "Object") return "an object";
  if (/^[a-z]+$/.test(expected)) return `a ${expected}`;
  return expected
    .replace(/^\((.*)\)$/, "$1")
    .replace(/^>=/, "at least ")
    .replace(/^<=/, "at most ")
    .replaceAll(" | ", " or ");
}

/** What a value is, in words that cannot hold a secret. */
export function describe(value: unknown, isSecret = false): string {
  if (value === undefined || value === null) return String(value);
  // A revoked proxy throws even at that.
  if (typeof value === "object" && reading("the input", () => Array.isArray(value))) {
    return "an array";
  }
  if (!isSecret && (typeof value === "number" || typeof value === "boolean")) return String(value);
  return `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

function suggest(
  schema: v.GenericSchema,
  value: unknown,
  keys: readonly string[],
  otherKeys: readonly string[],
): string {
  const wrong = keys.at(-1) ?? "";
  let node: unknown = schema;
  let at = value;
  for (const key of keys.slice(0, -1)) {
    at = (at as { [key: string]: unknown })[key];
    node = unwrap(entriesOf(node)[key], at);
  }
  const known = Object.keys(entriesOf(node));
  if (keys.length === 1) known.push(...otherKeys);
  return suggestKey(wrong, known);
}

/** The end of a message about an unknown key: the closest one, or all. */
export function suggestKey(wrong: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const near = suggestNear(wrong, known);
  return near === "" ? `; known are ${known.join(", ")}` : near;
}

/** Up to 3 edits, or a beginning of it: `timeout` for `timeoutMs`. */
function suggestNear(wrong: string, known: readonly string[]): string {
  const near = closest(wrong, known);
  const isNear = distance(near.toLowerCase(), wrong.toLowerCase()) <= 3;
  return isNear ? `; did you mean "${near}"?` : "";
}

function entriesOf(schema: unknown): { readonly [key: string]: unknown } {
  return (schema as { entries?: { [key: string]: unknown } } | undefined)?.entries ?? {};
}

/** What a schema that may be absent, or that depends on the value, demands of this value. */
function unwrap(schema: unknown, value: unknown): unknown {
  const { wrapped, getter } = (schema ?? {}) as {
    wrapped?: unknown;
    getter?: (value: unknown) => unknown;
  };
  if (wrapped !== undefined) return unwrap(wrapped, value);
  return getter === undefined ? schema : unwrap(getter(value), value);
}

function isObjectWith(value: unknown, method: string): boolean {
  return (
    typeof value === "object" && value !== null && typeof Reflect.get(value, method) === "function"
  );
}
