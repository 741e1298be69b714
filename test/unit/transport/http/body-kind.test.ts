import { describe, expect, test } from "vitest";
import { bodyKind } from "../../../../src/transport/http/body-kind.ts";
import { rpcResult, sseEvent } from "../../../support/http-server.ts";
import { call, failure, scripted, summary } from "./harness.ts";

test.each([
  ["{", "json"],
  ["\u{feff} \r\n\t[", "json"],
  [": comment", "events"],
  ["data:", "events"],
  ["\n\nevent: x", "events"],
  ["\u{feff}id:7", "events"],
  ["retry: 1", "events"],
  ["", undefined],
  ["  \n", undefined],
  ["da", undefined],
  ["retry", undefined],
  ["date", "other"],
  ["data ", "other"],
  ["<html>", "other"],
  ["null", "other"],
  [" ".repeat(2_000), "other"],
])("bodyKind(%j) is %s", (text, kind) => {
  expect(bodyKind(Buffer.from(text))).toBe(kind);
});

test("a mark that is cut short may become one", () => {
  expect(bodyKind(Buffer.from([0xef]))).toBeUndefined();
  expect(bodyKind(Buffer.from([0xef, 0xbb]))).toBeUndefined();
  expect(bodyKind(Buffer.from([0xef, 0x20]))).toBe("other");
});

const message = (id: unknown): string => JSON.stringify(rpcResult(id as number, { text: "ü" }));

describe("a message under any label", () => {
  const types = ["text/plain", "text/html; charset=utf-8", "application/octet-stream", "", "*/*"];

  test.each([...types, undefined, "text/event-stream"])("%s", async (type) => {
    const { link, repaired } = await scripted(({ res, body }) => {
      res.writeHead(200, type === undefined ? {} : { "content-type": type }).end(message(body?.id));
    });
    expect(await link.send(call(7)).outcome).toMatchObject({ message: { id: 7 } });
    expect(repaired()).toEqual({ "wrong-content-type": 1 });
  });

  test.each(["text/plain", undefined])("%s, one byte at a time, behind a mark", async (type) => {
    const { link } = await scripted(async ({ res, body }) => {
      res.writeHead(200, type === undefined ? {} : { "content-type": type });
      for (const byte of Buffer.from(`\u{feff}\n${message(body?.id)}`)) {
        await new Promise((done) => res.write(Buffer.of(byte), done));
      }
      res.end();
    });
    expect(await summary(link.send(call(7)).outcome)).toBe("response");
  });

  test("strict: the label decides", async () => {
    const { link, repaired } = await scripted(
      ({ res, body }) => {
        const isFirst = body?.id === 1;
        res.writeHead(200, { "content-type": isFirst ? "text/plain" : "text/event-stream" });
        res.end(message(body?.id));
      },
      { strict: true },
    );
    expect(await summary(link.send(call(1)).outcome)).toBe("PROTOCOL_ERROR");
    expect(await summary(link.send(call(2)).outcome)).toBe("CONNECTION_LOST");
    expect(repaired()).toEqual({});
  });
});

describe("an event stream under any label", () => {
  test.each(["application/json", "text/plain", undefined])("%s, ended or open", async (type) => {
    const { link, repaired } = await scripted(({ res, body }) => {
      res.writeHead(200, type === undefined ? {} : { "content-type": type });
      const id = body?.id ?? 0;
      res.write(`event: message\n${sseEvent(rpcResult(id, {}))}`);
      if (id === 1) res.end();
    });
    expect(await summary(link.send(call(1)).outcome)).toBe("response");
    expect(await summary(link.send(call(2)).outcome)).toBe("response");
    expect(repaired()).toEqual({ "wrong-content-type": 2 });
  });

  test("with a notification that arrives before its response", async () => {
    const notice = { jsonrpc: "2.0", method: "notifications/x" };
    let finish = (): void => {};
    const { link } = await scripted(({ res }) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.write(`: hello\n\n${sseEvent(notice)}`);
      finish = () => res.write(sseEvent(rpcResult(1, {})));
    });
    const { outcome } = link.send(call(1));
    await link.sink.until(() => link.sink.received.length === 1);
    finish();
    expect(await summary(outcome)).toBe("response");
  });

  test("strict: labelled JSON it is no message", async () => {
    const { link } = await scripted(
      ({ res }) => {
        res.writeHead(200, { "content-type": "application/json" });
        res.end(sseEvent(rpcResult(1, {})));
      },
      { strict: true },
    );
    expect(await summary(link.send(call(1)).outcome)).toBe("PROTOCOL_ERROR");
  });
});

test.each([
  ["application/json", "<html><head><title>Sign in</title></head><body>Welcome</body></html>"],
  [undefined, "<!DOCTYPE html><title>Sign in</title><p>Welcome"],
])("a page stays an error, which says its title: %s", async (type, page) => {
  const { link } = await scripted(({ res }) => {
    res.writeHead(200, type === undefined ? {} : { "content-type": type }).end(page);
  });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes" });
  expect(error.message).toContain('"Sign in" (Welcome)');
  expect(error.message).not.toContain("<");
});

describe("the stream of GET", () => {
  const notice = { jsonrpc: "2.0", method: "notifications/x" };
  const types = ["application/json", "text/plain", undefined];

  test.each(types)("labelled %s is read", async (type) => {
    const { link } = await scripted(() => {}, {
      get: ({ res }) => {
        res.writeHead(200, type === undefined ? {} : { "content-type": type });
        res.write(sseEvent(notice));
      },
    });
    await new Promise<void>((onOpen) => {
      link.transport.listen({ headers: [], onOpen, onEnd: () => {} });
    });
    await link.sink.until(() => link.sink.received.length === 1);
    expect(link.sink.messages).toEqual([notice]);
  });

  test.each([
    ["what is no stream, though it never ends", false, "{}"],
    ["a stream, with strict", true, sseEvent(notice)],
  ])("is none in %s", async (_name, strict, text) => {
    const { link } = await scripted(() => {}, {
      strict,
      get: ({ res }) => {
        res.writeHead(200, { "content-type": "application/json" });
        res.write(text);
      },
    });
    const end = await new Promise((onEnd) => {
      link.transport.listen({ headers: [], onOpen: () => {}, onEnd });
    });
    expect(end).toMatchObject({ opened: false, error: undefined, status: 200 });
  });
});
