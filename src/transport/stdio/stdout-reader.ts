// Lines of stdout in, messages and noise out.
// Hot path: a good message passes without an object of ours.

import { isRequest } from "../../jsonrpc/messages.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import { tryParse } from "../../jsonrpc/parse.ts";
import type { RepairContext } from "../../jsonrpc/repair.ts";
import { decodeLine, Noise } from "./decode-line.ts";
import { MultiLine } from "./multi-line.ts";

export interface StdoutReaderOptions {
  /** Absent: every line is judged by the letter. */
  readonly repairs: RepairContext | undefined;
  /** Longest message over several lines, UTF-16 units. */
  readonly maxChars: number;
  onMessage(message: JsonRpcMessage | JsonRpcMessage[]): void;
  /** A message that stands behind the noise follows by `onMessage`. */
  onNoise(noise: Noise, lineCount: number): void;
}

export class StdoutReader {
  readonly #options: StdoutReaderOptions;
  /** Absent: no message is put together. */
  readonly #multiLine: MultiLine | undefined;
  /** The last message was printed over several lines: so are this server's requests. */
  #printsLines = false;

  constructor(options: StdoutReaderOptions) {
    const { repairs, maxChars } = options;
    this.#options = options;
    const mayRepair = repairs !== undefined && !repairs.quirks.strict;
    this.#multiLine = mayRepair ? new MultiLine(maxChars) : undefined;
  }

  read(line: string): void {
    const multiLine = this.#multiLine;
    if (multiLine !== undefined && (multiLine.isOpen || MultiLine.isStart(line))) {
      if (multiLine.add(line)) {
        if (multiLine.isComplete) this.#onComplete(multiLine);
        return;
      }
      this.#dropLines();
    }
    const decoded = decodeLine(line, this.#options.repairs);
    if (!(decoded instanceof Noise)) {
      this.#printsLines = false;
      this.#options.onMessage(decoded);
      return;
    }
    this.#options.onNoise(decoded, 1);
    if (decoded.message !== undefined) this.#options.onMessage(decoded.message);
  }

  /** The input is over. */
  end(): void {
    this.#dropLines();
  }

  #onComplete(multiLine: MultiLine): void {
    const { repairs } = this.#options;
    const { lineCount } = multiLine;
    const text = multiLine.take();
    const message = tryParse(text, repairs);
    if (typeof message === "string") return this.#options.onNoise(new Noise(text), lineCount);
    // A server that writes its own messages on one line prints what it was sent, for its log.
    const isLog = !Array.isArray(message) && isRequest(message) && !this.#printsLines;
    if (isLog) return this.#options.onNoise(new Noise(text), lineCount);
    repairs?.quirks.repair("multi-line-message");
    this.#printsLines = true;
    this.#options.onMessage(message);
  }

  /** What was held is no object after all. */
  #dropLines(): void {
    const multiLine = this.#multiLine;
    if (multiLine === undefined || !multiLine.isOpen) return;
    const { lineCount } = multiLine;
    this.#options.onNoise(new Noise(multiLine.take()), lineCount);
  }
}

/** What a server speaks that begins otherwise than MCP does; undefined if that is not certain. */
export function foreignFraming(text: string): string | undefined {
  if (/^\s*Content-Length:\s*\d+\s*$/i.test(text)) {
    return "it frames messages with Content-Length headers, as the Language Server Protocol does. MCP over stdio is one JSON message per line: have the server write its messages so";
  }
  if (text.includes('{\u0000"')) {
    return "it is encoded in UTF-16. MCP over stdio is UTF-8: have the server, or the shell that starts it, write UTF-8";
  }
  return undefined;
}
