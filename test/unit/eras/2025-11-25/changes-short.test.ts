import { describe, expect, test } from "vitest";
import type { ListenEnd } from "../../../../src/jsonrpc/transport.ts";
import type { ManualClock } from "../../../support/manual-clock.ts";
import { FakeHttp, repairLog } from "../../fakes.ts";
import { sessionOver } from "../harness.ts";

interface Ending extends Partial<ListenEnd> {
  /** An event came before. */
  hasEvent?: boolean;
}

/** A session whose change stream always opens, and ends at once. */
async function shortStreams(strict = false) {
  const transport = new FakeHttp();
  const quirks = repairLog({ strict });
  const era = await sessionOver(transport, {
    listen: "auto",
    sessionId: "s1",
    capabilities: { tools: { listChanged: true } },
    quirks,
  });
  const end = ({ hasEvent = false, ...given }: Ending = {}): void => {
    if (hasEvent) transport.listening.onEvent?.();
    transport.listening.onEnd({
      opened: true,
      error: undefined,
      status: 200,
      lastEventId: undefined,
      retryMs: undefined,
      ...given,
    });
  };
  return { ...era, transport, end, quirks };
}

/** Until the next timer. */
function soonest(clock: ManualClock): number {
  return clock.dueIn[0] ?? 0;
}

test("streams that end as soon as they open are opened ever more rarely (3.16)", async () => {
  const { clock, end } = await shortStreams();
  const waits: number[] = [];
  for (let n = 0; n < 6; n++) {
    end();
    const wait = clock.dueIn[0] ?? 0;
    waits.push(wait);
    await clock.run(wait);
  }
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(waits.at(-1)).toBeGreaterThan(4 * (waits[0] ?? 0));
  // One that lasted is the end of the series.
  await clock.run(5_000);
  end();
  expect(clock.dueIn[0]).toBeLessThanOrEqual(2 * (waits[0] ?? 0));
});

test.each<[string, Ending]>([
  ["a retry:", { retryMs: 3_000 }],
  ["an event", { hasEvent: true }],
  ["an event id", { lastEventId: "e" }],
])(
  "a server that ends each stream after %s, to be polled, is not given up (3.16)",
  async (_, given) => {
    const { clock, transport, end, events, quirks } = await shortStreams();
    for (let n = 0; n < 30; n++) {
      end({ ...given, ...(given.lastEventId === undefined ? {} : { lastEventId: `e${n}` }) });
      await clock.run(soonest(clock));
    }
    expect(transport.listens.length).toBe(31);
    expect(events.onWarning).not.toHaveBeenCalled();
    expect(quirks.counts).toEqual({});
  },
);

describe("streams that end at once without an event", () => {
  test("are failures: given up after 20, with one warning, counted", async () => {
    const { clock, transport, end, events, quirks } = await shortStreams();
    do {
      end();
      await clock.run(soonest(clock));
    } while (transport.listens.length < 20);
    end();
    expect(clock.armedCount).toBe(0);
    expect(transport.listens.length).toBe(20);
    expect(events.onWarning).toHaveBeenCalledTimes(1);
    expect(quirks.counts).toEqual({ "stream-ends-at-once": 18 });
    expect(quirks.warnings).toHaveLength(1);
  });

  test("the lists are fetched once, and not for each of them", async () => {
    const { clock, end, events } = await shortStreams();
    for (let n = 0; n < 15; n++) {
      end();
      await clock.run(soonest(clock));
    }
    expect(events.onListChanged.mock.calls).toEqual([["tools"]]);
  });

  test("one that holds after them is the end of the series: the gap is told, and the count begins anew", async () => {
    const { clock, transport, end, events } = await shortStreams();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 15; n++) {
        end();
        await clock.run(soonest(clock));
      }
      events.onListChanged.mockClear();
      await clock.run(4_999);
      expect(events.onListChanged).not.toHaveBeenCalled();
      await clock.run(1);
      expect(events.onListChanged.mock.calls).toEqual([["tools"]]);
      end();
      await clock.run(soonest(clock));
    }
    expect(events.onWarning).not.toHaveBeenCalled();
    expect(transport.listens.length).toBe(1 + 3 * 16);
  });

  test("strict: they are no failures, and every gap is told", async () => {
    const { clock, transport, end, events, quirks } = await shortStreams(true);
    for (let n = 0; n < 30; n++) {
      end();
      await clock.run(soonest(clock));
    }
    expect(transport.listens.length).toBe(31);
    expect(events.onListChanged).toHaveBeenCalledTimes(30);
    expect(quirks.counts).toEqual({});
  });
});

test("streams that bring something and end: the lists are fetched ever more rarely", async () => {
  const { clock, end, events } = await shortStreams();
  const toldAt: number[] = [];
  events.onListChanged.mockImplementation(() => void toldAt.push(clock.now()));
  for (let n = 0; n < 100; n++) {
    end({ hasEvent: true, retryMs: 1_000 });
    await clock.run(soonest(clock));
  }
  const pauses = toldAt.slice(1).map((at, n) => at - (toldAt[n] ?? 0));
  expect(pauses.length).toBeGreaterThan(5);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(5_000);
  // The longest pause, and the wait for the stream that follows it.
  expect(Math.max(...pauses.slice(-3))).toBeGreaterThanOrEqual(60_000);
  expect(Math.max(...pauses)).toBeLessThan(60_000 + 36_001);
});
