import { beforeEach, describe, expect, test, vi } from "vitest";
import { Peer } from "../../../src/jsonrpc/peer.ts";
import type { PeerRequest } from "../../../src/jsonrpc/pending.ts";
import type { Quirks } from "../../../src/jsonrpc/quirks.ts";
import { parseMessage } from "../../../src/jsonrpc/parse.ts";
import type { JsonRpcMessage } from "../../../src/jsonrpc/messages.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { FakeDuplex, FakeHttp, rejection, repairLog } from "../fakes.ts";

let transport: FakeDuplex | FakeHttp;
let quirks: Quirks;
let strays: string[];
let peer: Peer;

async function connect(over: FakeDuplex | FakeHttp, strict = false): Promise<void> {
  transport = over;
  quirks = repairLog({ strict });
  strays = [];
  peer = new Peer({
    server: "s",
    clock: new ManualClock(),
    quirks,
    transport,
    onStray: (what) => strays.push(what),
    onClose: () => {},
  });
  await transport.start(peer, new AbortController().signal);
}

beforeEach(() => connect(new FakeDuplex()));

function request(options: Partial<PeerRequest> = {}): Promise<object> {
  const limits = { silenceMs: 100, totalMs: 1_000 };
  const promise = peer.request({ method: "tools/call", limits, ...options });
  promise.catch(() => {});
  return promise;
}

/** As a transport does with what it reads. */
function receive(value: object): void {
  transport.push(parseMessage(JSON.stringify(value), peer.repairs));
}

const success = (id: unknown, result: unknown = { of: id }): object => ({
  jsonrpc: "2.0",
  id,
  result,
});

const failure = (id: unknown, code = -32601): object => ({
  jsonrpc: "2.0",
  ...(id === undefined ? {} : { id }),
  error: { code, message: "no" },
});

describe("ids given back as strings", () => {
  test("end the call with that number, and the message has the number afterwards", async () => {
    const call = request({ id: 7 });
    const message = success("7") as JsonRpcMessage;
    transport.push(message);
    expect(await call).toEqual({ of: "7" });
    expect(message).toMatchObject({ id: 7 });
    expect(quirks.counts).toEqual({ "id-as-string": 1 });
    expect(strays).toEqual([]);
  });

  test("errors too", async () => {
    const call = request({ id: 7 });
    receive(failure("7", -5));
    expect(await rejection(call)).toMatchObject({ rpcCode: -5 });
  });

  test("a frozen message is taken all the same", async () => {
    const call = request({ id: 7 });
    transport.push(Object.freeze(success("7")) as JsonRpcMessage);
    expect(await call).toEqual({ of: "7" });
  });

  test.each(["7.0", " 7", "07", "7e0"])("%j is not 7", (id) => {
    void request({ id: 7 });
    receive(success(id));
    expect([peer.pendingCount, strays.length, quirks.counts]).toEqual([1, 1, {}]);
  });

  test("a caller's own string wins, and is never taken for the number afterwards", async () => {
    const number = request({ id: 7 });
    const text = request({ id: "7" });
    receive(success("7"));
    expect(await text).toEqual({ of: "7" });
    // A duplicate of the same answer.
    receive(success("7", { is: "late" }));
    expect(peer.pendingCount).toBe(1);
    receive(success(7));
    expect(await number).toEqual({ of: 7 });
    expect(quirks.counts).toEqual({});
  });

  test("strict: no call waits for a string", async () => {
    await connect(new FakeDuplex(), true);
    void request({ id: 7 });
    receive(success("7"));
    expect([peer.pendingCount, strays.length, quirks.counts]).toEqual([1, 1, {}]);
  });

  test("progress tokens: the number's callback is called, and its silence ends", async () => {
    const onProgress = vi.fn();
    const call = request({ id: 7, onProgress });
    const params = { progressToken: "7", progress: 1 };
    receive({ jsonrpc: "2.0", method: "notifications/progress", params });
    expect(onProgress).toHaveBeenCalledExactlyOnceWith({ progress: 1 });
    const watcher = vi.fn();
    peer.watchProgress(100, watcher);
    const watched = { progressToken: "100", progress: 2 };
    receive({ jsonrpc: "2.0", method: "notifications/progress", params: watched });
    expect(watcher).toHaveBeenCalledExactlyOnceWith({ progress: 2 });
    expect(quirks.counts).toEqual({ "id-as-string": 2 });
    receive(success(7));
    await call;
  });
});

describe("errors that name no call", () => {
  test.each([null, undefined, 0])("id %j: the only call's", async (id) => {
    const call = request();
    receive(failure(id));
    expect(await rejection(call)).toMatchObject({ rpcCode: -32601 });
    expect(quirks.counts).toEqual({ "id-unread": 1 });
    expect(strays).toEqual([]);
  });

  test.each<[string, (id: unknown) => void]>([
    ["of two calls", () => void request()],
    ["after a notification, which may be what was not understood", () => void peer.notify("n")],
  ])("%s: ignored, and counted", (_, also) => {
    also(undefined);
    void request();
    receive(failure(null));
    expect(peer.pendingCount).toBeGreaterThan(0);
    expect([strays.length, quirks.counts]).toEqual([1, { "id-unread": 1 }]);
  });

  test("once a request was answered after the notification, the only call's again", async () => {
    await peer.notify("n");
    const first = request();
    receive(success(1));
    await first;
    const second = request();
    receive(failure(null));
    expect(await rejection(second)).toMatchObject({ rpcCode: -32601 });
  });

  test("id 0 is a caller's, if one has chosen it", () => {
    const controller = new AbortController();
    void request({ id: 0, signal: controller.signal, cancel: "close" });
    controller.abort();
    void request();
    receive(failure(0));
    expect([peer.pendingCount, quirks.counts]).toEqual([1, {}]);
  });

  test("a result that names no call is nobody's", () => {
    void request();
    receive(success(0));
    expect([peer.pendingCount, strays.length, quirks.counts]).toEqual([1, 1, {}]);
  });

  test("over HTTP id 0 is that of the exchange, and null on no exchange nobody's", async () => {
    await connect(new FakeHttp());
    const [a, b] = [request(), request()];
    transport.sent[1]?.deliver(failure(0) as JsonRpcMessage);
    expect(await rejection(b)).toMatchObject({ rpcCode: -32601 });
    receive(failure(null));
    expect(peer.pendingCount).toBe(1);
    transport.sent[0]?.reply({});
    await a;
  });

  test("strict: nobody's", async () => {
    await connect(new FakeDuplex(), true);
    void request();
    receive(failure(null));
    expect([peer.pendingCount, strays.length, quirks.counts]).toEqual([1, 1, {}]);
  });
});

describe("answers that are none", () => {
  test.each([
    ["null", { jsonrpc: "2.0", id: 1, result: null }],
    ["nothing", { jsonrpc: "2.0", id: 1 }],
    ["a text", { jsonrpc: "2.0", id: 1, result: "pong" }],
  ])("%s to a ping is an empty object", async (_, came) => {
    const call = request({ method: "ping" });
    receive(came);
    expect(await call).toEqual({});
    expect(quirks.counts).toEqual({ "empty-result": 1 });
  });

  test.each([
    ["null", { jsonrpc: "2.0", id: 1, result: null }],
    ["nothing", { jsonrpc: "2.0", id: 1 }],
    ["both", { jsonrpc: "2.0", id: 1, result: {}, error: { code: 1, message: "" } }],
    ["a string as id", { jsonrpc: "2.0", id: "1", result: [] }],
  ])("%s ends any other call at once, and shows what came", async (_, came) => {
    const call = request({ subject: "echo" });
    receive(came);
    const error = await rejection(call);
    expect(error).toMatchObject({
      code: "PROTOCOL_ERROR",
      method: "tools/call",
      server: "s",
      sent: "yes",
      retryable: false,
    });
    expect((error as Error).message).toContain(JSON.stringify(came));
    expect(quirks.counts).toMatchObject({ "unusable-answer": 1 });
  });

  test("members of a batch end their calls with what came", async () => {
    const [a, b] = [request(), request()];
    receive([[success(1)], { jsonrpc: "2.0", id: 2, result: 5 }, 7]);
    expect(await a).toEqual({ of: 1 });
    expect(await rejection(b)).toMatchObject({ code: "PROTOCOL_ERROR" });
  });

  test("a text that is cut off ends the call that it names", async () => {
    const [a, b] = [request(), request()];
    const text = '{"jsonrpc":"2.0","id":2,"result":{"content":[{"ty';
    expect(peer.onBroken(text)).toBe(2);
    const error = await rejection(b);
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", method: "tools/call" });
    expect((error as Error).message).toContain(text);
    expect(peer.onBroken('{"jsonrpc":"2.0","id":"1","result":{')).toBe(1);
    await rejection(a);
    expect(peer.onBroken(text)).toBeUndefined();
    expect(quirks.counts).toEqual({ "unusable-answer": 2 });
  });

  test.each(['{"jsonrpc":"2.0","id":1,"method":"ping","pa', "INFO call 1", '{"id":1,"level":3'])(
    "%s ends no call",
    (text) => {
      void request();
      expect(peer.onBroken(text)).toBeUndefined();
      expect([peer.pendingCount, quirks.counts]).toEqual([1, {}]);
    },
  );

  test("strict: no text ends a call", async () => {
    await connect(new FakeDuplex(), true);
    void request();
    expect(peer.onBroken('{"jsonrpc":"2.0","id":1,"result":{')).toBeUndefined();
    expect(peer.pendingCount).toBe(1);
  });
});

describe("answers that no call waits for", () => {
  test("duplicates and late ones are ignored, and no deviation", async () => {
    const call = request();
    const controller = new AbortController();
    void request({ signal: controller.signal });
    controller.abort();
    for (const id of [1, 1, "1", 2, "2"]) receive(success(id));
    await call;
    expect([strays.length, quirks.counts]).toEqual([4, {}]);
  });

  test("numbers that were never used are counted", () => {
    void request();
    for (const id of [2, "2", 1e9]) receive(success(id));
    for (const id of ["mine", "", -1]) receive(success(id));
    expect([strays.length, quirks.counts]).toEqual([6, { "unknown-id": 3 }]);
  });
});
