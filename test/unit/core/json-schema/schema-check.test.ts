import net from "node:net";
import { describe, expect, test, vi } from "vitest";
import { CheckBudget } from "../../../../src/core/json-schema/budget.ts";
import { MAX_SCHEMA_CHARS } from "../../../../src/core/json-schema/read-schema.ts";
import { SchemaCheck } from "../../../../src/core/json-schema/schema-check.ts";
import type { Unchecked } from "../../../../src/core/json-schema/verdict.ts";
import { settled } from "../../../support/manual-clock.ts";

type Validate = (value: unknown) => Promise<string | undefined>;

const budget = new CheckBudget();

/** Gives `undefined` if a value fits, the problem if it does not, and throws if it was not checked. */
function checkOf(schema: unknown): Validate {
  const check = new SchemaCheck(schema);
  return async (value) => {
    const verdict = await check.check(value, budget);
    if (verdict.kind === "unchecked") throw new Error(`${verdict.cause}: ${verdict.reason}`);
    return verdict.kind === "misfit" ? verdict.problem : undefined;
  };
}

async function refusalOf(schema: unknown, value: unknown = {}): Promise<Unchecked> {
  const verdict = await new SchemaCheck(schema).check(value, budget);
  expect(verdict.kind).toBe("unchecked");
  return verdict as Unchecked;
}

const DIALECT_07 = "http://json-schema.org/draft-07/schema#";

describe("dialects (1.20)", () => {
  test("no $schema is 2020-12: prefixItems counts", async () => {
    const validate = checkOf({ prefixItems: [{ type: "string" }], items: false });
    expect(await validate(["a"])).toBeUndefined();
    expect(await validate([1])).toContain("string");
    expect(await validate(["a", "b"])).toBeTypeOf("string");
  });

  test.each([DIALECT_07, DIALECT_07.slice(0, -1)])(
    "%s may be declared: an array of items is a tuple",
    async ($schema) => {
      const schema = { $schema, items: [{ type: "string" }], additionalItems: false };
      for (let round = 0; round < 3; round++) {
        const validate = checkOf(schema);
        expect(await validate(["a"])).toBeUndefined();
        expect(await validate(["a", "b"])).toBeTypeOf("string");
      }
    },
  );

  test.each([
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-04/schema#",
    "https://example.com/own",
    "",
    5,
    null,
  ])("%j is refused with a clear error, not passed over", async ($schema) => {
    const { cause, reason } = await refusalOf({ $schema, type: "object" });
    expect(cause).toBe("schema");
    expect(reason).toMatch(/unsupported JSON Schema dialect/);
  });

  test("a dialect's name in the error is bounded", async () => {
    const { reason } = await refusalOf({ $schema: "x".repeat(10_000) });
    expect(reason.length).toBeLessThan(200);
  });
});

describe("$ref (1.21, 13.8)", () => {
  const url = "http://127.0.0.1:9/schema.json";

  test.each(["$ref", "$dynamicRef"])(
    "a remote %s is refused and never fetched, at compile time or later",
    async (keyword) => {
      const connect = vi.spyOn(net.Socket.prototype, "connect");
      const fetched = vi.spyOn(globalThis, "fetch");
      const schema = { properties: { a: { [keyword]: url } } };
      await refusalOf(schema);
      await settled();
      expect(connect).not.toHaveBeenCalled();
      expect(fetched).not.toHaveBeenCalled();
    },
  );

  test("local references work, by $defs, $anchor and $id", async () => {
    const validate = checkOf({
      $id: "https://example.com/root",
      $defs: {
        short: { type: "string", maxLength: 2 },
        named: { $anchor: "n", type: "number" },
        other: { $id: "other", type: "boolean" },
      },
      properties: {
        a: { $ref: "#/$defs/short" },
        b: { $ref: "#n" },
        c: { $ref: "https://example.com/other" },
      },
    });
    expect(await validate({ a: "ab", b: 1, c: true })).toBeUndefined();
    expect(await validate({ a: "abc" })).toBeTypeOf("string");
    expect(await validate({ b: "x" })).toBeTypeOf("string");
    expect(await validate({ c: 1 })).toBeTypeOf("string");
  });

  test("a reference to one's own file by another name is unresolved", async () => {
    await refusalOf({ $ref: "file:///etc/passwd" });
    await refusalOf({ $ref: "#/$defs/missing" });
  });
});

describe("reuse", () => {
  test("the same $id twice, with other contents, one after the other and at once", async () => {
    const $id = "https://example.com/tool";
    const [text, number] = [checkOf({ $id, type: "string" }), checkOf({ $id, type: "number" })];
    expect(await Promise.all([text("a"), number(1)])).toEqual([undefined, undefined]);
    expect(await text(1)).toContain("string");
    expect(await number("a")).toContain("number");
    expect(await checkOf({ $id, type: "boolean" })(true)).toBeUndefined();
    expect(await text("a")).toBeUndefined();
  });

  test("a schema that claims the dialect's own $id does not harm the next one", async () => {
    const $id = "https://json-schema.org/draft/2020-12/schema";
    await new SchemaCheck({ $id, type: "string" }).check("a", budget);
    const validate = checkOf({ type: "object" });
    expect(await validate({})).toBeUndefined();
    await refusalOf({ type: "nonsense" });
  });

  test("what one schema defines is no one else's to refer to", async () => {
    await checkOf({ $id: "https://example.com/secret", type: "string" })("a");
    await refusalOf({ $ref: "https://example.com/secret" });
  });

  test("a broken schema leaves nothing behind", async () => {
    const $id = "https://example.com/broken";
    await refusalOf({ $id, type: 5 });
    const validate = checkOf({ $id, type: "string" });
    expect(await validate("a")).toBeUndefined();
  });
});

describe("bounds (1.22)", () => {
  test("a schema that is too large is not checked against; one near the limit is", async () => {
    const filler = (chars: number): object => ({ description: "d".repeat(chars) });
    expect(await checkOf(filler(MAX_SCHEMA_CHARS - 100))({})).toBeUndefined();
    expect((await refusalOf(filler(MAX_SCHEMA_CHARS + 1))).reason).toContain("larger");
    const hard = { ...filler(MAX_SCHEMA_CHARS - 100), uniqueItems: true };
    expect(await checkOf(hard)({})).toBeUndefined();
  });

  test("thousands of properties, for which ajv's code is too deep, are checked", async () => {
    const names = Array.from({ length: 2_500 }, (_, index) => `property${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
    const validate = checkOf({ type: "object", properties, required: names });
    const value = Object.fromEntries(names.map((name) => [name, name]));
    expect(await validate(value)).toBeUndefined();
    expect(await validate({ ...value, property2499: 5 })).toContain("property2499");
  });

  test("a schema nested beyond the stack rejects instead of crashing", async () => {
    let schema: object = { type: "string" };
    for (let depth = 0; depth < 20_000; depth++) schema = { not: schema };
    await refusalOf(schema);
  });

  test("a circular object rejects", async () => {
    const schema: { self?: object } = {};
    schema.self = schema;
    await refusalOf(schema);
  });
});

describe("leniency", () => {
  test("unknown keywords and formats do not break a schema", async () => {
    const validate = checkOf({
      "x-mcp-header": "Region",
      properties: { a: { format: "own-format", enumNames: ["A"] }, b: { format: "email" } },
    });
    expect(await validate({ a: "anything" })).toBeUndefined();
    expect(await validate({ b: "no email" })).toContain("email");
  });

  test("what is wrong is told in one line", async () => {
    const validate = checkOf({
      required: ["a"],
      properties: { a: { type: "number" } },
    });
    expect(await validate({})).toMatch(/^[^\n]*'a'[^\n]*$/);
  });
});

describe("schemas that cannot be checked against: an outcome, never an exception or a promise", () => {
  test.each<[string, object]>([
    ["$async at the root", { $async: true, type: "object", required: ["x"] }],
    [
      "$async within",
      { properties: { a: { $async: true, type: "number" } }, $ref: "#/properties/a" },
    ],
    ["an expression that is none", { pattern: "(" }],
    ["a keyword of a wrong type", { minimum: "5" }],
    ["a schema that is a list", []],
  ])("%s", async (_, schema) => {
    const check = new SchemaCheck(schema);
    for (const value of [{ x: "a".repeat(50) }, "a".repeat(50), 1]) {
      const verdict = await check.check(value, budget);
      expect(verdict).toMatchObject({ kind: "unchecked", cause: "schema" });
      expect(verdict).toMatchObject({ reason: expect.stringMatching(/^[^\n]{1,600}$/) });
    }
    expect(check.givenUp).toMatchObject({ cause: "schema" });
  });

  test("a value that is no JSON is not checked, and says so", async () => {
    const circular: { self?: object } = {};
    circular.self = circular;
    expect(await refusalOf({ uniqueItems: true }, circular)).toMatchObject({ cause: "value" });
    expect(await refusalOf({ uniqueItems: true }, { big: 5n })).toMatchObject({ cause: "value" });
  });
});

/** Each definition refers twice to the next. */
const DOUBLING = Array.from({ length: 40 }, (_, index) => {
  const next = { $ref: `#/$defs/d${index + 1}` };
  return [`d${index}`, { allOf: [next, next] }] as const;
});

describe("checks that take long", () => {
  const HOSTILE: [string, object, unknown][] = [
    ["an expression", { pattern: "^(a+)+$" }, `${"a".repeat(40)}!`],
    ["format url", { format: "url" }, `http://${"a-".repeat(30_000)}`],
    ["all items with all", { uniqueItems: true }, Array.from({ length: 30_000 }, (_, i) => [i])],
    [
      "references that double",
      {
        $defs: { ...Object.fromEntries(DOUBLING), d40: {} },
        $ref: "#/$defs/d0",
      },
      {},
    ],
  ];

  test.each(HOSTILE)("%s: the event loop goes on", async (_, schema, value) => {
    const check = new SchemaCheck(schema);
    let [worst, last] = [0, performance.now()];
    const beat = setInterval(() => {
      worst = Math.max(worst, performance.now() - last);
      last = performance.now();
    }, 5);
    const verdict = await check.check(value, new CheckBudget());
    clearInterval(beat);
    worst = Math.max(worst, performance.now() - last);
    expect(verdict.kind).not.toBe("fits");
    // The checks themselves would take seconds to years.
    expect(worst).toBeLessThan(700);
  });

  test("many at once use up the server's budget, and the others' checks are done", async () => {
    const server = new CheckBudget();
    const other = new CheckBudget();
    const evil = Array.from({ length: 64 }, (_, i) => {
      return new SchemaCheck({ pattern: `^(a+)+${i}$` }).check(`${"a".repeat(40)}!`, server);
    });
    const good = new SchemaCheck({ pattern: "^a+$" });
    expect(await good.check("aaa", other)).toEqual({ kind: "fits" });
    const causes = (await Promise.all(evil)).map((v) =>
      v.kind === "unchecked" ? v.cause : v.kind,
    );
    expect(causes).toContain("time");
    expect(causes).toContain("budget");
    expect(causes.filter((cause) => cause !== "time" && cause !== "budget")).toEqual([]);
  });
});
