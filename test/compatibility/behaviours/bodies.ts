// HTTP bodies: types that are missing or wrong, streams that end too early, answers in unexpected places.

import type { RequestContext, TestHttpServerOptions } from "../../support/http-server.ts";
import { sseEvent } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { server, writeAs } from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";
import type { Trial } from "../trial.ts";

type Write = (
  context: RequestContext,
  text: string,
  headers: Record<string, string>,
  answer: object,
) => void;

function writing(write: Write): Pick<TestHttpServerOptions, "writeAnswer"> {
  return {
    writeAnswer: (context, answer, headers) =>
      write(context, JSON.stringify(answer), headers, answer),
  };
}

/** JSON under another type, or under none. */
function typed(type: string | undefined): Write {
  return ({ res }, text, headers) => {
    res.writeHead(200, type === undefined ? headers : { ...headers, "content-type": type });
    res.end(text);
  };
}

const EVENTS = "text/event-stream";

const BODIES: readonly (readonly [string, string, Write, string?])[] = [
  ["type-missing", "names no content type for its JSON", typed(undefined)],
  ["type-text", "calls its JSON text/plain", typed("text/plain")],
  ["type-html", "calls its JSON text/html", typed("text/html; charset=UTF-8")],
  ["type-text-json", "calls its JSON text/json", typed("text/json")],
  ["type-suffix", "calls its JSON application/vnd.mcp+json", typed("application/vnd.mcp+json")],
  [
    "type-upper-case",
    "calls its JSON Application/JSON; Charset=UTF-8",
    typed("Application/JSON; Charset=UTF-8"),
  ],
  ["type-octets", "calls its JSON application/octet-stream", typed("application/octet-stream")],
  [
    "events-called-json",
    "calls its event stream application/json",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": "application/json" });
      res.end(`event: message\ndata: ${text}\n\n`);
    },
    "https://github.com/Megabit/Blazorise/issues/6621",
  ],
  ["json-called-events", "calls its JSON an event stream", typed(EVENTS)],
  [
    "events-untyped",
    "names no content type for its event stream",
    ({ res }, text, headers) => res.writeHead(200, headers).end(`data: ${text}\n\n`),
  ],
  [
    "event-without-blank-line",
    "ends the stream without the blank line that ends an event",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": EVENTS }).end(`data: ${text}\n`);
    },
    "https://github.com/vercel/ai/issues/16865",
  ],
  [
    "event-without-line-end",
    "ends the stream in the middle of a line, behind the last brace",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": EVENTS }).end(`data: ${text}`);
    },
  ],
  [
    "events-carriage-returns",
    "ends the lines of its events with CR LF, and puts comments between them",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": EVENTS });
      res.end(`: hello\r\n\r\nevent: message\r\ndata:${text}\r\n\r\n: bye\r\n\r\n`);
    },
  ],
  [
    "json-byte-order-mark",
    "puts a byte order mark before its JSON",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": "application/json" }).end(`\uFEFF${text}`);
    },
  ],
  [
    "event-byte-order-mark",
    "puts a byte order mark before the data of every event",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": EVENTS }).end(`data: \uFEFF${text}\n\n`);
    },
  ],
  [
    "json-blank-lines",
    "puts blank lines around its JSON",
    ({ res }, text, headers) => {
      res.writeHead(200, { ...headers, "content-type": "application/json" });
      res.end(`\n\n ${text}\r\n\r\n`);
    },
  ],
  [
    "status-201",
    "answers with 201",
    ({ res }, text, headers) => {
      res.writeHead(201, { ...headers, "content-type": "application/json" }).end(text);
    },
  ],
  [
    "status-202-with-answer",
    "answers requests with 202, and with the answer in the body",
    ({ res }, text, headers) => {
      res.writeHead(202, { ...headers, "content-type": "application/json" }).end(text);
    },
  ],
  [
    "two-lines-of-data",
    "spreads a message over several lines of data",
    ({ res }, _text, headers, answer) => {
      const lines = JSON.stringify(answer, null, 1).split("\n");
      res.writeHead(200, { ...headers, "content-type": EVENTS });
      res.end(`${lines.map((line) => `data: ${line}`).join("\n")}\n\n`);
    },
  ],
];

/** A call's own answer says nothing; the result comes on the stream of GET. */
async function answersOnGet(trial: Trial, answerCall: Answer): Promise<void> {
  const one = await server(trial, {
    getStream: true,
    writeAnswer(context, answer, headers) {
      if (context.body?.method === "tools/call") {
        answerCall(context);
        context.server.push(answer);
      } else writeAs("json", context, answer, headers);
    },
  });
  await trial.connect(one);
  await trial.lists("echo");
  await trial.until(() => one.openStreams > 0);
  await trial.calls("echo", 2);
}

export const bodies: readonly Behaviour[] = [
  ...BODIES.map(([id, title, write, source]) =>
    behaviour(id, title, source, async (trial) =>
      trial.everyday(await server(trial, writing(write))),
    ),
  ),
  {
    id: "event-without-blank-line-open",
    title: "writes an event without its blank line, and leaves the stream open",
    source: "https://github.com/vercel/ai/issues/16865",
    async run(trial) {
      const one = await server(
        trial,
        writing(({ res }, text, headers) => {
          res.writeHead(200, { ...headers, "content-type": EVENTS }).write(`data: ${text}\n`);
        }),
      );
      await trial.everyday(one);
    },
  },
  behaviour(
    "answer-on-get-202",
    "answers calls with 202, and the answer comes on the stream of GET",
    undefined,
    (trial) => answersOnGet(trial, ({ res }) => res.writeHead(202).end()),
  ),
  behaviour(
    "answer-on-get-empty-stream",
    "ends the stream of a call without an event, and the answer comes on the stream of GET",
    undefined,
    (trial) =>
      answersOnGet(trial, ({ res }) => {
        res.writeHead(200, { "content-type": EVENTS }).end(": nothing here\n\n");
      }),
  ),
  {
    id: "answer-twice",
    title: "sends every answer on the stream of GET too",
    async run(trial) {
      const one = await server(trial, {
        getStream: true,
        ...writing(({ res, server: self }, _text, headers, answer) => {
          res.writeHead(200, { ...headers, "content-type": EVENTS }).end(sseEvent(answer));
          self.push(answer);
        }),
      });
      await trial.everyday(one);
    },
  },
];
