import type { Dispatcher } from "undici";
import { describe, expect, test, vi } from "vitest";
import { CallSockets } from "../../../../src/transport/http/call-sockets.ts";
import type { Route } from "../../../../src/jsonrpc/transport.ts";
import type { CallSocket, Sender } from "../../../../src/transport/http/call-sockets.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What is given back is free after that. */
const rest = async (): Promise<void> => {
  await turn();
  await turn();
};

/** `made` and `destroyed`: the dispatchers, by the order in which they were made. */
function setup(count: number, isShared = false) {
  const made: Dispatcher[] = [];
  const destroyed: number[] = [];
  const create = (): Dispatcher => {
    const index = made.length;
    const dispatcher = { destroy: () => destroyed.push(index) } as unknown as Dispatcher;
    made.push(dispatcher);
    return dispatcher;
  };
  const sockets = new CallSockets({ count, create, createShared: isShared ? create : undefined });
  const served: CallSocket[] = [];
  /** One request; it takes a socket as soon as there is one for it. */
  const send = (isOver: () => boolean = () => false, route: Route = "any"): void => {
    const sender: Sender = {
      isLongLived: false,
      route,
      sendUnlessOver() {
        const socket = isOver() ? undefined : sockets.acquire(sender);
        if (socket !== undefined) served.push(socket);
      },
    };
    sender.sendUnlessOver();
  };
  const acquire = (route: Route = "any"): CallSocket => {
    const before = served.length;
    send(undefined, route);
    const socket = served[before];
    if (socket === undefined) throw new Error("no socket");
    return socket;
  };
  const acquireAll = (calls: number): CallSocket[] =>
    Array.from({ length: calls }, () => acquire());
  return { made, destroyed, sockets, served, send, acquire, acquireAll };
}

test("calls one after the other, each at once: three sockets take turns", async () => {
  const { made, sockets, acquire } = setup(4);
  const used: CallSocket[] = [];
  for (let call = 0; call < 6; call++) {
    const socket = acquire();
    used.push(socket);
    await turn();
    sockets.release(socket);
  }
  expect(made).toHaveLength(3);
  for (const [index, socket] of used.entries()) expect(socket).not.toBe(used[index + 1]);
});

test("what was given back rests until the event loop has polled", async () => {
  const { made, sockets, acquire, acquireAll } = setup(8);
  const all = acquireAll(3);
  for (const one of all) sockets.release(one);
  expect(all).not.toContain(acquire());
  expect(made).toHaveLength(4);
  await rest();
  expect(new Set(acquireAll(3))).toEqual(new Set(all));
  expect(made).toHaveLength(4);
});

test("the last one used is the next: those that are not needed grow old", async () => {
  const { sockets, acquire, acquireAll } = setup(8);
  const all = acquireAll(6);
  for (const one of all) sockets.release(one);
  await rest();
  for (let call = 0; call < 4; call++) {
    const socket = acquire();
    expect(socket).toBe(all.at(-1));
    sockets.release(socket);
    await rest();
  }
});

describe("when all are taken", () => {
  test("those who wait are served in their order as sockets come free, whichever that are", async () => {
    const { made, sockets, served, send, acquireAll } = setup(3);
    const all = acquireAll(3);
    for (let call = 0; call < 3; call++) send();
    await rest();
    expect([made.length, served.length]).toEqual([3, 3]);
    for (const one of all.toReversed()) {
      sockets.release(one);
      await rest();
    }
    expect(served.slice(3)).toEqual(all.toReversed());
  });

  test("one that is over meanwhile takes none", async () => {
    const { sockets, served, send, acquire } = setup(1);
    const only = acquire();
    let isOver = false;
    send(() => isOver);
    send();
    isOver = true;
    sockets.release(only);
    await rest();
    expect(served).toHaveLength(2);
  });

  test("the place of one that is discarded is there again", async () => {
    const { made, sockets, served, send, acquire } = setup(1);
    const only = acquire();
    send();
    sockets.discard(only);
    await rest();
    expect([made.length, served.length]).toEqual([2, 2]);
    expect(served[1]).not.toBe(only);
  });

  test("calls share what is for all of them, if there is such a thing, and nobody waits", () => {
    const { made, acquireAll } = setup(2, true);
    const all = acquireAll(9);
    expect(made).toHaveLength(3);
    expect(new Set(all.slice(2)).size).toBe(1);
    expect(all[2]?.state).toBe("shared");
  });
});

test("one that is discarded is taken by no call any more, and destroyed, but not from inside the report", async () => {
  const { destroyed, sockets, acquire } = setup(4);
  const broken = acquire();
  sockets.discard(broken);
  sockets.discard(broken);
  sockets.release(broken);
  expect(destroyed).toEqual([]);
  await rest();
  expect(destroyed).toEqual([0]);
  expect(acquire()).not.toBe(broken);
});

test("what was retired is taken by no call any more, and those who waited are served", async () => {
  const { made, destroyed, sockets, served, send, acquireAll } = setup(4);
  const old = acquireAll(4);
  send();
  for (const one of old.slice(0, 2)) sockets.release(one);
  expect(sockets.retire()).toEqual(made);
  for (const one of old) sockets.release(one);
  await rest();
  expect(old).not.toContain(served[4]);
  const fresh = acquireAll(3);
  expect(fresh.filter((one) => old.includes(one))).toEqual([]);
  expect([made.length, destroyed.length]).toEqual([8, 0]);
  expect(sockets.retire()).toHaveLength(4);
});

describe("a pause", () => {
  test("is worth it three times, while the only socket is about to be free", async () => {
    const { sockets, acquire } = setup(4);
    expect(sockets.takePause()).toBe(false);
    for (let round = 0; round < 3; round++) {
      const socket = acquire();
      expect(sockets.takePause()).toBe(false);
      sockets.markAnswered(socket);
      expect(sockets.takePause()).toBe(true);
      sockets.release(socket);
      await rest();
      expect(sockets.takePause()).toBe(false);
    }
    sockets.release(acquire());
    expect(sockets.takePause()).toBe(false);
  });

  test("is not, once there are two sockets", () => {
    const { sockets, acquireAll } = setup(4);
    const [first] = acquireAll(2);
    if (first === undefined) throw new Error("no socket");
    sockets.release(first);
    expect(sockets.takePause()).toBe(false);
  });
});

test("one that cannot be made leaves no trace", () => {
  const create = vi.fn<() => Dispatcher>(() => {
    throw new Error("the proxy's URL is none");
  });
  const sockets = new CallSockets({ count: 1, create });
  const sender: Sender = {
    isLongLived: false,
    route: "any",
    sendUnlessOver: () => {},
  };
  for (let call = 0; call < 3; call++) {
    expect(() => sockets.acquire(sender)).toThrow("the proxy's URL is none");
  }
  expect(create).toHaveBeenCalledTimes(3);
});

describe("a socket over which a session was refused", () => {
  test("is kept from other calls, and given to the request that asks over it again", () => {
    const { sockets, acquire } = setup(4);
    const refused = acquire();
    sockets.hold(refused);
    expect(refused.state).toBe("held");
    expect(acquire()).not.toBe(refused);
    expect(acquire("other")).not.toBe(refused);
    expect(acquire("refused")).toBe(refused);
    expect(refused.state).toBe("busy");
  });

  test("a request that asks for another socket takes none that is free", async () => {
    const { sockets, acquire, made } = setup(4);
    const free = acquire();
    sockets.release(free);
    await rest();
    expect(acquire("other")).not.toBe(free);
    expect(made).toHaveLength(2);
    expect(acquire()).toBe(free);
  });

  test("is used all the same where there is no place for another: a call does not wait for a search", () => {
    const { sockets, acquire, served } = setup(1);
    const refused = acquire();
    sockets.hold(refused);
    expect(acquire()).toBe(refused);
    expect(served).toHaveLength(2);
  });

  test("that is held serves the call that was waiting", async () => {
    const { sockets, acquire, send, served } = setup(1);
    const refused = acquire();
    send();
    expect(served).toHaveLength(1);
    sockets.hold(refused);
    await turn();
    expect(served).toEqual([refused, refused]);
  });

  test("keep: all are there for all calls again", async () => {
    const { sockets, acquireAll, destroyed, acquire } = setup(4);
    const both = acquireAll(2);
    for (const socket of both) sockets.hold(socket);
    sockets.releaseHeld("keep");
    await rest();
    expect(destroyed).toEqual([]);
    expect(both).toContain(acquire());
    expect(both).toContain(acquire());
  });

  test("drop: all are closed, and their places are there again", async () => {
    const { sockets, acquireAll, destroyed, made } = setup(2);
    for (const socket of acquireAll(2)) sockets.hold(socket);
    sockets.releaseHeld("drop");
    await turn();
    expect(destroyed).toEqual([0, 1]);
    acquireAll(2);
    expect(made).toHaveLength(4);
  });

  test("one more than sixteen is closed", async () => {
    const { sockets, acquireAll, destroyed } = setup(20);
    for (const socket of acquireAll(17)) sockets.hold(socket);
    await turn();
    expect(destroyed).toEqual([16]);
  });

  test("that all calls share, or that was retired, is not held", () => {
    const shared = setup(1, true);
    const [, common] = shared.acquireAll(2);
    if (common !== undefined) shared.sockets.hold(common);
    expect(common?.state).toBe("shared");
    const { sockets, acquire } = setup(1);
    const socket = acquire();
    sockets.retire();
    sockets.hold(socket);
    sockets.releaseHeld("keep");
    expect(socket.state).toBe("retired");
  });
});
