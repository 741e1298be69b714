// Child processes: noise on stdout, marks, frames, ids, the first message, crashes.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { child } from "../servers/child.ts";

/** Scripts: see the head of servers/stdio-child.mjs. */
const CHILDREN: readonly (readonly [string, string, object, string?])[] = [
  [
    "banner",
    "prints a banner on stdout before anything else",
    { before: ["[dotenv@17.2.2] injecting env (0) from .env", "", "My server is listening …"] },
    "https://github.com/postmanlabs/postman-mcp-server/issues/136",
  ],
  [
    "banner-long",
    "prints 300 lines on stdout before anything else",
    { before: Array.from({ length: 300 }, (_, at) => `npm warn deprecated package-${at}`) },
    "https://github.com/nabid-pf/youtube-video-summarizer-mcp/issues/6",
  ],
  [
    "banner-json",
    "prints JSON on stdout that is no message, before anything else",
    { before: ['{"level":"info","msg":"started"}', "[1, 2, 3]", "true", "42", "null"] },
  ],
  [
    "noise-few",
    "logs three lines during a call, one of them JSON",
    { noise: { lines: 3, texts: ['{"level":"info"}', "[INFO] compiling", "done"] } },
    "https://github.com/kud/mcp-jenkins/issues/6",
  ],
  [
    "noise-1500",
    "prints 1,500 lines of a build during a call",
    { noise: { lines: 1_500, texts: ["[INFO] compiling", '{"level":"info","msg":"step"}'] } },
    "https://github.com/AgentDeskAI/browser-tools-mcp/issues/239",
  ],
  [
    "noise-10000",
    "prints 10,000 lines of a build during a call",
    { noise: { lines: 10_000, texts: ["[INFO] compiling", "  > ok"] } },
    "https://github.com/PhilflowIO/dav-mcp/issues/48",
  ],
  [
    "byte-order-mark",
    "puts a byte order mark before its first message",
    { bom: "first" },
    "https://github.com/modelcontextprotocol/typescript-sdk/pull/2790",
  ],
  [
    "byte-order-mark-reversed",
    "puts a byte order mark before its first message, which begins with the result",
    { bom: "first", reversed: true },
  ],
  ["byte-order-marks", "puts a byte order mark before every message", { bom: "every" }],
  ["carriage-returns", "ends its lines with CR LF, and prints empty ones", { eol: "\r\n\r\n" }],
  [
    "string-id-silence",
    "never answers a request whose id is a string",
    { stringIds: "silence" },
    "https://github.com/can1357/oh-my-pi/pull/7107",
  ],
  [
    "string-id-zero",
    "answers a request whose id is a string with the id 0",
    { stringIds: 0 },
    "https://github.com/DeusData/codebase-memory-mcp/issues/253",
  ],
  [
    "string-id-null",
    "answers a request whose id is a string with the id null",
    { stringIds: null },
  ],
  [
    "exits-on-probe",
    "ends if the first request is not initialize",
    { exitsOn: "server/discover" },
    "https://github.com/0xMassi/webclaw/issues/107",
  ],
  [
    "probe-error-without-id",
    "answers server/discover with an error whose id is null",
    {
      raw: {
        "server/discover": [
          '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}',
        ],
      },
    },
  ],
  [
    "probe-not-initialized",
    "answers server/discover with -32002, that it is not initialized",
    {
      raw: {
        "server/discover": [
          '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32002,"message":"Server not initialized"}}',
        ],
      },
    },
  ],
];

/** Of a child that takes its time: no client can be faster. */
const SLOW_START_MS = 3_000;

export const stdio: readonly Behaviour[] = [
  ...CHILDREN.map(([id, words, script, source]) =>
    behaviour(`stdio-${id}`, words, source, (trial) => trial.everyday(child(trial, script))),
  ),
  behaviour(
    "stdio-probe-prints-error",
    "prints a line of text for server/discover, and answers nothing",
    undefined,
    (trial) => {
      const raw = { "server/discover": ["Error: unknown method server/discover"] };
      return trial.everyday(child(trial, { raw }));
    },
    // Silence is all that a client can see: it must wait for a while.
    8_000,
  ),
  behaviour(
    "stdio-slow-start",
    "reads nothing for three seconds, as npx does that downloads first",
    undefined,
    (trial) => trial.everyday(child(trial, { slowStartMs: SLOW_START_MS })),
    // Until it reads, and as long again.
    7_000,
  ),
  behaviour(
    "stdio-content-length",
    "frames its messages as the Language Server Protocol does; the client says so at once",
    undefined,
    (trial) => trial.refuses(child(trial, { framing: "content-length" })),
  ),
  behaviour(
    "stdio-crash",
    "crashes during a call; the next one works",
    undefined,
    async (trial) => {
      const folder = mkdtempSync(path.join(tmpdir(), "mcp-compatibility-"));
      trial.later(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
      const one = child(trial, { crashesOnce: path.join(folder, "crashed") });
      await trial.connect(one);
      await trial.lists("echo");
      await trial.calls("echo", 1, { expects: "any" });
      await trial.calls("echo", 2);
    },
  ),
];
