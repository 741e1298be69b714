// The demo's command line: what it may be, what is wrong with it, how it is explained.

import { parseArgs } from "node:util";

export const USAGE = `Usage: npm start                                           play the story
       npm start -- --url URL [--header "Name: value"] [CALL]    your server
       npm start -- --command "PROGRAM ARGUMENTS" [CALL]         your server
       npm start -- --help
CALL:  --call TOOL [--args JSON]`;

export const HELP = `mcp-client-pool: many MCP servers as one object, shown at work

${USAGE}

Without options it starts three servers of its own, one over HTTP and two as
child processes, calls their tools, restarts one and kills another while calls
are under way, and counts what came back and what was executed. No network.

With --url or --command it connects to your servers instead and shows what they
offer; with --call it calls one of their tools and shows the result.

Options:
  --url URL              a server over HTTP; may be given several times
  --header "Name: value" sent to every --url; may be given several times
  --command "…"          a server to be started as a child process; may be given
                         several times. No shell: words are split at spaces,
                         "…" and '…' keep them together, \\ keeps the next
                         character as it is (but not within '…')
  --call TOOL            call a tool, by its name in the pool (server__tool) or
                         by its own name if only one server has it
  --args JSON            its arguments, a JSON object (default: {})
  --help                 this text

Examples:
  npm start
  npm start -- --url http://127.0.0.1:3000/mcp
  npm start -- --url https://example.com/mcp --header "X-Api-Key: KEY"
  npm start -- --command "npx -y @modelcontextprotocol/server-filesystem ."
  npm start -- --command "node server.js" --call echo --args '{"text":"hello"}'

Colours: on a terminal; NO_COLOR=1 and FORCE_COLOR=1 are honoured.
Exit code: 0 all went well, 1 something did not, 2 wrong options,
130 and 143 ended by Ctrl-C and SIGTERM.
`;

export interface VisitOptions {
  readonly kind: "visit";
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** Program and arguments. */
  readonly commands: readonly (readonly [string, ...string[]])[];
  readonly call: { readonly tool: string; readonly args: { [key: string]: unknown } } | undefined;
}

export type DemoOptions = { readonly kind: "story" | "help" } | VisitOptions;

/** Wrong input: its message says what is wrong. */
export class OptionsError extends Error {}

/** @throws {OptionsError} */
export function parseOptions(argv: readonly string[]): DemoOptions {
  const values = readValues(argv);
  if (values.help === true) return { kind: "help" };
  const { url = [], header = [], command = [], call, args } = values;
  if (args !== undefined && call === undefined) throw new OptionsError("--args needs --call TOOL");
  if (header.length > 0 && url.length === 0) throw new OptionsError("--header needs --url URL");
  if (url.length + command.length === 0) {
    if (call !== undefined) throw new OptionsError("--call needs a server: --url or --command");
    return { kind: "story" };
  }
  if (!url.every((each) => /^[a-z][a-z0-9+.-]*:\/\//i.test(each) && URL.canParse(each))) {
    throw new OptionsError("--url needs a full address, as in http://127.0.0.1:3000/mcp");
  }
  return {
    kind: "visit",
    urls: url,
    headers: Object.fromEntries(header.map(parseHeader)),
    commands: command.map(parseCommand),
    call: call === undefined ? undefined : { tool: call, args: parseJsonObject(args ?? "{}") },
  };
}

function readValues(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        url: { type: "string", multiple: true },
        header: { type: "string", multiple: true },
        command: { type: "string", multiple: true },
        call: { type: "string" },
        args: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    // "Unknown option '--x'. To specify a positional argument …": the first sentence says it.
    const [message = "wrong options"] = String((error as Error).message).split(/\. (?=[A-Z])/);
    throw new OptionsError(message);
  }
}

function parseHeader(given: string): [string, string] {
  const colon = given.indexOf(":");
  const name = given.slice(0, Math.max(0, colon)).trim();
  // The value may be a secret: it is not repeated.
  if (name === "") throw new OptionsError('--header must look like "Name: value"');
  return [name, given.slice(colon + 1).trim()];
}

function parseCommand(given: string): [string, ...string[]] {
  const [program, ...rest] = splitCommand(given);
  if (program === undefined) throw new OptionsError("--command is empty");
  return [program, ...rest];
}

/** Words as a POSIX shell would split them, and nothing else that it would do. */
function splitCommand(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === "\\" && quote !== "'" && at + 1 < line.length) {
      // Within "…" a backslash is itself unless it precedes a quote or another backslash (Windows paths).
      const next = line.charAt(++at);
      const kept = quote === '"' && next !== '"' && next !== "\\" ? `\\${next}` : next;
      word = (word ?? "") + kept;
    } else if (quote !== "" ? char === quote : char === '"' || char === "'") {
      quote = quote === "" ? char : "";
      word ??= "";
    } else if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") throw new OptionsError(`--command has a ${quote} that is not closed`);
  return word === undefined ? words : [...words, word];
}

function parseJsonObject(given: string): { [key: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    throw new OptionsError(`--args is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new OptionsError(`--args must be a JSON object, as in '{"message":"hello"}'`);
  }
  return value as { [key: string]: unknown };
}
