// When a refusal is late: measured against the fastest answer of the server, and not against what a call waited for.

import { beforeEach, expect, test, vi } from "vitest";
import { McpHttpError } from "../../../src/core/errors.ts";
import { Backend, connect, HTTP, lost, refused, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({ backend: undefined as Backend | undefined }));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend?.http(),
}));

let backend: Backend;

beforeEach(() => {
  hidden.backend = backend = new Backend();
});

test("a first call that waited long for its connection does not make a late refusal look prompt", async () => {
  const { connection, clock } = connect(HTTP);
  // A proxy hands the call on to another server, which does not know the session, when the first has run it.
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    const answeredAfterMs = 1_500;
    const error = new McpHttpError("no session", { status: 404, answeredAfterMs });
    clock.setTimer(() => sent.fail(error), answeredAfterMs);
    return undefined;
  };
  backend.initialize = (sent) =>
    sent
      .head(200, { "mcp-session-id": `s${backend.count("initialize")}` })
      .reply({ protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} });
  backend.start = () => refused();
  const first = watch(connection.request("tools/list", {}, {}));
  await clock.run(10_000);
  backend.start = () => undefined;
  await clock.run(10_000);
  expect(first.value).toBeDefined();
  const call = watch(connection.request("tools/call", { name: "t" }, {}));
  await clock.run(20_000);
  expect(call.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(backend.count("tools/call")).toBe(1);
  await connection.close(0);
});

test("after late refusals a call that may be repeated says how often it may have run", async () => {
  const { connection, clock } = connect(HTTP);
  let calls = 0;
  backend.initialize = (sent) =>
    sent
      .head(200, { "mcp-session-id": `s${backend.count("initialize")}` })
      .reply({ protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} });
  backend.script = (sent) => {
    if (sent.method !== "tools/call") return {};
    calls += 1;
    const answeredAfterMs = 1_500;
    const error = calls < 3 ? new McpHttpError("no", { status: 404, answeredAfterMs }) : lost();
    clock.setTimer(() => {
      if (calls < 3) backend.forgotten = new McpHttpError("no", { status: 404 });
      sent.fail(error);
    }, answeredAfterMs);
    return undefined;
  };
  const call = watch(connection.request("tools/call", { name: "t" }, { replay: "always" }));
  await clock.run(30_000);
  expect(backend.count("tools/call")).toBe(3);
  expect(call.error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect((call.error as Error).message).toContain("may have run up to 3 times");
  await connection.close(0);
});
