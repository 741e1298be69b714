// What a user gets from npm: built, packed and imported as it would be.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, run } from "./run.ts";

const entry = join(root, "dist/index.js");
/** `npm test` has built already; after a change of src/ this does it again. */
function isBuilt(): boolean {
  const builtAt = statSync(entry, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  return sources.every((name) => statSync(join(root, "src", name)).mtimeMs <= builtAt);
}

let folder: string;
let tarball: string;
let files: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mcp-client-pool-pack-"));
  if (!isBuilt()) {
    const built = await run("npm", ["run", "--silent", "build"]);
    if (built.code !== 0) throw new Error(`the build fails:\n${built.output}`);
  }
  const packed = await run("npm", [
    "pack",
    "--json",
    "--ignore-scripts",
    "--loglevel=error",
    "--pack-destination",
    folder,
  ]);
  if (packed.code !== 0) throw new Error(`npm pack fails:\n${packed.output}`);
  const [report] = JSON.parse(packed.output.slice(packed.output.indexOf("["))) as {
    filename: string;
    files: { path: string }[];
  }[];
  if (report === undefined) throw new Error("npm pack reports nothing");
  tarball = join(folder, report.filename);
  files = report.files.map(({ path }) => path);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the tarball holds the code, its types and the documents, and nothing else", () => {
  const rest = files.filter((path) => !/^dist\/.+\.(js|d\.ts)$/.test(path));
  expect(rest.toSorted()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/ARCHITECTURE.md",
    "docs/COMPATIBILITY.md",
    "docs/PROTOCOL.md",
    "docs/PROXIES.md",
    "docs/RELIABILITY.md",
    "docs/SERVERS.md",
    "docs/guide/security.md",
    "examples/approval.ts",
    "examples/file-pins.ts",
    "examples/redaction.ts",
    "examples/timing.ts",
    "package.json",
  ]);
});

test("publint finds nothing", async () => {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test("its types resolve for every kind of ESM importer", async () => {
  const { code, output } = await run("attw", [
    "--profile",
    "esm-only",
    "--no-color",
    "--no-emoji",
    tarball,
  ]);
  expect(code, output).toBe(0);
});

test("it stays small", async () => {
  const { code, output } = await run("size-limit", []);
  expect(code, output).toBe(0);
});

test("importing it loads neither what only some servers need nor the official SDK, and leaves nothing running", async () => {
  const list = join(folder, "loaded.txt");
  process.env["LOADED_MODULES"] = list;
  const script = `
    await import(${JSON.stringify(pathToFileURL(entry).href)});
    const running = process.getActiveResourcesInfo().filter((kind) => !/PipeWrap|FSReq|MessagePort/.test(kind));
    if (running.length > 0) throw new Error("running: " + running);`;
  const hooks = pathToFileURL(join(import.meta.dirname, "import-hooks.mjs")).href;
  const { code, output } = await run(process.execPath, [
    "--import",
    hooks,
    "--input-type=module",
    "--eval",
    script,
  ]);
  expect(code, output).toBe(0);

  const loaded = readFileSync(list, "utf8").split("\n");
  expect(loaded.some((url) => url.endsWith("dist/index.js"))).toBe(true);
  expect(loaded.some((url) => url.includes("node_modules/valibot"))).toBe(true);
  const later = /node_modules\/(ajv|@modelcontextprotocol|cross-spawn|undici)\b/;
  expect(loaded.filter((url) => later.test(url))).toEqual([]);
});

test("its exports are these", async () => {
  const types = join(root, "dist/index.d.ts");
  const program = ts.createProgram([types], {
    module: ts.ModuleKind.Node20,
    target: ts.ScriptTarget.ES2023,
    skipLibCheck: true,
    types: ["node"],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(types);
  const surface = source && checker.getSymbolAtLocation(source);
  if (surface === undefined) throw new Error("dist/index.d.ts exports nothing");
  const values = Object.keys((await import(pathToFileURL(entry).href)) as object);
  const names = checker.getExportsOfModule(surface).map(({ name }) => name);
  expect({
    values: values.toSorted(),
    types: names.filter((name) => !values.includes(name)).toSorted(),
  }).toMatchSnapshot();
});
