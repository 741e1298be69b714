import { Peer } from "../../../../src/jsonrpc/peer.ts";
import { repairLog } from "../../fakes.ts";
import { afterEach, expect, test } from "vitest";
import {
  json,
  rpcError,
  startHttpServer,
  type TestHttpServer,
} from "../../../support/http-server.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { call, connect, failure, type Link } from "./harness.ts";

let server: TestHttpServer;
let link: Link;

afterEach(async () => {
  await link.transport.close();
  await server.until((one) => one.openSockets === 0);
  await server.close();
});

test.each([
  ["401", 401, "HTTP", 700],
  ["404", 404, "HTTP", 0],
  ["a JSON-RPC error with 400", 400, "RPC", 2_000],
] as const)("an error says when its answer began: %s", async (_name, status, kind, lateMs) => {
  // Past the 31 bits that a timestamp is cut to.
  const clock = new ManualClock(2 ** 31 - 100);
  server = await startHttpServer({
    sessions: false,
    onRequest: ({ res }) => {
      clock.advance(lateMs);
      if (kind === "RPC") json(res, status, rpcError(1, -32_000, "no"));
      else res.writeHead(status).end();
      return true;
    },
  });
  link = await connect(server.url, { clock });
  expect(await failure(link.send(call(1)).outcome)).toMatchObject({
    status,
    answeredAfterMs: lateMs,
  });
});

test("a redirect is part of the time", async () => {
  const clock = new ManualClock();
  server = await startHttpServer({
    sessions: false,
    onRequest: ({ req, res }) => {
      clock.advance(300);
      if (req.url === "/elsewhere") res.writeHead(404).end();
      else res.writeHead(307, { location: "/elsewhere" }).end();
      return true;
    },
  });
  link = await connect(server.url, { clock });
  expect(await failure(link.send(call(1)).outcome)).toMatchObject({ answeredAfterMs: 600 });
});

test("so does a JSON-RPC error in a 200, which the peer reports", async () => {
  const clock = new ManualClock();
  server = await startHttpServer({
    sessions: false,
    onRequest: ({ res, body }) => {
      clock.advance(800);
      json(res, 200, rpcError(body?.id ?? null, -32_000, "no session"));
      return true;
    },
  });
  link = await connect(server.url, { clock });
  const peer = new Peer({
    server: "s",
    clock,
    quirks: repairLog(),
    transport: link.transport,
    onStray: () => {},
    onClose: () => {},
  });
  await link.transport.start(peer, new AbortController().signal);
  const limits = { silenceMs: 60_000, totalMs: 60_000 };
  await expect(peer.request({ method: "ping", limits })).rejects.toMatchObject({
    rpcCode: -32_000,
    answeredAfterMs: 800,
  });
});
