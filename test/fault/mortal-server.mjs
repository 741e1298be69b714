// A stdio MCP server that dies, goes deaf or answers in odd chunks on demand; it counts what it runs.
//
// Behaviour is JSON in argv[2]; `counterFile` is required, the rest is optional:
//   counterFile   one line per execution: the call's `key` argument, or the method or tool; and `started <pid>`
//   annotations   of the tool `work`
//   dieOn         a tool or method whose execution is counted and then ends the process with code 3
//   dieTimes      only that many times over all processes (default: every time)
//   gather        answers to `work` are held back until so many are due, then leave in one write
//   sliceBytes    every answer leaves in writes of that many bytes
// Tools: work, deaf (closes stdin and lives on). Methods beyond the usual ones: resources/read.
import { appendFileSync, closeSync, readFileSync } from "node:fs";

const script = JSON.parse(process.argv[2]);
const held = [];

function record(line) {
  appendFileSync(script.counterFile, `${line}\n`);
}

function died() {
  return readFileSync(script.counterFile, "utf8")
    .split("\n")
    .filter((line) => line === "died").length;
}

async function write(text) {
  const bytes = Buffer.from(text);
  const size = script.sliceBytes ?? bytes.length;
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => process.stdout.write(bytes.subarray(at, at + size), resolve));
  }
}

let writing = Promise.resolve();
function answer(id, result) {
  const line = `${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`;
  writing = writing.then(() => write(line));
}

function answerTogether(id, result) {
  held.push(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
  if (held.length >= script.gather) process.stdout.write(held.splice(0).join(""));
}

function diesOn(what) {
  if (script.dieOn !== what || died() >= (script.dieTimes ?? Infinity)) return false;
  record("died");
  process.stderr.write(`fatal: ${what} is too much\n`, () => process.exit(3));
  return true;
}

function handle({ id, method, params = {} }) {
  if (id === undefined) return;
  switch (method) {
    case "initialize":
      return answer(id, {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {}, resources: {} },
        serverInfo: { name: "mortal", version: "1.0.0" },
      });
    case "tools/list":
      return answer(id, {
        tools: [
          { name: "work", inputSchema: { type: "object" }, annotations: script.annotations },
          { name: "deaf", inputSchema: { type: "object" } },
        ],
      });
    case "resources/read":
      record(method);
      if (diesOn(method)) return;
      return answer(id, { contents: [{ uri: params.uri, text: "read" }] });
    case "tools/call": {
      const { name, arguments: args = {} } = params;
      record(args.key ?? name);
      if (diesOn(name)) return;
      const result = { content: [{ type: "text", text: String(args.text ?? name) }] };
      if (name === "deaf") {
        answer(id, result);
        process.stdin.destroy();
        // Node never closes the standard descriptors by itself.
        closeSync(0);
        setInterval(() => {}, 1_000);
        return;
      }
      return script.gather === undefined ? answer(id, result) : answerTogether(id, result);
    }
    default:
      return answer(id, {});
  }
}

record(`started ${process.pid}`);
let pending = "";
process.stdin.setEncoding("utf8");
process.stdin.on("error", () => {});
process.stdin.on("data", (chunk) => {
  pending += chunk;
  const lines = pending.split("\n");
  pending = lines.pop();
  for (const line of lines) if (line.trim() !== "") handle(JSON.parse(line));
});
process.stdin.on("end", () => process.exit(0));
