import { beforeEach, describe, expect, test } from "vitest";
import { McpConnectionError, McpHttpError } from "../../../../src/core/errors.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import type { ListenEnd } from "../../../../src/jsonrpc/transport.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeHttp, initializeResult } from "../../fakes.ts";
import { connectSession, hostOver, NO_HANDLERS, sessionOver } from "../harness.ts";

const CHANGES = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: {} };

let transport: FakeHttp;

beforeEach(() => {
  transport = new FakeHttp();
});

function open(options: Partial<EraHost> & { capabilities?: object } = {}) {
  return sessionOver(transport, {
    listen: "auto",
    sessionId: "s1",
    capabilities: CHANGES,
    ...options,
  });
}

function end(given: Partial<ListenEnd> = {}): void {
  transport.listening.onEnd({
    opened: true,
    error: undefined,
    status: 200,
    lastEventId: undefined,
    retryMs: undefined,
    ...given,
  });
}

const refused = (): Partial<ListenEnd> => ({
  opened: false,
  status: undefined,
  error: new McpConnectionError("CONNECTION_FAILED", "refused"),
});

describe("opening (3.13, 3.14, 3.15)", () => {
  test("after initialized, with the session's headers, and once", async () => {
    const order: unknown[] = [];
    transport.onListen = (listening) => {
      order.push(transport.sent.map((sent) => sent.method));
      listening.onOpen();
    };
    const { clock } = await open();
    expect(order).toEqual([["initialize", "notifications/initialized"]]);
    expect(transport.listening.headers).toEqual([
      "mcp-protocol-version",
      "2025-11-25",
      "mcp-session-id",
      "s1",
    ]);
    expect(transport.listening.lastEventId).toBeUndefined();
    expect(clock.armedCount).toBe(0);
  });

  test.each<[string, object, Partial<EraHost>, number]>([
    ["nothing to say", {}, {}, 0],
    ["tools without listChanged", { tools: {} }, {}, 0],
    ["resources that can be subscribed to", { resources: { subscribe: true } }, {}, 1],
    ["log messages", { logging: {} }, {}, 1],
    ["a handler of ours (3.14)", {}, { handlers: { ...NO_HANDLERS, roots: () => [] } }, 1],
    ["told to", {}, { listen: true }, 1],
    ["told not to", CHANGES, { listen: false }, 0],
  ])("%s", async (_, capabilities, options, count) => {
    await open({ capabilities, ...options });
    expect(transport.listens).toHaveLength(count);
  });

  test("a stream that does not come up delays the session by a second at most", async () => {
    transport.onListen = () => {};
    const { host, clock } = await hostOver(transport, { listen: true });
    transport.script = (sent) => sent.reply(initializeResult());
    let isOpen = false;
    const connecting = connectSession(host, new AbortController().signal).then(
      () => (isOpen = true),
    );
    await clock.run(999);
    expect(isOpen).toBe(false);
    await clock.run(1);
    await connecting;
    expect(clock.armedCount).toBe(0);
  });

  test.each([400, 404, 405, 406, 409, 500, 501, 200])(
    "a first GET answered %d: not offered, silently, and not asked again (3.15)",
    async (status) => {
      transport.onListen = () =>
        end({ opened: false, status, error: new McpHttpError("x", { status }) });
      const { clock, events } = await open();
      await clock.run(600_000);
      expect(transport.listens).toHaveLength(1);
      expect(events.onWarning).not.toHaveBeenCalled();
      expect(events.onSessionLost).not.toHaveBeenCalled();
      expect(clock.armedCount).toBe(0);
    },
  );

  test("a first GET that never reached the server is tried again", async () => {
    transport.onListen = () => end(refused());
    const { clock } = await open();
    expect(clock.dueIn).toHaveLength(1);
    transport.onListen = (listening) => listening.onOpen();
    await clock.run(2_000);
    expect(transport.listens).toHaveLength(2);
  });
});

describe("reopening (3.16, 3.23, fault 35)", () => {
  test("with the last event id, then tells what may have been missed", async () => {
    const { clock, events } = await open();
    end({ lastEventId: "e7" });
    expect(events.onListChanged).not.toHaveBeenCalled();
    expect(clock.holdingCount).toBe(0);
    await clock.run(1_200);
    expect(transport.listens).toHaveLength(2);
    expect(transport.listening.lastEventId).toBe("e7");
    // Only the lists whose changes the server reports.
    expect(events.onListChanged.mock.calls).toEqual([["tools"], ["prompts"]]);
    expect(events.onWarning).not.toHaveBeenCalled();
  });

  test("an end without an id keeps the older cursor", async () => {
    const { clock } = await open();
    end({ lastEventId: "e7" });
    await clock.run(1_200);
    end();
    await clock.run(1_200);
    expect(transport.listening.lastEventId).toBe("e7");
  });

  test("never before the server's retry:, the next time too", async () => {
    const { clock } = await open();
    end({ retryMs: 5_000 });
    await clock.run(4_999);
    expect(transport.listens).toHaveLength(1);
    await clock.run(1);
    expect(transport.listens).toHaveLength(2);
    end();
    await clock.run(4_999);
    expect(transport.listens).toHaveLength(2);
  });

  test("with backoff without one", async () => {
    const { clock } = await open();
    end();
    await clock.run(999);
    expect(transport.listens).toHaveLength(1);
    await clock.run(1);
    expect(transport.listens).toHaveLength(2);
  });

  test("a retry: of the last stream holds also when the server cannot be reached at first", async () => {
    const { clock } = await open();
    transport.onListen = () => end(refused());
    end({ retryMs: 20_000 });
    await clock.run(20_000);
    expect(transport.listens).toHaveLength(2);
    await clock.run(19_999);
    expect(transport.listens).toHaveLength(2);
    await clock.run(1);
    expect(transport.listens).toHaveLength(3);
  });

  test("is given up after 20 failures in a row, with one warning; calls are not touched (3.16)", async () => {
    const { clock, events, session } = await open();
    transport.onListen = () => end(refused());
    end();
    await clock.run(3_600_000);
    expect(events.onWarning).toHaveBeenCalledTimes(1);
    expect(transport.listens.length).toBe(21);
    expect(clock.armedCount).toBe(0);
    expect(events.onSessionLost).not.toHaveBeenCalled();
    transport.script = () => ({ ok: true });
    const limits = { silenceMs: 10, totalMs: 10 };
    expect(await session.request({ method: "tools/list", limits })).toEqual({ ok: true });
  });

  test("a stream that opened again starts the count anew", async () => {
    const { clock, events } = await open();
    for (let round = 0; round < 3; round++) {
      let failures = 0;
      transport.onListen = (listening) => {
        if (failures++ < 15) end(refused());
        else listening.onOpen();
      };
      end();
      await clock.run(600_000);
    }
    expect(events.onWarning).not.toHaveBeenCalled();
    expect(transport.listens).toHaveLength(1 + 3 * 16);
  });

  test("a 404 on reopening is a lost session, told once (3.9)", async () => {
    const { clock, events } = await open();
    transport.onListen = () => end({ opened: false, status: 404 });
    end();
    await clock.run(600_000);
    expect(events.onSessionLost).toHaveBeenCalledTimes(1);
    expect(transport.listens).toHaveLength(2);
    expect(clock.armedCount).toBe(0);
  });
});

describe("closing", () => {
  test("open: the stream is closed, and its late end is nobody's", async () => {
    const { clock, session } = await open();
    const { listening } = transport;
    await session.close();
    expect(listening.closed).toBe(true);
    end();
    await clock.run(60_000);
    expect(transport.listens).toHaveLength(1);
    expect(clock.armedCount).toBe(0);
  });

  test("waiting to reopen: the timer goes", async () => {
    const { clock, session, peer } = await open();
    end();
    expect(clock.armedCount).toBe(1);
    session.abandon(new McpConnectionError("CONNECTION_LOST", "gone"));
    expect(clock.armedCount).toBe(0);
    expect(peer.inbound.activeCount).toBe(0);
    await clock.run(60_000);
    expect(transport.listens).toHaveLength(1);
  });

  test("a late open of a closed stream reports nothing", async () => {
    const { clock, session, events } = await open();
    end();
    transport.onListen = () => {};
    await clock.run(1_200);
    await session.close();
    transport.listening.onOpen();
    await settled();
    expect(events.onListChanged).not.toHaveBeenCalled();
  });
});
