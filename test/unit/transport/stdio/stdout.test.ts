import { describe, expect, test } from "vitest";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import type { QuirkCode } from "../../../../src/jsonrpc/quirk-table.ts";
import type { Quirks } from "../../../../src/jsonrpc/quirks.ts";
import {
  FLOOD_LINES,
  FLOOD_MS,
  MAX_LINES_BEFORE_MESSAGE,
  NoiseGauge,
} from "../../../../src/transport/stdio/noise-gauge.ts";
import { foreignFraming, StdoutReader } from "../../../../src/transport/stdio/stdout-reader.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { repairLog } from "../../fakes.ts";

const response: JsonRpcMessage = { jsonrpc: "2.0", id: 1, result: { text: 'a } b { " c' } };
const request: JsonRpcMessage = { jsonrpc: "2.0", id: 1, method: "ping" };
const notice: JsonRpcMessage = { jsonrpc: "2.0", method: "notifications/message", params: {} };
const last: JsonRpcMessage = { id: 1, result: {}, jsonrpc: "2.0" };

const line = (message: object): string => JSON.stringify(message);
const printed = (message: object, indent: string | number = 2): string[] =>
  JSON.stringify(message, null, indent).split("\n");

interface Read {
  readonly messages: unknown[];
  readonly noise: string[];
  readonly lineCount: number;
  readonly quirks: Quirks;
}

function read(
  lines: readonly string[],
  options: { strict?: boolean; maxChars?: number } = {},
): Read {
  const quirks = repairLog(options);
  const messages: unknown[] = [];
  const noise: string[] = [];
  let lineCount = 0;
  const reader = new StdoutReader({
    repairs: { quirks, isAwaiting: (id) => id === 1 },
    maxChars: options.maxChars ?? 100_000,
    onMessage: (message) => messages.push(message),
    onNoise: ({ text }, count) => {
      noise.push(text);
      lineCount += count;
    },
  });
  for (const one of lines) reader.read(one);
  reader.end();
  return { messages, noise, lineCount, quirks };
}

type Row = readonly [
  name: string,
  lines: readonly string[],
  messages: readonly unknown[],
  noise: readonly string[],
  ...codes: QuirkCode[],
];

const ESC = String.fromCodePoint(0x1b);
const NUL = String.fromCodePoint(0);

const ROWS: readonly Row[] = [
  ["a mark, jsonrpc last", [`\uFEFF${line(last)}`], [last], [], "byte-order-mark"],
  ["a mark before a request", [`\uFEFF${line(request)}`], [request], [], "byte-order-mark"],
  [
    "NUL bytes around it",
    [`${NUL}${line(response)}${NUL}${NUL}`],
    [response],
    [],
    "control-characters",
  ],
  [
    "colours around it",
    [`${ESC}[1;32m${line(request)}${ESC}[0m`],
    [request],
    [],
    "control-characters",
  ],
  [
    "a title before it",
    [`${ESC}]0;server\u0007${line(response)}`],
    [response],
    [],
    "control-characters",
  ],
  ["a banner, jsonrpc last", [`Ready. ${line(last)}`], [last], ["Ready. "], "noise-around-message"],
  [
    "a banner with an object",
    [`cfg {"a":{"b":1}} ${line(last)}`],
    [last],
    ['cfg {"a":{"b":1}} '],
    "noise-around-message",
  ],
  [
    "noise behind it",
    [`${line(response)} [done] {x}`],
    [response],
    ["[done] {x}"],
    "noise-around-message",
  ],
  [
    "a message cut off by another",
    [`{"jsonrpc":"2.0","id":7,"res${line(last)}`],
    [last],
    ['{"jsonrpc":"2.0","id":7,"res'],
    "noise-around-message",
  ],
  [
    "several on one line",
    [`${line(response)}${line(request)} ${line(notice)}`],
    [[response, request, notice]],
    [],
    "joined-messages",
  ],
  ["printed over lines", printed(response), [response], [], "multi-line-message"],
  ["printed without indentation", printed(response, "\t"), [response], [], "multi-line-message"],
  [
    "printed, with lists and scalars",
    printed({ jsonrpc: "2.0", id: 1, result: { a: [[], {}, [1, -2e5, null, true, "x"]] } }),
    [{ jsonrpc: "2.0", id: 1, result: { a: [[], {}, [1, -2e5, null, true, "x"]] } }],
    [],
    "multi-line-message",
  ],
];

const NOISE: readonly (readonly [name: string, lines: readonly string[], pieces: number])[] = [
  ["a logged request", [`got ${line(request)}`], 1],
  [
    "a logged request without jsonrpc in front",
    [`got {"id":1,"method":"ping","jsonrpc":"2.0"}`],
    1,
  ],
  ["a batch behind noise", [`got [${line(response)}]`], 1],
  ["a request with noise behind it", [`${line(request)} sent`], 1],
  ["a request printed over lines", printed(request), 1],
  ["JSON that is a log", ['{"level":"info","id":1,"msg":"x"}'], 1],
  ["a printed log", printed({ level: "info", id: 1 }), 1],
  ["an answer behind noise that nobody marked", ['got {"id":1,"result":{}}'], 1],
  ["a brace that nothing follows", ["{"], 1],
  ["a brace, then a text", ["{", "text", "}"], 3],
  ["a brace, then a log line", ["{", "[INFO] text"], 2],
];

describe("what stands around a message", () => {
  test.each(ROWS.map((row) => ({ name: row[0], row })))(
    "$name: the message is found, and counted",
    ({ row: [, lines, messages, noise, ...codes] }) => {
      const seen = read(lines);
      expect(seen.messages).toEqual(messages);
      expect(seen.noise).toEqual(noise);
      expect(seen.quirks.counts).toEqual(Object.fromEntries(codes.map((code) => [code, 1])));
      // What follows is read as if nothing had been.
      expect(read([...lines, line(notice)]).messages).toEqual([...messages, notice]);
    },
  );

  /** Strict looks for a message behind noise by how the usual serialisers begin one. */
  const STRANGE = ROWS.filter(([, [first = ""]]) => first.indexOf('{"jsonrpc"') <= 0);

  test.each(STRANGE.map((row) => ({ name: row[0], lines: row[1] })))(
    "strict: $name is noise",
    ({ lines }) => {
      const seen = read(lines, { strict: true });
      expect(seen.messages).toEqual([]);
      expect(seen.noise).toEqual(lines);
      expect(seen.quirks.counts).toEqual({});
    },
  );

  test("strict: a mark or a banner before a message that begins with jsonrpc", () => {
    const options = { strict: true };
    expect(read([`\uFEFF${line(request)}`], options).messages).toEqual([request]);
    expect(read([`Ready ${line(response)}`], options)).toMatchObject({
      messages: [response],
      noise: ["Ready "],
    });
  });

  test.each(NOISE)("%s: noise, and nothing is lost behind it", (_, lines, pieces) => {
    const seen = read([...lines, line(response)]);
    expect(seen.messages).toEqual([response]);
    expect(seen.noise).toHaveLength(pieces);
    expect(seen.lineCount).toBe(lines.length);
    expect(seen.quirks.counts).toEqual({});
  });

  test("requests printed over lines are taken from a server that prints all its messages so", () => {
    expect(read([...printed(response), ...printed(request)]).messages).toEqual([response, request]);
    expect(read([...printed(response), line(notice), ...printed(request)]).messages).toEqual([
      response,
      notice,
    ]);
  });

  test("a printed object longer than the limit is noise, with the line that went beyond it", () => {
    const lines = printed({ a: Array.from({ length: 100 }, () => "x".repeat(20)) });
    const seen = read([...lines, line(response)], { maxChars: 1_000 });
    expect(seen.messages).toEqual([response]);
    expect(seen.lineCount).toBe(lines.length);
  });

  test("the error of noise says what it is", () => {
    const quirks = repairLog();
    const messages: string[] = [];
    const reader = new StdoutReader({
      repairs: { quirks, isAwaiting: () => false },
      maxChars: 1_000,
      onMessage: () => {},
      onNoise: (noise) => messages.push(noise.error("s").message),
    });
    for (const one of ["hello", "{}", `hello ${line(response)}`]) reader.read(one);
    expect(messages).toEqual([
      expect.stringContaining("not JSON: hello"),
      expect.stringContaining("no JSON-RPC 2.0 message: {}"),
      expect.stringContaining("on the line of a message: hello"),
    ]);
  });
});

test.each([
  ["Content-Length: 52", "Content-Length"],
  ["content-length:52 ", "Content-Length"],
  [`{${NUL}"${NUL}j${NUL}`, "UTF-16"],
  ["Content-Length of the answer: 52", undefined],
  ["Content-Type: text/html", undefined],
  ['{"Content-Length": 52}', undefined],
])("%j at the start: %s", (text, named) => {
  const reason = foreignFraming(text);
  if (named === undefined) expect(reason).toBeUndefined();
  else expect(reason).toContain(named);
});

describe("how much noise is too much", () => {
  function gauge(strict = false): { gauge: NoiseGauge; clock: ManualClock } {
    const clock = new ManualClock();
    return { clock, gauge: new NoiseGauge(() => clock.now(), strict) };
  }

  /** Noise at an even rate; whether it was too much. */
  function make(one: ReturnType<typeof gauge>, perSecond: number, seconds: number): boolean {
    for (let tenth = 0; tenth < seconds * 10; tenth++) {
      for (let index = 0; index < perSecond / 10; index++) {
        if (one.gauge.onNoise(1) !== undefined) return true;
      }
      one.clock.advance(100);
    }
    return false;
  }

  test("before the first message, a number", () => {
    const one = gauge();
    expect(one.gauge.onNoise(MAX_LINES_BEFORE_MESSAGE)).toBeUndefined();
    expect(one.gauge.onNoise(1)).toContain("lines without a message");
  });

  test("after it, a burst of any size is not", () => {
    const one = gauge();
    one.gauge.onMessage();
    expect(make(one, FLOOD_LINES * 20, 5)).toBe(false);
  });

  test("nor is a rate that can be borne, for as long as it likes", () => {
    const one = gauge();
    one.gauge.onMessage();
    expect(make(one, FLOOD_LINES / 2, 60)).toBe(false);
  });

  test("a flood that lasts is", () => {
    const one = gauge();
    one.gauge.onMessage();
    expect(make(one, FLOOD_LINES * 2, FLOOD_MS / 1_000 + 2)).toBe(true);
  });

  test("unless there are messages in it, or pauses", () => {
    const one = gauge();
    for (let times = 0; times < 10; times++) {
      one.gauge.onMessage();
      expect(make(one, FLOOD_LINES * 2, 5)).toBe(false);
    }
    for (let times = 0; times < 10; times++) {
      one.clock.advance(5_000);
      expect(make(one, FLOOD_LINES * 2, 5)).toBe(false);
    }
  });

  test("strict: the number counts after a message too", () => {
    const one = gauge(true);
    one.gauge.onMessage();
    expect(one.gauge.onNoise(MAX_LINES_BEFORE_MESSAGE + 1)).toBeDefined();
  });
});
