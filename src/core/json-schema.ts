// JSON Schema validation, loaded on first use: nobody pays for ajv who does not need it.
// https://json-schema.org/draft/2020-12

import type { AnySchemaObject, ValidateFunction } from "ajv";
import type { Ajv2020 } from "ajv/dist/2020.js";

/** `undefined` if the value fits, otherwise what is wrong with it, one line. */
export type Validate = (value: unknown) => string | undefined;

/** A schema larger than this, as JSON, is not compiled: compilation time grows with it. */
export const MAX_SCHEMA_CHARS: number = 256 * 1024;

/** A schema that takes longer to compile is none, milliseconds. */
export const MAX_COMPILE_MS = 1_000;

/** A value whose check takes longer is taken as it is, milliseconds. */
export const MAX_CHECK_MS = 100;

const DIALECT_2020 = "https://json-schema.org/draft/2020-12/schema";
const DIALECT_07 = "http://json-schema.org/draft-07/schema";

/** Alternatives that do not fit give an error each, and so do those within them: so many are told of. */
const MAX_ERRORS = 5;

/**
 * What lets a check cost more than the value is long: expressions, references (each may be followed twice, and so
 * may those behind it), and the comparison of all items with all.
 */
const COSTLY = /"(?:pattern|patternProperties|\$ref|\$dynamicRef|uniqueItems)"/;

/** Up to this many characters, a schema with nothing {@link COSTLY} in it is checked without a limit. */
const CHEAP_SCHEMA_CHARS = 4_096;

const validators: Map<string, Promise<Ajv2020>> = new Map();

/**
 * Compiles a schema; without `$schema` it is 2020-12, draft-07 may be declared. Never fetches a `$ref`.
 *
 * @throws {Error} if the dialect is unknown, a `$ref` is unresolved, or the schema is no schema, too large, or takes
 *   too long.
 */
export async function compileSchema(schema: object): Promise<Validate> {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    throw new Error("the schema is no object");
  }
  const declared = (schema as { $schema?: unknown }).$schema ?? DIALECT_2020;
  const dialect = typeof declared === "string" ? declared.replace(/#$/, "") : "";
  if (dialect !== DIALECT_2020 && dialect !== DIALECT_07) {
    throw new Error(`unsupported JSON Schema dialect ${JSON.stringify(declared).slice(0, 100)}`);
  }
  const text = JSON.stringify(schema);
  if (text.length > MAX_SCHEMA_CHARS) {
    throw new Error(`the schema is larger than ${MAX_SCHEMA_CHARS} characters`);
  }
  const ajv = await loadAjv(dialect);
  const isCheap = text.length <= CHEAP_SCHEMA_CHARS && !COSTLY.test(text);
  const limited = isCheap ? unlimited : await limiter();
  const check = compileWithin(ajv, dialect, schema, limited);
  return (value) => {
    try {
      const isValid = limited(() => check(value), MAX_CHECK_MS);
      return isValid === false ? ajv.errorsText(check.errors?.slice(0, MAX_ERRORS)) : undefined;
    } catch (error) {
      // A schema that is itself, or a value that is too deep for one that follows it: not checked either.
      if (error instanceof RangeError) return undefined;
      throw error;
    } finally {
      check.errors = null;
    }
  };
}

function compileWithin(
  ajv: Ajv2020,
  dialect: string,
  schema: object,
  limited: Limited,
): ValidateFunction {
  let check: ValidateFunction | undefined;
  try {
    check = limited(() => ajv.compile(schema as AnySchemaObject), MAX_COMPILE_MS);
  } finally {
    // Otherwise the instance would keep every schema for good, and one with `$id` clash with itself.
    ajv.removeSchema();
  }
  if (check !== undefined) return check;
  // It was interrupted somewhere: nobody knows what it has half done.
  validators.delete(dialect);
  throw new Error(`the schema could not be compiled within ${MAX_COMPILE_MS} ms`);
}

/** `undefined`: it took longer. */
type Limited = <T>(work: () => T, limitMs: number) => T | undefined;

function unlimited<T>(work: () => T): T {
  return work();
}

/**
 * A server gives both the schema and the value that it is matched with, and could stop this process with them:
 * V8 interrupts what runs inside a script with a timeout.
 */
async function limiter(): Promise<Limited> {
  const { createContext, Script } = await import("node:vm");
  const sandbox: { work: (() => unknown) | undefined } = { work: undefined };
  const context = createContext(sandbox);
  const script = new Script("work()");
  return <T>(work: () => T, timeout: number) => {
    sandbox.work = work;
    try {
      return script.runInContext(context, { timeout }) as T;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
      throw error;
    } finally {
      sandbox.work = undefined;
    }
  };
}

function loadAjv(dialect: string): Promise<Ajv2020> {
  let loading = validators.get(dialect);
  if (loading === undefined) validators.set(dialect, (loading = createAjv(dialect)));
  return loading;
}

async function createAjv(dialect: string): Promise<Ajv2020> {
  const [{ default: formats }, ajv] = await Promise.all([
    import("ajv-formats"),
    dialect === DIALECT_07 ? import("ajv") : import("ajv/dist/2020.js"),
  ]);
  const options = {
    unicodeRegExp: false,
    strict: false,
    allErrors: false,
    logger: false as const,
  };
  const instance = "Ajv2020" in ajv ? new ajv.Ajv2020(options) : new ajv.Ajv(options);
  formats.default(instance);
  return instance as Ajv2020;
}
