// One line of stdout: a message, noise, or a message among noise. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
// Hot path: a good message is parsed, and nothing else happens to it.

import { McpProtocolError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import { isRequest } from "../../jsonrpc/messages.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import { endOfString } from "../../jsonrpc/named-id.ts";
import { parseError, tryParse } from "../../jsonrpc/parse.ts";
import type { RepairContext } from "../../jsonrpc/repair.ts";

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;

/** How the letter-perfect serialisers begin a message: all that `strict` looks for behind noise. */
const MESSAGE_START = '{"jsonrpc"';

/** A message behind noise begins in the first so many characters of its line, and at the first few braces. */
const SEARCH_CHARS = 65_536;
const MAX_STARTS = 8;

/** Of a long line fewer are tried: each try may read all that follows. */
const TRIED_CHARS = 8_388_608;

/** Noise quoted in the warning that names it once. */
const DETAIL_CHARS = 100;

/** Most messages on one line. */
const MAX_JOINED = 1_000;

/** What stands around a message and shows nowhere: terminal colours and titles, marks, NUL and other control characters. */
const UNSEEN = String.raw`(?:\u001b\[[0-9;?]{0,32}[A-Za-z]|\u001b\][^\u0007\u001b]{0,256}\u0007|[\uFEFF\u0000-\u001a\u001c-\u0020\u007f])`;
const UNSEEN_BEFORE = new RegExp(`^${UNSEEN}+`);
/** For what follows the last brace: in a whole line, runs of blanks would make it slow. */
const UNSEEN_AFTER = new RegExp(`^${UNSEEN}+$`);

/** So many characters of it are left out on either side. */
const MAX_UNSEEN_CHARS = 1_024;

/** An object or an array of objects. */
const MESSAGE_BEGIN = /^\s*(?:\{\s*["}]|\[\s*[{[\]])/;

/** What is no message on a line, and the message before or behind it, if there is one. */
export class Noise {
  readonly text: string;
  readonly message: JsonRpcMessage | undefined;

  constructor(text: string, message?: JsonRpcMessage) {
    this.text = text;
    this.message = message;
  }

  /** Dear, and made only for what is reported. */
  error(server: string): McpProtocolError {
    if (this.message !== undefined) {
      return new McpProtocolError(
        `the server wrote something that is not JSON on the line of a message: ${excerpt(this.text, 200)}`,
        { server },
      );
    }
    const failure = tryParse(this.text);
    const { message, code, cause } = parseError(
      typeof failure === "string" ? failure : "no-message",
      this.text,
    );
    return new McpProtocolError(message, {
      server,
      code: code === "LIMIT_EXCEEDED" ? "LIMIT_EXCEEDED" : "PROTOCOL_ERROR",
      cause,
    });
  }
}

/** Reads one line; never throws. */
export function decodeLine(
  line: string,
  repairs?: RepairContext,
): JsonRpcMessage | JsonRpcMessage[] | Noise {
  if (isLikeMessage(line)) {
    const message = tryParse(line, repairs);
    if (typeof message !== "string") return message;
    // The whole line is a value: no message begins inside of it.
    if (message !== "not-json") return new Noise(line);
  }
  if (repairs === undefined || repairs.quirks.strict) return recoverByTheLetter(line);
  const bare = withoutUnseen(line);
  if (bare.length < line.length && isLikeMessage(bare)) {
    const message = tryParse(bare, repairs);
    if (typeof message !== "string") {
      const isMark = /^\uFEFF+$/.test(line.slice(0, line.length - bare.length));
      repairs.quirks.repair(isMark ? "byte-order-mark" : "control-characters");
      return message;
    }
  }
  // Almost all noise ends here.
  if (!bare.includes('"jsonrpc"')) return new Noise(bare);
  return takeApart(bare, repairs) ?? recover(bare, repairs);
}

/** JSON.parse is dear where it throws: noise is known by how it begins, as far as that goes. */
function isLikeMessage(line: string): boolean {
  const isUsual = line.charCodeAt(0) === OPEN_BRACE && line.charCodeAt(1) === QUOTE;
  return isUsual || MESSAGE_BEGIN.test(line);
}

function withoutUnseen(line: string): string {
  const end = Math.max(line.lastIndexOf("}"), line.lastIndexOf("]")) + 1;
  const tailChars = line.length - end;
  const isTail =
    tailChars > 0 && tailChars <= MAX_UNSEEN_CHARS && UNSEEN_AFTER.test(line.slice(end));
  const before = UNSEEN_BEFORE.exec(line.slice(0, MAX_UNSEEN_CHARS))?.[0].length ?? 0;
  return before === 0 && !isTail ? line : line.slice(before, isTail ? end : line.length);
}

/** Messages that stand behind each other, with nothing else on the line; or one, with noise behind it. */
function takeApart(line: string, repairs: RepairContext): JsonRpcMessage[] | Noise | undefined {
  const messages: JsonRpcMessage[] = [];
  let start = 0;
  while (start < line.length) {
    const end = endOfObject(line, start);
    const message = end === undefined ? "not-json" : tryParse(line.slice(start, end));
    if (end === undefined || typeof message === "string" || Array.isArray(message)) {
      const [first] = messages;
      if (first === undefined || messages.length > 1 || isRequest(first)) return undefined;
      const text = line.slice(start);
      repairs.quirks.repair("noise-around-message", excerpt(text, DETAIL_CHARS));
      return new Noise(text, first);
    }
    if (messages.push(message) > MAX_JOINED) return undefined;
    start = end;
    while (line.charCodeAt(start) <= 0x20) start += 1;
  }
  repairs.quirks.repair("joined-messages");
  return messages;
}

/** Where the object ends that begins here; undefined if none does, or its end is missing. */
function endOfObject(text: string, start: number): number | undefined {
  if (text.charCodeAt(start) !== OPEN_BRACE) return undefined;
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at + 1);
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if ((char === CLOSE_BRACE || char === CLOSE_BRACKET) && --depth === 0) return at + 1;
  }
  return undefined;
}

/**
 * A banner without a newline runs into the message behind it. A request is not recovered: it is more likely
 * the server's own log of what it was sent, and would be answered.
 */
function recover(line: string, repairs: RepairContext): Noise {
  const starts = /\{\s*"/g;
  const maxStarts = Math.max(1, Math.min(MAX_STARTS, Math.floor(TRIED_CHARS / line.length)));
  for (let count = 0; count < maxStarts; count++) {
    const start = starts.exec(line)?.index;
    if (start === undefined || start > SEARCH_CHARS) break;
    const message = start === 0 ? "not-json" : tryParse(line.slice(start));
    if (typeof message === "string") continue;
    if (Array.isArray(message) || isRequest(message)) break;
    const text = line.slice(0, start);
    repairs.quirks.repair("noise-around-message", excerpt(text, DETAIL_CHARS));
    return new Noise(text, message);
  }
  return new Noise(line);
}

/** The line as a whole is no message. */
function recoverByTheLetter(line: string): JsonRpcMessage | JsonRpcMessage[] | Noise {
  const start = line.indexOf(MESSAGE_START);
  const message = start < 1 ? "not-json" : tryParse(line.slice(start));
  if (typeof message === "string") return new Noise(line);
  const text = line.slice(0, start);
  if (text === "\uFEFF") return message;
  return Array.isArray(message) || isRequest(message) ? new Noise(line) : new Noise(text, message);
}
