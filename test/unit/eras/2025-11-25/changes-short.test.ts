import { expect, test } from "vitest";
import { FakeHttp } from "../../fakes.ts";
import { sessionOver } from "../harness.ts";

/** A session whose change stream always opens, and ends at once. */
async function shortStreams(retryMs?: number) {
  const transport = new FakeHttp();
  const era = await sessionOver(transport, {
    listen: "auto",
    sessionId: "s1",
    capabilities: { tools: { listChanged: true } },
  });
  const end = (): void =>
    transport.listening.onEnd({
      opened: true,
      error: undefined,
      status: 200,
      lastEventId: undefined,
      retryMs,
    });
  return { ...era, transport, end };
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

test.each([undefined, 3_000])(
  "a server that ends each stream, to be polled, is not given up (3.16): retry %s",
  async (retryMs) => {
    const { clock, transport, end, events } = await shortStreams(retryMs);
    for (let n = 0; n < 30; n++) {
      end();
      await clock.run(clock.dueIn[0] ?? 0);
    }
    expect(transport.listens.length).toBe(31);
    expect(events.onWarning).not.toHaveBeenCalled();
  },
);
