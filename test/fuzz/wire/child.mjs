// A server as a child: calls bring the bytes that are written to stdout before, or instead of, their answer; or the name
// of a flood, which goes on for a number of milliseconds.

import readline from "node:readline";

const TOOL = { name: "t", inputSchema: { type: "object" } };

function resultOf({ method, params }) {
  if (method === "initialize") {
    const capabilities = { tools: { listChanged: true }, logging: {} };
    return {
      protocolVersion: "2025-11-25",
      capabilities,
      serverInfo: { name: "fuzz", version: "1" },
    };
  }
  if (method === "tools/list") return { tools: [TOOL] };
  if (method !== "tools/call") return {};
  return { content: [{ type: "text", text: String(params.arguments?.token) }] };
}

function answer(message) {
  const { id } = message;
  const text =
    message.method === "server/discover"
      ? { jsonrpc: "2.0", id, error: { code: -32601, message: "unknown" } }
      : { jsonrpc: "2.0", id, result: resultOf(message) };
  process.stdout.write(`${JSON.stringify(text)}\n`);
}

async function play({ id, params }) {
  const { script } = params.arguments;
  for (const part of script.parts) {
    process.stdout.write(Buffer.from(part.replaceAll("$ID", JSON.stringify(id)), "latin1"));
    await new Promise(setImmediate);
  }
  if (script.end === "exit") process.exit(3);
}

async function flood({ line, forMs, stream }) {
  const out = stream === "stderr" ? process.stderr : process.stdout;
  const block = `${line}\n`.repeat(Math.max(1, Math.floor(60_000 / line.length)));
  const endsAt = Date.now() + forMs;
  while (Date.now() < endsAt) {
    if (!out.write(block)) {
      await Promise.race([
        new Promise((resolve) => out.once("drain", resolve)),
        new Promise((resolve) => setTimeout(resolve, 100)),
      ]);
    } else await new Promise(setImmediate);
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method === undefined || message.id === undefined) return;
  const args = message.params?.arguments;
  if (args?.script !== undefined) void play(message);
  else {
    answer(message);
    if (args?.flood !== undefined) void flood(args.flood);
  }
});
process.stdout.on("error", () => process.exit());
