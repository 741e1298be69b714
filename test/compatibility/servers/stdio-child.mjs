// A scripted stdio MCP server of the session era that deviates from the specification as it is told.
//
// The script is JSON in argv[2]; every field is optional:
//   counterFile   one line per execution (the call's key), and `started <pid>`
//   before        lines written to stdout at the start
//   slowStartMs   nothing is read before
//   exitsOn       ends with code 1 on this method if it comes before `initialize`
//   crashesOnce   file; the first call that finds it missing makes it and ends the process before it is answered
//   stringIds     a request whose id is a string is met with "silence", or answered with this id (0 or null)
//   ids           "string": ids come back as strings
//   bom           "first" or "every": a byte order mark before the first message, or before every one
//   reversed      the members of a message in reverse order
//   framing       "content-length": messages are framed as the Language Server Protocol frames them
//   eol           ends a line, instead of "\n"
//   noise         { lines, texts }: that many lines during a call, the texts in turn
//   merge         by method: members added to the answer
//   results       by method: the result
//   raw           by method: lines written instead of an answer, $ID for the request's id
//   push          by method: messages written before the answer
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const script = JSON.parse(process.argv[2] ?? "{}");
const eol = script.eol ?? "\n";
let isInitialized = false;
let isFirst = true;

function record(line) {
  if (script.counterFile) appendFileSync(script.counterFile, `${line}\n`);
}

function write(text) {
  process.stdout.write(text + eol);
}

function send(message) {
  const entries = Object.entries(message);
  if (script.reversed) entries.reverse();
  const text = JSON.stringify(Object.fromEntries(entries));
  if (script.framing === "content-length") {
    process.stdout.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    return;
  }
  const hasMark = script.bom === "every" || (script.bom === "first" && isFirst);
  isFirst = false;
  write((hasMark ? "\uFEFF" : "") + text);
}

const TOOL = {
  name: "echo",
  description: "The tool echo",
  inputSchema: { type: "object", properties: { key: { type: "string" } } },
};

function resultOf({ method, params }) {
  if (script.results?.[method] !== undefined) return script.results[method];
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "stdio-child", version: "1.0.0" },
      };
    case "tools/list":
      return { tools: [TOOL] };
    case "tools/call":
      return { content: [{ type: "text", text: String(params.arguments?.key) }] };
    case "ping":
      return {};
    default:
      return undefined;
  }
}

function makeNoise({ lines, texts }) {
  for (let at = 0; at < lines; at += 1) write(`${texts[at % texts.length]} ${at}`);
}

function execute({ params }) {
  record(params.arguments?.key ?? params.name);
  if (script.crashesOnce !== undefined && !existsSync(script.crashesOnce)) {
    writeFileSync(script.crashesOnce, "");
    process.exit(1);
  }
  if (script.noise !== undefined) makeNoise(script.noise);
}

function handle(message) {
  const { id, method } = message;
  if (method === "initialize") isInitialized = true;
  else if (!isInitialized && method === script.exitsOn) process.exit(1);
  if (id === undefined || method === undefined) return;
  const isString = typeof id === "string";
  if (isString && script.stringIds === "silence") return;
  if (method === "tools/call") execute(message);
  for (const pushed of script.push?.[method] ?? []) send(pushed);
  const raw = script.raw?.[method];
  if (raw !== undefined) {
    for (const line of raw) write(line.replaceAll("$ID", JSON.stringify(id)));
    return;
  }
  const result = resultOf(message);
  const given = script.ids === "string" ? String(id) : id;
  send({
    jsonrpc: "2.0",
    id: isString && script.stringIds !== undefined ? script.stringIds : given,
    ...(result === undefined
      ? { error: { code: -32601, message: `Method not found: ${method}` } }
      : { result }),
    ...script.merge?.[method],
  });
}

function read() {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line.trim() !== "") handle(JSON.parse(line));
  });
  lines.on("close", () => process.exit(0));
}

record(`started ${process.pid}`);
for (const line of script.before ?? []) write(line);
if (script.slowStartMs === undefined) read();
else setTimeout(read, script.slowStartMs);
