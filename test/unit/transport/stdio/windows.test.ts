import { describe, expect, test } from "vitest";
import { childEnvironment } from "../../../../src/transport/stdio/environment.ts";
import {
  batchCommandLine,
  comspecOf,
  findCommand,
  hasUnsafeArgument,
  isBatchFile,
  isProgram,
  killTreeCommand,
} from "../../../../src/transport/stdio/windows.ts";

describe("where a command is found", () => {
  const FILES = [
    "C:\\node\\npx.cmd",
    "C:\\node\\npx",
    "C:\\node\\node.exe",
    "C:\\tools\\run.bat",
    "C:\\tools\\my tool.exe",
    "C:\\work\\npx.cmd",
    "C:\\work\\node.exe",
    "C:\\work\\bin\\server.cmd",
    "C:\\work\\odd.v2.exe",
  ].map((file) => file.toLowerCase());

  test.each<[string, string | undefined, object?]>([
    ["npx", "C:\\node\\npx.CMD"],
    ["node", "C:\\node\\node.EXE"],
    ["node.exe", "C:\\node\\node.exe"],
    ["NODE.EXE", "C:\\node\\NODE.EXE"],
    ["my tool", "C:\\tools\\my tool.EXE"],
    // The current folder is C:\work, and is not looked into for a bare name.
    ["odd.v2", undefined],
    [".\\odd.v2", "C:\\work\\odd.v2.EXE"],
    ["bin\\server", "C:\\work\\bin\\server.CMD"],
    ["bin/server", "C:\\work\\bin\\server.CMD"],
    ["C:\\work\\node", "C:\\work\\node.EXE"],
    ["missing", undefined],
    ["npx", undefined, { Path: "" }],
    ["npx", undefined, { Path: ".;bin;;\\\\" }],
    ["npx", "C:\\node\\npx.CMD", { Path: '"C:\\node";C:\\work' }],
    ["npx", undefined, { Path: "C:\\node", PathExt: ".EXE" }],
    ["run", "C:\\tools\\run.BAT", { Path: "C:\\tools", PathExt: "nonsense" }],
  ])("%j is %j", (command, path, environment = { Path: "C:\\node;C:\\tools" }) => {
    const isFile = (file: string): boolean => FILES.includes(file.toLowerCase());
    const found = findCommand({
      command,
      cwd: "C:\\work",
      environment: environment as Record<string, string>,
      isFile,
    });
    expect(found).toBe(path);
  });

  test("what starts by itself, and what cmd.exe reads", () => {
    expect(["a.exe", "a.COM", "a.cmd", "a.js"].map(isProgram)).toEqual([true, true, false, false]);
    expect(["a.exe", "a.bat", "a.CMD", "a.js"].map(isBatchFile)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("arguments of a batch file", () => {
  const ARGUMENTS = [
    "plain",
    "two words",
    "",
    'say "hi" & calc',
    '"&calc&"',
    "100%",
    "%PATH%",
    "!PATH!",
    "^",
    "a^b",
    "<in >out |pipe",
    "(x) [y]; z, *?",
    "back\\slash",
    "ends in \\",
    "ends in \\\\",
    'quote \\" within',
    'trailing \\"',
    "`tick`",
    "ümläut",
  ];

  test("reach the program behind it as they were given", () => {
    const { file, args } = batchCommandLine("C:\\a b\\x&y.cmd", ARGUMENTS, "C:\\cmd.exe");
    expect(file).toBe("C:\\cmd.exe");
    expect(args.slice(0, -1)).toEqual(["/d", "/v:off", "/s", "/c"]);
    const line = args.at(-1) ?? "";
    // /s: exactly these two.
    expect(line.startsWith('"') && line.endsWith('"')).toBe(true);
    const first = cmd(line.slice(1, -1));
    expect(first.startsWith("C:\\a b\\x&y.cmd ")).toBe(true);
    const second = cmd(first.slice("C:\\a b\\x&y.cmd ".length));
    expect(commandLineToArgv(second)).toEqual(ARGUMENTS);
  });

  test.each([
    ["a\nb", true],
    ["a\rb", true],
    ["a\0b", true],
    ["a\tb", false],
  ])("%j cannot be carried: %s", (argument, isUnsafe) => {
    expect(hasUnsafeArgument(["fine", argument])).toBe(isUnsafe);
  });

  /** One reading by cmd.exe: carets are taken off outside of quotation marks; anything special that is left would act. */
  function cmd(line: string): string {
    let read = "";
    let isQuoted = false;
    for (let at = 0; at < line.length; at++) {
      const character = line[at] ?? "";
      if (!isQuoted && character === "^") {
        at += 1;
        read += line[at] ?? "";
        continue;
      }
      if (character === '"') isQuoted = !isQuoted;
      if (!isQuoted && "&|<>()".includes(character)) throw new Error(`${character} acts at ${at}`);
      read += character;
    }
    return read;
  }
});

/** https://learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw */
function commandLineToArgv(line: string): string[] {
  const args: string[] = [];
  let current: string | undefined;
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const [run = ""] = /^\\*/.exec(line.slice(at)) ?? [];
    if (run !== "" && line[at + run.length] === '"') {
      current = (current ?? "") + "\\".repeat(Math.floor(run.length / 2));
      at += run.length;
      if (run.length % 2 === 1) current += '"';
      else isQuoted = !isQuoted;
    } else if (run !== "") {
      current = (current ?? "") + run;
      at += run.length - 1;
    } else if (line[at] === '"') {
      current ??= "";
      isQuoted = !isQuoted;
    } else if (line[at] === " " && !isQuoted) {
      if (current !== undefined) args.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + (line[at] ?? "");
    }
  }
  return current === undefined ? args : [...args, current];
}

test("cmd.exe and taskkill are those of the system, whatever PATH and ComSpec say", () => {
  const environment = { SystemRoot: "D:\\Windows", ComSpec: "C:\\evil.exe" };
  expect(comspecOf(environment)).toBe("D:\\Windows\\System32\\cmd.exe");
  expect(comspecOf({})).toBe("C:\\Windows\\System32\\cmd.exe");
  expect(killTreeCommand(4711, environment)).toEqual({
    file: "D:\\Windows\\System32\\taskkill.exe",
    args: ["/PID", "4711", "/T", "/F"],
  });
});

test("no child of Windows looks into the current folder for programs, unless its config says so", () => {
  const name = "NODEFAULTCURRENTDIRECTORYINEXEPATH";
  expect(childEnvironment({}, {}, "win32")).toEqual({ [name]: "1" });
  const own = { NoDefaultCurrentDirectoryInExePath: "" };
  expect(childEnvironment(own, {}, "win32")).toEqual(own);
  expect(childEnvironment({}, {}, "linux")).toEqual({});
});
