import { describe, expect, test, vi } from "vitest";
import { StandingOrders } from "../../../src/connection/standing-orders.ts";
import type { EraSession } from "../../../src/eras/era.ts";
import type { ServerCapabilities } from "../../../src/spec/types.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { rejection } from "../fakes.ts";

function session(capabilities: ServerCapabilities) {
  const asked: string[] = [];
  const refused = new Set<string>();
  const ask = async (what: string): Promise<void> => {
    asked.push(what);
    if (refused.has(what)) throw new Error(what);
  };
  const fake: Partial<EraSession> = {
    capabilities,
    subscribe: (uri) => ask(`subscribe ${uri}`),
    setLogLevel: (level) => ask(`level ${level}`),
  };
  return { asked, refused, session: fake as EraSession };
}

const ALL = { logging: {}, resources: { subscribe: true } };

const asked = async (): Promise<void> => {};

describe("subscriptions are counted (8.12)", () => {
  test("the first of each URI asks, the last one says that it is over", async () => {
    const orders = new StandingOrders();
    const ask = vi.fn(asked);
    for (const uri of ["a", "a", "b"]) await orders.subscribe(uri, ask);
    expect(ask).toHaveBeenCalledTimes(2);
    expect([orders.unsubscribe("a"), orders.unsubscribe("a"), orders.unsubscribe("a")]).toEqual([
      false,
      true,
      false,
    ]);
    expect(orders.unsubscribe("never")).toBe(false);
    await orders.subscribe("a", ask);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  test("those who come while it is being asked share the answer, good or bad", async () => {
    const orders = new StandingOrders();
    let refuse: (error: Error) => void = () => {};
    const ask = vi.fn(() => new Promise<void>((_, reject) => (refuse = reject)));
    const both = [orders.subscribe("a", ask), orders.subscribe("a", ask)];
    const refusal = new Error("refused");
    refuse(refusal);
    expect(await Promise.all(both.map(rejection))).toEqual([refusal, refusal]);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(orders.unsubscribe("a")).toBe(false);
    const { asked: seen, session: fresh } = session(ALL);
    await orders.applyTo(fresh, new ManualClock(), () => {});
    expect(seen).toEqual([]);
    await orders.subscribe("a", asked);
    expect(orders.unsubscribe("a")).toBe(true);
  });
});

describe("a new session is told what must hold", () => {
  test("each URI once, and the newest level", async () => {
    const orders = new StandingOrders();
    for (const uri of ["a", "a", "b", "gone"]) await orders.subscribe(uri, asked);
    orders.unsubscribe("gone");
    orders.setLogLevel("debug");
    orders.setLogLevel("error");
    const { asked: seen, session: fresh } = session(ALL);
    await orders.applyTo(fresh, new ManualClock(), () => expect.fail("nothing was refused"));
    expect(seen).toEqual(["level error", "subscribe a", "subscribe b"]);
  });

  test("nothing is asked of a server that does not offer it any more (2.12)", async () => {
    const orders = new StandingOrders();
    await orders.subscribe("a", asked);
    orders.setLogLevel("error");
    const { asked: seen, session: fresh } = session({ resources: {} });
    await orders.applyTo(fresh, new ManualClock(), () => {});
    expect(seen).toEqual([]);
  });

  test("nothing to tell: nothing asked", async () => {
    const { asked: seen, session: fresh } = session(ALL);
    await new StandingOrders().applyTo(fresh, new ManualClock(), () => {});
    expect(seen).toEqual([]);
  });

  test("what is refused is reported, the rest is done, and it is asked again next time", async () => {
    const orders = new StandingOrders();
    await orders.subscribe("a", asked);
    await orders.subscribe("b", asked);
    const onRefused = vi.fn();
    const first = session(ALL);
    first.refused.add("subscribe a");
    await orders.applyTo(first.session, new ManualClock(), onRefused);
    expect(onRefused.mock.calls).toEqual([[expect.stringContaining("a"), expect.any(Error)]]);
    expect(first.asked).toEqual(["subscribe a", "subscribe b"]);
    const next = session(ALL);
    await orders.applyTo(next.session, new ManualClock(), onRefused);
    expect(next.asked).toEqual(["subscribe a", "subscribe b"]);
  });
});
