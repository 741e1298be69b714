import { describe, expect, test } from "vitest";
import { EventReader } from "../../../../src/transport/http/event-reader.ts";
import { rpcResult, sseEvent } from "../../../support/http-server.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { repairLog } from "../../fakes.ts";
import { call, scripted, summary } from "./harness.ts";

const SSE = { "content-type": "text/event-stream" };
const data = (id: number): string => `data: ${JSON.stringify(rpcResult(id, {}))}`;

describe("a stream that ends", () => {
  test.each([
    ["behind the data", (id: number) => `${data(id)}\n`],
    ["in the line of the data", data],
    ["behind an event that is whole", (id: number) => `${sseEvent("x")}${data(id)}\r\n`],
    ["behind data on two lines", (id: number) => data(id).replace(",", "\ndata: ,")],
  ])("%s", async (_name, text) => {
    const { link, repaired } = await scripted(({ res }) => res.writeHead(200, SSE).end(text(1)));
    expect(await summary(link.send(call(1)).outcome)).toBe("response");
    expect(repaired()).toMatchObject({ "event-without-end": 1 });
  });

  test("with a cut: the response had come", async () => {
    const { link } = await scripted(({ res }) => {
      res.writeHead(200, SSE).write(`${data(1)}\n`, () => res.destroy());
    });
    expect(await summary(link.send(call(1)).outcome)).toBe("response");
  });

  test.each([
    ["what is not whole", data(1).slice(0, -1)],
    ["what is no message's data", "data: 12\n"],
    ["an event id only", "id: 7\n"],
  ])("%s is lost, and its id with it", async (_name, text) => {
    const { link, server, repaired } = await scripted(({ res }) => {
      res.writeHead(200, SSE).end(`id: 9\n${text}`);
    });
    const { outcome } = link.send(call(1), { resume: { headers: [] } });
    expect(await summary(outcome)).toBe("CONNECTION_LOST");
    expect(server.requestsOf("GET")).toEqual([]);
    expect(repaired()).toEqual({});
  });

  test("strict: it is discarded", async () => {
    const { link } = await scripted(({ res }) => res.writeHead(200, SSE).end(`${data(1)}\n`), {
      strict: true,
    });
    expect(await summary(link.send(call(1)).outcome)).toBe("CONNECTION_LOST");
  });
});

function reading(strict = false) {
  const clock = new ManualClock();
  const quirks = repairLog({ strict });
  const events: string[] = [];
  const reader = new EventReader(
    { onEvent: (_name, text) => void events.push(text) },
    10_000,
    undefined,
    { clock, quirks },
  );
  return { clock, quirks, events, reader, feed: (text: string) => reader.feed(Buffer.from(text)) };
}

describe("a stream that stays open", () => {
  test("a whole message is given after a quarter of a second", () => {
    const { clock, quirks, events, feed } = reading();
    feed(`event: message\n${data(1)}\n`);
    clock.advance(249);
    expect(events).toEqual([]);
    clock.advance(1);
    expect(events).toEqual([JSON.stringify(rpcResult(1, {}))]);
    expect(quirks.counts).toEqual({ "event-without-end": 1 });
    feed(`${data(2)}\n`);
    clock.advance(250);
    feed("\n");
    expect(events.length).toBe(2);
    expect(clock.armedCount).toBe(0);
  });

  test("its pieces may come at any pace", () => {
    const { clock, events, feed } = reading();
    for (const piece of ["data: {\n", 'data: "jsonrpc": "2.0",\n', 'data: "x":', " 1}\n"]) {
      feed(piece);
      clock.advance(10_000);
    }
    expect(events).toEqual(['{\n"jsonrpc": "2.0",\n"x": 1}']);
  });

  test("a blank line that is late is no deviation", () => {
    const { clock, quirks, events, feed } = reading();
    feed(`${data(1)}\n`);
    clock.advance(249);
    feed("\n");
    clock.advance(10_000);
    expect(events.length).toBe(1);
    expect(quirks.counts).toEqual({});
  });

  test.each(["event: x\n", ": comment\n", "data: 1\n", "data: {\n", "id: 4\n"])(
    "%j waits for ever",
    (text) => {
      const { clock, events, feed } = reading();
      feed(text);
      clock.advance(60_000);
      expect(events).toEqual([]);
      expect(clock.armedCount).toBe(0);
    },
  );

  test("an event that is stopped is not given, and leaves no timer", () => {
    const { clock, events, feed, reader } = reading();
    feed(`${data(1)}\n`);
    reader.stop();
    expect(clock.armedCount).toBe(0);
    clock.advance(1_000);
    expect(events).toEqual([]);
  });

  test("ordinary streams arm no timer, however they are cut", () => {
    const { clock, events, feed } = reading();
    const text = `: hello\n\nid: 1\n${sseEvent(rpcResult(1, {}))}`;
    feed(text);
    feed(text.slice(0, 30));
    feed(text.slice(30));
    expect(events.length).toBe(2);
    expect(clock.armedCount).toBe(0);
  });

  test("strict: it waits for ever", () => {
    const { clock, events, feed } = reading(true);
    feed(`${data(1)}\n`);
    clock.advance(60_000);
    expect(events).toEqual([]);
  });
});
