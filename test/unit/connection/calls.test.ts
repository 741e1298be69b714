// A place that is handed on, and what goes wrong in that very moment.

import { beforeEach, describe, expect, test, vi } from "vitest";
import { settled } from "../../support/manual-clock.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

const ONE_PLACE = { ...HTTP, limits: { inFlight: 1, queued: 2_000 } };
const CALL = { name: "t" };

let backend: Backend;
/** Calls that were sent, and wait for what the test does to them. */
let held: Sent[];

beforeEach(() => {
  hidden.backend = backend = new Backend();
  held = [];
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    sent.exchange.onWritten?.();
    held.push(sent);
    return undefined;
  };
});

describe("a call that gets its place", () => {
  test("cannot be put together: it fails, and the next one gets the place", async () => {
    const { connection } = connect(ONE_PLACE);
    await connection.connect();
    const first = watch(connection.request("tools/call", CALL, {}));
    const broken = {
      get meta(): never {
        throw new Error("a getter");
      },
    };
    const second = watch(connection.request("tools/call", CALL, broken));
    const third = watch(connection.request("tools/call", CALL, {}));
    await settled();
    held[0]?.reply({ content: [] });
    await settled();
    held[1]?.reply({ content: [] });
    await settled();
    expect([first.value, third.value]).toEqual([{ content: [] }, { content: [] }]);
    expect(second.error).toMatchObject({ code: "INVALID_CONFIG", cause: { message: "a getter" } });
    expect(connection.counts).toMatchObject({ inFlight: 0, queued: 0, succeeded: 2, failed: 1 });
    await connection.close(0);
  });

  test.each(["answered", "failed"])(
    "is counted as under way, and the one before it is not, which %s",
    async (how) => {
      const { connection } = connect(ONE_PLACE);
      await connection.connect();
      const seen: object[] = [];
      const [transport] = backend.https;
      if (transport === undefined) throw new Error("not connected");
      const send = transport.send.bind(transport);
      // In the very moment: what it hands over is counted before that.
      vi.spyOn(transport, "send").mockImplementation((...args) => {
        const { inFlight, queued } = connection.counts;
        seen.push({ inFlight, queued });
        return send(...args);
      });
      const calls = [1, 2].map(() => watch(connection.request("tools/call", CALL, {})));
      await settled();
      if (how === "answered") held[0]?.reply({ content: [] });
      else held[0]?.fail(lost());
      await settled();
      held[1]?.reply({ content: [] });
      await settled();
      expect(calls[1]?.value).toEqual({ content: [] });
      expect(seen).toEqual([
        { inFlight: 1, queued: 0 },
        { inFlight: 1, queued: 0 },
      ]);
      await connection.close(0);
    },
  );
});

test("parameters that throw when they are read leave neither a timer nor a place behind", async () => {
  const { clock, connection } = connect(ONE_PLACE);
  await connection.connect();
  const armed = clock.armedCount;
  const params = {
    get uri(): never {
      throw new Error("a getter");
    },
  };
  const call = watch(connection.request("x/y", params, { onProgress: () => {} }));
  await settled();
  expect(call.error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
  expect(clock.armedCount).toBe(armed);
  expect(connection.counts).toMatchObject({ inFlight: 0, failed: 1 });
  await connection.close(0);
});
