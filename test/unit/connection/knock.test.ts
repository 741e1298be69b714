import { createServer, connect, type AddressInfo, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Knocker, refusedAddresses } from "../../../src/connection/knock.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { until } from "../../support/processes.ts";

async function listen(port = 0): Promise<{ server: Server; port: number; visits: () => number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.resume();
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port, visits: () => count };
}

async function close({ server }: { server: Server }): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** What Node says when nobody listens on `port`. */
function refusal(port: number): Promise<Error> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", resolve);
    socket.once("connect", () => reject(new Error("somebody listens there")));
  });
}

function setup() {
  const clock = new ManualClock();
  let isWanted = true;
  let opened = 0;
  const knocker = new Knocker({ clock, isWanted: () => isWanted });
  onTestFinished(() => knocker.stop());
  return {
    clock,
    knocker,
    onOpen: () => void (opened += 1),
    opened: () => opened,
    unwant: () => (isWanted = false),
  };
}

test("knocks where it was refused, until somebody listens there, and says so once", async () => {
  const { clock, knocker, onOpen, opened } = setup();
  const first = await listen();
  await close(first);
  knocker.aim(new Error("wrapped", { cause: await refusal(first.port) }), onOpen);
  knocker.start();
  knocker.start();
  for (let knocks = 0; knocks < 3; knocks++) {
    expect(clock.armedCount).toBe(1);
    clock.advance(100);
    await until(() => clock.armedCount === 1, "the next knock");
  }
  expect(opened()).toBe(0);
  const again = await listen(first.port);
  clock.advance(100);
  await until(() => opened() === 1, "an open door");
  await until(() => again.visits() === 1, "the visit");
  expect(clock.armedCount).toBe(0);
  knocker.start();
  expect(clock.armedCount).toBe(0);
});

test("waits 50 to 100 ms between two tries", async () => {
  const { clock, knocker, onOpen } = setup();
  const first = await listen();
  await close(first);
  knocker.aim(await refusal(first.port), onOpen);
  knocker.start();
  const [delayMs = 0] = clock.dueIn;
  expect(delayMs).toBeGreaterThanOrEqual(50);
  expect(delayMs).toBeLessThanOrEqual(100);
});

test("stops when nobody wants it any more, or when it is told to", async () => {
  const { clock, knocker, onOpen, opened, unwant } = setup();
  const server = await listen();
  const error = Object.assign(new Error("connect ECONNREFUSED"), {
    code: "ECONNREFUSED",
    address: "127.0.0.1",
    port: server.port,
  });
  knocker.aim(error, onOpen);
  knocker.start();
  knocker.stop();
  expect(clock.armedCount).toBe(0);
  knocker.aim(error, onOpen);
  knocker.start();
  unwant();
  clock.advance(100);
  expect(clock.armedCount).toBe(0);
  expect([opened(), server.visits()]).toEqual([0, 0]);
});

test("knocks nowhere when nothing was refused", () => {
  const { clock, knocker, onOpen } = setup();
  for (const error of [
    undefined,
    new Error("timed out", { cause: Object.assign(new Error(), { code: "ETIMEDOUT" }) }),
    Object.assign(new Error("reset"), { code: "ECONNRESET", address: "127.0.0.1", port: 1 }),
  ]) {
    knocker.aim(error, onOpen);
    knocker.start();
  }
  expect(clock.armedCount).toBe(0);
});

test("a name with several addresses is refused at each", () => {
  const refused = (address: string): Error =>
    Object.assign(new Error("refused"), { code: "ECONNREFUSED", address, port: 80 });
  const cause = new AggregateError([refused("::1"), new Error("other"), refused("127.0.0.1")]);
  expect(refusedAddresses(new Error("fetch failed", { cause }))).toEqual([
    { host: "::1", port: 80 },
    { host: "127.0.0.1", port: 80 },
  ]);
});

test("an attempt that fails at an open door is not followed by knocks for a second", async () => {
  const { clock, knocker, onOpen, opened } = setup();
  const { port } = await listen();
  const error = Object.assign(new Error("refused"), {
    code: "ECONNREFUSED",
    address: "127.0.0.1",
    port,
  });
  knocker.aim(error, onOpen);
  knocker.start();
  clock.advance(100);
  await until(() => opened() === 1, "an open door");
  knocker.aim(error, onOpen);
  knocker.start();
  expect(clock.armedCount).toBe(0);
  clock.advance(1_000);
  knocker.aim(error, onOpen);
  knocker.start();
  expect(clock.armedCount).toBe(1);
});
