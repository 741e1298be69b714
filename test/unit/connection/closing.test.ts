import { beforeEach, expect, test, vi } from "vitest";
import { settled } from "../../support/manual-clock.ts";
import { initializeResult, rejection } from "../fakes.ts";
import { Backend, connect, lost, STDIO } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));

let backend: Backend;

beforeEach(() => {
  hidden.backend = backend = new Backend();
  backend.initialize = (sent) =>
    sent.head().reply(initializeResult({ resources: { subscribe: true } }));
  backend.script = () => ({});
});

test("close does not wait for a subscription that is not confirmed in the new session (8.12)", async () => {
  const { connection, clock, states } = connect(STDIO);
  await connection.connect();
  await connection.subscribe("file:///a");
  backend.script = (sent) => (sent.method === "resources/subscribe" ? undefined : {});
  backend.duplexes.at(-1)?.sink.onClose(lost());
  await clock.run(1_000);
  expect(backend.count("resources/subscribe")).toBe(2);
  expect(states.at(-1)).toBe("connecting");
  const waiting = rejection(connection.request("x", {}, {}));
  let isClosed = false;
  void connection.close(0).then(() => (isClosed = true));
  await settled();
  await settled();
  expect(isClosed).toBe(true);
  expect(await waiting).toMatchObject({ code: "CLOSED", sent: "no" });
  expect(backend.duplexes.map(({ closeCount }) => closeCount)).toEqual([1, 1]);
  expect(clock.armedCount).toBe(0);
});
