// Arguments mirrored into headers. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters

import { McpConfigError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";

/** Which arguments of a tool are mirrored into which headers. */
export interface ParamPlan {
  readonly params: readonly MirroredParam[];
}

interface MirroredParam {
  /** With the prefix, in the case that the server gave: `Mcp-Param-Region`. */
  readonly header: string;
  /** Where in the arguments, one property per step. */
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

/** How many objects and arrays may still be searched, of one page of tools: half a million take a tenth of a second. */
export interface SearchBudget {
  left: number;
}

/** The plan of every tool without annotations. */
export const EMPTY_PLAN: ParamPlan = Object.freeze({ params: Object.freeze([]) });

const ANNOTATION = "x-mcp-header";
const PREFIX = "Mcp-Param-";
const NO_HEADERS: HeaderList = Object.freeze([]);

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What no proxy, parser or trimming changes: visible ASCII, with spaces inside only (10.7, 10.8). */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const SENTINEL_START = "=?base64?";
const SENTINEL_END = "?=";

/** Keywords that hold values instead of schemas: an annotation in there is just data. */
const DATA: ReadonlySet<string> = new Set(["default", "const", "enum", "examples"]);

/** Keywords that hold an object whose keys are names: one of them may be called `x-mcp-header`. */
const NAMED: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "dependentSchemas",
  "dependentRequired",
  "dependencies",
  "$defs",
  "definitions",
]);

/**
 * Objects and arrays of one tool's schema that are searched. A schema of 200 kB has some ten thousand. The rest may hold
 * an annotation too, so a tool with more is invalid.
 */
const MAX_PLACES = 100_000;

/** Arguments of one tool that are mirrored: servers and proxies refuse a request with more headers. */
const MAX_MIRRORED = 100;

/** Properties on the way to all of them together, if there are several: a few lines of a deep schema name thousands. */
const MAX_STEPS = 512;

/** How much of a server's own names stands in a message. */
const MAX_SHOWN_CHARS = 120;

/**
 * The plan of a tool, or why its definition is invalid: one sentence that names the property and the reason.
 * Every keyword is searched, unknown ones too, because an annotation in the wrong place makes the whole
 * definition invalid (10.2, 10.3).
 */
export function planParams(
  inputSchema: unknown,
  budget: SearchBudget = { left: MAX_PLACES },
): ParamPlan | { readonly invalid: string } {
  const params: MirroredParam[] = [];
  const taken = new Set<string>();
  const places: Place[] = [];
  let steps = 0;
  if (isObject(inputSchema)) places.push(rootOf(inputSchema));
  // The list grows while it is read: no nesting can exhaust the stack.
  for (const place of places) {
    if (isAnnotated(place)) {
      const param = readAnnotation(place, taken);
      if ("invalid" in param) return param;
      steps += param.path.length;
      if (params.length >= MAX_MIRRORED || (params.length > 0 && steps > MAX_STEPS)) {
        return {
          invalid: `more than ${MAX_MIRRORED} properties have "${ANNOTATION}", or they are nested too deep`,
        };
      }
      params.push(param);
    }
    addInner(place, places);
    if (places.length > MAX_PLACES || places.length > budget.left) {
      const most = Math.min(MAX_PLACES, budget.left);
      budget.left = Math.max(0, budget.left - places.length);
      return {
        invalid: `the schema has more than ${most} objects and arrays, or the page of the list has more than can be searched in good time`,
      };
    }
  }
  budget.left -= places.length;
  return params.length === 0 ? EMPTY_PLAN : Object.freeze({ params: Object.freeze(params) });
}

/**
 * The headers of one call: name, value, name, value. What is absent or `null`, at any step, has none (10.5).
 *
 * @throws {McpConfigError} if a value cannot be mirrored: an object, an array, or an integer that is not safe (10.6).
 */
export function paramHeaders(plan: ParamPlan, args: unknown, server: string): HeaderList {
  let headers: string[] | undefined;
  for (const param of plan.params) {
    const value = argumentAt(args, param.path);
    if (value === undefined) continue;
    (headers ??= []).push(param.header, encodeHeaderValue(toText(value, param, server)));
  }
  return headers ?? NO_HEADERS;
}

/** Plain where that is safe, otherwise as `=?base64?…?=`: also for `Mcp-Name` (10.7, 10.8, 10.9). */
export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && !isSentinel(value)) return value;
  return SENTINEL_START + Buffer.from(value, "utf8").toString("base64") + SENTINEL_END;
}

function isSentinel(value: string): boolean {
  return value.startsWith(SENTINEL_START) && value.endsWith(SENTINEL_END);
}

/** An object or array of the schema, linked to the one around it: only few need their path. */
interface Place {
  readonly value: object;
  /** Keys are names of schemas, or keywords. */
  readonly keys: "names" | "keywords";
  /** Whether nothing but `properties` leads here from the root. */
  readonly isReachable: boolean;
  readonly key: string;
  readonly outer: Place | undefined;
}

function rootOf(value: object): Place {
  return { value, keys: "keywords", isReachable: true, key: "", outer: undefined };
}

/** Runs for every object of every tool that is listed, so nothing is allocated but the places. */
function addInner(outer: Place, places: Place[]): void {
  const around = outer.value as { readonly [key: string]: unknown };
  const isList = Array.isArray(around);
  const isNames = outer.keys === "names";
  for (const key of Object.keys(around)) {
    const value = around[key];
    if (!isObject(value)) continue;
    const holdsNames = !isList && !isNames && NAMED.has(key) && !Array.isArray(value);
    if (holdsNames) {
      const isReachable = outer.isReachable && key === "properties";
      places.push({ value, keys: "names", isReachable, key, outer });
    } else if (isList || isNames || !DATA.has(key)) {
      const isReachable = outer.isReachable && isNames;
      places.push({ value, keys: "keywords", isReachable, key, outer });
    }
  }
}

function isAnnotated({ value, keys }: Place): boolean {
  return keys === "keywords" && Object.hasOwn(value, ANNOTATION);
}

function readAnnotation(place: Place, taken: Set<string>): MirroredParam | { invalid: string } {
  const steps = stepsTo(place);
  if (steps.length === 0) {
    return {
      invalid: `the root of the schema has "${ANNOTATION}", which only a property may have`,
    };
  }
  if (!place.isReachable) {
    const where = quote(steps.join("."));
    return {
      invalid: `${where} has "${ANNOTATION}" but is not reached through "properties" alone`,
    };
  }
  // Where everything is reachable, every other step is `properties`.
  const path = steps.filter((_, index) => index % 2 === 1);
  const property = `property ${quote(path.join("."))}`;
  const name = ownValue(place.value, ANNOTATION);
  if (typeof name !== "string") {
    return { invalid: `${property} has an "${ANNOTATION}" that is not a string` };
  }
  if (name === "") return { invalid: `${property} has an empty "${ANNOTATION}"` };
  if (!TOKEN.test(name)) {
    return {
      invalid: `${property} has the "${ANNOTATION}" ${quote(name)}, which is no HTTP token`,
    };
  }
  const type = ownValue(place.value, "type");
  if (type !== "string" && type !== "integer" && type !== "boolean") {
    return {
      invalid: `${property} has "${ANNOTATION}" and ${describeType(type)}: only string, integer and boolean are allowed`,
    };
  }
  const lower = name.toLowerCase();
  if (taken.has(lower)) {
    return {
      invalid: `${property} has the "${ANNOTATION}" ${quote(name)}, which another property has too, letter case aside`,
    };
  }
  taken.add(lower);
  return Object.freeze({ header: PREFIX + name, path: Object.freeze(path), type });
}

/** Every key from the root, keywords included. */
function stepsTo(place: Place): string[] {
  const steps: string[] = [];
  for (let at = place; at.outer !== undefined; at = at.outer) steps.push(at.key);
  return steps.toReversed();
}

function describeType(type: unknown): string {
  if (type === undefined) return "no type";
  if (typeof type === "string") return `type ${quote(type)}`;
  return Array.isArray(type) ? "an array of types" : "a type that is not a string";
}

/** The value that the body will hold, `undefined` where it holds none or `null`. */
function argumentAt(args: unknown, path: readonly string[]): unknown {
  let value: unknown = args;
  for (const key of path) {
    if (!isObject(value) || Array.isArray(value)) return undefined;
    value = asJson(ownValue(value, key), key);
  }
  return value;
}

/** What JSON makes of a value: header and body must agree, or the server has to reject the call. */
function asJson(given: unknown, key: string): unknown {
  let value = given;
  if (isObject(given) && "toJSON" in given && typeof given.toJSON === "function") {
    value = (given as { toJSON(key: string): unknown }).toJSON(key);
  }
  const isDropped = value === null || typeof value === "function" || typeof value === "symbol";
  const isNull = typeof value === "number" && !Number.isFinite(value);
  return isDropped || isNull ? undefined : value;
}

/** By the value's own type: whether it fits the schema is the server's to judge. */
function toText(value: unknown, { header, path }: MirroredParam, server: string): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      if (!Number.isInteger(value) || Number.isSafeInteger(value)) return String(value);
      throw refusal("an integer outside the safe range, ±(2^53 - 1)", header, path, server);
    case "boolean":
      return String(value);
    case "object":
      throw refusal(Array.isArray(value) ? "an array" : "an object", header, path, server);
    default:
      throw refusal(`a ${typeof value}`, header, path, server);
  }
}

/** Without the value: it may be a secret. */
function refusal(
  what: string,
  header: string,
  path: readonly string[],
  server: string,
): McpConfigError {
  const shown = excerpt(path.join("."), MAX_SHOWN_CHARS);
  return new McpConfigError(
    `argument "${shown}" of a call to server "${server}" is ${what}: it cannot be sent in the header ${excerpt(header, MAX_SHOWN_CHARS)}, as the tool demands`,
    { path: `arguments.${shown}`, server, method: "tools/call" },
  );
}

function ownValue(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as { [key: string]: unknown })[key] : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function quote(text: string): string {
  return `"${excerpt(text, MAX_SHOWN_CHARS)}"`;
}
