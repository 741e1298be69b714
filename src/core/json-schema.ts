// JSON Schema validation, loaded on first use: nobody pays for ajv who does not need it.
// https://json-schema.org/draft/2020-12

import type { AnySchemaObject } from "ajv";
import type { Ajv2020 } from "ajv/dist/2020.js";

/** `undefined` if the value fits, otherwise what is wrong with it, one line. */
export type Validate = (value: unknown) => string | undefined;

/** A schema larger than this, as JSON, is not compiled: compilation time grows with it. */
export const MAX_SCHEMA_CHARS: number = 256 * 1024;

/** A value whose check takes longer is taken as it is, milliseconds. */
export const MAX_CHECK_MS = 100;

const DIALECT_2020 = "https://json-schema.org/draft/2020-12/schema";
const DIALECT_07 = "http://json-schema.org/draft-07/schema";

const validators: Map<string, Promise<Ajv2020>> = new Map();

/**
 * Compiles a schema; without `$schema` it is 2020-12, draft-07 may be declared. Never fetches a `$ref`.
 *
 * @throws {Error} if the dialect is unknown, a `$ref` is unresolved, or the schema is no schema, or too large.
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
  try {
    const validate = ajv.compile(schema as AnySchemaObject);
    // Only a regular expression of the schema's own can take for ever.
    const isBounded = !text.includes('"pattern');
    const check = (value: unknown): boolean => validate(value) === true;
    const run = isBounded ? check : await withTimeLimit(check);
    return (value) => {
      const isValid = run(value);
      if (isValid === undefined) return undefined;
      return isValid ? undefined : ajv.errorsText(validate.errors);
    };
  } finally {
    // Otherwise the instance would keep every schema for good, and one with `$id` clash with itself.
    ajv.removeSchema();
  }
}

/**
 * A server gives both the expression and the text that it is matched with, and could stop this process with them:
 * V8 interrupts what runs inside a script with a timeout. `undefined`: it could not be checked in time.
 */
async function withTimeLimit(
  check: (value: unknown) => boolean,
): Promise<(value: unknown) => boolean | undefined> {
  const { createContext, Script } = await import("node:vm");
  const sandbox: { check: typeof check; value: unknown } = { check, value: undefined };
  const context = createContext(sandbox);
  const script = new Script("check(value)");
  return (value) => {
    sandbox.value = value;
    try {
      return script.runInContext(context, { timeout: MAX_CHECK_MS }) as boolean;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
      throw error;
    } finally {
      sandbox.value = undefined;
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
    addUsedSchema: false,
  };
  const instance = "Ajv2020" in ajv ? new ajv.Ajv2020(options) : new ajv.Ajv(options);
  formats.default(instance);
  return instance as Ajv2020;
}
