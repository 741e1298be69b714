import { beforeEach, describe, expect, test } from "vitest";
import { McpConnectionError, McpHttpError } from "../../../../src/core/errors.ts";
import { afterRefusal } from "../../../../src/eras/2025-11-25/changes.ts";
import type { RefusalVerdict } from "../../../../src/eras/2025-11-25/changes.ts";
import type { EraHost } from "../../../../src/eras/era.ts";
import type { ListenEnd } from "../../../../src/jsonrpc/transport.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeHttp, initializeResult, repairLog } from "../../fakes.ts";
import { connectSession, hostOver, NO_HANDLERS, sessionOver } from "../harness.ts";

const CHANGES = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: {} };

let transport: FakeHttp;

beforeEach(() => {
  transport = new FakeHttp();
});

async function open(given: { strict?: boolean } = {}) {
  const quirks = repairLog(given);
  const era = await openAs({ quirks });
  return { ...era, quirks };
}

function openAs(options: Partial<EraHost> & { capabilities?: object }) {
  return sessionOver(transport, {
    listen: "auto",
    sessionId: "s1",
    capabilities: CHANGES,
    ...options,
  });
}

/** Every GET is answered with this status and no stream. */
function refuseAll(status: number): void {
  transport.onListen = () =>
    end({ opened: false, status, error: new McpHttpError("x", { status }) });
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
    await openAs({ capabilities, ...options });
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
    expect(clock.holdingCount).toBe(0);
  });

  test.each([405, 501])(
    "a first GET answered %d: not offered, silently, and not asked again (3.15)",
    async (status) => {
      refuseAll(status);
      const { clock, events, quirks } = await open();
      await clock.run(600_000);
      expect(transport.listens).toHaveLength(1);
      expect(events.onWarning).not.toHaveBeenCalled();
      expect(events.onSessionLost).not.toHaveBeenCalled();
      expect(quirks.counts).toEqual({});
      expect(clock.armedCount).toBe(0);
    },
  );

  test.each([400, 401, 403, 404, 406, 409, 500, 503, 200])(
    "a first GET answered %d: asked five times, then one warning",
    async (status) => {
      refuseAll(status);
      const { clock, events, quirks } = await open();
      await clock.run(5_000);
      expect(quirks.warnings).toEqual([]);
      await clock.run(600_000);
      expect(transport.listens).toHaveLength(5);
      expect(quirks.counts).toEqual({ "stream-refused": 1 });
      expect(quirks.warnings).toEqual([expect.stringContaining(`status ${status}`)]);
      expect(events.onWarning).not.toHaveBeenCalled();
      expect(events.onSessionLost).not.toHaveBeenCalled();
      expect(clock.armedCount).toBe(0);
    },
  );

  test("a first GET that is refused for a while: open in the end, and what was missed is told", async () => {
    refuseAll(404);
    const { clock, events, quirks } = await open();
    await clock.run(4_000);
    transport.onListen = (listening) => listening.onOpen();
    await clock.run(4_000);
    expect(transport.listening.closed).toBe(false);
    expect(events.onListChanged.mock.calls).toEqual([["tools"], ["prompts"]]);
    expect(quirks.counts).toEqual({});
    expect(clock.armedCount).toBe(0);
  });

  test.each([400, 404, 500, 200])(
    "strict: a first GET answered %d: not asked again, silently",
    async (status) => {
      refuseAll(status);
      const { clock, quirks } = await open({ strict: true });
      await clock.run(600_000);
      expect(transport.listens).toHaveLength(1);
      expect(quirks.warnings).toEqual([]);
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
    // The first had been open, and ended at once: that was a failure too.
    expect(transport.listens.length).toBe(20);
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

  test("a 404 on reopening is a lost session, told once; the stream is tried on until the session is abandoned (3.9)", async () => {
    const { clock, events, session } = await open();
    refuseAll(404);
    end();
    await clock.run(10_000);
    expect(events.onSessionLost).toHaveBeenCalledTimes(1);
    expect(transport.listens.length).toBeGreaterThan(3);
    session.abandon(new McpConnectionError("CONNECTION_LOST", "gone"));
    const { length } = transport.listens;
    await clock.run(600_000);
    expect(transport.listens).toHaveLength(length);
    expect(clock.armedCount).toBe(0);
  });

  test("a 404 of a session that goes on: the stream is open again, and a later 404 is told again", async () => {
    const { clock, events } = await open();
    for (let round = 1; round <= 2; round++) {
      refuseAll(404);
      end();
      await clock.run(5_000);
      expect(events.onSessionLost).toHaveBeenCalledTimes(round);
      transport.onListen = (listening) => listening.onOpen();
      await clock.run(60_000);
    }
    expect(transport.listening.closed).toBe(false);
    expect(clock.armedCount).toBe(0);
  });

  test("404 for ever: given up with one warning, as any other failure", async () => {
    const { clock, events } = await open();
    refuseAll(404);
    end();
    await clock.run(3_600_000);
    expect(transport.listens).toHaveLength(20);
    expect(events.onSessionLost).toHaveBeenCalledTimes(1);
    expect(events.onWarning).toHaveBeenCalledTimes(1);
    expect(clock.armedCount).toBe(0);
  });

  test("a stream that is closed by the report of its 404 stays closed", async () => {
    const { clock, events, session } = await open();
    events.onSessionLost.mockImplementation((error) => session.abandon(error));
    refuseAll(404);
    end();
    await clock.run(600_000);
    expect(transport.listens).toHaveLength(2);
    expect(clock.armedCount).toBe(0);
  });

  test("strict: a 404 on reopening closes the stream for good", async () => {
    const { clock, events } = await open({ strict: true });
    refuseAll(404);
    end();
    await clock.run(600_000);
    expect(events.onSessionLost).toHaveBeenCalledTimes(1);
    expect(transport.listens).toHaveLength(2);
    expect(clock.armedCount).toBe(0);
  });
});

describe("a head that is held back", () => {
  test("later sessions with the same server do not wait for theirs; the first wait is told to nobody", async () => {
    const quirks = repairLog();
    transport.onListen = () => {};
    transport.script = (sent) => sent.reply(initializeResult());
    const { host, clock } = await hostOver(transport, { listen: true, quirks });
    const first = connectSession(host, new AbortController().signal);
    await clock.run(1_000);
    await (await first).close();
    const again = await hostOver(transport, { listen: true, quirks });
    const session = await connectSession(again.host, new AbortController().signal);
    expect(transport.listens).toHaveLength(2);
    expect(quirks.warnings).toEqual([]);
    // One that is in time is waited for again from then on.
    transport.listening.onOpen();
    await session.close();
    const third = await hostOver(transport, { listen: true, quirks });
    let isOpen = false;
    const opening = connectSession(third.host, new AbortController().signal).then(
      (opened) => ((isOpen = true), opened),
    );
    await third.clock.run(999);
    expect(isOpen).toBe(false);
    await third.clock.run(1);
    await (await opening).close();
    expect(third.clock.armedCount).toBe(0);
  });

  test("for 15 s: one warning, which names buffering", async () => {
    transport.onListen = () => {};
    const { host, clock } = await hostOver(transport, { listen: true, quirks: repairLog() });
    const quirks = host.quirks as ReturnType<typeof repairLog>;
    transport.script = (sent) => sent.reply(initializeResult());
    const connecting = connectSession(host, new AbortController().signal);
    await clock.run(14_999);
    expect(quirks.warnings).toEqual([]);
    await clock.run(1);
    expect(quirks.warnings).toEqual([expect.stringMatching(/proxy_buffering off/)]);
    // It may still come, and is a stream like any other.
    transport.listening.onOpen();
    await clock.run(600_000);
    expect(quirks.counts).toEqual({ "stream-held-back": 1 });
    await (await connecting).close();
    expect(clock.armedCount).toBe(0);
  });

  test("until the end of the stream: the same warning", async () => {
    transport.onListen = () => {};
    const { host, clock } = await hostOver(transport, { listen: true });
    transport.script = (sent) => sent.reply(initializeResult());
    const connecting = connectSession(host, new AbortController().signal);
    await clock.run(8_000);
    transport.listening.onOpen();
    transport.listening.onEvent?.();
    end();
    expect(host.quirks.counts).toEqual({ "stream-held-back": 1 });
    await (await connecting).close();
  });
});

test.each<[string, Partial<Parameters<typeof afterRefusal>[0]>, RefusalVerdict]>([
  ["405", { status: 405 }, "none"],
  ["501", { status: 501, refusalCount: 4 }, "none"],
  ["404 at first", { status: 404 }, "again"],
  ["404 at first, the fifth", { status: 404, refusalCount: 5 }, "refused"],
  ["200 without a stream, the fifth", { status: 200, refusalCount: 5 }, "refused"],
  ["404, the first answer after many attempts", { status: 404, failureCount: 19 }, "again"],
  ["404 at first, strict", { status: 404, strict: true }, "none"],
  ["405 after a stream", { status: 405, wasOpen: true }, "again"],
  ["404 after a stream", { status: 404, wasOpen: true }, "lost"],
  ["404 after a stream, the 20th", { status: 404, wasOpen: true, failureCount: 20 }, "given-up"],
  [
    "404 after a stream, strict",
    { status: 404, wasOpen: true, failureCount: 20, strict: true },
    "lost",
  ],
  ["400 after a stream", { status: 400, wasOpen: true, refusalCount: 19 }, "again"],
  ["no answer", { status: undefined, failureCount: 19 }, "again"],
  ["no answer, the 20th", { status: undefined, failureCount: 20 }, "given-up"],
])("%s: what follows", (_, facts, verdict) => {
  const usual = {
    status: undefined,
    wasOpen: false,
    refusalCount: 1,
    failureCount: 1,
    strict: false,
  };
  expect(afterRefusal({ ...usual, ...facts })).toBe(verdict);
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
