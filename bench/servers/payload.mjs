// A large result: text as files and web pages have it, with escapes, and one character in a hundred that is not ASCII.

import { pickerOf, randomOf } from "./random.mjs";

const PLAIN =
  "the of to and a in is it you that he was for on are with as his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know".split(
    " ",
  );
const NOT_ASCII = ["naïve", "café", "größe", "—", "“so”", "…", "日本", "Москва", "😀"];
const ESCAPED = ['"quoted"', "C:\\temp\\a.txt", "\tkey:"];

/** So many different lines, one after the other, again and again: nothing on the way sees one twice in a short time. */
const LINE_COUNT = 2_000;

const LINE_WORDS = 12;

/** Shares of the words. */
const NOT_ASCII_SHARE = 0.025;
const ESCAPED_SHARE = 0.02;

/** How a response to `tools/call` begins; its id follows, and then the rest. */
export const HEAD = '{"jsonrpc":"2.0","id":';

const BEGIN = ',"result":{"content":[{"type":"text","text":"';
const END = '"}]}}';

/** The rest, as UTF-8. @param bytes of the whole message, if its id has one digit */
export function restOf(bytes) {
  const text = Buffer.alloc(bytes - HEAD.length - 1 - BEGIN.length - END.length, ".");
  const lines = escapedLines();
  for (let at = 0, index = 0; ; index++) {
    const line = lines[index % LINE_COUNT];
    if (at + line.length > text.length) break;
    at += line.copy(text, at);
  }
  return Buffer.concat([Buffer.from(BEGIN), text, Buffer.from(END)]);
}

function escapedLines() {
  const random = randomOf(1);
  const oneOf = pickerOf(random);
  const word = () => {
    const dice = random();
    if (dice < NOT_ASCII_SHARE) return oneOf(NOT_ASCII);
    return oneOf(dice < NOT_ASCII_SHARE + ESCAPED_SHARE ? ESCAPED : PLAIN);
  };
  return Array.from({ length: LINE_COUNT }, () => {
    const line = Array.from({ length: LINE_WORDS }, word).join(" ");
    return Buffer.from(JSON.stringify(`${line}.\n`).slice(1, -1));
  });
}
