import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { Peer } from "../../../../src/jsonrpc/peer.ts";
import { createHttpTransport } from "../../../../src/transport/http/http.ts";
import {
  afterSilence,
  describeKeepAlives,
  proxyHint,
} from "../../../../src/transport/http/silence.ts";
import { sseEvent } from "../../../support/http-server.ts";
import { ManualClock, settled } from "../../../support/manual-clock.ts";
import { repairLog } from "../../fakes.ts";
import { call, failure, scripted } from "./harness.ts";

const SSE = { "content-type": "text/event-stream" };
const HINT = "proxy_read_timeout";

test.each([
  [0, "", false],
  [499, "", false],
  [500, " after 0.5 s of silence", false],
  [9_999, " after 10.0 s of silence", false],
  [60_012, " after 60.0 s of silence", true],
])("%i ms: %j", (ms, text, hasHint) => {
  expect(afterSilence(ms)).toBe(text);
  expect(proxyHint(ms).includes(HINT)).toBe(hasHint);
});

test("keep-alives are told of only where there were some", () => {
  expect(describeKeepAlives(undefined, 1_000)).toBeUndefined();
  expect(describeKeepAlives({ keepAliveCount: 0 }, 1_000)).toBeUndefined();
  expect(describeKeepAlives({ keepAliveCount: 1 }, 3_210)).toContain("3.2 s ago");
});

test.each(["end", "cut"])(
  "a stream that ends without its response (%s) says how long it was silent",
  async (how) => {
    const clock = new ManualClock();
    let finish = (): void => {};
    const { link } = await scripted(
      ({ res }) => {
        res.writeHead(200, SSE).write(sseEvent({ jsonrpc: "2.0", method: "notifications/x" }));
        finish = () => (how === "end" ? res.end() : res.destroy());
      },
      { clock },
    );
    const { outcome } = link.send(call(1));
    await link.sink.until(() => link.sink.received.length === 1);
    clock.jump(60_000);
    finish();
    const error = await failure(outcome);
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "yes" });
    expect(error.message).toContain("after 60.0 s of silence");
    expect(error.message).toContain(HINT);
  },
);

test("so do a connection that ends before the answer, and a gateway's status", async () => {
  const clock = new ManualClock();
  const { link } = await scripted(
    ({ res, body }) => {
      clock.jump(30_000);
      if (body?.id === 1) res.destroy();
      else
        res
          .writeHead(504, { "content-type": "text/html" })
          .end("<title>504 Gateway Time-out</title><hr>nginx");
    },
    { clock },
  );
  const lost = await failure(link.send(call(1)).outcome);
  expect(lost).toMatchObject({ code: "CONNECTION_LOST", sent: "unknown" });
  expect(lost.message).toContain("before it answered after 30.0 s of silence");
  expect(lost.message).toContain(HINT);
  const status = await failure(link.send(call(2)).outcome);
  expect(status).toMatchObject({ code: "HTTP_ERROR", status: 504 });
  expect(status.message).toContain("HTTP 504 after 30.0 s of silence");
  expect(status.message).toContain(HINT);
  expect(status.message).toContain('"504 Gateway Time-out" (nginx)');
});

test("a quick end says nothing of silence", async () => {
  const { link } = await scripted(({ res }) => res.writeHead(200, SSE).end());
  expect((await failure(link.send(call(1)).outcome)).message).not.toContain("silence");
});

/** Tells when it is asked, which the reading of a stream does for every chunk. */
class ObservedClock extends ManualClock {
  askedCount = 0;

  override now(): number {
    this.askedCount += 1;
    return super.now();
  }
}

/** The message of the timeout of a request whose answer is these chunks, each ten seconds after the last. */
async function timeoutAfter(chunks: readonly string[]): Promise<string> {
  const clock = new ObservedClock();
  const quirks = repairLog();
  let stream: ServerResponse | undefined;
  const { server } = await scripted(({ res, body }) => {
    if (body?.id === undefined) res.writeHead(202).end();
    else (stream = res).writeHead(200, SSE).flushHeaders();
  });
  const transport = createHttpTransport({
    server: "s",
    url: server.url,
    headers: {},
    clock,
    quirks,
    limits: { messageBytes: 10_000, inFlight: 4 },
    timeouts: { connectMs: 5_000 },
    resume: { attempts: 0, backoff: { initialMs: 1, factor: 1, maxMs: 1, jitter: 0 } },
  });
  const peer = new Peer({
    server: "s",
    clock,
    quirks,
    transport,
    onStray: () => {},
    onClose: () => {},
  });
  await transport.start(peer, new AbortController().signal);
  let failed = Promise.resolve("");
  await new Promise<void>((onHead) => {
    const limits = { silenceMs: 60_000, totalMs: 600_000 };
    failed = peer.request({ method: "tools/call", limits, onHead: () => onHead() }).then(
      () => "no failure",
      (error: Error) => error.message,
    );
  });
  for (const chunk of chunks) {
    clock.jump(10_000);
    const { askedCount } = clock;
    stream?.write(chunk);
    while (clock.askedCount === askedCount) await settled();
  }
  clock.jump(5_000);
  clock.advance(60_000);
  const message = await failed;
  await transport.close();
  return message;
}

test.each([
  ["comments", ": ping\n\n"],
  ["events of another name", "event: ping\ndata: 1\n\n"],
])("a timeout does not say that there was no sign of life where %s came", async (_name, chunk) => {
  const message = await timeoutAfter([chunk, chunk, chunk, chunk, chunk]);
  expect(message).toMatch(
    /^no message from server "s" for 60000 ms during tools\/call \(its stream is open and sent only keep-alives, the last one \d+\.\d s ago\)/,
  );
});

test("and says so where nothing came", async () => {
  expect(await timeoutAfter([])).toMatch(/^no sign of life from server "s"/);
});
