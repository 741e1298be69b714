import { expect, test } from "vitest";
import { json, rpcError, rpcResult } from "../../../support/http-server.ts";
import { call, failure, scripted, summary } from "./harness.ts";

test.each([
  ["a result", rpcResult(99, {})],
  ["an error", rpcError("nobody's", -32_603, "no")],
  ["an array", [rpcResult(98, {}), rpcResult(99, {})]],
])("%s for another request ends the call, and is told of", async (_name, answer) => {
  const { link, repaired } = await scripted(({ res }) => json(res, 200, answer));
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes", method: "tools/call" });
  expect(error.message).toMatch(/99|nobody's/);
  expect(link.sink.messages).toEqual([answer]);
  expect(repaired()).toEqual({ "foreign-answer": 1 });
});

test("an array that holds the response too is no deviation", async () => {
  const { link, repaired } = await scripted(({ res }) => {
    json(res, 200, [rpcResult(99, {}), rpcResult(1, {})]);
  });
  expect(await summary(link.send(call(1)).outcome)).toBe("response");
  expect(repaired()).toEqual({});
});

test("strict: it is delivered, and the call waits", async () => {
  const { link, repaired } = await scripted(({ res }) => json(res, 200, rpcResult(99, {})), {
    strict: true,
  });
  const { exchange } = link.send(call(1));
  await link.sink.until(() => link.sink.received.length === 1);
  await new Promise((done) => setImmediate(done));
  expect(exchange.failedCount).toBe(0);
  expect(repaired()).toEqual({});
});
