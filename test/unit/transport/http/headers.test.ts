import { expect, test } from "vitest";
import { VERSION } from "../../../../src/core/version.ts";
import { withoutRepetition } from "../../../../src/transport/http/answer-headers.ts";
import { RequestHeaders } from "../../../../src/transport/http/headers.ts";
import { rpcResult } from "../../../support/http-server.ts";
import { call, scripted } from "./harness.ts";

function valueOf(list: readonly string[], name: string): string[] {
  return list.filter((_, index) => index % 2 === 1 && list[index - 1]?.toLowerCase() === name);
}

const lists = (user: Record<string, string>): (readonly string[])[] => {
  const headers = new RequestHeaders(user);
  return [
    headers.post(undefined),
    headers.post(["a", "b"]),
    headers.get([], "7"),
    headers.delete([]),
  ];
};

test("every request names the program and asks for no coding", () => {
  const agent = `mcp-client-pool/${VERSION} node/${process.versions.node.split(".", 1)[0]}`;
  for (const list of lists({ "Accept-Encoding": "br" })) {
    expect(valueOf(list, "user-agent")).toEqual([agent]);
    expect(valueOf(list, "accept-encoding")).toEqual(["identity"]);
  }
});

test.each(["User-Agent", "user-agent", "USER-AGENT"])(
  "the user's own %s is sent instead",
  (name) => {
    for (const list of lists({ [name]: "mine/1" })) {
      expect(valueOf(list, "user-agent")).toEqual(["mine/1"]);
    }
  },
);

test.each([
  [undefined, undefined],
  ["a", "a"],
  ["a, a", "a"],
  ["a,\ta, a", "a"],
  ["a, b", "a, b"],
  ["a,a", "a,a"],
])("withoutRepetition(%j) is %j", (value, once) => {
  expect(withoutRepetition(value)).toBe(once);
});

test.each([
  ["two lines", ["s1", "s1"]],
  ["one line", "s1, s1"],
])("a session id that comes twice counts once: %s", async (_name, value) => {
  const { link, repaired } = await scripted(({ res }) => {
    res.setHeader("mcp-session-id", value);
    res
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(rpcResult(1, {})));
  });
  const { exchange, outcome } = link.send(call(1));
  expect((await outcome).kind).toBe("response");
  expect(exchange.head?.header("mcp-session-id")).toBe("s1");
  expect(repaired()).toEqual({ "repeated-header": 1 });
});

test("strict: it is what it is, and so are two that differ", async () => {
  const answer = (value: string) => {
    return scripted(
      ({ res }) => {
        res.writeHead(200, { "content-type": "application/json", "mcp-session-id": value });
        res.end(JSON.stringify(rpcResult(1, {})));
      },
      { strict: value === "s1, s1" },
    );
  };
  for (const value of ["s1, s1", "s1, s2"]) {
    const { link } = await answer(value);
    const { exchange, outcome } = link.send(call(1));
    await outcome;
    expect(exchange.head?.header("mcp-session-id")).toBe(value);
  }
});

test.each([
  ["two lines", ["application/json", "application/json"]],
  ["one line", "application/json, application/json"],
])("a content type that comes twice counts once: %s", async (_name, value) => {
  const { link } = await scripted(({ res }) => {
    res.setHeader("content-type", value);
    res.end(JSON.stringify(rpcResult(1, {})));
  });
  expect((await link.send(call(1)).outcome).kind).toBe("response");
});
