// What the command lines of `npm run faults` and `npm run soak` have in common: options, their faults, long lines.

import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";

/** No line that is printed is longer, as far as its words permit. */
export const WIDTH = 100;

/** What was given is wrong; the message is one line that says what. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

/** @throws {UsageError} */
export function readOptions<const T extends Options>(
  argv: readonly string[],
  options: T,
): Values<T> {
  try {
    const { values } = parseArgs({ args: joinNegative(argv), options });
    for (const [name, value] of Object.entries(values)) {
      if ([value].flat().includes("")) throw new UsageError(`--${name} needs a value`);
    }
    return values as Values<T>;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { message } = error as Error;
    const missing = /(--[\w-]+)(?: <value>)?' argument (?:missing|is ambiguous)/.exec(message)?.[1];
    if (missing !== undefined) throw new UsageError(`${missing} needs a value`);
    // "Unknown option '--x'. To specify a positional argument …": the first sentence says it.
    throw new UsageError(message.split(/\.\s+(?=[A-Z])|\n/)[0]);
  }
}

/** `--minutes -1` is a value that is wrong, and no option called 1. */
function joinNegative(argv: readonly string[]): string[] {
  return argv.reduce<string[]>((args, arg) => {
    const option = args.at(-1);
    const isValue = /^-\d/.test(arg) && option?.startsWith("--") && !option.includes("=");
    return isValue === true ? [...args.slice(0, -1), `${option}=${arg}`] : [...args, arg];
  }, []);
}

/** @throws {UsageError} */
export function integerOf(option: string, given: string, low: number, high: number): number {
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (value >= low && value <= high) return value;
  throw new UsageError(`${option} ${given}: it is a whole number from ${low} to ${high}`);
}

/** `--minutes`, a part of one included. @throws {UsageError} */
export function minutesOf(given: string, most: number): number {
  const minutes = /^\d*\.?\d+$/.test(given) ? Number(given) : 0;
  if (minutes > 0 && minutes <= most) return minutes;
  throw new UsageError(`--minutes ${given}: it is a number above 0, to ${most}`);
}

/**
 * Leaves the file as it is, or as absent as it is.
 *
 * @throws {UsageError} if it cannot be written.
 */
export function checkWritable(option: string, file: string): void {
  const isNew = !existsSync(file);
  try {
    // A pipe or a device is not opened for nothing: that may wait for its reader.
    if (!isNew && !statSync(file).isFile() && !statSync(file).isDirectory()) return;
    closeSync(openSync(file, "a"));
    if (isNew) rmSync(file);
  } catch (error) {
    const [reason] = (error as Error).message.split(", ");
    throw new UsageError(`${option} ${file}: it cannot be written (${reason})`);
  }
}

/** Lines of at most that many columns; a word that is longer stays whole. `indent`: of the second and later lines. */
export function wrap(text: string, { indent = 0, width = WIDTH } = {}): string[] {
  const [, lead = "", rest = ""] = /^( *)([^]*)$/.exec(text) ?? [];
  const lines: string[] = [];
  let line = lead;
  let isEmpty = true;
  for (const word of rest.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = " ".repeat(indent);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
