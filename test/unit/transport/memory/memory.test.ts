import { expect, test, vi } from "vitest";
import { McpTimeoutError } from "../../../../src/core/errors.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import { createMemoryPair } from "../../../../src/transport/memory/memory.ts";

const signal = new AbortController().signal;
const note = (n: number): JsonRpcMessage => ({ jsonrpc: "2.0", method: "note", params: { n } });

function recorder() {
  const seen: unknown[] = [];
  return {
    seen,
    sink: {
      onMessage: (message: unknown) => void seen.push(message),
      onInvalid: (error: unknown) => void seen.push(error),
      onClose: (reason: { code: string }) => void seen.push(reason.code),
    },
  };
}

const unexpected = (error: Error): void => expect.fail(error.message);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("messages arrive in order, asynchronously, as copies, also those sent before the start", async () => {
  const { client, server } = createMemoryPair();
  const { seen, sink } = recorder();
  const first = note(1);
  server.send(first);
  await client.start(sink, signal);
  server.send([note(2), note(3)]);
  expect(seen).not.toContainEqual([note(2), note(3)]);
  await settled();
  expect(seen).toEqual([note(1), [note(2), note(3)]]);
  expect(seen[0]).not.toBe(first);

  const received: JsonRpcMessage[] = [];
  const onWritten = vi.fn();
  const onAccepted = vi.fn();
  client.send(note(4), { onWritten, onAccepted, onFailed: unexpected });
  client.send(
    { jsonrpc: "2.0", id: 1, method: "m" },
    { onWritten, onAccepted, onFailed: unexpected },
  );
  server.onMessage((message) => received.push(message));
  expect(received).toEqual([]);
  await settled();
  expect(received).toEqual([note(4), { jsonrpc: "2.0", id: 1, method: "m" }]);
  expect(onWritten).toHaveBeenCalledTimes(2);
  expect(onAccepted).toHaveBeenCalledTimes(1);
});

test("the server's end closes after what it sent; later messages are unsent", async () => {
  const { client, server } = createMemoryPair();
  const { seen, sink } = recorder();
  await client.start(sink, signal);
  server.send(note(1));
  server.close();
  server.send(note(2));
  await settled();
  expect(seen).toEqual([note(1), "CONNECTION_LOST"]);
  const onFailed = vi.fn();
  client.send(note(3), { onFailed });
  const handle = client.send(note(4), { onFailed });
  handle.close();
  expect(onFailed).not.toHaveBeenCalled();
  await settled();
  expect(onFailed.mock.calls).toEqual([
    [expect.objectContaining({ code: "CONNECTION_FAILED", sent: "no" })],
  ]);
});

test("drop gives the test's own reason; close reports once and delivers no more", async () => {
  const dropped = createMemoryPair();
  const one = recorder();
  await dropped.client.start(one.sink, signal);
  dropped.server.drop(new McpTimeoutError("late", { limit: "total", timeoutMs: 1 }));
  await settled();
  await dropped.client.close();
  expect(one.seen).toEqual(["TIMEOUT"]);

  const closed = createMemoryPair();
  const two = recorder();
  await closed.client.start(two.sink, signal);
  closed.server.send(note(1));
  await closed.client.close();
  await closed.client.close();
  closed.server.close();
  await settled();
  expect(two.seen).toEqual(["CLOSED"]);
  await expect(closed.client.start(two.sink, signal)).rejects.toMatchObject({ code: "CLOSED" });
});

test("an aborted start rejects with its reason; what JSON cannot say is refused", async () => {
  const { client } = createMemoryPair();
  const reason = new Error("no");
  await expect(client.start(recorder().sink, AbortSignal.abort(reason))).rejects.toBe(reason);
  await client.start(recorder().sink, signal);
  const onFailed = vi.fn();
  client.send({ jsonrpc: "2.0", method: "m", params: { big: 1n } }, { onFailed });
  await settled();
  expect(onFailed.mock.calls[0]?.[0]).toMatchObject({ code: "INVALID_CONFIG" });
});
