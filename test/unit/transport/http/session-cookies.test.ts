// The cookies of a session: which are kept, for how long, and what is sent back.
// https://www.rfc-editor.org/rfc/rfc6265

import { describe, expect, test } from "vitest";
import { SessionCookies } from "../../../../src/transport/http/session-cookies.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const URL_OF_SERVER = new URL("https://mcp.example/api/mcp");

/** `sent`: each value of the `cookie` header, in order. */
function setup(url = URL_OF_SERVER) {
  const clock = new ManualClock();
  const sent: (string | undefined)[] = [];
  const cookies = new SessionCookies(url, clock, (header) => sent.push(header));
  const take = async (...lines: string[]): Promise<string | undefined> => {
    cookies.take(lines);
    await cookies.settled();
    return sent.at(-1);
  };
  cookies.begin();
  return { clock, cookies, sent, take };
}

test("a cookie of the handshake goes back without its attributes, as it came", async () => {
  const { take, sent } = setup();
  expect(await take("route=a%20b; Path=/; HttpOnly; SameSite=None; Secure")).toBe("route=a%20b");
  expect(sent).toHaveLength(1);
});

test("several go back in one header, in the order in which they came; a new value takes the last place", async () => {
  const { take } = setup();
  await take("a=1", "b=2");
  expect(await take("a=3")).toBe("b=2; a=3");
});

test("the same value again changes nothing, and nothing is told", async () => {
  const { take, sent } = setup();
  await take("a=1");
  await take("a=1");
  expect(sent).toEqual(["a=1"]);
});

test.each([
  ["/", true],
  ["/api", true],
  ["/api/", true],
  ["/api/mcp", true],
  ["/ap", false],
  ["/api/mcp/x", false],
  ["/other", false],
  ["relative", true],
])("a path of %s: kept %s", async (path, isKept) => {
  const { take } = setup();
  expect(await take(`a=1; Path=${path}`)).toBe(isKept ? "a=1" : undefined);
});

test.each([
  ["http://mcp.example/mcp", undefined],
  ["http://localhost:8080/mcp", "a=1"],
  ["http://127.0.0.1:8080/mcp", "a=1"],
  ["http://[::1]:8080/mcp", "a=1"],
  ["https://mcp.example/mcp", "a=1"],
])("a cookie that is Secure, from %s: %s", async (url, header) => {
  const { take } = setup(new URL(url));
  expect(await take("a=1; Secure")).toBe(header);
});

describe("the end of a cookie", () => {
  test("Max-Age goes before Expires", async () => {
    const { take } = setup();
    expect(await take("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT")).toBe("a=1");
  });

  test.each(["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])(
    "%s takes a cookie back",
    async (attribute) => {
      const { take, cookies } = setup();
      await take("a=1");
      expect(await take(`a=; ${attribute}`)).toBeUndefined();
      expect(cookies.isEmpty).toBe(true);
    },
  );

  test("one that is over is dropped with the next response, whether that sets a cookie or not", async () => {
    const { take, clock, sent } = setup();
    await take("a=1; Max-Age=60", "b=2; Max-Age=120", "c=3");
    clock.jump(59_000);
    await take();
    expect(sent).toEqual(["a=1; b=2; c=3"]);
    clock.jump(1_000);
    expect(await take()).toBe("b=2; c=3");
    clock.jump(60_000);
    expect(await take("d=4")).toBe("c=3; d=4");
  });
});

describe("what a server may not do", () => {
  test("a cookie of more than 4,096 characters is not kept", async () => {
    const { take } = setup();
    expect(await take(`a=${"x".repeat(4_095)}`)).toBe(`a=${"x".repeat(4_095)}`);
    expect(await take(`b=${"x".repeat(4_096)}`)).toBe(`a=${"x".repeat(4_095)}`);
  });

  test("of 60 cookies the last 50 are kept", async () => {
    const { take } = setup();
    const header = await take(...Array.from({ length: 60 }, (_, at) => `c${at}=${at}`));
    const names = header?.split("; ").map((pair) => pair.split("=")[0]);
    expect(names).toEqual(Array.from({ length: 50 }, (_, at) => `c${at + 10}`));
  });

  test.each(["a=1\r\nx-evil: 1", "a=\u0000", "a=\u007f", "a=é", "=nameless", "", ";"])(
    "%j is not sent back",
    async (line) => {
      const { take } = setup();
      const header = await take(line);
      expect(header ?? "").not.toMatch(/[^\x20-\x7e]|nameless/);
    },
  );
});

test("a new handshake forgets the cookies of the last, and tells so once", async () => {
  const { take, cookies, sent } = setup();
  await take("a=1");
  cookies.begin();
  cookies.begin();
  expect(sent).toEqual(["a=1", undefined]);
  expect(await take("b=2")).toBe("b=2");
});

test("nobody looks for cookies after a handshake that gave none", async () => {
  const { cookies, take } = setup();
  expect(cookies.isWanted).toBe(true);
  await take();
  expect(cookies.isWanted).toBe(false);
  cookies.begin();
  await take("a=1");
  expect(cookies.isWanted).toBe(true);
});

test("lines that came before the parser was loaded are read when it is", async () => {
  const { cookies, sent } = setup();
  cookies.take(["a=1"]);
  cookies.take(["b=2"]);
  expect(sent).toEqual([]);
  await cookies.settled();
  expect(sent).toEqual(["a=1; b=2"]);
});
