import { beforeEach, expect, test, vi } from "vitest";
import { McpHttpError, McpOutcomeUnknownError } from "../../../src/core/errors.ts";
import { rejection } from "../fakes.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;
let executed: number;

const CALL = { name: "t" };
const TOTAL_MS = 5_000;

beforeEach(() => {
  hidden.backend = backend = new Backend();
  executed = 0;
});

/** The first call runs, and then `fault` befalls it; whatever is sent after it stays in our own queue. */
function onceThenQueued(fault: (sent: Sent) => void): void {
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    if (backend.count("tools/call") > 1) return undefined;
    executed += 1;
    const transport = backend.https.at(-1);
    if (transport !== undefined) transport.writes = false;
    fault(sent);
    return undefined;
  };
}

test.each<[string, (sent: Sent) => void]>([
  ["its connection was lost", (sent) => sent.fail(lost())],
  ["503", (sent) => sent.fail(new McpHttpError("busy", { status: 503, retryable: true }))],
])(
  "%s, and the replay was never sent: the outcome is unknown all the same",
  async (_name, fault) => {
    onceThenQueued(fault);
    const { connection, clock } = connect(HTTP);
    const call = rejection(
      connection.request("tools/call", CALL, { replay: "always", totalTimeoutMs: TOTAL_MS }),
    );
    await clock.run(2 * TOTAL_MS);
    const error = await call;
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", sent: "unknown", method: "tools/call" });
    expect(backend.count("tools/call")).toBe(2);
    expect(executed).toBe(1);
    await connection.close(0);
  },
);

test("no time for the wait that the server asks for, after a run whose answer was lost", async () => {
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    executed += 1;
    if (executed === 1) return sent.fail(lost());
    sent.fail(new McpHttpError("slow down", { status: 429, retryAfterMs: 2 * TOTAL_MS }));
  };
  const { connection, clock } = connect(HTTP);
  const call = rejection(
    connection.request("tools/call", CALL, { replay: "always", totalTimeoutMs: TOTAL_MS }),
  );
  await clock.run(2 * TOTAL_MS);
  expect(await call).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(backend.count("tools/call")).toBe(2);
  await connection.close(0);
});

test("never sent at all: it says so", async () => {
  const { connection, clock } = connect(HTTP);
  await connection.connect();
  const transport = backend.https.at(-1);
  if (transport !== undefined) transport.writes = false;
  const call = rejection(
    connection.request("tools/call", CALL, { replay: "always", totalTimeoutMs: TOTAL_MS }),
  );
  await clock.run(2 * TOTAL_MS);
  expect(await call).toMatchObject({ code: "TIMEOUT", sent: "no" });
  expect(executed).toBe(0);
  await connection.close(0);
});
