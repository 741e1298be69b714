import {
  brotliCompressSync,
  createBrotliCompress,
  createGzip,
  deflateRawSync,
  deflateSync,
  gzipSync,
  constants,
} from "node:zlib";
import { describe, expect, test } from "vitest";
import { codingsOf } from "../../../../src/transport/http/content-coding.ts";
import { createZstdDecoder, isZstd } from "../../../../src/transport/http/zstd.ts";
import { rpcResult, sseEvent } from "../../../support/http-server.ts";
import { call, failure, scripted, summary } from "./harness.ts";

const MIB = 1_048_576;

test.each([
  [undefined, []],
  ["", []],
  ["identity", []],
  [" GZip ", ["gzip"]],
  ["gzip, br", ["br", "gzip"]],
  ["identity,,deflate", ["deflate"]],
  ["gzip, gzip, gzip, gzip, gzip", []],
])("codingsOf(%j) is %j", (value, codings) => {
  expect(codingsOf(value)).toEqual(codings);
});

type Encode = (text: string) => Buffer;

const plain: Encode = (text) => Buffer.from(text);

/** A frame of blocks that are stored or repeated: what a compressor makes of them is in ZSTD_FRAME. */
function zstd(text: string, windowByte = 0x58): Buffer {
  const bytes = Buffer.from(text);
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += 1_000) {
    const piece = bytes.subarray(at, at + 1_000);
    const header = Buffer.alloc(3);
    header.writeUIntLE((piece.length << 3) | (at + 1_000 >= bytes.length ? 1 : 0), 0, 3);
    blocks.push(header, piece);
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, windowByte]), ...blocks]);
}

/** One byte, `mebibytes` times 2^20. */
function zstdBomb(mebibytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let count = mebibytes * 8; count > 0; count--) {
    const header = Buffer.alloc(4, " ");
    header.writeUIntLE((131_072 << 3) | 2 | (count === 1 ? 1 : 0), 0, 3);
    blocks.push(header);
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]), ...blocks]);
}

function gzipBomb(mebibytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MIB, " "));
  return Buffer.concat(Array.from({ length: mebibytes }, () => member));
}

const CODINGS: [string, string, Encode][] = [
  ["gzip", "gzip", gzipSync],
  ["GZIP in two lines", "GZIP, gzip", gzipSync],
  ["x-gzip", "x-gzip", gzipSync],
  ["deflate", "deflate", deflateSync],
  ["bare deflate", "deflate", deflateRawSync],
  ["br", "br", brotliCompressSync],
  ["zstd", "zstd", zstd],
  ["two of them", "gzip, br", (text) => brotliCompressSync(gzipSync(text))],
  ["zstd in gzip", "zstd, gzip", (text) => gzipSync(zstd(text))],
  ["gzip without its checksum", "gzip", (text) => gzipSync(text).subarray(0, -8)],
  ["gzip with bytes behind it", "gzip", (text) => Buffer.concat([gzipSync(text), Buffer.alloc(9)])],
  ["identity", "identity", plain],
  ["an empty name", "", plain],
  ["an unknown name", "x-nothing", plain],
  ["gzip, which it is not", "gzip", plain],
  ["deflate, which it is not", "deflate", plain],
  ["br, which it is not", "br", plain],
  ["zstd, which it is not", "zstd", plain],
];

describe.each(CODINGS)("%s", (_name, coding, encode) => {
  const text = "grüße ".repeat(1_000);

  test.each(["application/json", "text/event-stream", "text/plain"])("%s", async (type) => {
    const { link } = await scripted(({ res }) => {
      const message = JSON.stringify(rpcResult(1, { text }));
      const body = encode(type === "text/event-stream" ? `data: ${message}\n\n` : message);
      res.writeHead(200, { "content-type": type, "content-encoding": coding });
      // In small pieces, so that no decision can rest on the size of the first.
      for (let at = 0; at < body.length; at += 11) res.write(body.subarray(at, at + 11));
      res.end();
    });
    expect(await link.send(call(1)).outcome).toMatchObject({ message: { result: { text } } });
  });
});

test("accept-encoding says that none is wanted, and what comes all the same is counted", async () => {
  const { link, server, repaired, warnings } = await scripted(
    ({ res }) => {
      res.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      res.end(gzipSync(JSON.stringify(rpcResult(1, {}))));
    },
    { headers: { "Accept-Encoding": "br" } },
  );
  expect(await summary(link.send(call(1)).outcome)).toBe("response");
  expect(server.requests[0]?.headers["accept-encoding"]).toBe("identity");
  expect(repaired()).toEqual({ "content-coding": 1 });
  expect(warnings).toEqual([expect.stringContaining("(gzip)")]);
});

test.each<[string, () => ReturnType<typeof createGzip>, number]>([
  ["gzip", () => createGzip(), constants.Z_SYNC_FLUSH],
  ["br", () => createBrotliCompress() as never, constants.BROTLI_OPERATION_FLUSH],
])("a stream in %s gives each event when it comes", async (coding, create, flush) => {
  const encoder = create();
  const { link } = await scripted(({ res }) => {
    res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": coding });
    encoder.pipe(res);
    encoder.write(sseEvent({ jsonrpc: "2.0", method: "notifications/x" }));
    encoder.flush(flush);
  });
  const { outcome, handle } = link.send(call(1));
  await link.sink.until(() => link.sink.received.length === 1);
  encoder.write(sseEvent(rpcResult(1, {})));
  encoder.flush(flush);
  expect(await summary(outcome)).toBe("response");
  handle.close();
});

describe("bombs", () => {
  const limits = { messageBytes: 100_000, inFlight: 4 };
  const bombs: [string, string, () => Buffer][] = [
    ["gzip", "gzip", () => gzipBomb(512)],
    ["zstd", "zstd", () => zstdBomb(4_096)],
    ["gzip in gzip", "gzip, gzip", () => gzipSync(gzipBomb(64))],
    ["zstd in gzip", "zstd, gzip", () => gzipSync(zstdBomb(1_024))],
  ];

  test.each(bombs)("%s: the limit, memory flat", async (_name, coding, make) => {
    const body = make();
    let isStream = false;
    const { link } = await scripted(
      ({ res }) => {
        const type = isStream ? "text/event-stream" : "application/json";
        res.writeHead(200, { "content-type": type, "content-encoding": coding });
        // One event that never ends.
        res.end(body);
      },
      { limits: { ...limits, messageBytes: 10 * MIB } },
    );
    const before = process.resourceUsage().maxRSS;
    for (isStream of [false, true]) {
      expect(await summary(link.send(call(1)).outcome)).toBe("LIMIT_EXCEEDED");
    }
    expect((process.resourceUsage().maxRSS - before) / 1_024).toBeLessThan(150);
  });

  test("a window beyond the limit is not granted", async () => {
    const { link } = await scripted(({ res }) => {
      res.writeHead(200, { "content-type": "application/json", "content-encoding": "zstd" });
      res.end(zstd(JSON.stringify(rpcResult(1, {})), 0xa0));
    });
    const error = await failure(link.send(call(1)).outcome);
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes" });
    expect(error.message).toContain("zstd");
  });
});

test.each([
  ["unknown", "x-nothing", Buffer.from([1, 2, 3])],
  ["cut short", "gzip", gzipSync("x".repeat(1_000)).subarray(0, 20)],
  ["broken", "gzip", Buffer.concat([gzipSync("{").subarray(0, 10), Buffer.alloc(50, 7)])],
])("the error of a body that is no message names its coding: %s", async (_name, coding, body) => {
  const { link } = await scripted(({ res }) => {
    res.writeHead(200, { "content-type": "application/json", "content-encoding": coding });
    res.end(body);
  });
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "PROTOCOL_ERROR", sent: "yes" });
  expect(error.message).toContain(coding);
});

test("an error page that is coded is read; one that cannot be has its status", async () => {
  const { link } = await scripted(({ res, body }) => {
    res.writeHead(500, { "content-encoding": "br" });
    res.end(body?.id === 1 ? brotliCompressSync("down for repairs") : Buffer.alloc(99, 0xff));
  });
  const read = await failure(link.send(call(1)).outcome);
  expect(read).toMatchObject({ status: 500, excerpt: "down for repairs" });
  expect(await failure(link.send(call(2)).outcome)).toMatchObject({ status: 500, excerpt: "" });
});

test("a body that is cut on the wire is a lost connection", async () => {
  const { link } = await scripted(({ res }) => {
    const body = gzipSync(JSON.stringify(rpcResult(1, { text: "x".repeat(1_000) })));
    res.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    res.write(body.subarray(0, -12), () => res.destroy());
  });
  expect(await summary(link.send(call(1)).outcome)).toBe("CONNECTION_LOST");
});

test("an event that had come before the cut counts", async () => {
  const { link } = await scripted(({ res }) => {
    const body = gzipSync(sseEvent(rpcResult(1, {})));
    res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    res.write(body, () => res.destroy());
  });
  expect(await summary(link.send(call(1)).outcome)).toBe("response");
});

test("a closed call leaves nothing to its decoder", async () => {
  const { link } = await scripted(({ res }) => {
    res.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    res.write(gzipSync("{".repeat(10_000)).subarray(0, 20));
  });
  const { exchange, handle, outcome } = link.send(call(1));
  void outcome;
  while (exchange.head === undefined) await new Promise((done) => setImmediate(done));
  handle.close();
  await new Promise((done) => setImmediate(done));
  expect(exchange.failedCount).toBe(0);
});

test.each([
  ["application/json", "gzip", gzipSync, "response"],
  ["text/event-stream", "gzip", gzipSync, "PROTOCOL_ERROR"],
  ["application/json", "zstd", zstd, "PROTOCOL_ERROR"],
  ["application/json", "gzip", plain, "PROTOCOL_ERROR"],
] as [string, string, Encode, string][])("strict: %s in %s", async (type, coding, encode, kind) => {
  const { link, repaired } = await scripted(
    ({ res }) => {
      res.writeHead(200, { "content-type": type, "content-encoding": coding });
      const text = JSON.stringify(rpcResult(1, {}));
      res.end(encode(type === "application/json" ? text : `data: ${text}\n\n`));
    },
    { strict: true },
  );
  expect(await summary(link.send(call(1)).outcome)).toBe(kind);
  expect(repaired()).toEqual({});
});

describe("Zstandard", () => {
  async function decode(bytes: Buffer, pieceBytes: number): Promise<string> {
    const decoder = createZstdDecoder(MIB);
    const chunks: Buffer[] = [];
    decoder.on("data", (chunk: Buffer) => chunks.push(chunk));
    const end = new Promise((resolve, reject) => decoder.on("end", resolve).on("error", reject));
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      decoder.write(bytes.subarray(at, at + pieceBytes));
    }
    decoder.end();
    await end;
    return Buffer.concat(chunks).toString();
  }

  /** `zstd -19` of ZSTD_TEXT: sequences, Huffman codes, a checksum. */
  const ZSTD_FRAME = Buffer.from(
    "KLUv/QRovQYA5lIqFtBlOUsVBUchh5AFPBApk0wypYChEzooACIAIgCMEcNVsVPUaudOt9OKLfPF5ZrPer+kklerEwwGh4NDQUABIAoGAoGB7MeOOily0K+PI+odiUZ5FWeCShsJU0wpRyrxoek0Q7FLBRX6HEJltj7CmM8mRGRFtBEtoTB59o+wzm4opC4SS9zvPBUjP4xWqbOMVCx2h3M+XkTfaqgh4XKtQdyCWuPllLE7njyoEcyju3fw5RASQREO6QPLPAU6O7UDu30MpsnmvheOH6lW7bx8S9wakKryk6bI",
    "base64",
  );
  const ZSTD_TEXT = Array.from({ length: 60 }, (_, index) => `line ${index * 7919}: grüße`).join(
    "\n",
  );
  const SKIPPABLE = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
  const EMPTY = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0]);

  test.each([1, 5, 4_096])("in pieces of %i bytes", async (pieceBytes) => {
    const frames = Buffer.concat([SKIPPABLE, ZSTD_FRAME, EMPTY, ZSTD_FRAME, SKIPPABLE]);
    expect(await decode(frames, pieceBytes)).toBe(ZSTD_TEXT + ZSTD_TEXT);
  });

  test("is known by its first four bytes", () => {
    expect([ZSTD_FRAME, SKIPPABLE, Buffer.from("{}  "), Buffer.alloc(2)].map(isZstd)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test.each([
    ["no frame behind the first", Buffer.concat([ZSTD_FRAME, Buffer.from("nothing")])],
    [
      "a block type that there is not",
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58, 7, 0, 0, ...Buffer.alloc(20)]),
    ],
  ])("an error in %s", async (_name, bytes) => {
    await expect(decode(bytes, 100)).rejects.toThrow();
  });
});
