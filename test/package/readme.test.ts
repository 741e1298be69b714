// The README's code is code: each block compiles against the public types.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { root } from "./run.ts";

/** What the blocks take for granted. */
const PREAMBLE = `
import type { ElicitValue, SamplingMessage, Tool, SdkTransport } from "mcp-client-pool";
declare const signal: AbortSignal;
declare const transport: SdkTransport;
declare const logger: { log(...args: unknown[]): void };
declare function askPerson(server: string, message: string, schema: object, signal: AbortSignal): Promise<{ [key: string]: ElicitValue } | undefined>;
declare function askModel(server: string, messages: SamplingMessage[], maxTokens: number): Promise<string>;
`;

const IMPORT = 'import { McpClientPool } from "mcp-client-pool";';
const POOL = "declare const pool: McpClientPool;";

function complete(code: string): string {
  const declaresPool = /(const|using) pool\b/.test(code);
  return [PREAMBLE, code.includes(IMPORT) ? "" : IMPORT, declaresPool ? "" : POOL, code].join("\n");
}

const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code = ""]) => code,
);

test("there are blocks to check", () => {
  expect(blocks.length).toBeGreaterThan(5);
});

test("every block compiles", () => {
  const sources = new Map(
    blocks.map((code, index) => [join(root, `test/readme-block-${index}.ts`), complete(code)]),
  );
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) =>
    ts.sys.readFile(path),
  );
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // An example may show a name without using it.
  const lenient = { ...options, noEmit: true, noUnusedLocals: false, noUnusedParameters: false };
  const host = ts.createCompilerHost(lenient);
  const disk = ts.createCompilerHost(lenient);
  host.getSourceFile = (name, version) => {
    const text = sources.get(name);
    if (text === undefined) return disk.getSourceFile(name, version);
    return ts.createSourceFile(name, text, version);
  };
  host.fileExists = (name) => sources.has(name) || disk.fileExists(name);
  host.readFile = (name) => sources.get(name) ?? disk.readFile(name);
  const program = ts.createProgram([...sources.keys()], lenient, host);
  const problems = [...sources.keys()].flatMap((name) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      (problem) =>
        `${name.slice(-8)}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`,
    );
  });
  expect(problems).toEqual([]);
});
