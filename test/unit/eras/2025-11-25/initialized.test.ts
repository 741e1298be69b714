import { beforeEach, describe, expect, test } from "vitest";
import {
  McpAuthError,
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../../../src/core/errors.ts";
import type { McpError, Sent as SentState } from "../../../../src/core/errors.ts";
import { classifyInitialized } from "../../../../src/eras/2025-11-25/initialized.ts";
import type { InitializedVerdict } from "../../../../src/eras/2025-11-25/initialized.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import { HandshakeRefused } from "../../../../src/eras/handshake-failure.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle } from "../../../../src/jsonrpc/transport.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeDuplex, FakeHttp, initializeResult, rejection, repairLog } from "../../fakes.ts";
import { connectSession, hostOver } from "../harness.ts";
import type { Era } from "../harness.ts";

const METHOD = "notifications/initialized";

const http = (status: number): McpError => new McpHttpError("refused", { status });
const rpc = (status: number | undefined, rpcCode: number, isUnattributed = true): McpError =>
  new McpResponseError("refused", { rpcCode, rpcMessage: "no", status, isUnattributed });
const lost = (sent: SentState): McpError =>
  new McpConnectionError("CONNECTION_LOST", "gone", { sent });

/** The failure; what it means with a session id, and without one. */
const ROWS: readonly [string, unknown, InitializedVerdict, InitializedVerdict][] = [
  ["404", http(404), "lost", "go-on"],
  ["404 with an error", rpc(404, -32001), "lost", "go-on"],
  ["404 -32601", rpc(404, -32601), "go-on", "go-on"],
  ["400 -32000 without an id", rpc(400, -32000), "lost", "again"],
  ["400 -32000 with an id", rpc(400, -32000, false), "again", "again"],
  ["400 -32600 without an id", rpc(400, -32600), "again", "again"],
  ["400", http(400), "again", "again"],
  ...[301, 402, 403, 405, 406, 409, 410, 415, 422, 429, 500, 501, 502, 503].map(
    (status): [string, unknown, InitializedVerdict, InitializedVerdict] => [
      `${status}`,
      http(status),
      "go-on",
      "go-on",
    ],
  ),
  ["500 -32603", rpc(500, -32603), "go-on", "go-on"],
  ["401", new McpAuthError("AUTH_REQUIRED", "x", { status: 401 }), "go-on", "go-on"],
  ["silence", new McpTimeoutError("x", { limit: "silence", timeoutMs: 1 }), "go-on", "go-on"],
  ["what is no HTTP", new McpProtocolError("x"), "go-on", "go-on"],
  ["a reset, once it was written", lost("unknown"), "go-on", "go-on"],
  ["a reset in the answer", lost("yes"), "go-on", "go-on"],
  ["a connection that was not made", lost("no"), "fail", "fail"],
  ["refused", new McpConnectionError("CONNECTION_FAILED", "x"), "fail", "fail"],
  ["the end", new McpClosedError("x"), "fail", "fail"],
  ["a header that cannot be sent", new McpConfigError("x"), "fail", "fail"],
  ["an abort", new DOMException("x", "AbortError"), "fail", "fail"],
  ["nothing", undefined, "fail", "fail"],
];

describe("classifyInitialized(): what a refusal of the notification means", () => {
  test.each(ROWS)("%s", (_name, error, withSession, without) => {
    expect(classifyInitialized(error, true)).toBe(withSession);
    expect(classifyInitialized(error, false)).toBe(without);
  });
});

/** Answers the notification by hand: with an error, with nothing at all, or by taking it. */
class Refusing extends FakeHttp {
  answers: (McpError | "silence" | undefined)[] = [];

  override send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    if (!("method" in message) || message.method !== METHOD) return super.send(message, exchange);
    const answer = this.answers.shift();
    const untaken = { onFailed: (error: McpError) => exchange.onFailed(error) };
    const handle = super.send(message, answer === undefined ? exchange : untaken);
    if (answer !== undefined && answer !== "silence") {
      queueMicrotask(() => exchange.onFailed(answer));
    }
    return handle;
  }
}

let transport: Refusing;
const { signal } = new AbortController();

beforeEach(() => {
  transport = new Refusing();
});

async function eraOver(options: Partial<EraHost> = {}, sessionId = ""): Promise<Era> {
  transport.script = (sent) => {
    if (sent.method !== "initialize") return undefined;
    sent.head(200, sessionId === "" ? {} : { "mcp-session-id": sessionId });
    return sent.reply(initializeResult());
  };
  return hostOver(transport, options);
}

const paramsSent = (): unknown[] =>
  transport.of(METHOD).map(({ message }) => Reflect.get(message, "params"));

describe("a session begins although the notification is refused", () => {
  const refusals: [string, McpError][] = [
    ["401", new McpAuthError("AUTH_REQUIRED", "no", { status: 401, sent: "yes" })],
    ["403", http(403)],
    ["404, of a server without sessions", http(404)],
    ["405", http(405)],
    ["500", http(500)],
    ["500 -32603", rpc(500, -32603)],
    ["a reset", lost("unknown")],
  ];

  test.each(refusals)("%s: a warning", async (_, refusal) => {
    const quirks = repairLog();
    const { host, peer, clock } = await eraOver({ quirks });
    transport.answers = [refusal];
    await connectSession(host, signal);
    expect(quirks.counts).toEqual({ "initialized-refused": 1 });
    expect(quirks.warnings).toHaveLength(1);
    expect(transport.of(METHOD)).toHaveLength(1);
    expect([peer.pendingCount, clock.armedCount]).toEqual([0, 0]);
  });

  test.each(refusals)("%s, strict: the error", async (_, refusal) => {
    const quirks = repairLog({ strict: true });
    const { host } = await eraOver({ quirks });
    transport.answers = [refusal];
    expect(await rejection(connectSession(host, signal))).toBe(refusal);
    expect(quirks.counts).toEqual({});
  });

  test("nothing at all: waited for a while, and no longer", async () => {
    const quirks = repairLog();
    const { host, clock } = await eraOver({ quirks, handshakeMs: 9_000 });
    transport.answers = ["silence"];
    const connecting = connectSession(host, signal);
    await settled();
    await clock.run(2_999);
    expect(quirks.counts).toEqual({});
    await clock.run(1);
    await connecting;
    expect(quirks.counts).toEqual({ "initialized-refused": 1 });
  });

  test("nothing at all, and the handshake is given up: no timer is left", async () => {
    const { host, peer, clock } = await eraOver();
    const over = new AbortController();
    transport.answers = ["silence"];
    const failing = rejection(connectSession(host, over.signal));
    await settled();
    over.abort(new Error("enough"));
    expect(await failing).toMatchObject({ message: "enough" });
    peer.close(new McpClosedError("closed"));
    await settled();
    expect(clock.armedCount).toBe(0);
  });
});

describe("a notification without params is refused with 400", () => {
  test("and with empty ones it is not", async () => {
    const quirks = repairLog();
    const { host } = await eraOver({ quirks }, "one");
    transport.answers = [http(400), undefined];
    await connectSession(host, signal);
    expect(paramsSent()).toEqual([undefined, {}]);
    expect(quirks.counts).toEqual({ "initialized-params": 1 });
  });

  test("and with empty ones too: a warning, and no third", async () => {
    const quirks = repairLog();
    const { host } = await eraOver({ quirks }, "one");
    transport.answers = [http(400), http(400)];
    await connectSession(host, signal);
    expect(paramsSent()).toEqual([undefined, {}]);
    expect(quirks.counts).toEqual({ "initialized-refused": 1 });
  });

  test("strict: the error, at once", async () => {
    const { host } = await eraOver({ quirks: repairLog({ strict: true }) }, "one");
    transport.answers = [http(400)];
    expect(await rejection(connectSession(host, signal))).toMatchObject({ status: 400 });
    expect(paramsSent()).toEqual([undefined]);
  });
});

describe("the server does not know the session that it has just given", () => {
  test.each<[string, McpError[]]>([
    ["404", [http(404)]],
    ["400 -32000 without an id", [rpc(400, -32000)]],
    ["404, after a 400", [http(400), http(404)]],
  ])("%s: that is what it says, and the stage", async (_, answers) => {
    const { host } = await eraOver({}, "secret-1");
    transport.answers = [...answers];
    const error = await rejection(connectSession(host, signal));
    expect(error).toBeInstanceOf(HandshakeRefused);
    const refused = error as HandshakeRefused;
    expect(refused.stage).toBe("initialized");
    const last = answers.at(-1) ?? expect.fail("no answer");
    expect(refused.error).toBeInstanceOf(last.constructor);
    expect(Reflect.get(refused.error, "status")).toBe(Reflect.get(last, "status"));
    expect(refused.error.message).toContain("load balancer without session affinity?");
    expect(refused.error.message).not.toContain("path of the URL");
    expect(refused.error.message).not.toContain("secret-1");
    expect(refused.error.cause).toBe(last);
    // The session is ended where it may be known.
    expect(transport.ended).toHaveLength(1);
  });
});

test("on a channel that ended, the failure is the channel's", async () => {
  const duplex = new FakeDuplex();
  duplex.script = (sent) => {
    if (sent.method !== "initialize") return undefined;
    sent.reply(initializeResult());
    duplex.sink.onClose(lost("unknown"));
    return undefined;
  };
  const quirks = repairLog();
  const { host } = await hostOver(duplex, { quirks });
  expect(await rejection(connectSession(host, signal))).toMatchObject({ code: "CONNECTION_LOST" });
  expect(quirks.counts).toEqual({});
});
