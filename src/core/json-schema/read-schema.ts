// A schema as it came from a server, sorted: checked here, checked by ajv in a worker, or not checked at all.
// https://json-schema.org/draft/2020-12

import { isObject } from "../is-object.ts";
import { excerpt } from "../redact.ts";
import {
  ANNOTATIONS,
  FOR_THE_WORKER,
  FORMATS_FOR_THE_WORKER,
  LINEAR_FORMATS,
  TYPES,
} from "./vocabulary.ts";
import { weigh } from "./weigh.ts";

/** A schema larger than this, as JSON, is not checked against. */
export const MAX_SCHEMA_CHARS: number = 256 * 1024;

const DIALECT_2020 = "https://json-schema.org/draft/2020-12/schema";
const DIALECT_07 = "http://json-schema.org/draft-07/schema";

export type Dialect = "2020-12" | "draft-07";

/** A schema that {@link readSchema} has found to consist of well-formed keywords of {@link PLAIN} only. */
export interface PlainObject {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: { readonly [key: string]: PlainSchema };
  readonly additionalProperties?: PlainSchema;
  readonly items?: PlainSchema;
  readonly anyOf?: readonly PlainSchema[];
  readonly oneOf?: readonly PlainSchema[];
  readonly allOf?: readonly PlainSchema[];
  readonly not?: PlainSchema;
  readonly format?: string;
  readonly $ref?: string;
  readonly $defs?: { readonly [key: string]: PlainSchema };
  readonly definitions?: { readonly [key: string]: PlainSchema };
}
export type PlainSchema = boolean | PlainObject;

export type ReadSchema =
  | {
      readonly kind: "plain";
      readonly schema: PlainSchema;
      readonly dialect: Dialect;
      readonly hasFormats: boolean;
    }
  /** `because`: the first keyword that is not checked here. */
  | {
      readonly kind: "worker";
      readonly text: string;
      readonly dialect: Dialect;
      readonly because: string;
    }
  | { readonly kind: "unusable"; readonly reason: string };

/** Without `$schema` it is 2020-12; draft-07 may be declared. */
export function readSchema(schema: unknown): ReadSchema {
  if (!isObject(schema)) return unusable("the schema is no object");
  const dialect = dialectOf(schema);
  if (dialect === undefined) {
    const declared = excerpt(JSON.stringify((schema as { $schema?: unknown }).$schema), 100);
    return unusable(`unsupported JSON Schema dialect ${declared}`);
  }
  if (weigh(schema, MAX_SCHEMA_CHARS, MAX_SCHEMA_CHARS) === undefined) return TOO_LARGE;
  const reader = new Reader(schema, dialect);
  const because = reader.obstacleIn(schema);
  if (because === undefined) {
    const { hasFormats } = reader;
    return { kind: "plain", schema: schema as PlainSchema, dialect, hasFormats };
  }
  return forWorker(schema, dialect, because);
}

/** The same schema for the worker: where a check here turned out to be too long. */
export function forWorker(
  schema: unknown,
  dialect: Dialect,
  because: string,
): Exclude<ReadSchema, { kind: "plain" }> {
  try {
    const text = JSON.stringify(schema);
    return text.length > MAX_SCHEMA_CHARS ? TOO_LARGE : { kind: "worker", text, dialect, because };
  } catch (error) {
    return unusable(`the schema is no JSON (${(error as Error).message})`);
  }
}

function dialectOf(schema: object): Dialect | undefined {
  const { $schema: declared = DIALECT_2020 } = schema as { $schema?: unknown };
  const dialect = typeof declared === "string" ? declared.replace(/#$/, "") : "";
  if (dialect === DIALECT_2020) return "2020-12";
  return dialect === DIALECT_07 ? "draft-07" : undefined;
}

function unusable(reason: string): Extract<ReadSchema, { kind: "unusable" }> {
  return { kind: "unusable", reason };
}

const TOO_LARGE = unusable(`the schema is larger than ${MAX_SCHEMA_CHARS} characters, or too deep`);

/** Whether a keyword's value is well-formed; schemas below it are looked at through `reader`. */
type Form = (value: unknown, reader: Reader) => boolean;

const isCount: Form = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Form = (value) => Number.isFinite(value);
const isFilled: Form = (value) => Array.isArray(value) && value.length > 0;
const isSchema: Form = (value, reader) => reader.isPlain(value);
const isSchemaList: Form = (value, reader) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => reader.isPlain(item));
const isSchemaMap: Form = (value, reader) =>
  isObject(value) && Object.values(value).every((item) => reader.isPlain(item));

const PLAIN: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["type", (value) => TYPES.has(value) || (isTypeList(value) && areUnique(value))],
  ["enum", isFilled],
  ["const", () => true],
  ["minimum", isNumber],
  ["maximum", isNumber],
  ["exclusiveMinimum", isNumber],
  ["exclusiveMaximum", isNumber],
  ["minLength", isCount],
  ["maxLength", isCount],
  ["minItems", isCount],
  ["maxItems", isCount],
  ["minProperties", isCount],
  ["maxProperties", isCount],
  ["required", (value) => isStringList(value) && areUnique(value)],
  ["properties", isSchemaMap],
  ["additionalProperties", isSchema],
  ["items", isSchema],
  ["anyOf", isSchemaList],
  ["oneOf", isSchemaList],
  ["allOf", isSchemaList],
  ["not", isSchema],
  ["format", (value, reader) => reader.isPlainFormat(value)],
  ["$ref", (value, reader) => reader.isPlainRef(value)],
  ["$defs", isSchemaMap],
  ["definitions", isSchemaMap],
]);

/** The keywords that are checked here; for the test that none of ajv's is forgotten. */
export const PLAIN_KEYWORDS: readonly string[] = [...PLAIN.keys()];

class Reader {
  hasFormats = false;
  readonly #root: object;
  readonly #dialect: Dialect;
  #obstacle: string | undefined;

  constructor(root: object, dialect: Dialect) {
    this.#root = root;
    this.#dialect = dialect;
  }

  /** The first thing that is not checked here; `undefined` if all is. */
  obstacleIn(schema: unknown): string | undefined {
    this.isPlain(schema);
    return this.#obstacle;
  }

  isPlain(schema: unknown): boolean {
    if (typeof schema === "boolean") return true;
    if (!isObject(schema)) return this.#stop("a schema that is neither an object nor a boolean");
    return Object.entries(schema).every(([keyword, value]) => {
      const form = PLAIN.get(keyword);
      if (form !== undefined) {
        return form(value, this) || this.#stop(`keyword "${keyword}" as it stands`);
      }
      if (ANNOTATIONS.has(keyword) && (keyword !== "$schema" || schema === this.#root)) return true;
      const isHard = FOR_THE_WORKER.has(keyword) || keyword.startsWith("$");
      return !isHard || this.#stop(`keyword "${excerpt(keyword, 40)}"`);
    });
  }

  isPlainFormat(format: unknown): boolean {
    if (typeof format !== "string" || FORMATS_FOR_THE_WORKER.has(format)) return false;
    if (LINEAR_FORMATS.has(format)) this.hasFormats = true;
    return true;
  }

  /** The root, or one of its definitions. */
  isPlainRef(ref: unknown): boolean {
    if (typeof ref !== "string" || this.#dialect !== "2020-12") return false;
    return resolveRef(this.#root as PlainObject, ref) !== undefined;
  }

  #stop(obstacle: string): false {
    this.#obstacle ??= obstacle;
    return false;
  }
}

/** A definition's own name only: whatever needs unescaping is left to ajv. */
const DEFINITION = /^#\/(\$defs|definitions)\/([^/~%]+)$/;

export function resolveRef(root: PlainObject, ref: string): PlainSchema | undefined {
  if (ref === "#") return root;
  const [, folder, name] = DEFINITION.exec(ref) ?? [];
  if (folder === undefined || name === undefined) return undefined;
  const definitions = root[folder as "$defs" | "definitions"];
  return definitions !== undefined && isObject(definitions) && Object.hasOwn(definitions, name)
    ? definitions[name]
    : undefined;
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isTypeList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => TYPES.has(item));
}

function areUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}
