// Commands on Windows: where they are found, and how their arguments reach them. Pure, apart from the look at the disk
// that is handed in. Never run on Windows by the project's own tests: the tables of these functions are what was checked.
// https://learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw

import { win32 } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

export interface CommandSearch {
  readonly command: string;
  /** Of this process: PATH and PATHEXT are read from it, in any case. */
  readonly environment: Environment;
  /** What a relative command starts from. */
  readonly cwd: string;
  readonly isFile: (path: string) => boolean;
}

/** What Windows itself takes for programs. */
const DEFAULT_EXTENSIONS = ".COM;.EXE;.BAT;.CMD";

/** These are run by cmd.exe, which reads the arguments a second time. */
const BATCH_FILE = /\.(?:bat|cmd)$/i;

/**
 * The absolute path of a command, or undefined. A bare name is looked for in PATH alone: cmd.exe and `where` look into
 * the current folder first, where a file that somebody else put there would run.
 */
export function findCommand(search: CommandSearch): string | undefined {
  const { command, cwd, environment, isFile } = search;
  const hasFolder = /[\\/:]/.test(command);
  const folders = hasFolder ? [cwd] : foldersOf(variable(environment, "PATH") ?? "");
  const extensions = extensionsOf(variable(environment, "PATHEXT") ?? "");
  // A name with an extension may be the whole name; one without is never a program by itself.
  const endings = win32.extname(command) === "" ? extensions : ["", ...extensions];
  for (const folder of folders) {
    for (const ending of endings) {
      const path = win32.resolve(folder, `${command}${ending}`);
      if (isFile(path)) return path;
    }
  }
  return undefined;
}

/** A relative entry of PATH would be a folder of whoever runs the program. */
function foldersOf(path: string): string[] {
  return path
    .split(";")
    .map((folder) => folder.trim().replace(/^"(.*)"$/, "$1"))
    .filter((folder) => win32.isAbsolute(folder));
}

function extensionsOf(list: string): string[] {
  const given = list.split(";").filter((extension) => /^\.\w+$/.test(extension.trim()));
  return given.length === 0 ? DEFAULT_EXTENSIONS.split(";") : given.map((one) => one.trim());
}

/** Names of variables have no case. */
function variable(environment: Environment, name: string): string | undefined {
  const key = Object.keys(environment).find((one) => one.toUpperCase() === name);
  return key === undefined ? undefined : environment[key];
}

/** Windows starts it by itself. */
export function isProgram(path: string): boolean {
  return /\.(?:com|exe)$/i.test(path);
}

export function isBatchFile(path: string): boolean {
  return BATCH_FILE.test(path);
}

/** No quoting carries these to a batch file: cmd.exe ends the command at a line break, and a text at a NUL. */
export function hasUnsafeArgument(args: readonly string[]): boolean {
  return args.some((arg) => /[\r\n\0]/.test(arg));
}

export interface CommandLine {
  readonly file: string;
  /** Passed on as they are (`windowsVerbatimArguments`). */
  readonly args: readonly string[];
}

/** Everything that means something to cmd.exe. */
const META = /[()\][%!^"`<>&|;, *?]/g;

/**
 * The command line that runs a batch file with these arguments.
 *
 * Batch files of npm and its like hand `%*` to a program: cmd.exe then reads the arguments a second time, after it has
 * taken off one layer of carets. Each is therefore quoted for the program at the end, and escaped twice. This holds for
 * a batch file in any folder, and not in `node_modules\.bin` alone, where cross-spawn does so.
 */
export function batchCommandLine(
  path: string,
  args: readonly string[],
  comspec: string,
): CommandLine {
  const words = [path.replaceAll(META, "^$&"), ...args.map((arg) => twice(quote(arg)))];
  // /d: no AutoRun; /v:off: "!" is a character; /s: exactly the outer quotes are taken off.
  return { file: comspec, args: ["/d", "/v:off", "/s", "/c", `"${words.join(" ")}"`] };
}

/** As CommandLineToArgvW reads it: backslashes count only before a quotation mark. */
function quote(arg: string): string {
  return `"${arg.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}

function twice(text: string): string {
  return text.replaceAll(META, "^$&").replaceAll(META, "^$&");
}

/** cmd.exe by its absolute path: the first of that name in PATH or the current folder may be anybody's. */
export function comspecOf(environment: Environment): string {
  const root = variable(environment, "SYSTEMROOT") ?? "C:\\Windows";
  return win32.join(root, "System32", "cmd.exe");
}

/**
 * Ends a process and all that it started. Without `/F` they would be asked, which programs without a window do not
 * hear. The process must still run: of one that has ended the rest of its tree is not found any more.
 */
export function killTreeCommand(pid: number, environment: Environment): CommandLine {
  const root = variable(environment, "SYSTEMROOT") ?? "C:\\Windows";
  return {
    file: win32.join(root, "System32", "taskkill.exe"),
    args: ["/PID", String(pid), "/T", "/F"],
  };
}
