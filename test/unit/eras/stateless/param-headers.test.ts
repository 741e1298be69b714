import { describe, expect, test } from "vitest";
import { McpConfigError } from "../../../../src/core/errors.ts";
import {
  EMPTY_PLAN,
  encodeHeaderValue,
  paramHeaders,
  planParams,
} from "../../../../src/eras/2026-07-28/param-headers.ts";
import type { ParamPlan } from "../../../../src/eras/2026-07-28/param-headers.ts";
import type { HeaderList } from "../../../../src/jsonrpc/transport.ts";
import { MAX_DEPTH } from "../../../../src/jsonrpc/shape.ts";

/** As it comes off the wire: `__proto__` is a property of its own there. */
function fromWire(json: string): unknown {
  return JSON.parse(json);
}

function root(properties: object, rest: object = {}): object {
  return { type: "object", properties, ...rest };
}

function marked(name: unknown = "Region", type: unknown = "string"): object {
  return { type, "x-mcp-header": name };
}

function planOf(schema: unknown): ParamPlan {
  const plan = planParams(schema);
  if ("invalid" in plan) throw new Error(plan.invalid);
  return plan;
}

function reasonOf(schema: unknown): string {
  const plan = planParams(schema);
  return "invalid" in plan ? plan.invalid : `valid: ${JSON.stringify(plan.params)}`;
}

function headersOf(schema: unknown, args: unknown): HeaderList {
  return paramHeaders(planOf(schema), args, "files");
}

function refusalOf(schema: unknown, args: unknown): McpConfigError {
  try {
    headersOf(schema, args);
  } catch (error) {
    if (error instanceof McpConfigError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("which definitions are valid", () => {
  test("10.2 string, integer and boolean, in the case that the server gave", () => {
    const schema = root({
      region: marked("Region"),
      priority: marked("priority", "integer"),
      verbose: marked("VERBOSE", "boolean"),
      query: { type: "string" },
    });
    expect(planParams(schema)).toEqual({
      params: [
        { header: "Mcp-Param-Region", path: ["region"], type: "string" },
        { header: "Mcp-Param-priority", path: ["priority"], type: "integer" },
        { header: "Mcp-Param-VERBOSE", path: ["verbose"], type: "boolean" },
      ],
    });
  });

  test("10.2 a plan cannot be changed: many calls share it", () => {
    const plan = planOf(root({ a: root({ region: marked() }) }));
    const [param] = plan.params;
    for (const part of [plan, plan.params, param, param?.path]) {
      expect(part).toBeTypeOf("object");
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test("10.2 nested properties, where every step is a key of properties", () => {
    const schema = root({
      a: root({ b: root({ region: marked() }), c: marked("C", "integer") }),
    });
    expect(planOf(schema).params.map(({ path }) => path)).toEqual([
      ["a", "c"],
      ["a", "b", "region"],
    ]);
  });

  test("10.2 every character of an RFC 9110 token is allowed in a name", () => {
    const name = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    expect(planOf(root({ a: marked(name) })).params[0]?.header).toBe(`Mcp-Param-${name}`);
  });

  test("10.2 every other character of ASCII, and what looks like a letter, is not", () => {
    const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
    const bad = ascii.filter((char) => !/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char));
    expect(bad).toHaveLength(128 - 77);
    for (const char of [...bad, "é", "\u0130", "\u212a", "\u2028", "\ud800", "🌍"]) {
      for (const name of [char, `a${char}`, `${char}a`, `a${char}b`]) {
        expect(reasonOf(root({ a: marked(name) }))).toContain("no HTTP token");
      }
    }
  });

  test.each([undefined, null, 1, true, [], ["Region"], {}, { name: "Region" }])(
    "10.2 the value must be a string, not %j",
    (name) => {
      const schema = root({ region: { type: "string", "x-mcp-header": name } });
      expect(reasonOf(schema)).toBe('property "region" has an "x-mcp-header" that is not a string');
    },
  );

  test("10.2 the value must not be empty", () => {
    expect(reasonOf(root({ region: marked("") }))).toBe(
      'property "region" has an empty "x-mcp-header"',
    );
  });

  test.each([
    ["Region", "Region"],
    ["MyField", "myfield"],
    ["region", "REGION"],
  ])("10.2 %s and %s in one schema are the same header", (first, second) => {
    for (const schema of [
      root({ a: marked(first), b: marked(second, "integer") }),
      root({ a: root({ x: marked(first) }), b: marked(second) }),
      root({ a: root({ x: marked(first) }), b: root({ x: marked(second) }) }),
    ]) {
      expect(reasonOf(schema)).toContain("letter case aside");
    }
  });

  test.each(["number", "object", "array", "null", "String", "", "date"])(
    "10.3 not on the type %j",
    (type) => {
      const reason = reasonOf(root({ outer: root({ p: marked("P", type) }) }));
      expect(reason).toBe(
        `property "outer.p" has "x-mcp-header" and type "${type}": only string, integer and boolean are allowed`,
      );
    },
  );

  test.each([[["string"]], [["string", "null"]], [[]], [null], [1], [{ type: "string" }]])(
    "10.3 not on the type %j",
    (type) => {
      expect(reasonOf(root({ p: marked("P", type) }))).toContain(
        "only string, integer and boolean",
      );
    },
  );

  test("10.3 not without a type, whatever else says what it is", () => {
    for (const rest of [
      {},
      { const: "x" },
      { enum: ["x"] },
      { $ref: "#/$defs/S" },
      { format: "date" },
    ]) {
      expect(reasonOf(root({ p: { "x-mcp-header": "P", ...rest } }))).toContain("and no type");
    }
  });

  test("10.3 not on the root", () => {
    expect(reasonOf({ ...root({}), "x-mcp-header": "Root" })).toContain("the root of the schema");
    expect(reasonOf({ type: "string", "x-mcp-header": "Root" })).toContain(
      "the root of the schema",
    );
    expect(reasonOf({ ...root({}), "x-mcp-header": 1 })).toContain("the root of the schema");
  });

  test.each([
    "items",
    "additionalItems",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
    "x-unknown-keyword",
  ])("10.3 not under %s, which holds a schema", (keyword) => {
    for (const inner of [marked(), root({ region: marked() }), { not: { items: marked() } }]) {
      expect(reasonOf(root({}, { [keyword]: inner }))).toContain(
        'not reached through "properties"',
      );
      expect(reasonOf(root({ list: { [keyword]: inner } }))).toContain(
        `"properties.list.${keyword}`,
      );
    }
  });

  test.each(["items", "prefixItems", "oneOf", "anyOf", "allOf", "x-unknown-keyword"])(
    "10.3 not under %s, which holds a list of schemas",
    (keyword) => {
      for (const inner of [marked(), root({ region: marked() })]) {
        const list = [{ type: "string" }, true, null, inner];
        expect(reasonOf(root({}, { [keyword]: list }))).toContain(`"${keyword}.3`);
        expect(reasonOf(root({ p: { type: "object", [keyword]: list } }))).toContain(
          'not reached through "properties" alone',
        );
        expect(reasonOf(root({}, { [keyword]: [[inner]] }))).toContain("not reached through");
      }
    },
  );

  test.each(["$defs", "definitions", "patternProperties", "dependentSchemas", "dependencies"])(
    "10.3 not under %s, which holds schemas by name, referred to or not",
    (keyword) => {
      for (const inner of [marked(), root({ region: marked() })]) {
        const rest = { [keyword]: { Name: inner } };
        const referring = root({ p: { $ref: `#/${keyword}/Name` } }, rest);
        for (const schema of [root({}, rest), referring, root({ p: rest })]) {
          expect(reasonOf(schema)).toContain(`${keyword}.Name`);
        }
      }
    },
  );

  test("10.3 not in a properties that is no object of schemas", () => {
    expect(reasonOf({ type: "object", properties: [marked()] })).toContain("properties.0");
    expect(reasonOf(root({ p: [marked()] }))).toContain("properties.p.0");
    for (const properties of [null, "x", 1, true, marked()]) {
      expect(planParams({ type: "object", properties })).toBe(EMPTY_PLAN);
    }
  });

  test("10.3 one in the wrong place is found beside good ones, wherever it stands", () => {
    const wrong = { list: { type: "array", items: marked("Other") } };
    expect(reasonOf(root({ region: marked(), ...wrong }))).toContain("properties.list.items");
    expect(reasonOf(root({ ...wrong, region: marked() }))).toContain("properties.list.items");
  });

  test("10.3 a property that is named x-mcp-header is no annotation", () => {
    const plain = { type: "string" };
    for (const schema of [
      root({ "x-mcp-header": plain }),
      root({ "x-mcp-header": { type: "array", items: plain } }),
      root({ a: root({ "x-mcp-header": plain }) }),
      root({ a: { type: "array", items: root({ "x-mcp-header": plain }) } }),
      root({}, { $defs: { "x-mcp-header": plain }, definitions: { "x-mcp-header": plain } }),
      root({}, { patternProperties: { "x-mcp-header": plain } }),
      root({}, { dependentSchemas: { "x-mcp-header": plain } }),
      root({}, { dependentRequired: { "x-mcp-header": ["a"] } }),
      root({}, { dependencies: { "x-mcp-header": ["a"] }, required: ["x-mcp-header"] }),
    ]) {
      expect(planParams(schema)).toBe(EMPTY_PLAN);
    }
  });

  test("10.3 and may itself be annotated", () => {
    const schema = root({ "x-mcp-header": marked("Name") });
    expect(headersOf(schema, { "x-mcp-header": "v" })).toEqual(["Mcp-Param-Name", "v"]);
    expect(reasonOf(root({ "x-mcp-header": marked("") }))).toContain('property "x-mcp-header"');
  });

  test("10.3 properties that are named like keywords are properties", () => {
    const names = ["properties", "items", "$defs", "default", "enum", "const", "examples", "not"];
    const inner = root(Object.fromEntries(names.map((name, at) => [name, marked(`H${at}`)])));
    const schema = root({ properties: inner });
    expect(planOf(schema).params.map(({ path }) => path)).toEqual(
      names.map((name) => ["properties", name]),
    );
  });

  test("10.3 data is not searched", () => {
    const data = { "x-mcp-header": "Data", properties: { a: marked("Data") }, items: [marked()] };
    const rest = { default: data, const: data, enum: [data, [data]], examples: [data] };
    expect(planParams(root({ p: { type: "object", ...rest } }, rest))).toBe(EMPTY_PLAN);
    const beside = root({ p: { ...marked(), default: data } });
    expect(headersOf(beside, { p: "v" })).toEqual(["Mcp-Param-Region", "v"]);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"])(
    "10.3 a property that is named %s is like any other",
    (name) => {
      const key = JSON.stringify(name);
      const schema = fromWire(
        `{"type":"object","properties":{${key}:{"type":"object","properties":{${key}:{"type":"string","x-mcp-header":"H"}}}}}`,
      );
      expect(planOf(schema).params[0]?.path).toEqual([name, name]);
      expect(headersOf(schema, fromWire(`{${key}:{${key}:"v"}}`))).toEqual(["Mcp-Param-H", "v"]);
      for (const args of [{}, fromWire(`{${key}:{}}`), fromWire(`{${key}:null}`)]) {
        expect(headersOf(schema, args)).toEqual([]);
      }
      const hidden = fromWire(`{"properties":{${key}:{"items":{"x-mcp-header":"H"}}}}`);
      expect(reasonOf(hidden)).toContain(`properties.${name}.items`);
    },
  );

  test("10.3 what is inherited counts for nothing", () => {
    const inherits = Object.create(marked()) as object;
    expect(planParams(root({ p: inherits }))).toBe(EMPTY_PLAN);
    const typeInherited = Object.assign(Object.create({ type: "string" }) as object, {
      "x-mcp-header": "P",
    });
    expect(reasonOf(root({ p: typeInherited }))).toContain("no type");
  });

  test("10.3 __proto__ as a keyword does not lead past the search", () => {
    const schema = fromWire('{"properties":{"p":{"__proto__":{"x-mcp-header":"P"}}}}');
    expect(reasonOf(schema)).toContain("properties.p.__proto__");
  });

  test.each([undefined, null, true, false, 1, "x", [], {}, { type: "object" }, root({})])(
    "10.3 without annotations %j gives the one empty plan",
    (schema) => {
      expect(planParams(schema)).toBe(EMPTY_PLAN);
      expect(Object.isFrozen(EMPTY_PLAN) && Object.isFrozen(EMPTY_PLAN.params)).toBe(true);
    },
  );

  test("a schema that mirrors more than a request can carry is invalid, and soon found so", () => {
    const properties = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, marked(`H${n}`)]));
    expect(planOf(root(properties(100))).params).toHaveLength(100);
    expect(reasonOf(root(properties(101)))).toContain("more than 100 properties");
    let deep = root(properties(90));
    for (let level = 0; level < 100; level++) deep = root({ p: deep });
    expect(reasonOf(deep)).toContain("nested too deep");
    const broad = { anyOf: Array.from({ length: 100_001 }, () => ({})) };
    expect(reasonOf(broad)).toContain("more than 100000 objects");
    // What one tool takes of a page's budget, the next one has not; a tool that is too large takes no more than it has.
    const budget = { left: 250_000 };
    expect(planParams(broad, budget)).toHaveProperty("invalid");
    expect(budget.left).toBeGreaterThan(100_000);
    expect(planParams(root({ a: marked() }), budget)).toHaveProperty("params");
    expect(planParams(root({ a: marked() }), { left: 1 })).toHaveProperty("invalid");
  });

  test("10.3 the deepest schema that a message can hold is searched to its end", () => {
    const levels = MAX_DEPTH * 4;
    const nest = (around: (inner: object) => object, innermost: object): object => {
      let schema = innermost;
      for (let level = 0; level < levels; level++) schema = around(schema);
      return schema;
    };
    const deep = nest((inner) => root({ p: inner }), marked());
    expect(planOf(deep).params[0]?.path).toHaveLength(levels);
    let args: unknown = "bottom";
    for (let level = 0; level < levels; level++) args = { p: args };
    expect(headersOf(deep, args)).toEqual(["Mcp-Param-Region", "bottom"]);
    const wrong = nest((inner) => ({ not: inner }), marked());
    expect(reasonOf(wrong)).toContain('not reached through "properties" alone');
    expect(reasonOf(wrong).length).toBeLessThan(300);
    const lists = nest((inner) => [inner], marked());
    expect(reasonOf({ anyOf: lists })).toContain("not reached");
  });

  test("10.4 what a hostile server wrote is capped and cleaned in the reason", () => {
    const hostile = `\u001b[31m\r\n\u202e${"x".repeat(5000)}`;
    for (const schema of [
      root({ [hostile]: marked("") }),
      root({ [hostile]: marked(hostile) }),
      root({ [hostile]: marked("A", hostile) }),
      root({ a: marked("x".repeat(5000)), b: marked("X".repeat(5000)) }),
      root({}, { [hostile]: marked() }),
    ]) {
      const reason = reasonOf(schema);
      expect(reason).not.toMatch(/^valid/);
      expect(reason).toMatch(/^[\x20-\x7e…]+$/u);
      expect(reason.length).toBeLessThan(500);
    }
  });

  test("10.4 a schema is left as it was", () => {
    const schema = root({ a: root({ region: marked() }), list: { items: { type: "string" } } });
    const before = structuredClone(schema);
    planParams(schema);
    expect(schema).toEqual(before);
  });
});

describe("which headers a call gets", () => {
  const schema = root({
    region: marked("Region"),
    priority: marked("Priority", "integer"),
    verbose: marked("Verbose", "boolean"),
    query: { type: "string" },
    where: root({ tenant: root({ id: marked("Tenant") }) }),
  });

  test("10.5 the value at the exact path", () => {
    const args = {
      region: "us-west1",
      priority: 42,
      verbose: false,
      where: { tenant: { id: "t1" } },
      id: "not this one",
      tenant: { id: "nor this one" },
    };
    expect(headersOf(schema, args)).toEqual([
      "Mcp-Param-Region",
      "us-west1",
      "Mcp-Param-Priority",
      "42",
      "Mcp-Param-Verbose",
      "false",
      "Mcp-Param-Tenant",
      "t1",
    ]);
  });

  test.each([
    undefined,
    null,
    {},
    "text",
    7,
    [],
    ["us-west1"],
    { region: null },
    { region: undefined },
    { where: null },
    { where: "text" },
    { where: 5 },
    { where: [] },
    { where: { tenant: null } },
    { where: { tenant: [] } },
    { where: { tenant: {} } },
    { where: { tenant: { id: null } } },
    { where: { tenant: { id: Symbol("no JSON") } } },
  ])("10.5 absent or null at any step is omitted: %j", (args) => {
    expect(headersOf(schema, args)).toEqual([]);
  });

  test("10.5 one that is omitted does not cost the others theirs", () => {
    const args = { region: null, priority: 1, where: { tenant: null } };
    expect(headersOf(schema, args)).toEqual(["Mcp-Param-Priority", "1"]);
  });

  test("10.5 with nothing to mirror it is the one empty list", () => {
    const none = paramHeaders(EMPTY_PLAN, { region: "x" }, "files");
    expect(none).toEqual([]);
    expect(Object.isFrozen(none)).toBe(true);
    expect(headersOf(schema, {})).toBe(none);
  });

  test("10.5 the elements and the length of an array are no properties", () => {
    const odd = root({ list: root({ "0": marked("Zero"), length: marked("Length", "integer") }) });
    expect(headersOf(odd, { list: ["a"] })).toEqual([]);
    expect(headersOf(odd, { list: { 0: "a", length: 1 } })).toEqual([
      "Mcp-Param-Zero",
      "a",
      "Mcp-Param-Length",
      "1",
    ]);
  });

  test.each([
    [42, "42"],
    [-7, "-7"],
    [0, "0"],
    [-0, "0"],
    [1e15, "1000000000000000"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991"],
    [Number.MIN_SAFE_INTEGER, "-9007199254740991"],
  ])("10.6 the integer %d is %s", (priority, text) => {
    expect(headersOf(schema, { priority })).toEqual(["Mcp-Param-Priority", text]);
  });

  test.each([
    [true, "true"],
    [false, "false"],
  ])("10.6 the boolean %s is %s", (verbose, text) => {
    expect(headersOf(schema, { verbose })).toEqual(["Mcp-Param-Verbose", text]);
  });

  test.each([2 ** 53, -(2 ** 53), 1e21, -1e300, Number.MAX_VALUE])(
    "10.6 the call is refused for the integer %d, whatever the type of its property",
    (value) => {
      for (const name of ["priority", "region"]) {
        const error = refusalOf(schema, { [name]: value });
        expect(error).toMatchObject({
          code: "INVALID_CONFIG",
          path: `arguments.${name}`,
          server: "files",
          method: "tools/call",
          sent: "no",
        });
        expect(error.message).toContain(`"${name}"`);
        expect(error.message).toContain("safe range");
      }
    },
  );

  test.each([
    [{}, "an object"],
    [{ secret: "hunter2" }, "an object"],
    [[], "an array"],
    [["hunter2"], "an array"],
    [5n, "a bigint"],
  ])("10.6 the call is refused for what cannot be mirrored (case %#)", (id, what) => {
    const error = refusalOf(schema, { where: { tenant: { id } } });
    expect(error.path).toBe("arguments.where.tenant.id");
    expect(error.message).toContain(`"where.tenant.id" of a call to server "files" is ${what}`);
    expect(error.message).toContain("Mcp-Param-Tenant");
    expect(error.message).not.toContain("hunter2");
  });

  test.each([
    [{ region: 5 }, "Mcp-Param-Region", "5"],
    [{ region: true }, "Mcp-Param-Region", "true"],
    [{ region: 1.5 }, "Mcp-Param-Region", "1.5"],
    [{ priority: "7" }, "Mcp-Param-Priority", "7"],
    [{ priority: "high" }, "Mcp-Param-Priority", "high"],
    [{ priority: 2.71 }, "Mcp-Param-Priority", "2.71"],
    [{ priority: 1e-7 }, "Mcp-Param-Priority", "1e-7"],
    [{ priority: false }, "Mcp-Param-Priority", "false"],
    [{ verbose: "yes" }, "Mcp-Param-Verbose", "yes"],
    [{ verbose: 1 }, "Mcp-Param-Verbose", "1"],
  ])("10.6 a value of another type is written by its own: %j", (args, header, text) => {
    expect(headersOf(schema, args)).toEqual([header, text]);
  });

  test("10.6 header and body say the same, also where JSON changes the value", () => {
    const when = new Date(0);
    const args = {
      region: when,
      priority: Number.NaN,
      verbose: () => true,
      where: { toJSON: () => ({ tenant: { id: new URL("https://a.example/") } }) },
    };
    expect(fromWire(JSON.stringify(args))).toEqual({
      region: when.toISOString(),
      priority: null,
      where: { tenant: { id: "https://a.example/" } },
    });
    expect(headersOf(schema, args)).toEqual([
      "Mcp-Param-Region",
      when.toISOString(),
      "Mcp-Param-Tenant",
      "https://a.example/",
    ]);
  });

  test("10.6 what a hostile server wrote is capped and cleaned in the refusal", () => {
    const name = `\u001b[31m\n${"x".repeat(5000)}`;
    const hostile = root({ [name]: marked("H".repeat(5000)) });
    const { message, path } = refusalOf(hostile, { [name]: {} });
    for (const text of [message, path]) expect(text).toMatch(/^[\x20-\x7e…]{1,500}$/u);
  });

  test("10.11 Method becomes Mcp-Param-Method, and nothing without annotation is mirrored", () => {
    const methods = root({
      a: marked("Method"),
      b: marked("Name"),
      c: marked("Authorization"),
      d: { type: "string" },
    });
    expect(headersOf(methods, { a: "1", b: "2", c: "3", d: "4" })).toEqual([
      "Mcp-Param-Method",
      "1",
      "Mcp-Param-Name",
      "2",
      "Mcp-Param-Authorization",
      "3",
    ]);
  });

  test("10.7 values are encoded on the way", () => {
    expect(headersOf(schema, { region: "a\r\nX-Evil: 1" })).toEqual([
      "Mcp-Param-Region",
      "=?base64?YQ0KWC1FdmlsOiAx?=",
    ]);
  });
});

describe("how a value is written", () => {
  test.each([
    "us-west1",
    "us west 1",
    "a  b",
    "!",
    "~",
    "file:///a%20b?c#d",
    '"quoted", {json}',
    "=?base64?",
    "=?base64?abc",
    "abc?=",
    "x=?base64?abc?=",
    "=?base64?abc?=x",
    "=?BASE64?abc?=",
    "=?utf-8?abc?=",
  ])("10.7 %j stays plain", (value) => {
    expect(encodeHeaderValue(value)).toBe(value);
  });

  test.each([
    ["Hello, 世界", "SGVsbG8sIOS4lueVjA=="],
    [" padded ", "IHBhZGRlZCA="],
    [" us-west1", "IHVzLXdlc3Qx"],
    ["us-west1 ", "dXMtd2VzdDEg"],
    [" ", "IA=="],
    ["line1\nline2", "bGluZTEKbGluZTI="],
    ["line1\r\nline2", "bGluZTENCmxpbmUy"],
    ["trailing\n", "dHJhaWxpbmcK"],
    ["a\u0000b", "YQBi"],
    ["a\u007fb", "YX9i"],
    ["a\u0085b", "YcKFYg=="],
    ["a\u00a0", "YcKg"],
    ["é", "w6k="],
    ["🌍", "8J+MjQ=="],
    ["=?base64?literal?=", "PT9iYXNlNjQ/bGl0ZXJhbD89"],
    ["=?base64??=", "PT9iYXNlNjQ/Pz0="],
    ["=?base64?=", "PT9iYXNlNjQ/PQ=="],
  ])("10.7 %j is encoded, with padding", (value, base64) => {
    expect(encodeHeaderValue(value)).toBe(`=?base64?${base64}?=`);
  });

  test.each([
    ["\tindented", "CWluZGVudGVk"],
    ["a\tb", "YQli"],
    ["a\t", "YQk="],
    ["", ""],
  ])("10.8 every tab and the empty text are encoded: %j", (value, base64) => {
    expect(encodeHeaderValue(value)).toBe(`=?base64?${base64}?=`);
  });

  test.each([
    ["get_weather", "get_weather"],
    ["file:///projects/naïve.txt", "=?base64?ZmlsZTovLy9wcm9qZWN0cy9uYcOvdmUudHh0?="],
    ["wetter abfragen", "wetter abfragen"],
    ["天気", "=?base64?5aSp5rCX?="],
  ])("10.9 the name %j is written the same way", (name, text) => {
    expect(encodeHeaderValue(name)).toBe(text);
  });

  test("10.7 a long value takes no more than linear time", () => {
    const spaces = "a" + " ".repeat(2_000_000) + "\n";
    expect(encodeHeaderValue(spaces)).toMatch(/^=\?base64\?YSAg/);
  });
});
