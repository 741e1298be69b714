// `npm run lint` says what it should: each case is one small tree with one breach in it.

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { root, run } from "./run.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A tree of its own under the project's own configuration. */
function tree(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "mcp-client-pool-lint-"));
  folders.push(folder);
  for (const name of [
    "package.json",
    "tsconfig.json",
    ".oxlintrc.json",
    ".dependency-cruiser.mjs",
  ]) {
    cpSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
  for (const [name, text] of Object.entries({
    "src/index.ts": "export const name = 1;\n",
    ...files,
  })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const lint = (script: string, cwd: string) => run("npm", ["run", "--silent", script], cwd);

describe("lint:layers", () => {
  const value = "export const value = 1;\n";
  const type = "export type Shape = { a: 1 };\n";
  const breaches: [title: string, rule: string, files: Record<string, string>][] = [
    [
      "a cycle",
      "no-circular",
      {
        "src/core/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();\n',
        "src/core/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();\n',
      },
    ],
    [
      "a cycle of types only",
      "no-circular",
      {
        "src/core/a.ts": 'import type { B } from "./b.ts";\nexport type A = { b?: B };\n',
        "src/core/b.ts": 'import type { A } from "./a.ts";\nexport type B = { a?: A };\n',
      },
    ],
    [
      "core importing spec",
      "layer-core",
      { "src/spec/b.ts": value, "src/core/a.ts": 'export { value } from "../spec/b.ts";\n' },
    ],
    [
      "a type of a higher layer",
      "layer-jsonrpc",
      { "src/eras/b.ts": type, "src/jsonrpc/a.ts": 'export type { Shape } from "../eras/b.ts";\n' },
    ],
    [
      "a higher layer imported on demand",
      "layer-resilience",
      {
        "src/pool/b.ts": value,
        "src/resilience/a.ts": 'export const load = () => import("../pool/b.ts");\n',
      },
    ],
    [
      "a transport knowing an era",
      "layer-transport",
      {
        "src/eras/b.ts": value,
        "src/transport/http/a.ts": 'export { value } from "../../eras/b.ts";\n',
      },
    ],
    [
      "one era importing the other",
      "siblings-eras",
      {
        "src/eras/2025-11-25/b.ts": value,
        "src/eras/2026-07-28/a.ts": 'export { value } from "../2025-11-25/b.ts";\n',
      },
    ],
    [
      "one transport importing another",
      "siblings-transport",
      {
        "src/transport/stdio/b.ts": value,
        "src/transport/http/a.ts": 'export { value } from "../stdio/b.ts";\n',
      },
    ],
    [
      "sse-legacy importing stdio",
      "siblings-transport-sse-legacy",
      {
        "src/transport/stdio/b.ts": value,
        "src/transport/sse-legacy/a.ts": 'export { value } from "../stdio/b.ts";\n',
      },
    ],
    [
      "the public surface imported from inside",
      "layer-catalog",
      { "src/catalog/a.ts": 'export * from "mcp-client-pool";\n' },
    ],
    ["a folder without a layer", "layer-unknown", { "src/utils/a.ts": 'import "node:fs";\n' }],
    ["ajv loaded at start", "lazy-packages", { "src/core/a.ts": 'export { Ajv } from "ajv";\n' }],
    [
      "a development dependency in what is published",
      "no-dev-dependency",
      { "src/core/a.ts": 'export { z } from "zod";\n' },
    ],
  ];

  test.each(breaches)("refuses %s", async (_title, rule, files) => {
    const { code, output } = await lint("lint:layers", tree(files));
    expect(output).toContain(`error ${rule}:`);
    expect(code).not.toBe(0);
  });

  test("lets sse-legacy build on http, and ajv and types of the SDK be loaded on demand", async () => {
    const folder = tree({
      "src/transport/http/b.ts": value,
      "src/transport/sse-legacy/a.ts": 'export { value } from "../http/b.ts";\n',
      "src/core/a.ts":
        'import type { Ajv } from "ajv";\nexport const load = (): Promise<unknown> => import("ajv");\nexport type Validator = Ajv;\n',
    });
    const { code, output } = await lint("lint:layers", folder);
    expect(code, output).toBe(0);
  });
});

describe("lint:code", () => {
  const breaches: [title: string, rule: string, files: Record<string, string>][] = [
    [
      "a cycle of types only",
      "import(no-cycle)",
      {
        "src/core/a.ts": 'import type { B } from "./b.ts";\nexport type A = { b?: B };\n',
        "src/core/b.ts": 'import type { A } from "./a.ts";\nexport type B = { a?: A };\n',
      },
    ],
    [
      "a promise nobody waits for",
      "typescript(no-floating-promises)",
      { "src/core/a.ts": "export function go(work: () => Promise<void>): void {\n  work();\n}\n" },
    ],
    [
      "a promise where none is expected",
      "typescript(no-misused-promises)",
      {
        "src/core/a.ts":
          "export const go = (n: number[]): void => n.forEach(async (x) => void x);\n",
      },
    ],
    [
      "any",
      "typescript(no-explicit-any)",
      { "src/core/a.ts": "export const a = (b: any): void => void b;\n" },
    ],
    [
      "a non-null assertion",
      "typescript(no-non-null-assertion)",
      { "src/core/a.ts": "export const a = (b?: string): string => b!;\n" },
    ],
    ["the console", "eslint(no-console)", { "src/pool/a.ts": 'console.log("a");\n' }],
    ["process.env", "node(no-process-env)", { "src/pool/a.ts": "export const a = process.env;\n" }],
  ];

  test.each(breaches)("refuses %s", async (_title, rule, files) => {
    const { code, output } = await lint("lint:code", tree(files));
    expect(output).toContain(rule);
    expect(code).not.toBe(0);
  });

  test("lets config and cli use the console and process.env", async () => {
    const text = 'console.log(process.env["HOME"]);\n';
    const folder = tree({
      "src/config/a.ts": text,
      "src/cli/a.ts": text,
      "src/transport/stdio/a.ts": "export const a = process.env;\n",
      "demo/main.ts": text,
    });
    const { code, output } = await lint("lint:code", folder);
    expect(code, output).toBe(0);
  });
});

test("the project itself passes", async () => {
  const { code, output } = await lint("lint", root);
  expect(code, output).toBe(0);
});
