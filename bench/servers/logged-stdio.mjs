// The raw stdio server, which also writes down its process id, when its process began, and when it gave its first
// answer: milliseconds on the monotonic clock, a line each, to the file that it is given.

import { appendFileSync } from "node:fs";

const [, , log] = process.argv;
const now = () => Number(process.hrtime.bigint()) / 1e6;

appendFileSync(log, `${process.pid} began ${now() - performance.now()}\n`);

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (output) => {
  process.stdout.write = write;
  appendFileSync(log, `${process.pid} answered ${now()}\n`);
  return write(output);
};

await import("./stdio.mjs");
