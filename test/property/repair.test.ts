import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonRpcMessage } from "../../src/jsonrpc/messages.ts";
import { namedId } from "../../src/jsonrpc/named-id.ts";
import { tryParse } from "../../src/jsonrpc/parse.ts";
import { isMessage, messageIn, UnusableResult } from "../../src/jsonrpc/repair.ts";
import type { RepairContext } from "../../src/jsonrpc/repair.ts";
import { StdoutReader } from "../../src/transport/stdio/stdout-reader.ts";
import { repairLog } from "../unit/fakes.ts";

const repairs = (): RepairContext => ({ quirks: repairLog(), isAwaiting: () => true });

const id = fc.oneof(fc.integer(), fc.string());
const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }));
const error = fc.record(
  { code: fc.integer(), message: fc.string(), data: fc.jsonValue() },
  { requiredKeys: ["code", "message"] },
);
const success = fc.record({ jsonrpc: fc.constant("2.0"), id, result: object });
const failure = fc.record({ jsonrpc: fc.constant("2.0"), id, error });
const response = fc.oneof(success, failure);
const notification = fc.record({
  jsonrpc: fc.constant("2.0"),
  method: fc.string({ minLength: 1 }),
  params: object,
});
const wire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Members in any order. */
const shuffled = <T extends object>(one: fc.Arbitrary<T>): fc.Arbitrary<object> =>
  one.chain((value) =>
    fc
      .shuffledSubarray(Object.entries(value), { minLength: Object.keys(value).length })
      .map((entries) => Object.fromEntries(entries)),
  );

function read(lines: readonly string[]): { messages: unknown[]; noise: string[] } {
  const messages: unknown[] = [];
  const noise: string[] = [];
  const reader = new StdoutReader({
    repairs: repairs(),
    maxChars: 1 << 20,
    onMessage: (message) => messages.push(message),
    onNoise: ({ text }) => noise.push(text),
  });
  for (const line of lines) if (line.trim() !== "") reader.read(line);
  reader.end();
  return { messages: messages.flat(), noise };
}

describe("repair", () => {
  test("of any value gives a message, or an answer that names its call, or nothing", () => {
    const member = fc.constantFrom("jsonrpc", "id", "method", "params", "result", "error", "x");
    const odd = fc.dictionary(
      member,
      fc.oneof(fc.jsonValue(), fc.constantFrom("2.0", "1.0", 2, null, "", 7, "7"), object, error),
    );
    fc.assert(
      fc.property(fc.oneof(odd, fc.array(odd), fc.jsonValue()), (value) => {
        const came = messageIn(wire(value), repairs());
        for (const one of came === undefined ? [] : [came].flat()) {
          const isUnusable = "result" in one && one.result instanceof UnusableResult;
          expect(isUnusable || isMessage(one)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("changes nothing in a message, and counts nothing", () => {
    fc.assert(
      fc.property(fc.oneof(response, notification), (message) => {
        const context = repairs();
        expect(tryParse(JSON.stringify(message), context)).toEqual(wire(message));
        expect(context.quirks.counts).toEqual({});
      }),
    );
  });

  test("of several deviations at once gives what is meant", () => {
    fc.assert(
      fc.property(
        success,
        fc.constantFrom("1.0", 2, null, undefined),
        fc.boolean(),
        fc.boolean(),
        (message, jsonrpc, hasError, hasMark) => {
          const came = { ...message, jsonrpc, ...(hasError ? { error: null } : {}) };
          const text = `${hasMark ? "\uFEFF" : ""}${JSON.stringify(came)}`;
          expect(tryParse(text, repairs())).toEqual(wire(message));
        },
      ),
    );
  });
});

describe("stdout", () => {
  const noise = fc.oneof(
    fc.string({ unit: "binary" }).filter((text) => !/[\n{]/.test(text) && text.trim() !== ""),
    fc.constantFrom('{"level":"info","id":1}', "{a} [b]", "[INFO] x", "{'a': 1}", '{"a": NaN}'),
  );

  test("messages are found whatever noise is between them, in their order", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            response.map((message) => ({ message })),
            noise.map((text) => ({ text })),
          ),
        ),
        (items) => {
          const lines = items.map((item) =>
            "message" in item ? JSON.stringify(item.message) : item.text,
          );
          const messages = items.flatMap((item) => ("message" in item ? [wire(item.message)] : []));
          expect(read(lines).messages).toEqual(messages);
        },
      ),
    );
  });

  test("an answer is found behind noise on its line, a request never, whatever member comes first", () => {
    const request = fc.record({ jsonrpc: fc.constant("2.0"), id, method: fc.string() });
    const banner = noise.filter((text) => /^[A-Za-z']/.test(text.trim()) && !text.includes('"'));
    fc.assert(
      fc.property(banner, shuffled(response), shuffled(request), (text, answer, ask) => {
        expect(read([`${text} ${JSON.stringify(answer)}`]).messages).toEqual([wire(answer)]);
        expect(read([`${text} ${JSON.stringify(ask)}`]).messages).toEqual([]);
      }),
    );
  });

  test("an answer that is printed over several lines is put together, and joined ones taken apart", () => {
    fc.assert(
      fc.property(
        fc.array(shuffled(response), { minLength: 2, maxLength: 4 }),
        fc.constantFrom<string | number>(1, 2, 4, "\t"),
        (answers, indent) => {
          const lines = answers.flatMap((one) => JSON.stringify(one, null, indent).split("\n"));
          expect(read(lines)).toEqual({ messages: answers.map(wire), noise: [] });
          const joined = answers.map((one) => JSON.stringify(one)).join("");
          expect(read([joined])).toEqual({ messages: answers.map(wire), noise: [] });
        },
      ),
    );
  });

  test("any lines are read without a failure", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("{", "}", "[", "]", '"', "\uFEFF", "\u0000", "\u001B[0m", '"id":1,', ","),
      response.map((message) => JSON.stringify(message)),
    );
    const line = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        expect(() => read(lines)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe("a text that is cut off", () => {
  test("names its own call or none, wherever it is cut; a request names none", () => {
    const request = fc.record({
      jsonrpc: fc.constant("2.0"),
      method: fc.string(),
      id,
      params: object,
    });
    fc.assert(
      fc.property(shuffled(response), request, fc.nat(), (answer, ask, cut) => {
        const text = JSON.stringify(answer);
        const named = namedId(text.slice(0, cut % (text.length + 1)));
        expect([undefined, (answer as JsonRpcMessage & { id: unknown }).id]).toContain(named);
        const asked = JSON.stringify(ask);
        expect(namedId(asked.slice(0, cut % (asked.length + 1)))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});
