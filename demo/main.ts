// `npm start`: the story of three servers and what happens to them, or a visit to servers of your own.

import { closeEverything } from "./closing.ts";
import { HELP, OptionsError, parseOptions, USAGE } from "./options.ts";
import { bad, clean, silence } from "./screen.ts";
import { McpConfigError } from "mcp-client-pool";

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // `on`, not `once`: a second Ctrl-C must not end us halfway through closing.
  process.on(signal, () => {
    silence(`\n${signal}: closing everything\n`);
    void end(EXIT_CODES[signal]);
  });
}

// The reader of our output has gone, as in `npm start | head`.
process.stdout.on("error", () => void end(0));

let ending: Promise<void> | undefined;

async function end(code: number): Promise<void> {
  ending ??= closeEverything().finally(() => process.exit(code));
  await ending;
}

async function run(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  switch (options.kind) {
    case "help":
      process.stdout.write(HELP);
      return 0;
    case "story":
      return (await import("./story.ts")).playStory();
    case "visit":
      return (await import("./visit.ts")).visit(options);
  }
}

try {
  const code = await run();
  // Nothing is left that could keep the process: it ends by itself, all output written.
  await closeEverything();
  process.exitCode = code;
} catch (error) {
  const message = clean(error instanceof Error ? error.message : String(error));
  const isInput = error instanceof OptionsError || error instanceof McpConfigError;
  if (ending === undefined) {
    process.stderr.write(`${bad} ${message}\n${isInput ? `\n${USAGE}\n` : ""}`);
  }
  await closeEverything();
  process.exitCode = isInput ? 2 : 1;
}
