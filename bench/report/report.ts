// `npm run bench:report`: draws what `npm run bench` found, and writes it into docs/PERFORMANCE.md.

import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { NODE_24 } from "../options.ts";
import { STUDIES } from "../studies/index.ts";
import { differences, generate, write } from "./files.ts";
import { readResults } from "./results.ts";

const USAGE = `npm run bench:report -- [options]

  --check            writes nothing; says what would be written, and exits with 1 if it is not there already
  --results <folder> what npm run bench wrote (default bench/results)
  --docs <folder>    with PERFORMANCE.md (default docs)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      results: { type: "string" },
      docs: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const root = path.join(import.meta.dirname, "../..");
  const docs = path.resolve(values.docs ?? path.join(root, "docs"));
  const folder = path.resolve(values.results ?? path.join(root, "bench/results"));
  const results = readResults(folder);
  const others = existsSync(path.join(folder, NODE_24))
    ? readResults(path.join(folder, NODE_24))
    : [];
  const missing = STUDIES.filter(({ name }) => results.every(({ study }) => study !== name));
  for (const { name } of missing) console.log(`left out: ${name} has no results`);
  const files = await generate(results, docs, others);
  const names = differences(files, docs);
  if (!values.check) write(names, files, docs);
  const word = values.check ? "not as generated" : "written";
  for (const name of names) console.log(`${word}: ${name}`);
  if (names.length === 0) console.log("nothing has changed");
  else if (values.check) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
