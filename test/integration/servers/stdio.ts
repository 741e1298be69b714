// The toolbox as a child process: `stdio.ts v1|v2 <file>`; what it records is appended to the file, a line each.

import { appendFileSync } from "node:fs";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createV1Server } from "./v1.ts";
import { createV2Server } from "./v2.ts";

const [generation, file = ""] = process.argv.slice(2);

function record(line: string): void {
  appendFileSync(file, `${line}\n`);
}

record(`started ${process.pid}`);
if (generation === "v1") {
  await createV1Server(record, true).connect(new StdioServerTransport());
} else {
  serveStdio(() => createV2Server(record, true));
}
