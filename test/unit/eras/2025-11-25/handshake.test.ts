import { beforeEach, describe, expect, test } from "vitest";
import { McpHttpError, McpProtocolError, McpResponseError } from "../../../../src/core/errors.ts";
import { initialize } from "../../../../src/eras/2025-11-25/handshake.ts";
import type { Handshake } from "../../../../src/eras/2025-11-25/handshake.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import { SESSION_VERSIONS } from "../../../../src/spec/versions.ts";
import type { SessionVersion } from "../../../../src/spec/versions.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeHttp, initializeResult, rejection } from "../../fakes.ts";
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

  test.each(["2026-07-28", "2023-01-01", "", "DRAFT-2026-v1"])(
    "refuses %j, naming what is spoken",
    async (version) => {
      const error = await rejection(shake((sent) => sent.reply(initializeResult({}, version))));
      expect(error).toBeInstanceOf(McpProtocolError);
      expect((error as Error).message).toContain("2025-11-25");
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
    ["names nothing", []],
    ["says nothing of use", "2025-06-18"],
    ["says null", null],
  ])("and %s is not asked again", async (_, supported) => {
    const error = await rejection(shake(refuse(supported)));
    expect(error).toBeInstanceOf(McpResponseError);
    expect(offered()).toHaveLength(1);
  });

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
    ["without a version", { capabilities: {} }],
    ["with a version that is no string", { protocolVersion: 5, capabilities: {} }],
    ["without capabilities", { protocolVersion: "2025-11-25" }],
    ["with capabilities null", { protocolVersion: "2025-11-25", capabilities: null }],
    ["with capabilities as a string", { protocolVersion: "2025-11-25", capabilities: "tools" }],
  ])("%s", async (_, result) => {
    const error = await rejection(shake((sent) => sent.reply(result)));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ server: "s", method: "initialize" });
  });

  test("a missing serverInfo is forgiven", async () => {
    const { result } = await shake((sent) =>
      sent.reply({ protocolVersion: "2025-11-25", capabilities: {} }),
    );
    expect(result.serverInfo).toEqual({ name: "unknown", version: "unknown" });
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

  test.each(["with space", "tab\t", "line\r\nbreak", "ümlaut", "nul\u0000", "del\u007f"])(
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
