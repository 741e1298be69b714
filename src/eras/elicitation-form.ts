// The form that a server asks a person to fill in: flat, and checked without generated code.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation

import { loadFormats, NO_FORMATS } from "../core/json-schema/formats.ts";
import type { Formats } from "../core/json-schema/plain-check.ts";
import { checkPlain } from "../core/json-schema/plain-check.ts";
import { readSchema } from "../core/json-schema/read-schema.ts";
import type { PlainSchema } from "../core/json-schema/read-schema.ts";
import { isObject } from "../core/is-object.ts";
import { excerpt } from "../core/redact.ts";
import type { ElicitValue, JsonObject } from "../spec/types.ts";

/** What the check of one answer may take: some milliseconds. A form and its answer are far smaller. */
const MAX_STEPS = 200_000;

/** Keywords below a field that would make the form more than flat. */
const NESTING = ["properties", "additionalProperties", "required"];

interface Content {
  readonly [key: string]: ElicitValue;
}

export class ElicitationForm {
  readonly #schema: PlainSchema;
  readonly #fields: { readonly [key: string]: unknown };
  readonly #formats: Formats;

  private constructor(schema: PlainSchema, fields: JsonObject, formats: Formats) {
    this.#schema = schema;
    this.#fields = fields;
    this.#formats = formats;
  }

  /** @throws {Error} if it is none that a person can be asked to fill in; the message says why. */
  static async read(requested: unknown): Promise<ElicitationForm> {
    if (!isObject(requested)) throw new Error("requestedSchema must be an object");
    const { properties = {} } = requested;
    if (!isObject(properties)) throw new Error("requestedSchema.properties must be an object");
    for (const [name, field] of Object.entries(properties)) {
      if (!isFlat(field)) {
        throw new Error(`requestedSchema: field ${JSON.stringify(excerpt(name, 60))} is not flat`);
      }
    }
    const read = readSchema({ ...requested, properties: withoutPatterns(properties) });
    if (read.kind === "unusable") throw new Error(`requestedSchema is no schema: ${read.reason}`);
    if (read.kind === "worker") {
      throw new Error(`requestedSchema is more than a flat form: ${read.because}`);
    }
    const formats = read.hasFormats ? await loadFormats() : NO_FORMATS;
    return new ElicitationForm(read.schema, properties as JsonObject, formats);
  }

  /** The answer, with the defaults of what was left out. */
  complete(content: Content): { [key: string]: ElicitValue } {
    return withDefaults(this.#fields, content);
  }

  /** Why the answer does not fit, in one line; `undefined` if it does. */
  problemOf(content: Content): string | undefined {
    const verdict = checkPlain(this.#schema, content, this.#formats, MAX_STEPS);
    if (verdict === undefined) return "the form, or a default in it, is too large to be checked";
    return verdict.kind === "misfit" ? verdict.problem : undefined;
  }
}

/**
 * Fills in fields that were left out with their `default`, if it is a value that an answer may have. Names are
 * the server's: `constructor` and `__proto__` are names like others.
 * https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#requested-schema
 */
export function withDefaults(
  fields: { readonly [key: string]: unknown },
  content: Content,
): { [key: string]: ElicitValue } {
  const given = Object.entries(content).filter(([, value]) => value !== undefined);
  const names = new Set(given.map(([name]) => name));
  const defaults = Object.entries(fields).flatMap(([name, field]) => {
    const value = isObject(field) ? field["default"] : undefined;
    return names.has(name) || !isAnswer(value) ? [] : [[name, value] as const];
  });
  return Object.fromEntries([...given, ...defaults]);
}

function isAnswer(value: unknown): value is ElicitValue {
  return Array.isArray(value)
    ? value.every((item) => typeof item === "string")
    : typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

function isFlat(field: unknown): boolean {
  return isObject(field) && NESTING.every((keyword) => !Object.hasOwn(field, keyword));
}

/** `pattern` is in an example of the specification and in none of its schemas: never a reason to fail. */
function withoutPatterns(fields: { readonly [key: string]: unknown }): object {
  const entries = Object.entries(fields).map(([name, field]) => {
    const { pattern: _pattern, ...rest } = field as JsonObject;
    return [name, rest];
  });
  return Object.fromEntries(entries) as object;
}
