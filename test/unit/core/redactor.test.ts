import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { McpAuthError, McpError, McpResponseError } from "../../../src/core/errors.ts";
import { Redactor } from "../../../src/core/redactor.ts";

const SECRET = 'pa55 w0rd+/"=ü';
const redactor = (): Redactor => new Redactor(() => [SECRET]);

describe("forms of a secret", () => {
  const json = JSON.stringify(SECRET).slice(1, -1);
  test.each([
    SECRET,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(SECRET),
    encodeURIComponent(SECRET).replaceAll(/%../g, (byte) => byte.toLowerCase()),
    encodeURIComponent(SECRET).replaceAll("%20", "+"),
    SECRET.replaceAll('"', "&quot;"),
    Buffer.from(SECRET).toString("hex"),
    Buffer.from(SECRET).toString("base64"),
    Buffer.from(SECRET).toString("base64url"),
    Buffer.from(`me:${SECRET}`).toString("base64"),
    Buffer.from(`user:${SECRET}@host`).toString("base64url"),
  ])("%s", (form) => {
    const shown = redactor().text(`before ${form} after`);
    expect(shown).toMatch(/^before \S{0,8}\[redacted\]\S{0,8} after$/);
  });
});

describe("errors", () => {
  test("one without a secret is the very same", () => {
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const error = new McpError("CONNECTION_FAILED", "no connection", { cause });
    expect(redactor().error(error)).toBe(error);
    const own = new Error(SECRET);
    expect(redactor().error(own)).toBe(own);
  });

  test("message, stack, causes and their properties are masked, and the class stays", () => {
    const input = Object.assign(new TypeError(`Invalid URL: ${SECRET}`), {
      code: "ERR_INVALID_URL",
      input: SECRET,
      nested: { list: [SECRET, 1], [SECRET]: true },
      bytes: Buffer.from(SECRET, "latin1"),
      request: new (class Request {
        readonly auth = SECRET;
      })(),
    });
    const aggregate = new AggregateError([input], "several", { cause: input });
    const error = new McpAuthError("AUTH_FAILED", `no: ${SECRET}`, {
      cause: aggregate,
      status: 401,
    });
    const masks = redactor();
    const masked = masks.error(error);
    const shown = [inspect(masked, { depth: 20 }), JSON.stringify(masked), masked.stack].join("\n");
    expect(shown).not.toContain("w0rd");
    expect(masked).toBeInstanceOf(McpAuthError);
    expect(masked).toMatchObject({ code: "AUTH_FAILED", status: 401, message: "no: [redacted]" });
    expect((masked.cause as Error).cause).toMatchObject({ code: "ERR_INVALID_URL" });
    // The one who threw the cause still has it as it was.
    expect(input.input).toBe(SECRET);
    expect(masks.error(error)).toBe(masked);
    expect(masks.error(masked)).toBe(masked);
  });

  test("what the server answered is for the caller, and for no log", () => {
    const data = { echo: SECRET };
    const error = new McpResponseError(`error -1: ${SECRET}`, {
      rpcCode: -1,
      rpcMessage: SECRET,
      data,
    });
    const masked = redactor().error(error);
    expect(masked.rpcMessage).toBe(SECRET);
    expect(masked.data).toBe(data);
    expect(inspect(masked, { showHidden: false }) + JSON.stringify(masked)).not.toContain("w0rd");
    expect(Object.keys(masked.forCall("x", "no"))).not.toContain("data");
    expect(masked.forCall("x", "no").data).toBe(data);
  });

  test("circles end", () => {
    const error = new McpError("CONNECTION_FAILED", SECRET);
    Object.assign(error, { self: error, list: [error] });
    expect(redactor().error(error).message).toBe("[redacted]");
  });

  test("a message is printable and of bounded length, whatever its parts are", () => {
    const text = `bad \u202E name ${"x".repeat(1_000_000)}`;
    const { message, stack } = redactor().error(new McpError("PROTOCOL_ERROR", text));
    expect(message.length).toBeLessThan(9_000);
    expect(message).toMatch(/^bad \\u\{202e\} name x+… \(1000011 characters\)$/);
    expect(stack?.length).toBeLessThan(20_000);
  });
});

describe("values", () => {
  test("are copied only where there is a secret", () => {
    const clean = { a: ["b", { c: "d" }] };
    const dirty = { clean, list: [SECRET, 7], [`key ${SECRET}`]: null };
    const masked = redactor().value(dirty);
    expect(redactor().value(clean)).toBe(clean);
    expect(masked).toEqual({ clean, list: ["[redacted]", 7], "key [redacted]": null });
    expect(masked.clean).toBe(clean);
    expect(dirty.list[0]).toBe(SECRET);
  });

  test("a key that is called __proto__ stays a key", () => {
    const given = JSON.parse(`{"__proto__": ${JSON.stringify(SECRET)}}`) as object;
    const masked = redactor().value(given);
    expect(JSON.stringify(masked)).toBe('{"__proto__":"[redacted]"}');
    expect(Object.getPrototypeOf(masked)).toBe(Object.prototype);
  });

  test("something too deep or too large to be looked at is masked whole", () => {
    let deep: unknown = "end";
    for (let depth = 0; depth < 10_000; depth++) deep = [deep];
    expect(JSON.stringify(redactor().value(deep))).toContain("[redacted]");
    const wide = Array.from({ length: 200_000 }, () => [SECRET]);
    expect(JSON.stringify(redactor().value(wide))).not.toContain("w0rd");
  });
});

describe("what is learnt", () => {
  test("is masked from then on, the newest sixteen", () => {
    const masks = redactor();
    expect(masks.text("0001-session")).toBe("0001-session");
    for (let index = 1; index <= 17; index++)
      masks.learn(`${String(index).padStart(4, "0")}-session`);
    expect(masks.text("0017-session 0002-session")).toBe("[redacted] [redacted]");
    expect(masks.text("0001-session.")).toBe("0001-session.");
    expect(masks.text(SECRET)).toBe("[redacted]");
  });
});
