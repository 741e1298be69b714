// Plain schemas: the walk gives the verdict of ajv, for random schemas and values.

import { Ajv2020 } from "ajv/dist/2020.js";
import { default as addFormats } from "ajv-formats";
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadFormats } from "../../src/core/json-schema/formats.ts";
import { checkPlain } from "../../src/core/json-schema/plain-check.ts";
import { readSchema } from "../../src/core/json-schema/read-schema.ts";
import { LINEAR_FORMATS } from "../../src/core/json-schema/vocabulary.ts";

/** Without `__proto__`, which ajv leaves out of its code on purpose. */
const NAMES = ["a", "b", "constructor", "$async", "type"];
const name = fc.constantFrom(...NAMES);
const TEXTS = [
  "",
  "a",
  "\u{1f600}",
  "2024-02-30",
  "2024-02-29",
  "a@b.example",
  "https://a.example/",
];

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, 1, -1, 1.5, 1e21, ...TEXTS),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 3 }).map(Object.fromEntries),
  ),
})).value;

const count = fc.integer({ min: 0, max: 3 });
const number = fc.constantFrom(-1, 0, 1, 1.5, 2);
const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];

const schema: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const map = fc.array(fc.tuple(name, tie("schema")), { maxLength: 3 }).map(Object.fromEntries);
  const list = fc.array(tie("schema"), { minLength: 1, maxLength: 3 });
  return {
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.boolean(),
      fc
        .record(
          {
            type: fc.oneof(
              fc.constantFrom(...TYPES),
              fc.uniqueArray(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 3 }),
            ),
            enum: fc.array(value, { minLength: 1, maxLength: 3 }),
            const: value,
            minimum: number,
            maximum: number,
            exclusiveMinimum: number,
            exclusiveMaximum: number,
            minLength: count,
            maxLength: count,
            minItems: count,
            maxItems: count,
            minProperties: count,
            maxProperties: count,
            required: fc.uniqueArray(name, { maxLength: 2 }),
            properties: map,
            additionalProperties: tie("schema"),
            items: tie("schema"),
            anyOf: list,
            oneOf: list,
            allOf: list,
            not: tie("schema"),
            format: fc.constantFrom(...LINEAR_FORMATS, "own-format"),
            $ref: fc.constantFrom("#/$defs/a", "#/definitions/b"),
            title: fc.constant("t"),
          },
          { requiredKeys: [] },
        )
        .map((keywords) => {
          // Most keywords are left out, or nothing fits.
          const entries = Object.entries(keywords).filter((_, index) => index % 3 === 0);
          return Object.fromEntries(entries);
        }),
    ),
  };
}).schema;

test("a random plain schema and a random value: the same verdict as ajv", async () => {
  const formats = await loadFormats();
  let [fits, misfits] = [0, 0];
  const property = fc.property(schema, schema, schema, value, (root, a, b, data) => {
    const whole = {
      ...(typeof root === "boolean" ? { allOf: [root] } : (root as object)),
      $defs: { a },
      definitions: { b },
    };
    const read = readSchema(whole);
    if (read.kind !== "plain") throw new Error(`not plain: ${JSON.stringify(read)}`);
    const ajv = new Ajv2020({
      strict: false,
      logger: false,
      ownProperties: true,
      unicodeRegExp: false,
      validateSchema: false,
      meta: false,
    });
    addFormats.default(ajv);
    let expected: boolean;
    try {
      expected = ajv.compile(whole)(data);
    } catch {
      // References in a circle, and code of ajv's that is broken.
      return;
    }
    const verdict = checkPlain(read.schema, data, formats, 10_000);
    expect(verdict?.kind).toBe(expected ? "fits" : "misfit");
    if (expected) fits++;
    else misfits++;
  });
  fc.assert(property, { numRuns: 400 });
  expect(Math.min(fits, misfits)).toBeGreaterThan(30);
});
