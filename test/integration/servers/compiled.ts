// The stdio toolbox as plain JavaScript: a child that compiles itself takes seconds to start, and is taken for a silent one.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `v1` and `v2`: sessions alone, asking by requests. The rest on version 2, asking by results. */
export type StdioVariant = "v1" | "v2" | "sessions" | "stateless" | "both";

const PROGRAM = fileURLToPath(new URL("./stdio.ts", import.meta.url));

/** Below node_modules, so that the SDKs are found from there. */
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/toolbox", import.meta.url));

let program: Promise<string> | undefined;

/** Path of the compiled `stdio.ts`. */
export function compiledStdioServer(): Promise<string> {
  return (program ??= compile());
}

/** The folder is named by what is compiled into it, so that several processes may share it. */
async function compile(): Promise<string> {
  const sourceFolder = dirname(PROGRAM);
  const sources = readdirSync(sourceFolder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({ name, code: readFileSync(join(sourceFolder, name), "utf8") }));
  const hash = createHash("sha256").update(JSON.stringify(sources)).digest("hex").slice(0, 16);
  const folder = join(CACHE, hash);
  const path = join(folder, toCompiled(basename(PROGRAM)));
  try {
    readFileSync(path);
    return path;
  } catch {
    // Not compiled yet.
  }
  const { default: ts } = await import("typescript");
  const compilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
  };
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, "package.json"), '{ "type": "module" }');
  for (const { name, code } of sources) {
    const { outputText } = ts.transpileModule(code, { compilerOptions, fileName: name });
    writeFileSync(join(fresh, toCompiled(name)), outputText);
  }
  try {
    renameSync(fresh, folder);
  } catch {
    // Another process was faster.
    rmSync(fresh, { recursive: true });
  }
  return path;
}

function toCompiled(name: string): string {
  return name.replace(/\.ts$/, ".js");
}
