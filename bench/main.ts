// `npm run bench`: runs the studies, prints what they found and writes it to results/. See `--help`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { installNode24 } from "../test/fault/suite/install.ts";
import { readCommand, usage } from "./options.ts";
import type { Command } from "./options.ts";
import { STUDIES } from "./studies/index.ts";
import type { Machine, Written } from "./study.ts";
import { tables, verdictLine } from "./text.ts";

async function main({ studies, settings, results }: Command): Promise<void> {
  if (!existsSync(path.join(settings.build, "index.js"))) {
    throw new Error(`no build in ${settings.build}: run npm run build first`);
  }
  const { node, v8 } = process.versions;
  const machine: Machine = { node, v8, cpu: os.cpus()[0]?.model, cores: os.cpus().length };
  console.log(
    `Node ${node}, ${machine.cores} cores. Median (least–most) of the rounds; compare ratios, not numbers.\n`,
  );
  const lines: string[] = [];
  mkdirSync(results, { recursive: true });
  for (const study of studies) {
    const { name: of, title, method } = study;
    const startedAt = performance.now();
    console.log(`${of}: ${title}`);
    const findings = await study.run(settings);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
    console.log(`${tables(findings)}  (${seconds} s)\n`);
    lines.push(...findings.verdicts.map((verdict) => verdictLine(of, verdict, findings.metrics)));
    const at = new Date().toISOString();
    const { quick } = settings;
    const written: Written = { study: of, title, method, at, quick, machine, findings };
    writeFileSync(path.join(results, `${of}.json`), `${JSON.stringify(written, null, 2)}\n`);
  }
  if (lines.length > 0) console.log(`Targets\n  ${lines.join("\n  ")}\n`);
  if (settings.quick) console.log("A first look: so short a run misses what the full one meets.\n");
  console.log(`Written to ${path.relative(process.cwd(), results)}`);
}

/** The same again, there. */
async function runOnNode24(): Promise<void> {
  const node24 = await installNode24();
  if (node24 === undefined) throw new Error("npm has no Node 24 for this platform");
  const args = ["--import", "tsx", import.meta.filename, ...process.argv.slice(2)];
  const child = spawn(node24, args, { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}

/** Undefined: it has been said what is wrong, or how it is used. */
function commandGiven(): Command | undefined {
  try {
    const command = readCommand(process.argv.slice(2), STUDIES);
    if (command === undefined) console.log(usage(STUDIES));
    return command;
  } catch (error) {
    console.error(`${(error as Error).message}\n\nnpm run bench -- --help says what there is.`);
    process.exitCode = 2;
    return undefined;
  }
}

try {
  const command = commandGiven();
  if (command?.onNode24 === true && !process.version.startsWith("v24.")) await runOnNode24();
  else if (command !== undefined) await main(command);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
