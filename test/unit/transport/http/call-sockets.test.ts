import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { CallSockets } from "../../../../src/transport/http/call-sockets.ts";
import type { CallSocket } from "../../../../src/transport/http/call-sockets.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** `made`: for how many connections each dispatcher is, in the order of making. */
function setup(callCount: number, areSingle = true) {
  const made: number[] = [];
  const sockets = new CallSockets({
    callCount,
    areSingle,
    create(connections) {
      made.push(connections);
      return { connections } as unknown as Dispatcher;
    },
  });
  const acquire = (count: number): CallSocket[] =>
    Array.from({ length: count }, () => sockets.acquire());
  return { made, sockets, acquire };
}

test("one call after the other, each at once: two sockets take turns", () => {
  const { made, sockets } = setup(4);
  const first = sockets.acquire();
  sockets.release(first);
  const second = sockets.acquire();
  expect(second).not.toBe(first);
  sockets.release(second);
  expect(made).toEqual([1, 1]);
});

test("the first two rest for a turn of the event loop, the others are used again at once", async () => {
  const { made, sockets, acquire } = setup(4);
  const [first, second, third] = acquire(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error();
  for (const one of [first, second, third]) sockets.release(one);
  expect(sockets.acquire()).toBe(third);
  sockets.release(third);
  await turn();
  expect(acquire(3)).toEqual([first, second, third]);
  expect(made).toEqual([1, 1, 1]);
});

test("of those that are free the last one used is the next: the others grow old", async () => {
  const { sockets, acquire } = setup(8);
  const all = acquire(6);
  const others = all.slice(2);
  for (const one of others) sockets.release(one);
  expect(acquire(4)).toEqual(others.toReversed());
});

test("beyond a socket for each call they share what is left: 16 more in all", () => {
  const { made, acquire } = setup(4);
  const all = acquire(9);
  expect(made).toEqual([1, 1, 1, 1, 1, 1, 14]);
  expect(new Set(all.slice(6)).size).toBe(1);
});

test("behind a proxy all but the first two share one dispatcher", () => {
  const { made, acquire } = setup(4, false);
  acquire(9);
  expect(made).toEqual([1, 1, 18]);
});

test("what was retired is taken by no call any more, also when it is given back", async () => {
  const { made, sockets, acquire } = setup(4);
  const old = acquire(4);
  for (const one of old.slice(0, 2)) sockets.release(one);
  expect(sockets.retire()).toHaveLength(4);
  for (const one of old) sockets.release(one);
  await turn();
  const fresh = acquire(4);
  expect(fresh.filter((one) => old.includes(one))).toEqual([]);
  expect(made).toHaveLength(8);
  expect(sockets.retire()).toHaveLength(4);
});

test("a pause is worth it three times, while the only socket is about to be free", async () => {
  const { sockets } = setup(4);
  expect(sockets.takePause()).toBe(false);
  for (let round = 0; round < 3; round++) {
    const socket = sockets.acquire();
    expect(sockets.takePause()).toBe(false);
    sockets.markAnswered(socket);
    expect(sockets.takePause()).toBe(true);
    sockets.release(socket);
    await turn();
    expect(sockets.takePause()).toBe(false);
  }
  const socket = sockets.acquire();
  sockets.release(socket);
  expect(sockets.takePause()).toBe(false);
});

test("no pause once there are two", () => {
  const { sockets, acquire } = setup(4);
  const [first] = acquire(2);
  if (first === undefined) throw new Error();
  sockets.release(first);
  expect(sockets.takePause()).toBe(false);
});
