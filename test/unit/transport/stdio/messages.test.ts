import { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { expect, test, vi } from "vitest";
import type { McpProtocolError } from "../../../../src/core/errors.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import { decodeLine, Noise } from "../../../../src/transport/stdio/decode-line.ts";
import { LineSplitter } from "../../../../src/transport/stdio/framing.ts";
import { StdinWriter } from "../../../../src/transport/stdio/stdin-writer.ts";
import { inline, scripted } from "./harness.ts";

const response: JsonRpcMessage = { jsonrpc: "2.0", id: 1, result: {} };
const request: JsonRpcMessage = { jsonrpc: "2.0", id: 1, method: "ping" };

test("6.1: a request is answered; written and accepted are reported", async () => {
  const harness = scripted();
  await harness.start();
  const onWritten = vi.fn();
  const onAccepted = vi.fn();
  harness.send(request, { onWritten, onAccepted });
  expect(await harness.response(1)).toEqual(response);
  expect(onWritten).toHaveBeenCalledTimes(1);
  expect(onAccepted).not.toHaveBeenCalled();
  harness.send({ jsonrpc: "2.0", method: "notifications/initialized" }, { onAccepted });
  expect(onAccepted).toHaveBeenCalledTimes(1);
});

test.each([
  ["CRLF", { crlf: true }],
  ["split UTF-8", { splitWrites: 1 }],
  ["a long text in small pieces", { splitWrites: 7, crlf: true }],
])("fault 47: %s gives the same messages", async (_, script) => {
  const harness = scripted(script);
  await harness.start();
  const text = "grüße 🎉\n\u2028 ende";
  expect(await harness.call(1, "echo", { text })).toBe(text);
  expect(harness.invalid).toEqual([]);
});

test("fault 47: two messages in one chunk, one message in a thousand", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter({
    maxLineBytes: 1 << 20,
    onLine: (line) => lines.push(line),
    onOverflow: () => lines.push("overflow"),
  });
  splitter.push(Buffer.from("one\ntwo\r\n\n"));
  const long = "é".repeat(5_000);
  const bytes = Buffer.from(`${long}\nafter\n`);
  for (let at = 0; at < bytes.length; at += 10) splitter.push(bytes.subarray(at, at + 10));
  expect(lines).toEqual(["one", "two", long, "after"]);
});

test("fault 42: noise before and between messages is reported and skipped", async () => {
  const harness = scripted({ banner: "Server v1 \u001b[31mready", noise: "INFO something" });
  await harness.start();
  await harness.request(1, "ping");
  await harness.request(2, "ping");
  expect(harness.messages).toHaveLength(2);
  expect(harness.invalid).toHaveLength(3);
  expect(harness.invalid[0]).toMatchObject({ code: "PROTOCOL_ERROR", server: "s" });
  expect(harness.invalid[0]?.message).toContain("Server v1 \\u{1b}[31mready");
});

test("fault 42: a banner without a newline does not lose the message behind it", async () => {
  const harness = scripted({ bannerNoNewline: "Starting {ok} ..." });
  await harness.start();
  expect(await harness.request(1, "ping")).toEqual(response);
  expect(harness.invalid.map((error) => error.message)).toEqual([
    expect.stringContaining("Starting {ok} ..."),
  ]);
});

test("fault 42: a logged request is not taken for one", () => {
  expect(errorOf(`got ${JSON.stringify(request)}`)).toMatchObject({ code: "PROTOCOL_ERROR" });
});

test("6.2: a byte order mark is no noise; JSON that is no message is reported", () => {
  expect(decodeLine(`\uFEFF${JSON.stringify(response)}`)).toEqual(response);
  expect(decodeLine(`\uFEFF${JSON.stringify(request)}`)).toEqual(request);
  for (const line of ["{}", "null", "7", "[]", '{"jsonrpc":"1.0","id":1,"result":{}}']) {
    expect(errorOf(line).code).toBe("PROTOCOL_ERROR");
  }
  const deep = `{"jsonrpc":"2.0","id":1,"result":{"a":${"[".repeat(600)}${"]".repeat(600)}}}`;
  expect(errorOf(deep).code).toBe("LIMIT_EXCEEDED");
});

test("1.8, 1.10: an error without id and an array are messages", () => {
  const failure = { jsonrpc: "2.0", id: null, error: { code: -32700, message: "no" } };
  expect(decodeLine(JSON.stringify(failure))).toEqual(failure);
  expect(decodeLine(JSON.stringify([response]))).toEqual([response]);
});

test("fault 46: a line beyond the limit ends the connection and its process", async () => {
  const harness = scripted(
    { hugeOn: { tool: "echo", bytes: 300_000 }, ignoreEof: true },
    { limits: { messageBytes: 100_000, stderrBytes: 4096 } },
  );
  await harness.start();
  await harness.request(1, "ping");
  harness.send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "echo" } });
  expect(await harness.lost()).toMatchObject({
    code: "LIMIT_EXCEEDED",
    server: "s",
    sent: "unknown",
  });
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
  expect(harness.closed).toHaveLength(1);
});

test("fault 46: an endless line never costs more than the limit", async () => {
  const harness = inline(
    "const block = Buffer.alloc(65536, 120); const go = () => { while (process.stdout.write(block)); }; process.stdout.on('drain', go).on('error', () => process.exit()); go()",
    { limits: { messageBytes: 1 << 20, stderrBytes: 0 } },
  );
  await harness.start();
  expect((await harness.lost()).code).toBe("LIMIT_EXCEEDED");
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
});

test("6.5: while the pipe is full messages wait in order, and can be withdrawn", () => {
  const written: string[] = [];
  let ready = (): void => {};
  const stdin = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _, callback) {
      written.push(chunk.toString());
      ready = callback;
    },
  });
  const writer = new StdinWriter(stdin, "s");
  const events: string[] = [];
  const send = (id: number) =>
    writer.send(
      { jsonrpc: "2.0", id, method: "m" },
      {
        onWritten: () => events.push(`written ${id}`),
        onFailed: () => events.push(`failed ${id}`),
      },
    );
  send(1);
  const second = send(2);
  send(3);
  send(4);
  expect(events).toEqual(["written 1"]);
  second.close();
  return new Promise<void>((resolve) => {
    stdin.once("drain", () => {
      queueMicrotask(() => {
        expect(events).toEqual(["written 1", "written 3"]);
        writer.fail();
        expect(events).toEqual(["written 1", "written 3", "failed 4"]);
        expect(written.flatMap(idsOf)).toEqual([1, 3]);
        resolve();
      });
    });
    // In a turn of its own: what is sent in one turn is one batch.
    setImmediate(() => ready());
  });
});

test("a server that stops reading: messages wait, close still ends everything (fault 44)", async () => {
  const harness = scripted({ stopReadingOn: "echo", ignoreEof: true });
  await harness.start();
  await harness.call(1, "echo");
  const onWritten = vi.fn();
  const onFailed = vi.fn();
  const params = { text: "x".repeat(100_000) };
  for (let id = 2; id < 22; id++) {
    harness.send({ jsonrpc: "2.0", id, method: "ping", params }, { onWritten, onFailed });
  }
  expect(onWritten.mock.calls.length).toBeLessThan(20);
  await harness.transport.close();
  expect(onFailed).not.toHaveBeenCalled();
  expect(harness.members()).toEqual([]);
});

test("what JSON cannot say fails that message alone", async () => {
  const harness = scripted();
  await harness.start();
  const error = await new Promise((resolve) => {
    harness.send({ jsonrpc: "2.0", method: "m", params: { big: 1n } }, { onFailed: resolve });
  });
  expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
  await harness.request(1, "ping");
});

test("6.1: a message sent from a callback of the queue does not overtake it", async () => {
  const written: number[] = [];
  const callbacks: (() => void)[] = [];
  const stdin = new Writable({
    highWaterMark: 1_000,
    write(chunk: Buffer, _, callback) {
      written.push(...idsOf(chunk.toString()));
      callbacks.push(callback);
    },
  });
  const writer = new StdinWriter(stdin, "s");
  const send = (id: number, bytes: number, onWritten = (): void => {}): void => {
    const params = { text: "x".repeat(bytes) };
    writer.send({ jsonrpc: "2.0", id, method: "m", params }, { onWritten, onFailed: () => {} });
  };
  send(1, 5_000);
  send(2, 1, () => send(4, 1));
  send(3, 1);
  while (written.length < 4) {
    callbacks.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(written).toEqual([1, 2, 3, 4]);
});

test("what is sent in one turn leaves in a few writes, whole and in order", async () => {
  const written: string[] = [];
  const stdin = new Writable({
    write(chunk: Buffer, _, callback) {
      written.push(chunk.toString());
      callback();
    },
  });
  const writer = new StdinWriter(stdin, "s");
  const events: string[] = [];
  for (let id = 1; id <= 40; id++) {
    const text = id % 2 === 0 ? "é✓😀" : "plain";
    writer.send(
      { jsonrpc: "2.0", id, method: "m", params: { text } },
      { onWritten: () => events.push(`written ${id}`), onFailed: () => events.push("failed") },
    );
  }
  expect(events).toHaveLength(40);
  // The first at once, then what has come to 1,024 characters; the rest waits for the end of the turn.
  expect(written.map((text) => idsOf(text).length)).toEqual([1, 16, 16]);
  await new Promise((resolve) => process.nextTick(resolve));
  expect(written.map((text) => idsOf(text).length)).toEqual([1, 16, 16, 7]);
  expect(written.flatMap(idsOf)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(written.join("")).toContain("é✓😀");
});

test("a burst that is larger than the stream's mark is no slow reader; four marks are", () => {
  let taken = 0;
  const stdin = new Writable({ highWaterMark: 16_384, write: () => void (taken += 1) });
  const writer = new StdinWriter(stdin, "s");
  const events: string[] = [];
  const send = (id: number): void => {
    const params = { text: "x".repeat(10_000) };
    const onWritten = (): void => void events.push(`written ${id}`);
    writer.send({ jsonrpc: "2.0", id, method: "m", params }, { onWritten, onFailed: () => {} });
  };
  for (let id = 1; id <= 12; id++) send(id);
  expect(taken).toBe(1);
  // 64 KiB in batches of two messages each, and the one that filled the stream.
  expect(events).toHaveLength(7);
});

test("what counts as written leaves before the pipe is closed", async () => {
  const written: string[] = [];
  const stdin = new Writable({
    write(chunk: Buffer, _, callback) {
      written.push(chunk.toString());
      callback();
    },
  });
  const writer = new StdinWriter(stdin, "s");
  for (const id of [1, 2, 3]) {
    writer.send({ jsonrpc: "2.0", id, method: "m" }, { onFailed: () => {} });
  }
  writer.discard();
  stdin.end();
  await finished(stdin);
  expect(written.flatMap(idsOf)).toEqual([1, 2, 3]);
});

function errorOf(line: string): McpProtocolError {
  const noise = decodeLine(line);
  if (!(noise instanceof Noise) || noise.message !== undefined) throw new Error("a message");
  return noise.error("s");
}

function idsOf(text: string): number[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => (JSON.parse(line) as { id: number }).id);
}
