import { describe, expect, test } from "vitest";
import { Envelope } from "../../../../src/eras/2026-07-28/envelope.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import { FakeDuplex, FakeHttp } from "../../fakes.ts";
import { hostOver, NO_HANDLERS } from "../harness.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const INFO = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const LEVEL = "io.modelcontextprotocol/logLevel";

const REQUIRED = {
  [VERSION]: "2026-07-28",
  [INFO]: { name: "test", version: "1" },
  [CAPABILITIES]: { extensions: { "io.modelcontextprotocol/tasks": {} } },
};

async function envelopeOver(
  transport: FakeHttp | FakeDuplex = new FakeHttp(),
  options: Partial<EraHost> = {},
): Promise<Envelope> {
  const { host } = await hostOver(transport, options);
  return new Envelope(host, "2026-07-28");
}

/** As pairs, names in the order in which they are sent. */
function pairs(list: readonly string[] | undefined): [string, string][] {
  return (list ?? []).flatMap((name, index) =>
    index % 2 === 0 ? [[name, list?.[index + 1] ?? ""] as [string, string]] : [],
  );
}

describe("the parameters (4.5)", () => {
  test("4.5 exist where there were none", async () => {
    expect((await envelopeOver()).params(undefined)).toEqual({ _meta: REQUIRED });
  });

  test("4.5 stay as they were, beside _meta; what was given is not changed", async () => {
    const given = Object.freeze({ name: "t", arguments: Object.freeze({ _meta: 1 }) });
    expect((await envelopeOver()).params(given)).toEqual({ ...given, _meta: REQUIRED });
  });

  test("4.5 the caller's keys are merged, the protocol's own cannot be overridden", async () => {
    const own = { [VERSION]: "1", [INFO]: null, [CAPABILITIES]: { roots: {} }, "a.b/c": [1], t: 2 };
    const given = Object.freeze({ _meta: Object.freeze(own) });
    expect((await envelopeOver()).params(given)).toEqual({
      _meta: { "a.b/c": [1], t: 2, ...REQUIRED },
    });
  });

  test("8.18 a log level is in every request once it is set; a call may have its own", async () => {
    const envelope = await envelopeOver();
    expect(envelope.params({})).not.toHaveProperty(["_meta", LEVEL]);
    envelope.logLevel = "error";
    expect(envelope.params({})).toEqual({ _meta: { ...REQUIRED, [LEVEL]: "error" } });
    envelope.logLevel = "debug";
    expect(envelope.params({})).toHaveProperty(["_meta", LEVEL], "debug");
    const own = { _meta: { [LEVEL]: "emergency" } };
    expect(envelope.params(own)).toHaveProperty(["_meta", LEVEL], "emergency");
  });

  test("4.6 capabilities follow the handlers; roots have no listChanged in this era (7.8)", async () => {
    const handlers = {
      ...NO_HANDLERS,
      roots: () => [],
      elicitForm: () => ({ action: "cancel" }) as const,
    };
    const envelope = await envelopeOver(new FakeHttp(), { handlers });
    expect(envelope.params({})).toHaveProperty(["_meta", CAPABILITIES], {
      roots: {},
      elicitation: {},
      extensions: { "io.modelcontextprotocol/tasks": {} },
    });
  });
});

describe("the headers (4.2, 4.3)", () => {
  const plain = (method: string): [string, string][] => [
    ["mcp-protocol-version", "2026-07-28"],
    ["mcp-method", method],
  ];

  test.each([
    ["tools/call", { name: "t" }, "t"],
    ["prompts/get", { name: "p" }, "p"],
    ["resources/read", { uri: "test:///a" }, "test:///a"],
    ["tasks/get", { taskId: "1" }, "1"],
    ["tasks/update", { taskId: "1" }, "1"],
    ["tasks/cancel", { taskId: "1" }, "1"],
  ])("4.3 %s has Mcp-Name", async (method, params, name) => {
    const envelope = await envelopeOver();
    expect(pairs(envelope.headers(method, params, []))).toEqual([
      ...plain(method),
      ["mcp-name", name],
    ]);
  });

  test.each([
    ["tools/list", { name: "t" }],
    ["completion/complete", { name: "t", uri: "u", taskId: "1" }],
    ["resources/subscribe", { uri: "u" }],
    ["tasks/list", { taskId: "1" }],
    ["notifications/x", { name: "t" }],
    ["constructor", { name: "t" }],
    ["__proto__", { name: "t" }],
    ["Tools/Call", { name: "t" }],
    ["tools/call", { uri: "u" }],
    ["tools/call", { name: 7 }],
    ["tools/call", undefined],
  ])("4.3 %s with %j has none", async (method, params) => {
    const envelope = await envelopeOver();
    expect(pairs(envelope.headers(method, params, []))).toEqual(plain(method));
  });

  test.each([
    ["tools/call", { name: "a ü" }],
    ["prompts/get", { name: "a ü" }],
    ["resources/read", { uri: "a ü" }],
    ["tasks/get", { taskId: "a ü" }],
  ])(
    "10.9 %s: what fits in no header is encoded, and the method never is",
    async (method, params) => {
      const envelope = await envelopeOver();
      expect(pairs(envelope.headers(method, params, []))).toEqual([
        ...plain(method),
        ["mcp-name", `=?base64?${Buffer.from("a ü").toString("base64")}?=`],
      ]);
    },
  );

  test("4.4 mirrored parameters come last, and stay out of later calls", async () => {
    const envelope = await envelopeOver();
    const before = envelope.headers("tools/call", { name: "t" }, []);
    const with_ = envelope.headers("tools/call", { name: "t" }, ["Mcp-Param-A", "1"]);
    expect(with_).toEqual([...(before ?? []), "Mcp-Param-A", "1"]);
    expect(envelope.headers("tools/call", { name: "t" }, [])).toEqual(before);
  });

  test("the same list is given again for the same request: whoever sends it may know it by that", async () => {
    const envelope = await envelopeOver();
    const list = (method: string, params: object): unknown => envelope.headers(method, params, []);
    expect(list("tools/list", {})).toBe(list("tools/list", { cursor: "1" }));
    expect(list("tools/call", { name: "a" })).toBe(list("tools/call", { name: "a" }));
    expect(list("tools/call", { name: "a" })).not.toBe(list("tools/call", { name: "b" }));
    expect(list("tools/call", { name: "a" })).not.toBe(list("prompts/get", { name: "a" }));
  });

  test("4.3 stays right when more names have come than are kept", async () => {
    const envelope = await envelopeOver();
    for (let index = 0; index <= 12_000; index++) {
      const name = `tool-${index % 6_000}`;
      expect(envelope.headers("tools/call", { name }, [])?.at(-1)).toBe(name);
    }
    for (let index = 0; index <= 6_000; index++) {
      expect(envelope.headers(`x/${index}`, undefined, [])?.at(-1)).toBe(`x/${index}`);
    }
  });

  test("10.1 there are none where the channel has none", async () => {
    const envelope = await envelopeOver(new FakeDuplex());
    expect(envelope.headers("tools/call", { name: "t" }, ["Mcp-Param-A", "1"])).toBeUndefined();
    expect(envelope.params({ name: "t" })).toEqual({ name: "t", _meta: REQUIRED });
  });
});
