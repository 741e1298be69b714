// `npm run guard`: whether a call costs more than it did. Not by its time, which depends on the machine and on what else
// it does, but by what is the same on every machine: bytes allocated, promises, timers, listeners, sockets, each per
// call and beside those of the floor. Two ratios of times are looked at as well, with limits that only a disaster
// passes. The limits and how to change them: limits.ts.

import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { HttpServer } from "../studies/calls/processes.ts";
import { checksOf, checksOfTimes } from "./checks.ts";
import type { Check } from "./checks.ts";
import { extrasOf, timesOf } from "./measure.ts";
import type { Extra } from "./measure.ts";

const HELP = `Usage: npm run guard -- [options]

Whether a call allocates more, or leaves more to the runtime, than it did. Needs a build: npm run build.

  --build <folder>  another build than dist
  --json <file>     write {"passed":n,"failed":n} there
  --figures         print what bench/guard/limits.ts takes
  --help            print this`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      build: { type: "string", default: path.join(import.meta.dirname, "../../dist") },
      json: { type: "string" },
      figures: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const build = path.resolve(values.build);
  if (!existsSync(path.join(build, "index.js"))) {
    throw new Error(`no build in ${build}: run npm run build first`);
  }
  const startedAt = performance.now();
  const checks = await check(build, values.figures);
  const broken = checks.filter(({ holds }) => !holds);
  for (const one of broken) console.log(`BROKEN  ${lineOf(one)}`);
  const passed = checks.length - broken.length;
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  console.log(`guard: ${passed} limits kept, ${broken.length} broken, in ${seconds} s`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ passed, failed: broken.length })}\n`);
  }
  if (broken.length > 0) process.exitCode = 1;
}

async function check(build: string, printsFigures: boolean): Promise<Check[]> {
  const checks: Check[] = [];
  const server = await HttpServer.start("http");
  try {
    await extrasOf(build, server, (name, extra) => {
      const own = checksOf(name, extra);
      checks.push(...own);
      console.log(printsFigures ? figuresOf(name, extra) : summaryOf(name, extra));
    });
    const times = await timeChecks(build, server);
    checks.push(...times);
    for (const one of times) console.log(lineOf(one));
  } finally {
    await server.end();
  }
  return checks;
}

/** A machine that was busy with something else is asked again. */
async function timeChecks(build: string, server: HttpServer): Promise<Check[]> {
  const checks = checksOfTimes(await timesOf(build, server));
  return checks.every(({ holds }) => holds) ? checks : checksOfTimes(await timesOf(build, server));
}

function summaryOf(name: string, { 1: one, 32: many }: Extra): string {
  const { promises, timers } = one.counts;
  return `${name}: a call costs ${one.heapBytes} bytes more than the floor's (of 32 in flight ${many.heapBytes}), ${promises} promises, ${timers} timers`;
}

/** As limits.ts has it. */
function figuresOf(name: string, { 1: one, 32: many }: Extra): string {
  return `"${name}": { 1: ${one.heapBytes}, 32: ${many.heapBytes} },`;
}

function lineOf({ what, measured, limit }: Check): string {
  const is = Number.isInteger(measured) ? measured : measured.toFixed(2);
  return `${what} ${limit}: ${is}`;
}

try {
  await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
