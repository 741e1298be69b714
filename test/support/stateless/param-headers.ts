// `x-mcp-header` and the Base64 sentinel as revision 2026-07-28 has them, read afresh for the scripted server.

import { isObject } from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";

export interface AnnotatedParam {
  /** Lower case, with `mcp-param-`. */
  readonly header: string;
  /** Keys from the arguments to the value. */
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

export interface Annotations {
  readonly params: readonly AnnotatedParam[];
  /** Why the tool definition is invalid; empty if it is not. */
  readonly problems: readonly string[];
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
const SENTINEL = /^=\?base64\?(.*)\?=$/s;
/** Keywords whose value is data or no schema. */
const NO_SCHEMA: ReadonlySet<string> = new Set([
  "default",
  "const",
  "enum",
  "examples",
  "required",
]);
/** Keywords whose value maps names to schemas, none of them statically reachable. */
const SCHEMA_MAPS: ReadonlySet<string> = new Set([
  "$defs",
  "definitions",
  "patternProperties",
  "dependentSchemas",
]);

export function annotationsOf(inputSchema: JsonObject | undefined): Annotations {
  const params: AnnotatedParam[] = [];
  const problems: string[] = [];
  const visit = (schema: unknown, path: readonly string[] | undefined): void => {
    if (Array.isArray(schema)) for (const one of schema) visit(one, undefined);
    if (!isObject(schema)) return;
    if ("x-mcp-header" in schema) {
      const param = annotated(schema, path);
      if (typeof param === "string") problems.push(param);
      else if (params.some(({ header }) => header === param.header)) {
        problems.push(`${param.header} is used twice`);
      } else params.push(param);
    }
    for (const [key, value] of Object.entries(schema)) {
      if (key === "x-mcp-header" || NO_SCHEMA.has(key)) continue;
      if (key === "properties" || SCHEMA_MAPS.has(key)) {
        if (!isObject(value)) continue;
        for (const [name, one] of Object.entries(value)) {
          visit(one, key === "properties" && path !== undefined ? [...path, name] : undefined);
        }
      } else visit(value, undefined);
    }
  };
  visit(inputSchema, []);
  return { params, problems };
}

function annotated(
  schema: JsonObject,
  path: readonly string[] | undefined,
): AnnotatedParam | string {
  const name = schema["x-mcp-header"];
  const type = schema["type"];
  if (typeof name !== "string" || !TOKEN.test(name)) {
    return `${JSON.stringify(name)} is no header name`;
  }
  if (path === undefined || path.length === 0) return `${name} is not statically reachable`;
  if (type !== "string" && type !== "integer" && type !== "boolean") {
    return `${name} is on a parameter of type ${JSON.stringify(type)}`;
  }
  return { header: `mcp-param-${name.toLowerCase()}`, path, type };
}

/** The value at the path, or undefined for what is absent or null at any step. */
export function valueAt(args: unknown, path: readonly string[]): unknown {
  let value: unknown = args;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value ?? undefined;
}

/** Undefined: the header has characters that only Base64 may carry, or is no proper Base64. */
export function decodeHeader(raw: string): string | undefined {
  const encoded = SENTINEL.exec(raw)?.[1];
  // A tab may stand inside a header by RFC 9110; the conformance suite wants Base64 for it as well (10.8).
  if (encoded === undefined) return /^[\x20-\x7e]*$/.test(raw) ? raw : undefined;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether a decoded header says the same as the argument. */
export function sameParam(decoded: string, value: unknown): boolean {
  if (typeof value === "string") return decoded === value;
  if (typeof value === "boolean") return decoded === String(value);
  if (typeof value === "number") return decoded.trim() !== "" && Number(decoded) === value;
  return false;
}
