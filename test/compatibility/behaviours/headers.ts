// HTTP headers, addresses and codings.

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import type {
  RequestContext,
  TestHttpServer,
  TestHttpServerOptions,
} from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { server, text } from "../servers/answers.ts";
import type { Target } from "../trial.ts";

type Replies = "json" | "sse";
type Encode = (data: Buffer) => Buffer;

/** A frame of Zstandard with one raw block: Node 20 cannot make any. */
const zstd: Encode = (data) => {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  header.writeUInt32LE(data.length, 5);
  const block = (data.length << 3) | 1;
  return Buffer.concat([header, Buffer.from([block, block >> 8, block >> 16]), data]);
};

/** Answers are encoded, and called so, unless `accepts` says otherwise of the request. */
function encoding(
  coding: string,
  encode: Encode,
  replies: Replies,
  accepts: (accepted: string | undefined) => boolean = () => true,
): Pick<TestHttpServerOptions, "writeAnswer"> {
  return {
    writeAnswer({ res, headers: asked }, answer, headers) {
      const message = JSON.stringify(answer);
      const plain = Buffer.from(replies === "json" ? message : `data: ${message}\n\n`);
      const isEncoded = accepts(asked["accept-encoding"]?.toString());
      res.writeHead(200, {
        ...headers,
        "content-type": replies === "json" ? "application/json" : "text/event-stream",
        ...(isEncoded ? { "content-encoding": coding } : {}),
      });
      res.end(isEncoded ? encode(plain) : plain);
    },
  };
}

const same: Encode = (data) => data;

const CODINGS: readonly (readonly [string, string, string, Encode, Replies, string?])[] = [
  ["gzip", "compresses everything with gzip, asked or not", "gzip", gzipSync, "json"],
  ["gzip-stream", "compresses event streams with gzip, asked or not", "gzip", gzipSync, "sse"],
  [
    "br",
    "compresses everything with Brotli, asked or not",
    "br",
    brotliCompressSync,
    "json",
    "https://github.com/openai/codex/issues/37228",
  ],
  [
    "br-stream",
    "compresses event streams with Brotli, asked or not",
    "br",
    brotliCompressSync,
    "sse",
  ],
  ["deflate", "compresses everything with deflate, asked or not", "deflate", deflateSync, "sse"],
  [
    "deflate-raw",
    "compresses with a deflate that has no header",
    "deflate",
    deflateRawSync,
    "json",
  ],
  ["identity", "names the coding identity", "identity", same, "json"],
  ["unknown", 'names "utf-8" as a coding, and encodes nothing', "utf-8", same, "json"],
  [
    "unknown-stream",
    'names "none" as a coding of its streams, and encodes nothing',
    "none",
    same,
    "sse",
  ],
  ["empty", "names an empty coding", "", same, "json"],
];

/** Refuses what does not satisfy it. */
function demanding(
  isGood: (context: RequestContext) => boolean,
  status: number,
  words: string,
): TestHttpServerOptions {
  const refuse = text(status, words);
  return {
    onRequest(context) {
      if (isGood(context)) return false;
      refuse(context);
      return true;
    },
  };
}

function atLocalhost(one: TestHttpServer): Target {
  return {
    entry: { url: `http://localhost:${one.url.port}/mcp` },
    ran: (tool, key) => one.executionCount(tool, key),
  };
}

/** The header that is given stands there twice. */
function twice(
  name: "content-type" | "mcp-session-id",
): Pick<TestHttpServerOptions, "writeAnswer"> {
  return {
    writeAnswer({ res }, answer, added) {
      const all: Record<string, string> = { ...added, "content-type": "application/json" };
      const lines = Object.entries(all).flatMap((line) =>
        line[0] === name ? [line, line] : [line],
      );
      res.writeHead(200, lines.flat()).end(JSON.stringify(answer));
    },
  };
}

export const headers: readonly Behaviour[] = [
  ...CODINGS.map(([id, title, coding, encode, replies, source]) =>
    behaviour(`coding-${id}`, title, source, async (trial) =>
      trial.everyday(await server(trial, encoding(coding, encode, replies))),
    ),
  ),
  {
    id: "coding-zstd",
    title: "compresses with Zstandard unless the client says what it accepts",
    source: "https://github.com/modelcontextprotocol/python-sdk/issues/2649",
    async run(trial) {
      const accepts = (accepted: string | undefined): boolean =>
        accepted === undefined || /zstd|\*/.test(accepted);
      await trial.everyday(await server(trial, encoding("zstd", zstd, "json", accepts)));
    },
  },
  behaviour("header-type-twice", "sends the content type twice", undefined, async (trial) =>
    trial.everyday(await server(trial, twice("content-type"))),
  ),
  behaviour(
    "header-session-twice",
    "sends the session id twice",
    "https://github.com/bcurts/agentchattr/issues/80",
    async (trial) => trial.everyday(await server(trial, twice("mcp-session-id"))),
  ),
  {
    id: "user-agent",
    title: "stands behind a firewall that refuses requests without a User-Agent",
    source: "https://github.com/warpdotdev/warp/issues/7465",
    async run(trial) {
      const hasAgent = ({ headers: asked }: RequestContext): boolean =>
        asked["user-agent"] !== undefined;
      await trial.everyday(await server(trial, demanding(hasAgent, 403, "<h1>403 Forbidden</h1>")));
    },
  },
  {
    id: "accept-both",
    title: "demands that both content types are accepted, of GET and POST alike",
    async run(trial) {
      const isGood = ({ headers: asked, method }: RequestContext): boolean =>
        method !== "POST" ||
        (/application\/json/.test(asked.accept ?? "") &&
          /text\/event-stream/.test(asked.accept ?? ""));
      await trial.everyday(await server(trial, demanding(isGood, 406, "Not Acceptable")));
    },
  },
  {
    id: "redirect-slash",
    title: "redirects /mcp to /mcp/ with 307",
    source: "https://github.com/modelcontextprotocol/python-sdk/issues/732",
    async run(trial) {
      const one = await server(trial, {
        onRequest({ path, res }) {
          if (path !== "/mcp") return false;
          res.writeHead(307, { location: "/mcp/" }).end();
          return true;
        },
      });
      await trial.everyday(one);
    },
  },
  {
    id: "redirect-loopback",
    title: "is configured as localhost, and redirects to 127.0.0.1 of the same port with 308",
    async run(trial) {
      const one = await server(trial, {
        onRequest({ headers: asked, res, server: self }) {
          if (asked.host?.startsWith("localhost:") !== true) return false;
          res.writeHead(308, { location: self.url.href }).end();
          return true;
        },
      });
      await trial.everyday(atLocalhost(one));
    },
  },
  {
    id: "localhost",
    title: "is configured as localhost, and listens on 127.0.0.1 only",
    source: "https://github.com/mcp-servers-for-revit/mcp-servers-for-revit/issues/29",
    async run(trial) {
      const one = await server(trial);
      await trial.everyday(atLocalhost(one));
    },
  },
  {
    id: "connection-close",
    title: "closes the connection after every answer",
    async run(trial) {
      const one = await server(trial, {
        onRequest({ res }) {
          res.setHeader("connection", "close");
        },
      });
      await trial.everyday(one);
      await trial.callsAtOnce("echo", 20, 4);
    },
  },
];
