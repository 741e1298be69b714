import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Member } from "../../../src/pool/member.ts";
import { Subscriptions } from "../../../src/pool/subscriptions.ts";
import { rejection } from "../fakes.ts";

function memberOf(name: string) {
  const connection = {
    subscribe: vi.fn(async (_uri: string): Promise<void> => {}),
    unsubscribe: vi.fn(async (_uri: string): Promise<void> => {}),
  };
  const warn = vi.fn();
  return { connection, warn, member: { name, connection, warn } as unknown as Member };
}

let subscriptions: Subscriptions;

beforeEach(() => {
  subscriptions = new Subscriptions();
});

describe("who hears of what (8.12)", () => {
  test.each([
    ["file:///a", "file:///a", true],
    ["file:///a", "file:///a/b", true],
    ["file:///a/", "file:///a/b", true],
    ["file:///a", "file:///ab", false],
    ["file:///a/b", "file:///a", false],
    ["file:///a/", "file:///a", false],
    ["file:///a", "FILE:///a", false],
  ])("subscribed to %s, updated %s: %s", async (subscribed, updated, heard) => {
    const { member } = memberOf("s");
    const listener = vi.fn();
    await subscriptions.add(member, subscribed, listener);
    subscriptions.deliver("s", updated);
    expect(listener.mock.calls).toEqual(heard ? [[{ server: "s", uri: updated }]] : []);
  });

  test("only updates of one's own server", async () => {
    const listener = vi.fn();
    await subscriptions.add(memberOf("a").member, "file:///x", listener);
    subscriptions.deliver("b", "file:///x");
    expect(listener).not.toHaveBeenCalled();
  });

  test("an update that overtakes the answer is heard", async () => {
    const { member, connection } = memberOf("s");
    const listener = vi.fn();
    connection.subscribe.mockImplementation(async () => subscriptions.deliver("s", "x:a"));
    await subscriptions.add(member, "x:a", listener);
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test("a listener that throws is reported; the others hear it (fault 61)", async () => {
    const { member, warn } = memberOf("s");
    const cause = new Error("listener");
    await subscriptions.add(member, "x:a", () => {
      throw cause;
    });
    const other = vi.fn();
    await subscriptions.add(member, "x:a", other);
    subscriptions.deliver("s", "x:a");
    expect(other).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("x:a"), cause]]);
  });

  test("one that closes itself while it is told does not rob the others", async () => {
    const { member } = memberOf("s");
    const first = await subscriptions.add(member, "x:a", () => void first.close());
    const other = vi.fn();
    await subscriptions.add(member, "x:a", other);
    subscriptions.deliver("s", "x:a");
    subscriptions.deliver("s", "x:a");
    expect(other).toHaveBeenCalledTimes(2);
  });
});

describe("beginning and ending", () => {
  test("a refused subscription leaves nothing behind", async () => {
    const { member, connection } = memberOf("s");
    const refusal = new Error("refused");
    connection.subscribe.mockRejectedValue(refusal);
    const listener = vi.fn();
    expect(await rejection(subscriptions.add(member, "x:a", listener))).toBe(refusal);
    subscriptions.deliver("s", "x:a");
    expect(listener).not.toHaveBeenCalled();
    expect(connection.unsubscribe).not.toHaveBeenCalled();
  });

  test("close is idempotent, by either name, and silences at once", async () => {
    const { member, connection } = memberOf("s");
    const listener = vi.fn();
    const subscription = await subscriptions.add(member, "x:a", listener);
    const closing = subscription.close();
    subscriptions.deliver("s", "x:a");
    await Promise.all([closing, subscription.close(), subscription[Symbol.asyncDispose]()]);
    expect(listener).not.toHaveBeenCalled();
    expect(connection.unsubscribe.mock.calls).toEqual([["x:a"]]);
  });

  test("the same listener twice is two subscriptions", async () => {
    const { member } = memberOf("s");
    const listener = vi.fn();
    const one = await subscriptions.add(member, "x:a", listener);
    await subscriptions.add(member, "x:a", listener);
    await one.close();
    subscriptions.deliver("s", "x:a");
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test("one whose server is being removed hears nothing of a new server with its name", async () => {
    const old = memberOf("s");
    const listener = vi.fn();
    await subscriptions.add(old.member, "x:a", listener);
    Object.assign(old.member, { isRemoved: true });
    const other = vi.fn();
    await subscriptions.add(memberOf("s").member, "x:a", other);
    subscriptions.deliver("s", "x:a");
    expect([listener.mock.calls.length, other.mock.calls.length]).toEqual([0, 1]);
  });

  test("a removed server's subscriptions are over, a namesake's are not its own", async () => {
    const old = memberOf("s");
    const listener = vi.fn();
    const subscription = await subscriptions.add(old.member, "x:a", listener);
    subscriptions.removeServer(old.member);
    const fresh = memberOf("s");
    const other = vi.fn();
    await subscriptions.add(fresh.member, "x:a", other);
    subscriptions.deliver("s", "x:a");
    expect([listener.mock.calls.length, other.mock.calls.length]).toEqual([0, 1]);
    await subscription.close();
    expect(old.connection.unsubscribe).not.toHaveBeenCalled();
    expect(fresh.connection.unsubscribe).not.toHaveBeenCalled();
  });
});
