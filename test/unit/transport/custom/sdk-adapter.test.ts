import { InMemoryTransport as InMemoryTransport2 } from "@modelcontextprotocol/client";
import type { Transport as Transport2 } from "@modelcontextprotocol/client";
import { InMemoryTransport as InMemoryTransport1 } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Transport as Transport1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { describe, expect, expectTypeOf, test, vi } from "vitest";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import { adaptSdkTransport, isSdkTransport } from "../../../../src/transport/custom/sdk-adapter.ts";
import type { SdkTransport } from "../../../../src/transport/custom/sdk-adapter.ts";
import { createMemoryPair } from "../../../../src/transport/memory/memory.ts";

const signal = new AbortController().signal;
const request: JsonRpcMessage = { jsonrpc: "2.0", id: 1, method: "ping" };
const notification: JsonRpcMessage = { jsonrpc: "2.0", method: "note" };
const response: JsonRpcMessage = { jsonrpc: "2.0", id: 1, result: {} };

const unexpected = (error: Error): void => expect.fail(error.message);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function recorder() {
  const seen: unknown[] = [];
  return {
    seen,
    sink: {
      onMessage: (message: unknown) => void seen.push(message),
      onInvalid: (error: Error) => void seen.push(`invalid: ${error.message}`),
      onClose: (reason: { code: string }) => void seen.push(reason.code),
    },
  };
}

/** A transport of the SDK's shape, its outcomes in the test's hands. */
function fake(overrides: Partial<SdkTransport> = {}): SdkTransport {
  return { start: async () => {}, send: async () => {}, close: async () => {}, ...overrides };
}

describe.each([
  ["v1", () => InMemoryTransport1.createLinkedPair()],
  ["v2", () => InMemoryTransport2.createLinkedPair()],
])("the SDK's in-memory transport, %s", (_, createPair) => {
  test("carries messages both ways and reports the other end's close", async () => {
    const [ours, theirs]: readonly [SdkTransport, SdkTransport] = createPair();
    const transport = adaptSdkTransport(ours, { server: "s" });
    expect(transport).toMatchObject({
      channel: "duplex",
      kind: "custom",
      address: "InMemoryTransport",
    });
    const { seen, sink } = recorder();
    theirs.onmessage = (message) => {
      if ("id" in message) void theirs.send(response);
    };
    await theirs.start();
    await transport.start(sink, signal);
    const onWritten = vi.fn();
    const onAccepted = vi.fn();
    transport.send(request, { onWritten, onAccepted, onFailed: unexpected });
    transport.send(notification, { onAccepted, onFailed: unexpected });
    await settled();
    expect(seen).toEqual([response]);
    expect(onWritten).toHaveBeenCalledTimes(1);
    expect(onAccepted).toHaveBeenCalledTimes(1);
    await theirs.close();
    expect(seen).toEqual([response, "CONNECTION_LOST"]);
  });
});

test("both generations' types fit, and ours is told by its channel", () => {
  expectTypeOf<Transport1>().toExtend<SdkTransport>();
  expectTypeOf<Transport2>().toExtend<SdkTransport>();
  expect(isSdkTransport(InMemoryTransport1.createLinkedPair()[0])).toBe(true);
  expect(isSdkTransport(createMemoryPair().client)).toBe(false);
  for (const value of [undefined, null, "x", {}, { start() {} }]) {
    expect(isSdkTransport(value)).toBe(false);
  }
});

test("a start that fails, is aborted, or ends at once", async () => {
  const close = vi.fn(async () => {});
  const cause = new Error("no route");
  const { sink, seen } = recorder();
  const failing = fake({ start: () => Promise.reject(cause), close });
  await expect(
    adaptSdkTransport(failing, { server: "s" }).start(sink, signal),
  ).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
    server: "s",
    retryable: true,
    cause,
  });

  const controller = new AbortController();
  const hanging = fake({ start: () => new Promise(() => {}), close });
  const started = adaptSdkTransport(hanging, { server: "s" }).start(sink, controller.signal);
  const reason = new Error("stop");
  controller.abort(reason);
  await expect(started).rejects.toBe(reason);

  const ending = fake({ close });
  ending.start = async () => ending.onclose?.();
  await expect(
    adaptSdkTransport(ending, { server: "s" }).start(sink, signal),
  ).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
  });
  expect(close).toHaveBeenCalledTimes(3);
  expect(seen).toEqual([]);
});

test("a send that fails is lost, unless it was answered, closed or never begun", async () => {
  let reject = (_: Error): void => {};
  const sdk = fake({ send: () => new Promise((_, no) => (reject = no)) });
  const transport = adaptSdkTransport(sdk, { server: "s" });
  const onFailed = vi.fn();
  transport.send(request, { onFailed });
  await settled();
  expect(onFailed).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ code: "CONNECTION_FAILED", sent: "no" }),
  );
  onFailed.mockClear();

  const { sink, seen } = recorder();
  await transport.start(sink, signal);
  transport.send(request, { onFailed });
  sdk.onmessage?.(response);
  reject(new Error("too late"));
  transport.send({ ...request, id: 2 }, { onFailed }).close();
  reject(new Error("not asked"));
  await settled();
  expect(onFailed).not.toHaveBeenCalled();

  transport.send({ ...request, id: 3 }, { onFailed });
  reject(new Error("broken"));
  await settled();
  expect(onFailed).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ code: "CONNECTION_LOST", sent: "unknown", retryable: true }),
  );
  expect(seen).toEqual([response]);
});

test("a send that throws at once is reported like one that rejects", async () => {
  const sdk = fake({
    send() {
      throw new Error("sync");
    },
  });
  const transport = adaptSdkTransport(sdk, { server: "s" });
  await transport.start(recorder().sink, signal);
  const onFailed = vi.fn();
  transport.send(request, { onFailed });
  expect(onFailed).not.toHaveBeenCalled();
  await settled();
  expect(onFailed).toHaveBeenCalledTimes(1);
});

test("errors and junk are reported, earlier listeners still called, close is told once", async () => {
  const onerror = vi.fn();
  const setProtocolVersion = vi.fn();
  const sdk = fake({ onerror, setProtocolVersion, close: () => Promise.reject(new Error("no")) });
  const transport = adaptSdkTransport(sdk, { server: "s" });
  const { sink, seen } = recorder();
  await transport.start(sink, signal);
  sdk.onerror?.(new Error("hiccup"));
  sdk.onmessage?.({} as JsonRpcMessage);
  transport.negotiated?.("2025-11-25");
  expect(setProtocolVersion).toHaveBeenCalledWith("2025-11-25");
  await transport.close();
  await transport.close();
  sdk.onmessage?.(response);
  sdk.onclose?.();
  expect(onerror).toHaveBeenCalledTimes(1);
  expect(seen).toEqual([
    expect.stringContaining("hiccup"),
    expect.stringContaining("no JSON-RPC 2.0 message"),
    "CLOSED",
  ]);
});
