import { beforeEach, describe, expect, test } from "vitest";
import {
  McpAuthError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
} from "../../../../src/core/errors.ts";
import { initialize } from "../../../../src/eras/2025-11-25/handshake.ts";
import type { Handshake } from "../../../../src/eras/2025-11-25/handshake.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import { SESSION_VERSIONS } from "../../../../src/spec/versions.ts";
import type { SessionVersion } from "../../../../src/spec/versions.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeHttp, initializeResult, rejection, repairLog } from "../../fakes.ts";
import type { Sent } from "../../fakes.ts";
import { connectSession, hostOver, sessionOver } from "../harness.ts";

let transport: FakeHttp;
const { signal } = new AbortController();

beforeEach(() => {
  transport = new FakeHttp();
});

async function shake(
  script: (sent: Sent) => void,
  options?: Partial<EraHost>,
  wanted: SessionVersion = "2025-11-25",
): Promise<Handshake> {
  const { host } = await hostOver(transport, options);
  transport.script = script;
  return initialize(host, wanted, signal);
}

const offered = (): unknown[] =>
  transport.of("initialize").map((sent) => sent.params["protocolVersion"]);

describe("revisions (2.6, 2.10)", () => {
  test("offers the newest session revision, with capabilities and clientInfo (2.11)", async () => {
    await shake((sent) => sent.reply(initializeResult()));
    expect(transport.last("initialize").params).toEqual({
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "test", version: "1" },
    });
    expect(transport.last("initialize").exchange.headers).toBeUndefined();
  });

  test.each(SESSION_VERSIONS)("accepts %s from the server", async (version) => {
    const { version: agreed } = await shake((sent) => sent.reply(initializeResult({}, version)));
    expect(agreed).toBe(version);
  });

  const strange: [string, SessionVersion][] = [
    ["2024-10-07", "2024-11-05"],
    ["2023-01-01", "2024-11-05"],
    ["1.0", "2024-11-05"],
    ["2025-05-01", "2025-03-26"],
    ["2026-01-01", "2025-11-25"],
    ["2026-07-28", "2025-11-25"],
    ["DRAFT-2026-v1", "2025-11-25"],
  ];

  test.each(strange)(
    "%j is taken for %s, and goes by the server's own name",
    async (said, version) => {
      const quirks = repairLog();
      const { session, host } = await sessionOver(transport, { version: said, quirks });
      expect(session.protocolVersion).toBe(said);
      expect(host.peer.outbound.headers).toEqual(["mcp-protocol-version", said]);
      expect(quirks.counts).toEqual({ "version-unknown": 1 });
      transport = new FakeHttp();
      const handshake = await shake((sent) => sent.reply(initializeResult({}, said)));
      expect(handshake.version).toBe(version);
    },
  );

  test.each(strange)("%j is refused if strict, naming what is spoken", async (said) => {
    const quirks = repairLog({ strict: true });
    const error = await rejection(
      shake((sent) => sent.reply(initializeResult({}, said)), { quirks }),
    );
    expect(error).toBeInstanceOf(McpProtocolError);
    expect((error as Error).message).toContain("2025-11-25");
  });

  test.each(["", "2025-11-25\r\nx: y", "zwölf", "x".repeat(65)])(
    "%j can be no header, and the offered one holds",
    async (said) => {
      const { result } = await shake((sent) => sent.reply(initializeResult({}, said)));
      expect(result.protocolVersion).toBe("2025-11-25");
    },
  );

  test("a configured revision is the one offered", async () => {
    await shake((sent) => sent.reply(initializeResult({}, "2025-03-26")), {}, "2025-03-26");
    expect(offered()).toEqual(["2025-03-26"]);
  });
});

describe("a server that refuses the revision (2.13)", () => {
  const refuse =
    (supported: unknown, code = -32602) =>
    (sent: Sent): void => {
      if (offered().length === 1) sent.replyError(code, "no", { supported, requested: "x" });
      else sent.reply(initializeResult({}, String(sent.params["protocolVersion"])));
    };

  test("is asked once more, with the newest that both know", async () => {
    const { version } = await shake(refuse(["2024-11-05", "2025-06-18", "2099-01-01"]));
    expect(version).toBe("2025-06-18");
    expect(offered()).toEqual(["2025-11-25", "2025-06-18"]);
    const ids = transport.of("initialize").map((sent) => sent.id);
    expect(new Set(ids).size).toBe(2);
  });

  test.each([-32022, -32000, -32603])("with code %i too (L4)", async (code) => {
    const { version } = await shake(refuse(["2025-06-18"], code));
    expect(version).toBe("2025-06-18");
  });

  test.each<[string, unknown]>([
    ["names nothing that we know", ["2099-01-01"]],
    ["names only the one it refused", ["2025-11-25"]],
  ])("and %s is not asked again", async (_, supported) => {
    const error = await rejection(shake(refuse(supported)));
    expect(error).toBeInstanceOf(McpResponseError);
    expect(offered()).toHaveLength(1);
  });

  /** Takes one revision, and does not say which. */
  const takesOnly =
    (version: string | undefined, refusal: (sent: Sent) => void) =>
    (sent: Sent): void => {
      if (sent.params["protocolVersion"] !== version) refusal(sent);
      else sent.reply(initializeResult({}, version));
    };
  const refusals: [string, (sent: Sent) => void][] = [
    ["an empty list", (sent) => sent.replyError(-32602, "no", { supported: [] })],
    ["a list that is none", (sent) => sent.replyError(-32602, "no", { supported: "2025-06-18" })],
    ["-32602", (sent) => sent.replyError(-32602)],
    ["-32600", (sent) => sent.replyError(-32600)],
    ["-32603", (sent) => sent.replyError(-32603)],
    ["-32000", (sent) => sent.replyError(-32000)],
    ["400", (sent) => sent.fail(new McpHttpError("refused", { status: 400 }))],
  ];

  test.each(refusals)("with %s is offered older ones in turn", async (_, refusal) => {
    const quirks = repairLog();
    const script = takesOnly("2024-11-05", refusal);
    expect((await shake(script, { quirks })).version).toBe("2024-11-05");
    expect(offered()).toEqual(["2025-11-25", "2025-03-26", "2024-11-05"]);
    expect(quirks.counts).toEqual({ "version-refused": 1 });
    expect(new Set(transport.of("initialize").map((sent) => sent.id)).size).toBe(3);
  });

  test.each(refusals)("with %s, and any other too: the first refusal", async (_, refusal) => {
    const quirks = repairLog();
    const first = rejection(shake(takesOnly(undefined, refusal), { quirks }));
    expect(await first).toBeInstanceOf(McpError);
    expect(offered()).toEqual(["2025-11-25", "2025-03-26", "2024-11-05"]);
    expect(quirks.counts).toEqual({});
  });

  test.each(refusals)("with %s is not asked again if strict, or pinned", async (_, refusal) => {
    await rejection(
      shake(takesOnly("2024-11-05", refusal), { quirks: repairLog({ strict: true }) }),
    );
    expect(offered()).toEqual(["2025-11-25"]);
    transport = new FakeHttp();
    await rejection(shake(takesOnly("2024-11-05", refusal), { protocol: "2025-11-25" }));
    expect(offered()).toEqual(["2025-11-25"]);
  });

  const others: [string, (sent: Sent) => void][] = [
    ["-32601", (sent) => sent.replyError(-32601)],
    ["-32700", (sent) => sent.replyError(-32700)],
    ["-32020", (sent) => sent.replyError(-32020)],
    ["-32021", (sent) => sent.replyError(-32021)],
    ["-32022", (sent) => sent.replyError(-32022)],
    ...[403, 404, 405, 500, 503].map((status): [string, (sent: Sent) => void] => [
      `${status}`,
      (sent) => sent.fail(new McpHttpError("refused", { status })),
    ]),
    ["401", (sent) => sent.fail(new McpAuthError("AUTH_REQUIRED", "no", { status: 401 }))],
    ["the network", (sent) => sent.fail(new McpConnectionError("CONNECTION_LOST", "gone"))],
  ];

  test.each(others)(
    "with %s is not asked again: it is about something else",
    async (_, refusal) => {
      await rejection(shake(takesOnly("2024-11-05", refusal)));
      expect(offered()).toEqual(["2025-11-25"]);
    },
  );

  test("a second refusal is the end", async () => {
    const error = await rejection(
      shake((sent) => sent.replyError(-32602, "no", { supported: [...SESSION_VERSIONS] })),
    );
    expect(error).toMatchObject({ rpcCode: -32602 });
    expect(offered()).toHaveLength(2);
  });
});

describe("answers that are no InitializeResult (2.11)", () => {
  test.each<[string, object]>([
    ["empty", {}],
    ["something else", { tools: [] }],
    ["with nothing of the right type", { protocolVersion: 5, capabilities: [], serverInfo: "x" }],
  ])("%s", async (_, result) => {
    const error = await rejection(shake((sent) => sent.reply(result)));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ server: "s", method: "initialize" });
  });
});

describe("answers that lack something", () => {
  const serverInfo = { name: "n", version: "1" };
  const lacking: [string, object, object][] = [
    ["the version", { capabilities: { tools: {} }, serverInfo }, { capabilities: { tools: {} } }],
    ["a version that is a text", { protocolVersion: 5, capabilities: {} }, {}],
    ["capabilities", { protocolVersion: "2025-11-25", serverInfo }, { capabilities: {} }],
    ["capabilities: null", { protocolVersion: "2025-11-25", capabilities: null }, {}],
    ["capabilities: a text", { protocolVersion: "2025-11-25", capabilities: "tools" }, {}],
    ["all but serverInfo", { serverInfo }, { serverInfo, capabilities: {} }],
  ];

  test.each(lacking)("%s", async (_, answer, read) => {
    const quirks = repairLog();
    const { result, version } = await shake((sent) => sent.reply(answer), { quirks });
    expect(result).toMatchObject({ protocolVersion: "2025-11-25", ...read });
    expect(version).toBe("2025-11-25");
    expect(quirks.counts["initialize-incomplete"]).toBeGreaterThan(0);
  });

  test.each(lacking)("%s, strict", async (_, answer) => {
    const error = await rejection(
      shake((sent) => sent.reply(answer), { quirks: repairLog({ strict: true }) }),
    );
    expect(error).toBeInstanceOf(McpProtocolError);
  });

  test.each<[string, unknown, object]>([
    ["missing", undefined, { name: "unknown", version: "unknown" }],
    ["null", null, { name: "unknown", version: "unknown" }],
    ["a text", "me", { name: "unknown", version: "unknown" }],
    ["without a version", { name: "me" }, { name: "me", version: "unknown" }],
    ["with a number", { name: "me", version: 2 }, { name: "me", version: "unknown" }],
    ["without a name", { version: "2", title: "T" }, { name: "unknown", version: "2", title: "T" }],
  ])("serverInfo that is %s is forgiven, strict or not", async (_, info, read) => {
    for (const strict of [true, false]) {
      transport = new FakeHttp();
      const answer = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: info };
      const quirks = repairLog({ strict });
      const { result } = await shake((sent) => sent.reply(answer), { quirks });
      expect(result.serverInfo).toEqual(read);
      expect(quirks.counts).toEqual({ "initialize-incomplete": 1 });
    }
  });

  test.each([7, null, ["x"], { a: 1 }])("instructions that are %j are ignored", async (value) => {
    const answer = { ...initializeResult(), instructions: value };
    const { result } = await shake((sent) => sent.reply(answer));
    expect(result).not.toHaveProperty("instructions");
  });

  test("capabilities as a list are none", async () => {
    const answer = { protocolVersion: "2025-11-25", capabilities: ["tools"], serverInfo };
    expect((await shake((sent) => sent.reply(answer))).result.capabilities).toEqual({});
  });

  test("what is there beside it does no harm", async () => {
    const quirks = repairLog();
    const answer = { ...initializeResult(), tools: [], nonsense: { deep: [1] } };
    await shake((sent) => sent.reply(answer), { quirks });
    expect(quirks.counts).toEqual({});
  });

  test("a second answer is nobody's", async () => {
    const { session, strays } = await sessionOver(transport);
    transport.last("initialize").reply(initializeResult({}, "2024-11-05"));
    expect(session.protocolVersion).toBe("2025-11-25");
    expect(strays).toHaveLength(1);
  });
});

describe("the session id (3.8, 3.12)", () => {
  const assign =
    (id: string) =>
    (sent: Sent): void => {
      sent.head(200, { "mcp-session-id": id });
      sent.reply(initializeResult());
    };

  test("is taken from the head of the response", async () => {
    expect((await shake(assign("abc!~"))).sessionId).toBe("abc!~");
  });

  test("absent or empty: no session", async () => {
    expect(
      (await shake((sent) => sent.head().reply(initializeResult()))).sessionId,
    ).toBeUndefined();
    expect((await shake(assign(""))).sessionId).toBeUndefined();
  });

  test.each(["a b", "a  long one, with spaces"])("%j is taken, unless strict", async (id) => {
    const quirks = repairLog();
    expect((await shake(assign(id), { quirks })).sessionId).toBe(id);
    expect(quirks.counts).toEqual({ "session-id-spaces": 1 });
    transport = new FakeHttp();
    const error = await rejection(shake(assign(id), { quirks: repairLog({ strict: true }) }));
    expect(error).toBeInstanceOf(McpProtocolError);
  });

  test.each([" ", " a", "a "])("%j is refused", async (id) => {
    expect(await rejection(shake(assign(id)))).toBeInstanceOf(McpProtocolError);
  });

  test.each(["tab\t", "line\r\nbreak", "ümlaut", "nul\u0000", "del\u007f"])(
    "%j is refused, and not repeated in the message",
    async (id) => {
      const error = await rejection(shake(assign(id)));
      expect(error).toBeInstanceOf(McpProtocolError);
      expect((error as Error).message).not.toContain(id);
    },
  );

  test("goes with everything afterwards, never with initialize; DELETE once at the end (3.11)", async () => {
    const { session } = await sessionOver(transport, { sessionId: "secret-1" });
    const headers = ["mcp-protocol-version", "2025-11-25", "mcp-session-id", "secret-1"];
    expect(transport.last("initialize").exchange.headers).toBeUndefined();
    expect(transport.last("notifications/initialized").exchange.headers).toEqual(headers);
    transport.ask("q", "ping");
    await settled();
    expect(transport.sent.at(-1)?.exchange.headers).toEqual(headers);
    await session.close();
    expect(transport.ended).toEqual([headers]);
  });

  test("without one there is no DELETE, and a 404 is no lost session (3.10, 3.11)", async () => {
    const { session } = await sessionOver(transport);
    await session.close();
    expect(transport.ended).toEqual([]);
    expect(session.refusalOf(new McpHttpError("gone", { status: 404 }))).toBe("none");
  });
});

describe("time and will", () => {
  test("the limit is the handshake's, and initialize is not cancelled on the wire (2.11)", async () => {
    const { host, clock, peer } = await hostOver(transport);
    const shaking = initialize(host, "2025-11-25", signal);
    clock.advance(5_000);
    expect(await rejection(shaking)).toMatchObject({ code: "TIMEOUT", timeoutMs: 5_000 });
    expect(transport.of("notifications/cancelled")).toEqual([]);
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test("a ping before the answer is answered, anything else is not offered (2.11, 7.1)", async () => {
    const { host } = await hostOver(transport);
    const connecting = connectSession(host, signal);
    transport.ask("p", "ping");
    transport.ask("r", "roots/list");
    await settled();
    const answers = transport.responses.toSorted((a, b) =>
      JSON.stringify(a) < JSON.stringify(b) ? -1 : 1,
    );
    expect(answers).toMatchObject([
      { id: "p", result: {} },
      { id: "r", error: { code: -32601 } },
    ]);
    transport.last("initialize").reply(initializeResult());
    await connecting;
  });

  test("initialized goes out before the connection is given to anyone (2.11)", async () => {
    await sessionOver(transport);
    expect(transport.sent.map((sent) => sent.method)).toEqual([
      "initialize",
      "notifications/initialized",
    ]);
  });
});
