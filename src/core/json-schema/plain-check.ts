// A check of plain schemas without generated code: it counts its steps, keeps nothing, and ends when they are spent.
// https://json-schema.org/draft/2020-12/json-schema-validation

import { excerpt } from "../redact.ts";
import { resolveRef } from "./read-schema.ts";
import type { PlainObject, PlainSchema } from "./read-schema.ts";
import { FITS } from "./verdict.ts";
import type { Verdict } from "./verdict.ts";

/** By name: whether a text has the format. */
export type Formats = ReadonlyMap<string, (text: string) => boolean>;

/** Schemas within each other, also by `$ref`: far from the end of the stack. */
const MAX_DEPTH = 500;

/** Longer texts are not matched with a format here. */
const MAX_FORMAT_CHARS = 8_192;

/** So many characters of a text that has to be read count as one step. */
const CHARS_PER_STEP = 16;

/** Of a name in a message. */
const NAME_CHARS = 60;

/** Names on the way to what does not fit; those before are left out. */
const MAX_PATH = 8;

/** Thrown when the steps are spent; one object, because it is no failure of the program. */
const SPENT: Error = new Error("too many steps");

/**
 * Checks `value`, or gives `undefined` if that takes more than `steps` steps: tens of nanoseconds each.
 *
 * A step is a schema at a value, a name in `required` or `properties`, an alternative in `enum`, a property of an object.
 */
export function checkPlain(
  schema: PlainSchema,
  value: unknown,
  formats: Formats,
  steps: number,
): Verdict | undefined {
  try {
    const problem = new Check(schema, formats, steps).at(schema, value, 0);
    return problem === undefined ? FITS : { kind: "misfit", problem: problem.text };
  } catch (error) {
    if (error === SPENT || error instanceof RangeError) return undefined;
    throw error;
  }
}

class Problem {
  readonly #message: string;
  readonly #path: string[] = [];

  constructor(message: string) {
    this.#message = message;
  }

  within(name: string | number): this {
    if (this.#path.length < MAX_PATH) this.#path.push(excerpt(String(name), NAME_CHARS));
    return this;
  }

  get text(): string {
    return `${["data", ...this.#path.toReversed()].join("/")} ${this.#message}`;
  }
}

type Found = Problem | undefined;

class Check {
  readonly #root: PlainSchema;
  readonly #formats: Formats;
  #steps: number;

  constructor(root: PlainSchema, formats: Formats, steps: number) {
    this.#root = root;
    this.#formats = formats;
    this.#steps = steps;
  }

  at(schema: PlainSchema, value: unknown, depth: number): Found {
    this.#spend(1);
    if (typeof schema === "boolean") return schema ? undefined : fail("must NOT be there");
    if (depth > MAX_DEPTH) throw SPENT;
    return (
      this.#general(schema, value) ??
      this.#ofKind(schema, value, depth + 1) ??
      this.#combined(schema, value, depth + 1)
    );
  }

  #spend(steps: number): void {
    if ((this.#steps -= steps) < 0) throw SPENT;
  }

  #general(schema: PlainObject, value: unknown): Found {
    const { type } = schema;
    if (type !== undefined && !hasType(type, value)) {
      return fail(`must be ${typeof type === "string" ? type : type.join(" or ")}`);
    }
    if (schema.enum?.some((item) => this.#equal(item, value)) === false) {
      return fail("must be equal to one of the allowed values");
    }
    if (Object.hasOwn(schema, "const") && !this.#equal(schema.const, value)) {
      return fail("must be equal to constant");
    }
    return undefined;
  }

  #ofKind(schema: PlainObject, value: unknown, depth: number): Found {
    if (typeof value === "number") return number(schema, value);
    if (typeof value === "string") return this.#string(schema, value);
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) return this.#array(schema, value, depth);
    return this.#object(schema, value as Fields, depth);
  }

  #string(schema: PlainObject, text: string): Found {
    const { minLength = 0, maxLength = Infinity, format } = schema;
    if (text.length < minLength || text.length > maxLength || minLength > 0) {
      this.#spend(text.length / CHARS_PER_STEP);
      const length = lengthOf(text);
      if (length < minLength) return fail(`must NOT have fewer than ${minLength} characters`);
      if (length > maxLength) return fail(`must NOT have more than ${maxLength} characters`);
    }
    const isOfFormat = format === undefined ? undefined : this.#formats.get(format);
    if (isOfFormat === undefined) return undefined;
    if (text.length > MAX_FORMAT_CHARS) throw SPENT;
    this.#spend(text.length / CHARS_PER_STEP);
    return isOfFormat(text) ? undefined : fail(`must match format "${format}"`);
  }

  #array(
    { minItems = 0, maxItems = Infinity, items }: PlainObject,
    list: unknown[],
    depth: number,
  ): Found {
    if (list.length < minItems) return fail(`must NOT have fewer than ${minItems} items`);
    if (list.length > maxItems) return fail(`must NOT have more than ${maxItems} items`);
    if (items === undefined || items === true) return undefined;
    for (let index = 0; index < list.length; index++) {
      const problem = this.at(items, list[index], depth);
      if (problem !== undefined) return problem.within(index);
    }
    return undefined;
  }

  #object(schema: PlainObject, fields: Fields, depth: number): Found {
    const {
      required = [],
      properties,
      additionalProperties,
      minProperties,
      maxProperties,
    } = schema;
    this.#spend(required.length);
    for (const name of required) {
      if (!has(fields, name)) {
        return fail(`must have required property '${excerpt(name, NAME_CHARS)}'`);
      }
    }
    if (minProperties !== undefined || maxProperties !== undefined) {
      const count = this.#namesOf(fields).length;
      if (count < (minProperties ?? 0)) {
        return fail(`must NOT have fewer than ${minProperties} properties`);
      }
      if (count > (maxProperties ?? Infinity)) {
        return fail(`must NOT have more than ${maxProperties} properties`);
      }
    }
    if (properties !== undefined) {
      for (const name of this.#namesOf(properties)) {
        if (!has(fields, name)) continue;
        const problem = this.at(own(properties, name), fields[name], depth);
        if (problem !== undefined) return problem.within(name);
      }
    }
    if (additionalProperties === undefined || additionalProperties === true) return undefined;
    for (const name of this.#namesOf(fields)) {
      if (properties !== undefined && Object.hasOwn(properties, name)) continue;
      if (additionalProperties === false) {
        return fail(`must NOT have the additional property '${excerpt(name, NAME_CHARS)}'`);
      }
      const problem = this.at(additionalProperties, fields[name], depth);
      if (problem !== undefined) return problem.within(name);
    }
    return undefined;
  }

  #combined(schema: PlainObject, value: unknown, depth: number): Found {
    const { $ref, allOf, anyOf, oneOf, not } = schema;
    if ($ref !== undefined && typeof this.#root === "object") {
      const target = resolveRef(this.#root, $ref);
      const problem = target === undefined ? undefined : this.at(target, value, depth);
      if (problem !== undefined) return problem;
    }
    for (const part of allOf ?? []) {
      const problem = this.at(part, value, depth);
      if (problem !== undefined) return problem;
    }
    const fits = (part: PlainSchema): boolean => this.at(part, value, depth) === undefined;
    if (anyOf?.some(fits) === false) return fail("must match a schema in anyOf");
    if (oneOf !== undefined && oneOf.filter(fits).length !== 1) {
      return fail("must match exactly one schema in oneOf");
    }
    return not !== undefined && fits(not) ? fail("must NOT be valid") : undefined;
  }

  #namesOf(fields: object): string[] {
    const names = Object.keys(fields);
    this.#spend(names.length);
    return names;
  }

  /** As JSON, whatever the order of the names. */
  #equal(one: unknown, other: unknown): boolean {
    this.#spend(1);
    if (one === other) return true;
    if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
      return false;
    }
    if (Array.isArray(one) || Array.isArray(other)) {
      if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
      return one.every((item, index) => this.#equal(item, other[index]));
    }
    const names = this.#namesOf(one);
    if (names.length !== this.#namesOf(other).length) return false;
    return names.every(
      (name) =>
        Object.hasOwn(other, name) && this.#equal((one as Fields)[name], (other as Fields)[name]),
    );
  }
}

interface Fields {
  readonly [name: string]: unknown;
}

function fail(message: string): Problem {
  return new Problem(message);
}

/** A field that is `undefined` is none: JSON does not say it. */
function has(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== undefined;
}

function own(properties: { readonly [name: string]: PlainSchema }, name: string): PlainSchema {
  return properties[name] ?? true;
}

function number(schema: PlainObject, value: number): Found {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined && !(value >= minimum)) return fail(`must be >= ${minimum}`);
  if (maximum !== undefined && !(value <= maximum)) return fail(`must be <= ${maximum}`);
  if (exclusiveMinimum !== undefined && !(value > exclusiveMinimum)) {
    return fail(`must be > ${exclusiveMinimum}`);
  }
  if (exclusiveMaximum !== undefined && !(value < exclusiveMaximum)) {
    return fail(`must be < ${exclusiveMaximum}`);
  }
  return undefined;
}

function hasType(type: string | readonly string[], value: unknown): boolean {
  return typeof type === "string" ? isOf(type, value) : type.some((one) => isOf(one, value));
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}
