// `npm start` as a user runs it: the story holds and leaves nothing behind; wrong input is answered with advice.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { OptionsError, parseOptions } from "../../demo/options.ts";
import { startHttpServer } from "../support/http-server.ts";
import { isProcessAlive } from "../support/processes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TSX = createRequire(import.meta.url).resolve("tsx/cli");
const STDIO_SERVER = fileURLToPath(new URL("../support/stdio-server.mjs", import.meta.url));
const ESCAPE = "\u001B";

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Processes that the demo started, or that these started, and that still run. Linux only, elsewhere empty. */
  readonly left: readonly number[];
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the `tsx` command, which stands between us and the demo when it comes to signals. */
  readonly runner?: readonly string[];
  /** Sends a signal as soon as the output has this text. */
  readonly signal?: { readonly name: "SIGINT" | "SIGTERM"; readonly after: string };
}

async function runDemo(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  // The pool hands LOGNAME on to child processes: with it they can be found, whoever their parent is by then.
  const marker = `demo-${randomUUID()}`;
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
  const child = spawn(process.execPath, [...(options.runner ?? [TSX]), "demo/main.ts", ...args], {
    cwd: ROOT,
    env: { ...inherited, ...options.env, LOGNAME: marker },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let signal = options.signal;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (signal === undefined || !stdout.includes(signal.after)) return;
    child.kill(signal.name);
    signal = undefined;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr, left: processesMarked(marker) };
}

function processesMarked(marker: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`LOGNAME=${marker}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe("the story", () => {
  test("piped: it holds, every call returns, nothing is left, and the text is plain and narrow", async () => {
    const { code, stdout, stderr, left } = await runDemo([], { env: { CI: "true" } });
    expect(stderr).toBe("");
    expect(code).toBe(0);

    const summary = stdout.slice(stdout.indexOf("\nSummary"));
    expect(summary).toContain("The promise held.");
    const [, asked, results, unknown] =
      /(\d+) asked = (\d+) results \+ (\d+) "outcome unknown"/.exec(summary)?.map(Number) ?? [];
    expect(unknown).toBe(2);
    expect(asked).toBe((results ?? 0) + (unknown ?? 0));
    expect(summary).toMatch(/unrepeatable +3 of these calls, 3 executions/);
    expect(summary).toMatch(/recovered +2 lost sessions, 1 killed process/);
    expect(stdout.match(/asked 1, executed 1 {2}McpOutcomeUnknownError/g)).toHaveLength(2);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(
      'Check before you call again, or pass replay: "always" if repeating it is harmless',
    );
    expect(stdout).not.toContain("✗");

    const pids = /that were started \(([\d, ]+)\)/.exec(stdout)?.[1]?.split(", ").map(Number) ?? [];
    expect(pids).toHaveLength(3);
    expect(pids.filter(isProcessAlive)).toEqual([]);
    expect(left).toEqual([]);

    expect(stdout).not.toContain(ESCAPE);
    expect(stdout).not.toContain("\r");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test.each([
    { name: "SIGINT", expected: 130 },
    { name: "SIGTERM", expected: 143 },
  ] as const)("$name in the middle closes everything, exit code $expected", async (given) => {
    const { code, stdout, stderr, left } = await runDemo([], {
      runner: ["--import", "tsx"],
      signal: { name: given.name, after: "3. Call tools" },
    });
    expect(code).toBe(given.expected);
    expect(stdout).toContain(`${given.name}: closing everything`);
    expect(stdout).not.toContain("Summary");
    expect(stderr).toBe("");
    expect(left).toEqual([]);
  });
});

describe("wrong input", () => {
  test.each([
    { args: ["--bogus"], says: "Unknown option '--bogus'" },
    { args: ["--url", "ftp://127.0.0.1/"], says: "only http: and https:" },
    { args: ["--url", "localhost:3000/mcp"], says: "a full address" },
    { args: ["--url", "http://127.0.0.1/", "--header", "secret"], says: '"Name: value"' },
  ])("$args: says what is wrong and how it is used, exit code 2", async ({ args, says }) => {
    const { code, stdout, stderr } = await runDemo(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(says);
    expect(stderr).toContain("Usage: npm start");
    expect(stderr).not.toMatch(/\n\s+at |secret/);
  });

  test.each([
    { args: ["stray"], says: "Unexpected argument 'stray'" },
    { args: ["--url"], says: "argument missing" },
    { args: ["--url", "nonsense"], says: "--url needs a full address" },
    { args: ["--header", "A: b"], says: "--header needs --url" },
    { args: ["--command", "node 'a"], says: "a ' that is not closed" },
    { args: ["--command", " "], says: "--command is empty" },
    { args: ["--call", "echo"], says: "--call needs a server" },
    { args: ["--command", "node", "--args", "{}"], says: "--args needs --call" },
    { args: ["--command", "node", "--call", "x", "--args", "[]"], says: "must be a JSON object" },
    { args: ["--command", "node", "--call", "x", "--args", "{"], says: "--args is no JSON" },
  ])("$args is refused", ({ args, says }) => {
    expect(() => parseOptions(args)).toThrow(OptionsError);
    expect(() => parseOptions(args)).toThrow(says);
  });

  test.each([
    { line: "node  server.js\t--flag", words: ["node", "server.js", "--flag"] },
    { line: `node "a b" 'c "d"' ''`, words: ["node", "a b", 'c "d"', ""] },
    { line: `a\\ b "c\\"d" 'e\\f' --x="y z"`, words: ["a b", 'c"d', "e\\f", "--x=y z"] },
    { line: `"C:\\Program Files\\node" $HOME *`, words: ["C:\\Program Files\\node", "$HOME", "*"] },
  ])("--command $line is split without a shell", ({ line, words }) => {
    expect(parseOptions(["--command", line])).toMatchObject({ commands: [words] });
  });

  test("--help explains every option, exit code 0", async () => {
    const { code, stdout, stderr } = await runDemo(["--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const option of ["--url", "--header", "--command", "--call", "--args", "--help"]) {
      expect(stdout).toContain(`\n  ${option}`);
    }
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("colour: FORCE_COLOR puts it into a pipe, NO_COLOR wins", async () => {
    const forced = await runDemo(["--bogus"], { env: { FORCE_COLOR: "1" } });
    expect(forced.stderr).toContain(ESCAPE);
    const both = await runDemo(["--bogus"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } });
    expect(both.stderr).not.toContain(ESCAPE);
  });
});

describe("servers of one's own", () => {
  test("an address where nobody listens: a clear error without a stack, exit code 1", async () => {
    const server = await startHttpServer();
    const url = server.url.href;
    await server.close();
    const { code, stderr, left } = await runDemo(["--url", url]);
    expect(code).toBe(1);
    expect(stderr).toContain(url);
    expect(stderr).toContain("ECONNREFUSED");
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(left).toEqual([]);
  });

  test("a program that does not exist: a clear error without a stack, exit code 1", async () => {
    const { code, stderr, left } = await runDemo(["--command", "no-such-program-here --flag"]);
    expect(code).toBe(1);
    expect(stderr).toContain('"no-such-program-here"');
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(left).toEqual([]);
  });

  test("--url with --header: the header arrives, the catalogue is shown, the session is ended", async () => {
    const server = await startHttpServer();
    try {
      const url = server.url.href;
      const { code, stdout, stderr } = await runDemo(["--url", url, "--header", "X-Key: abc"]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(stdout).toContain("server__echo");
      expect(stdout).toMatch(/✓ server +ready/);
      expect(new Set(server.requests.map(({ headers }) => headers["x-key"]))).toEqual(
        new Set(["abc"]),
      );
      expect(server.sessions.size).toBe(0);
    } finally {
      await server.close();
    }
  });

  test("--command with quoted words, --call by the tool's own name: the result is shown, no child is left", async () => {
    const { code, stdout, stderr, left } = await runDemo([
      "--command",
      `'${process.execPath}' "${STDIO_SERVER}" "{\\"tools\\": [\\"echo\\", \\"slow\\"]}"`,
      "--call",
      "echo",
      "--args",
      '{"text":"hello there"}',
    ]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain("Call server__echo");
    expect(stdout).toContain("hello there");
    expect(left).toEqual([]);
  });

  test("--call of a tool that is not there: names what is near, exit code 1", async () => {
    const { code, stderr, left } = await runDemo([
      "--command",
      `'${process.execPath}' '${STDIO_SERVER}'`,
      "--call",
      "server__ecko",
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('did you mean "server__echo"');
    expect(left).toEqual([]);
  });
});
