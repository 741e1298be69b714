// A child process of the soak. argv[2]: { name, era, log, folder } as JSON.
import { existsSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { createDuplexServer } from "./duplex.mjs";

const { name, era, log: logFile, folder } = JSON.parse(process.argv[2]);
const descriptor = openSync(logFile, "a");
const log = (event, key = "", detail = "") =>
  writeSync(descriptor, `${Date.now()}\t${event}\t${key}\t${detail}\n`);

const write = (text) => void process.stdout.write(text);
const send = (message) => write(`${JSON.stringify(message)}\n`);

/** Once for each call: when it comes again, to the next process, it is served. */
function crashOnce(work) {
  return (served) => {
    const { order, run, finish } = served;
    const mark = path.join(folder, `crashed-${order.key}`);
    if (existsSync(mark)) {
      run();
      return finish();
    }
    writeFileSync(mark, "");
    work(served);
  };
}

function crash(key) {
  log("crashed", key);
  process.exit(7);
}

const server = createDuplexServer({
  name,
  era,
  send,
  log,
  special: {
    "crash-before": crashOnce(({ order }) => crash(order.key)),
    "crash-after": crashOnce(({ order, run }) => {
      run();
      crash(order.key);
    }),
    "crash-half": crashOnce(({ order, answer, run }) => {
      run();
      const text = JSON.stringify(answer);
      process.stdout.write(text.slice(0, text.length / 2), () => crash(order.key));
    }),
    noise: ({ run, finish }) => {
      run();
      write("this is not for you\n\n{}\n[]\n");
      finish();
    },
    garbage: ({ run, finish }) => {
      run();
      write('{"jsonrpc":"2.0","id":\n');
      finish();
    },
    flood: ({ run, finish }) => {
      run();
      process.stderr.write("e".repeat(256 * 1024));
      finish();
    },
  },
});

log("started", "", String(process.pid));
// A pipe that broke is how this process learns that nobody listens.
process.stdout.on("error", () => process.exit(1));
process.stderr.on("error", () => {});
let pending = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  pending += chunk;
  const lines = pending.split("\n");
  pending = lines.pop();
  for (const line of lines) if (line.trim() !== "") server.onMessage(JSON.parse(line));
});
process.stdin.on("end", () => process.exit(0));
