// The toolbox as a child process: `stdio.ts <variant> <file>`; what it records is appended to the file, a line each.

import { appendFileSync } from "node:fs";
import type { StdioVariant } from "./compiled.ts";

const [variant, file] = process.argv.slice(2) as [StdioVariant, string];

function record(line: string): void {
  appendFileSync(file, `${line}\n`);
}

record(`started ${process.pid}`);
if (variant === "v1") {
  // Each SDK is loaded only where it is used: a slow start is taken for silence (2c).
  const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
  const { createV1Server } = await import("./v1.ts");
  await createV1Server(record, true).connect(new StdioServerTransport());
} else {
  const { serveStdio, StdioServerTransport } = await import("@modelcontextprotocol/server/stdio");
  const { createV2Server } = await import("./v2.ts");
  const { createMemory } = await import("./toolbox.ts");
  if (variant === "v2" || variant === "sessions") {
    const asks = variant === "v2" ? "push" : "result";
    await createV2Server(record, { related: true, asks }).connect(new StdioServerTransport());
  } else {
    serveStdio(
      ({ era }) => {
        record(`serving ${era}`);
        const stateless = era === "modern" ? { stateless: { memory: createMemory() } } : {};
        return createV2Server(record, { related: true, asks: "result", ...stateless });
      },
      { legacy: variant === "both" ? "serve" : "reject" },
    );
  }
}
