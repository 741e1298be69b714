// Random and hostile JSON Schemas, and values for them; all from one stream of random numbers.

import type { Random } from "../support/random.ts";

const NAMES = ["a", "b", "c", "constructor", "__proto__", "toString", "$ref", "length"];
const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];
const TEXTS = [
  "",
  "a",
  "aaaaaaaa!",
  "2024-02-29",
  "a@b.example",
  "https://a.example/x",
  "\u{1f600}",
];
const FORMATS = ["date", "date-time", "email", "uri", "url", "regex", "uuid", "hostname", "own"];
const PATTERNS = ["^a+$", "^(a|b)*$", "[", "^(a+)+$", "\\p{L}", "(?<=a)b", "(?:a{1,1000}){1,1000}"];
const ODD = [null, 5, "text", [], {}, true, -1, 1e308, "$async"];

const SCALARS = [
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
];
const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const ONE = ["items", "not", "additionalProperties", "if", "then", "else", "contains"];
const ONE_ODD = ["unevaluatedProperties", "unevaluatedItems", "propertyNames", "contentSchema"];
const LISTS = ["anyOf", "oneOf", "allOf", "prefixItems"];
const MAPS = ["properties", "$defs", "definitions", "dependentSchemas", "patternProperties"];
const REFS = ["#", "#/$defs/a", "#/definitions/b", "#/properties/a", "#a", "http://127.0.0.1:9/x"];

function repeat<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.int(0, most) }, make);
}

export function randomValue(random: Random, depth: number): unknown {
  const kind = depth <= 0 ? random.int(0, 5) : random.int(0, 9);
  if (kind < 2) return random.pick(TEXTS);
  if (kind < 4) return random.pick([0, 1, -1, 1.5, 1e21, 3]);
  if (kind < 6) return random.pick([null, true, false]);
  if (kind < 8) return repeat(random, 3, () => randomValue(random, depth - 1));
  const entries = repeat(random, 3, () => [random.pick(NAMES), randomValue(random, depth - 1)]);
  return Object.fromEntries(entries) as object;
}

/** `isWild`: with keywords that need code, references, nonsense and whatever else a server may write. */
export function randomSchema(random: Random, depth: number, isWild: boolean): unknown {
  if (depth <= 0 || random.chance(0.1))
    return random.pick([true, {}, { type: random.pick(TYPES) }]);
  const sub = (): unknown => randomSchema(random, depth - 1, isWild);
  const name = (): string => random.pick(NAMES.filter((one) => one !== "__proto__"));
  const schema: { [keyword: string]: unknown } = {};
  for (let left = random.int(1, isWild ? 5 : 3); left > 0; left--) {
    const kind = random.int(0, isWild ? 13 : 7);
    if (kind === 0) schema["type"] = random.pick(TYPES);
    else if (kind === 1) schema[random.pick(SCALARS)] = random.int(0, 3);
    else if (kind === 2) schema[random.pick(NUMBERS.slice(0, 4))] = random.pick([-1, 0, 1, 1.5]);
    else if (kind === 3) schema["required"] = [name()];
    else if (kind === 4) schema[random.pick(ONE.slice(0, 3))] = sub();
    else if (kind === 5) schema[random.pick(LISTS.slice(0, 3))] = [sub(), sub()];
    else if (kind === 6) {
      schema["properties"] = Object.fromEntries(repeat(random, 3, () => [name(), sub()]));
    } else if (kind === 7) {
      schema[random.pick(["enum", "const"])] = [randomValue(random, 1)];
    } else if (kind === 8) schema[random.pick([...ONE, ...ONE_ODD])] = sub();
    else if (kind === 9) {
      const keys = [...NAMES, ...PATTERNS];
      const entries = repeat(random, 3, () => [random.pick(keys), sub()]);
      schema[random.pick(MAPS)] = Object.fromEntries(entries);
    } else if (kind === 10) {
      schema[random.pick(["$ref", "$dynamicRef", "$anchor", "$id"])] = random.pick(REFS);
    } else if (kind === 11) schema["pattern"] = random.pick(PATTERNS);
    else if (kind === 12) schema["format"] = random.pick(FORMATS);
    else schema[random.pick(["$async", "uniqueItems", "nullable", ...LISTS])] = random.pick(ODD);
  }
  return schema;
}

/** Pairs of schema and value whose check does not end, or takes all memory, unless somebody stops it. */
export function hostilePair(random: Random): [schema: object, value: unknown] {
  const size = random.int(30, 60);
  switch (random.int(0, 7)) {
    case 0:
      return [{ pattern: `^(a|a)*${size}$` }, `${"a".repeat(size)}!`];
    case 1:
      return [{ format: "url" }, `http://${"a-".repeat(size * 1_000)}`];
    case 2:
      return [{ uniqueItems: true }, Array.from({ length: size * 500 }, (_, index) => [index])];
    case 3: {
      const definitions = Array.from({ length: size }, (_, index) => {
        const next = { $ref: `#/$defs/d${index + 1}` };
        return [`d${index}`, { allOf: [next, next] }] as const;
      });
      return [
        { $defs: { ...Object.fromEntries(definitions), [`d${size}`]: {} }, $ref: "#/$defs/d0" },
        1,
      ];
    }
    case 4: {
      const anyOf = Array.from({ length: size * 10 }, (_, index) => ({ const: { a: index } }));
      return [{ items: { anyOf } }, Array.from({ length: 20_000 }, () => ({ a: -1 }))];
    }
    case 5: {
      let schema: object = {};
      for (let level = 0; level < 300; level++) schema = { not: schema, unevaluatedItems: false };
      return [schema, 1];
    }
    case 6: {
      const properties = Object.fromEntries(
        Array.from({ length: 3_000 }, (_, index) => [`p${index}`, { pattern: `^${index}` }]),
      );
      return [{ properties, unevaluatedProperties: false }, { p1: "1" }];
    }
    default:
      return [{ $async: true, type: "object", required: ["x"] }, { a: 1 }];
  }
}
