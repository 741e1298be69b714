import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { McpConfigError } from "../../src/core/errors.ts";
import {
  encodeHeaderValue,
  paramHeaders,
  planParams,
} from "../../src/eras/2026-07-28/param-headers.ts";

/** What a server does, by the specification alone. */
function decode(header: string): string {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(header)?.[1];
  if (encoded === undefined) return header;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) throw new Error(`not canonical: ${encoded}`);
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

const SAFE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** Near the edges of the rule more often than chance would have it. */
const piece = fc.oneof(
  fc.constantFrom(" ", "\t", "\r\n", "=?base64?", "?=", "=?BASE64?", "\u0000", "\u007f", "\ufeff"),
  fc.string({ maxLength: 5 }),
  fc.string({ unit: "binary", maxLength: 5 }),
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
/** Lone surrogates too: no header and no UTF-8 can hold them. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => {
  return String.fromCharCode(...units);
});

const key = fc.constantFrom(
  "properties",
  "items",
  "anyOf",
  "$defs",
  "default",
  "enum",
  "type",
  "x-mcp-header",
  "__proto__",
  "constructor",
  "toString",
  "toJSON",
  "a",
  "b",
);
const shortName = fc.oneof(
  {
    arbitrary: fc.string({ unit: fc.constantFrom("a", "b", "A", "B", "-", "_"), maxLength: 3 }),
    weight: 5,
  },
  { arbitrary: fc.string({ maxLength: 3 }), weight: 1 },
);
const leaf = fc.constantFrom(null, true, 0, 2 ** 53, 1.5, "string", "integer", "boolean", "", "A");

/** Anything that JSON can hold, made of the words that matter; parsed, so that `__proto__` is a property. */
const { json } = fc.letrec<{ json: unknown; object: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    leaf,
    tie("object"),
    fc.array(tie("json"), { maxLength: 3 }),
  ),
  object: fc
    .array(fc.tuple(key, tie("json")), { maxLength: 5 })
    .map((entries) => JSON.parse(jsonOf(entries)) as unknown),
}));

/** Nearly right, so that both answers are common. */
const { schemaLike } = fc.letrec<{ schemaLike: unknown }>((tie) => ({
  schemaLike: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc
      .record({ type: fc.constantFrom("string", "integer", "boolean", "number"), name: shortName })
      .map(({ type, name }) => ({ type, "x-mcp-header": name })),
    fc
      .record({ names: fc.array(fc.tuple(key, tie("schemaLike")), { maxLength: 3 }), other: json })
      .map(({ names, other }) => ({
        type: "object",
        properties: JSON.parse(jsonOf(names)) as unknown,
        default: other,
      })),
    { arbitrary: json, weight: 1 },
  ),
}));

function jsonOf(entries: [string, unknown][]): string {
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
}

const type = fc.constantFrom("string", "integer", "boolean");
/** Annotated properties in valid places only, each under a name and a header of its own. */
const paths = fc.uniqueArray(
  fc.tuple(
    fc.array(fc.constantFrom("p", "q", "__proto__", "x-mcp-header"), { maxLength: 4 }),
    type,
  ),
  { maxLength: 8, selector: ([path]) => path.join("/") },
);

/** `leaf` ends every path, so that none runs through another. */
function schemaOf(all: readonly (readonly [readonly string[], string])[]): unknown {
  const root = bare();
  for (const [index, [path, leafType]] of all.entries()) {
    let properties = root;
    for (const name of path) properties = childOf(childOf(properties, name), "properties");
    properties["leaf"] = { type: leafType, "x-mcp-header": `H${index}` };
  }
  return JSON.parse(JSON.stringify({ type: "object", properties: root })) as unknown;
}

interface Tree {
  [name: string]: unknown;
}

/** Without a prototype `__proto__` is a key like any other. */
function bare(): Tree {
  return Object.create(null) as Tree;
}

function childOf(parent: Tree, name: string): Tree {
  return (parent[name] ??= bare()) as Tree;
}

describe("how a value is written (10.7, 10.8)", () => {
  test("10.7 what is decoded is what was given", () => {
    fc.assert(
      fc.property(text, (value) => {
        // A piece may be half of a surrogate pair, which UTF-8 replaces.
        expect(decode(encodeHeaderValue(value))).toBe(Buffer.from(value).toString());
      }),
      { numRuns: 2000 },
    );
  });

  test("10.8 it is visible ASCII with spaces inside only: no line can be broken, nothing is trimmed", () => {
    fc.assert(
      fc.property(fc.oneof(text, anyText), (value) => {
        const written = encodeHeaderValue(value);
        expect(written).toMatch(SAFE);
        expect(written).not.toMatch(/[\r\n\t]/);
        if (written === value) expect(decode(value)).toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("10.7 no two texts are written alike", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: "grapheme" }), { maxLength: 20 }), (values) => {
        expect(new Set(values.map(encodeHeaderValue)).size).toBe(values.length);
        const twice = values.map(encodeHeaderValue).map(encodeHeaderValue);
        expect(twice.map(decode).map(decode)).toEqual(values);
      }),
    );
  });
});

describe("whatever a server sends as a schema (10.2, 10.3)", () => {
  test("10.3 it never throws, and its headers are tokens, unique and by their rule", () => {
    let planned = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(json, schemaLike), fc.array(json), (schema, values) => {
        const plan = planParams(schema);
        if ("invalid" in plan) {
          refused++;
          expect(plan.invalid).toMatch(/^[\x20-\x7e…]{1,600}$/u);
          return;
        }
        if (plan.params.length > 0) planned++;
        const names = plan.params.map(({ header }) => header.toLowerCase());
        expect(new Set(names).size).toBe(names.length);
        for (const name of names) expect(name).toMatch(/^mcp-param-[!#$%&'*+\-.^_`|~0-9a-z]+$/);
        const args = bare();
        // The deepest first: a property may be annotated and have properties that are.
        for (const [index, { path }] of [...plan.params.entries()].toReversed()) {
          let at = args;
          for (const name of path.slice(0, -1)) at = childOf(at, name);
          at[path.at(-1) ?? ""] = values[index];
        }
        for (const value of valuesOf(() => paramHeaders(plan, args, "s"))) {
          expect(value).toMatch(SAFE);
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(0);
    expect(planned).toBeGreaterThan(0);
  });

  test("10.3 it never throws for any nesting of anything", () => {
    const wrapper = fc.constantFrom(
      (inner: unknown) => ({ properties: { p: inner } }),
      (inner: unknown) => ({ properties: inner }),
      (inner: unknown) => ({ not: inner }),
      (inner: unknown) => ({ anyOf: [inner] }),
      (inner: unknown) => ({ $defs: { d: inner } }),
      (inner: unknown) => ({ default: inner }),
      (inner: unknown) => [inner],
    );
    fc.assert(
      fc.property(
        fc.array(wrapper, { minLength: 400, maxLength: 512 }),
        json,
        (wrappers, innermost) => {
          const schema = wrappers.reduce((inner, wrap) => wrap(inner), innermost);
          expect(planParams(schema)).toBeTypeOf("object");
        },
      ),
      { numRuns: 200 },
    );
  });

  test("10.5 every annotated property that properties lead to is mirrored, from its own place", () => {
    fc.assert(
      fc.property(paths, (all) => {
        const plan = planParams(schemaOf(all));
        if ("invalid" in plan) throw new Error(plan.invalid);
        const args = bare();
        for (const [index, [path]] of all.entries()) {
          let at = args;
          for (const name of path) at = childOf(at, name);
          at["leaf"] = `value ${index}`;
        }
        const pairs = pairsOf(paramHeaders(plan, JSON.parse(JSON.stringify(args)), "s"));
        expect(pairs).toEqual(
          new Map(all.map((_, index) => [`Mcp-Param-H${index}`, `value ${index}`])),
        );
      }),
    );
  });

  test("10.3 one annotation out of reach makes any valid schema invalid", () => {
    const keyword = fc.constantFrom("items", "not", "if", "additionalProperties", "x-unknown");
    fc.assert(
      fc.property(paths, keyword, type, (all, name, leafType) => {
        const schema = schemaOf(all) as { [name: string]: unknown };
        const wrong = { ...schema, [name]: { type: leafType, "x-mcp-header": "Wrong" } };
        expect(planParams(wrong)).toHaveProperty("invalid");
        const data = { ...schema, default: { type: leafType, "x-mcp-header": "Data" } };
        expect(planParams(data)).not.toHaveProperty("invalid");
      }),
    );
  });
});

function valuesOf(headers: () => readonly string[]): string[] {
  try {
    return [...pairsOf(headers()).values()];
  } catch (error) {
    if (error instanceof McpConfigError) return [];
    throw error;
  }
}

function pairsOf(flat: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at < flat.length; at += 2) pairs.set(flat[at] ?? "", flat[at + 1] ?? "");
  return pairs;
}
