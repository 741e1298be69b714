import type { TransportServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { settled } from "../support/manual-clock.ts";
import { inProcess, OwnTransport, turnsUntil } from "./custom.ts";
import {
  connected,
  failure,
  gate,
  poolOf,
  serve,
  TestClock,
  textOf,
  unanswered,
} from "./support.ts";

describe("a transport of the user's own", () => {
  test.each<[string, () => { transport: object; lose: () => void }]>([
    [
      "the memory pair's",
      () => {
        const { client, server } = inProcess();
        return { transport: client, lose: () => server.close() };
      },
    ],
    [
      "one that would start twice",
      () => {
        const own = new OwnTransport();
        return { transport: own, lose: () => own.onclose?.() };
      },
    ],
  ])("once lost it is failed for good, connect() included: %s", async (_name, make) => {
    const { transport, lose } = make();
    const pool = poolOf({});
    await pool.addClient("m", { transport } as TransportServerConfig);
    lose();
    await turnsUntil(() => pool.status()[0]?.state === "failed");
    const { failed } = await pool.connect();
    expect(Object.keys(failed)).toEqual(["m"]);
    expect(pool.status()[0]?.state).toBe("failed");
    const error = await failure(pool.call("m", "ping"));
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "no" });
  });

  const reject = (): Promise<void> => Promise.reject(new Error("will not close"));

  /** In the SDK's shape, and in ours. */
  const transports: [string, (close: () => Promise<void>) => TransportServerConfig["transport"]][] =
    [
      ["the SDK's shape", (close) => Object.assign(new OwnTransport(), { closing: close })],
      ["our shape", (close) => Object.assign(inProcess().client, { close })],
    ];

  test.each(transports)("whose close() rejects: closeAll resolves (%s)", async (_name, make) => {
    const pool = poolOf({});
    await pool.addClient("m", { transport: make(reject) });
    await pool.closeAll();
    expect(pool.status()[0]?.state).toBe("closed");
  });

  test.each(transports)(
    "whose close() hangs: closeAll resolves, when its patience is over (%s)",
    async (_name, make) => {
      const clock = new TestClock();
      const pool = poolOf({}, { clock });
      await pool.addClient("m", { transport: make(unanswered) });
      clock.holds = (delayMs) => delayMs === 30_000;
      const closing = pool.closeAll();
      await clock.untilHeld();
      clock.release();
      await closing;
      expect(pool.status()[0]?.state).toBe("closed");
    },
  );
});

describe("closeAll", () => {
  test("a listener that adds a server meanwhile gets CLOSED, and nothing is left", async () => {
    const server = await serve();
    const pool = await connected(server);
    const added: Promise<unknown>[] = [];
    pool.on("tools.changed", ({ removed }) => {
      if (removed.length > 0) added.push(failure(pool.addClient("late", server.url)));
    });
    await pool.closeAll({ drainMs: 0 });
    expect(await Promise.all(added)).toMatchObject([{ code: "CLOSED" }]);
    await server.until(({ openSockets }) => openSockets === 0);
    expect(server.sessions.size).toBe(0);
    expect(server.initializeCount).toBe(1);
  });

  test("drainMs Infinity lets calls in flight end", async () => {
    const held = gate();
    const clock = new TestClock();
    const slow = { slow: { handler: () => held.opened.then(() => "done") } };
    const server = await serve({ tools: slow });
    const pool = await connected(server, {}, { clock });
    const call = pool.callTool("s__slow");
    await server.until((one) => one.executionCount("slow") === 1);
    const closing = pool.closeAll({ drainMs: Infinity });
    await settled();
    // A timer with a longer delay than this fires at once.
    expect(Math.max(...clock.armed)).toBe(2 ** 31 - 1);
    held.open();
    expect(await call).toEqual(textOf("done"));
    await closing;
  });

  test.each([null, { drainMs: Number.NaN }, { drainMs: -1 }, { drainMs: "now" }])(
    "%j does not make it reject",
    async (options) => {
      const server = await serve();
      const pool = await connected(server);
      await pool.closeAll(options as never);
      expect(pool.status()[0]?.state).toBe("closed");
      expect(server.sessions.size).toBe(0);
    },
  );
});
