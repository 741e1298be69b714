import net from "node:net";
import { describe, expect, test, vi } from "vitest";
import { compileSchema, MAX_SCHEMA_CHARS } from "../../../src/core/json-schema.ts";
import { settled } from "../../support/manual-clock.ts";

const DIALECT_07 = "http://json-schema.org/draft-07/schema#";

describe("dialects (1.20)", () => {
  test("no $schema is 2020-12: prefixItems counts", async () => {
    const validate = await compileSchema({ prefixItems: [{ type: "string" }], items: false });
    expect(validate(["a"])).toBeUndefined();
    expect(validate([1])).toContain("string");
    expect(validate(["a", "b"])).toBeTypeOf("string");
  });

  test.each([DIALECT_07, DIALECT_07.slice(0, -1)])(
    "%s may be declared: an array of items is a tuple",
    async ($schema) => {
      const schema = { $schema, items: [{ type: "string" }], additionalItems: false };
      for (let round = 0; round < 3; round++) {
        const validate = await compileSchema(schema);
        expect(validate(["a"])).toBeUndefined();
        expect(validate(["a", "b"])).toBeTypeOf("string");
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
    const compiling = compileSchema({ $schema, type: "object" });
    await expect(compiling).rejects.toThrow(/unsupported JSON Schema dialect|\$schema/);
  });

  test("a dialect's name in the error is bounded", async () => {
    const error = await compileSchema({ $schema: "x".repeat(10_000) }).catch((e: Error) => e);
    expect((error as Error).message.length).toBeLessThan(200);
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
      await expect(compileSchema(schema)).rejects.toThrow(Error);
      await settled();
      expect(connect).not.toHaveBeenCalled();
      expect(fetched).not.toHaveBeenCalled();
    },
  );

  test("local references work, by $defs, $anchor and $id", async () => {
    const validate = await compileSchema({
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
    expect(validate({ a: "ab", b: 1, c: true })).toBeUndefined();
    expect(validate({ a: "abc" })).toBeTypeOf("string");
    expect(validate({ b: "x" })).toBeTypeOf("string");
    expect(validate({ c: 1 })).toBeTypeOf("string");
  });

  test("a reference to one's own file by another name is unresolved", async () => {
    await expect(compileSchema({ $ref: "file:///etc/passwd" })).rejects.toThrow(Error);
    await expect(compileSchema({ $ref: "#/$defs/missing" })).rejects.toThrow(Error);
  });
});

describe("reuse", () => {
  test("the same $id twice, with other contents, one after the other and at once", async () => {
    const $id = "https://example.com/tool";
    const [text, number] = await Promise.all([
      compileSchema({ $id, type: "string" }),
      compileSchema({ $id, type: "number" }),
    ]);
    expect([text("a"), number(1)]).toEqual([undefined, undefined]);
    expect(text(1)).toContain("string");
    expect(number("a")).toContain("number");
    const again = await compileSchema({ $id, type: "boolean" });
    expect(again(true)).toBeUndefined();
    expect(text("a")).toBeUndefined();
  });

  test("a schema that claims the dialect's own $id does not harm the next one", async () => {
    const $id = "https://json-schema.org/draft/2020-12/schema";
    await compileSchema({ $id, type: "string" }).catch(() => {});
    const validate = await compileSchema({ type: "object" });
    expect(validate({})).toBeUndefined();
    await expect(compileSchema({ type: "nonsense" })).rejects.toThrow(Error);
  });

  test("what one schema defines is no one else's to refer to", async () => {
    await compileSchema({ $id: "https://example.com/secret", type: "string" });
    await expect(compileSchema({ $ref: "https://example.com/secret" })).rejects.toThrow(Error);
  });

  test("a broken schema leaves nothing behind", async () => {
    const $id = "https://example.com/broken";
    await expect(compileSchema({ $id, type: 5 })).rejects.toThrow(Error);
    const validate = await compileSchema({ $id, type: "string" });
    expect(validate("a")).toBeUndefined();
  });
});

describe("bounds (1.22)", () => {
  test("a schema that is too large is not compiled; one at the limit is", async () => {
    const filler = (chars: number): object => ({ description: "d".repeat(chars) });
    const overhead = JSON.stringify(filler(0)).length;
    await expect(compileSchema(filler(MAX_SCHEMA_CHARS - overhead))).resolves.toBeTypeOf(
      "function",
    );
    await expect(compileSchema(filler(MAX_SCHEMA_CHARS - overhead + 1))).rejects.toThrow("larger");
  });

  test("a schema nested beyond the stack rejects instead of crashing", async () => {
    let schema: object = { type: "string" };
    for (let depth = 0; depth < 20_000; depth++) schema = { not: schema };
    await expect(compileSchema(schema)).rejects.toThrow(Error);
  });

  test("a circular object rejects", async () => {
    const schema: { self?: object } = {};
    schema.self = schema;
    await expect(compileSchema(schema)).rejects.toThrow(Error);
  });
});

describe("leniency", () => {
  test("unknown keywords and formats do not break a schema", async () => {
    const validate = await compileSchema({
      "x-mcp-header": "Region",
      properties: { a: { format: "own-format", enumNames: ["A"] }, b: { format: "email" } },
    });
    expect(validate({ a: "anything" })).toBeUndefined();
    expect(validate({ b: "no email" })).toContain("email");
  });

  test("what is wrong is told in one line", async () => {
    const validate = await compileSchema({
      required: ["a"],
      properties: { a: { type: "number" } },
    });
    expect(validate({})).toMatch(/^[^\n]*'a'[^\n]*$/);
  });
});
