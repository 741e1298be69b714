import { describe, expect, test, vi } from "vitest";
import { withDefaults } from "../../../src/eras/elicitation-form.ts";
import { elicit } from "../../../src/eras/elicitation.ts";
import type { ClientHandlers } from "../../../src/eras/handlers.ts";
import type { ElicitResult, JsonObject } from "../../../src/spec/types.ts";
import { rejection } from "../fakes.ts";
import { context, NO_HANDLERS, refusal } from "./harness.ts";

const SCHEMA: JsonObject = {
  type: "object",
  properties: {
    name: { type: "string", default: "John Doe", minLength: 2 },
    age: { type: "integer", default: 30, minimum: 0 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "idle"], default: "active" },
    verified: { type: "boolean", default: true },
    tags: { type: "array", items: { enum: ["a", "b"] }, default: ["a"] },
    note: { type: "string" },
  },
  required: ["name", "age"],
};

function form(result: unknown): ClientHandlers & { elicitForm: ReturnType<typeof vi.fn> } {
  return { ...NO_HANDLERS, elicitForm: vi.fn(() => result as ElicitResult) };
}

function url(result: unknown = { action: "accept" }): ClientHandlers & {
  elicitUrl: ReturnType<typeof vi.fn>;
} {
  return { ...NO_HANDLERS, elicitUrl: vi.fn(() => result as ElicitResult) };
}

const ask = { message: "Who?", requestedSchema: SCHEMA };
const visit = (address: unknown): object => ({
  mode: "url",
  message: "Go",
  elicitationId: "e1",
  url: address,
});

describe("forms", () => {
  test("accepted and empty: every default is filled in (7.18)", async () => {
    const result = await elicit(form({ action: "accept" }), ask, context());
    expect(result).toEqual({
      action: "accept",
      content: {
        name: "John Doe",
        age: 30,
        score: 95.5,
        status: "active",
        verified: true,
        tags: ["a"],
      },
    });
  });

  test("what was answered stays, falsy values too (7.18)", async () => {
    const content = { name: "Al", age: 0, verified: false, note: "" };
    const result = await elicit(form({ action: "accept", content }), ask, context());
    expect(result.content).toMatchObject(content);
  });

  test.each(["decline", "cancel"])(
    "%s carries no content, whatever the handler gave (7.15)",
    async (action) => {
      const given = { action, content: { name: "x" }, extra: 1 };
      expect(await elicit(form(given), ask, context())).toEqual({ action });
    },
  );

  test("an answer that does not fit never leaves this client (7.19)", async () => {
    for (const content of [{ name: "x" }, { age: -1 }, { age: "30" }, { status: "gone" }]) {
      const error = await rejection(elicit(form({ action: "accept", content }), ask, context()));
      expect((error as Error).message).toContain("does not fit");
    }
  });

  test("the handler learns who asks, and is told of the abort (7.20)", async () => {
    const handlers = form({ action: "cancel" });
    const given = context();
    await elicit(handlers, ask, given);
    expect(handlers.elicitForm).toHaveBeenCalledWith(ask, given);
  });

  test.each([undefined, null, {}, { action: "maybe" }, "accept"])(
    "a handler that returns %j is an error of ours, not an answer (7.15)",
    async (result) => {
      const error = await rejection(elicit(form(result), ask, context()));
      expect((error as Error).message).toContain("must return");
    },
  );

  test("every enum form of N and of J is understood (7.17)", async () => {
    const schema = {
      type: "object",
      properties: {
        j: { type: "string", enum: ["a"], enumNames: ["A"] },
        titled: { type: "string", oneOf: [{ const: "x", title: "X" }] },
        many: {
          type: "array",
          minItems: 1,
          maxItems: 2,
          items: { anyOf: [{ const: "p", title: "P" }] },
        },
        mail: { type: "string", format: "email", pattern: "@" },
      },
    };
    const send = (content: object): Promise<ElicitResult> =>
      elicit(
        form({ action: "accept", content }),
        { message: "m", requestedSchema: schema },
        context(),
      );
    const good = { j: "a", titled: "x", many: ["p"], mail: "a@b.example" };
    expect((await send(good)).content).toEqual(good);
    for (const bad of [
      { j: "b" },
      { titled: "X" },
      { many: [] },
      { many: ["q"] },
      { mail: "no" },
    ]) {
      await expect(send(bad)).rejects.toThrow("does not fit");
    }
  });
});

describe("malformed and undeclared: -32602 (7.16, 1.13)", () => {
  test.each<[string, unknown]>([
    ["no parameters", undefined],
    ["no message", { requestedSchema: SCHEMA }],
    ["a message that is no string", { message: 5, requestedSchema: SCHEMA }],
    ["no schema", { message: "m" }],
    ["a schema that is null", { message: "m", requestedSchema: null }],
    ["an unknown mode", { mode: "voice", message: "m", requestedSchema: SCHEMA }],
    ["a mode that is null", { mode: null, message: "m", requestedSchema: SCHEMA }],
    ["URL mode, not declared", visit("https://example.com")],
  ])("%s", async (_, params) => {
    const handlers = form({ action: "accept" });
    expect(await refusal(elicit(handlers, params, context()))).toBe(-32602);
    expect(handlers.elicitForm).not.toHaveBeenCalled();
  });

  test("form mode, named or not, when only URLs were declared", async () => {
    expect(await refusal(elicit(url(), ask, context()))).toBe(-32602);
    expect(await refusal(elicit(url(), { ...ask, mode: "form" }, context()))).toBe(-32602);
  });
});

describe("URLs (7.21, 13.3)", () => {
  test.each([
    "https://example.com/consent?x=1",
    "http://localhost:3000/",
    "http://127.0.0.1:3000/",
    "http://[::1]:3000/",
  ])("%s is shown", async (address) => {
    const handlers = url({ action: "accept", content: { a: 1 } });
    // accept is consent, not completion: no content (7.21).
    expect(await elicit(handlers, visit(address), context())).toEqual({ action: "accept" });
    expect(handlers.elicitUrl).toHaveBeenCalledTimes(1);
  });

  test.each([
    "http://example.com/",
    "http://localhost.example.com/",
    "http://127.0.0.1.example.com/",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "vbscript:x",
    "ms-settings:",
    "//example.com",
    "example.com",
    "",
    5,
    null,
    undefined,
    { href: "https://example.com" },
  ])("%j is refused before anybody sees it", async (address) => {
    const handlers = url();
    expect(await refusal(elicit(handlers, visit(address), context()))).toBe(-32602);
    expect(handlers.elicitUrl).not.toHaveBeenCalled();
  });
});

describe("defaults", () => {
  test("do not change what was given, and survive odd fields", () => {
    const content = Object.freeze({ a: 1 });
    expect(withDefaults({ b: { default: 0 }, c: {} }, content)).toEqual({ a: 1, b: 0 });
    expect(withDefaults({}, content)).toEqual({ a: 1 });
    expect(withDefaults({ a: null, b: null, c: 5 }, content)).toEqual({ a: 1 });
  });

  test.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
    "of a field named %s are filled in like others",
    (name) => {
      const fields = Object.fromEntries([[name, { default: "x" }]]);
      const filled = withDefaults(fields, {});
      expect(Object.entries(filled)).toEqual([[name, "x"]]);
      expect(Object.getPrototypeOf(filled)).toBe(Object.prototype);
      const given = Object.fromEntries([[name, "mine"]]);
      expect(Object.entries(withDefaults(fields, given))).toEqual([[name, "mine"]]);
    },
  );

  test.each([null, {}, [1], ["a", null], { a: "b" }])(
    "of %j are no answer, and not filled in",
    (value) => expect(withDefaults({ a: { default: value } }, {})).toEqual({}),
  );
});

describe("forms that nobody is asked to fill in", () => {
  const deep = (depth: number): object => (depth === 0 ? {} : { anyOf: [deep(depth - 1)] });
  test.each<[string, object]>([
    ["$async", { $async: true }],
    ["a nested object", { properties: { a: { type: "object", properties: {} } } }],
    ["properties that are a list", { properties: [] }],
    ["a field that is no object", { properties: { a: 5 } }],
    ["a reference that leads outside", { properties: { a: { $ref: "http://127.0.0.1:9/x" } } }],
    ["expressions", { propertyNames: { pattern: "^(a+)+$" } }],
    ["alternatives within each other", { properties: { a: deep(600) } }],
    ["another dialect", { $schema: "https://example.com/own" }],
    ["250 kB", { properties: { a: { description: "x".repeat(300_000) } } }],
  ])("%s", async (_, schema) => {
    const handlers = form({ action: "accept" });
    const params = { message: "m", requestedSchema: { type: "object", ...schema } };
    expect(await refusal(elicit(handlers, params, context()))).toBe(-32602);
    expect(handlers.elicitForm).not.toHaveBeenCalled();
  });

  test("optional fields and choices as pydantic writes them are asked for", async () => {
    const requestedSchema = {
      type: "object",
      title: "Booking",
      $defs: { Size: { enum: ["s", "m"], type: "string" } },
      properties: {
        size: { $ref: "#/$defs/Size", default: "m" },
        note: { anyOf: [{ type: "string" }, { type: "null" }], default: null, title: "Note" },
      },
    };
    const answer = (content: object): Promise<ElicitResult> =>
      elicit(form({ action: "accept", content }), { message: "m", requestedSchema }, context());
    expect((await answer({})).content).toEqual({ size: "m" });
    await expect(answer({ size: "xl" })).rejects.toThrow("does not fit");
  });

  test("a default that costs too much to check ends the answer, and not the client", async () => {
    const items = { anyOf: Array.from({ length: 2_000 }, (_, index) => ({ const: `c${index}` })) };
    const many = { type: "array", items, default: Array.from({ length: 2_000 }, () => "no") };
    const requestedSchema = { type: "object", properties: { many } };
    const asked = elicit(form({ action: "accept" }), { message: "m", requestedSchema }, context());
    await expect(asked).rejects.toThrow(/does not fit|too large/);
  });
});
