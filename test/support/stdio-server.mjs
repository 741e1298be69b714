// A scripted stdio MCP server of the session era, without dependencies.
//
// Behaviour is JSON in argv[2]; every field is optional:
//   tools            names listed, in this order (default: echo, slow, crash, pid, grow)
//   counterFile      one line is appended per execution: the call's `key` argument, or the tool's name;
//                    and `cancelled <id>`, `started <pid>`, `initialize <version>`, `notified <method>`
//   protocolVersion  what `initialize` answers (default: what was asked)
//   banner           written to stdout first, with `\n` appended
//   bannerNoNewline  written to stdout first, without a newline
//   noise            a line written to stdout before every message
//   crashOn          name of a tool that counts, then exits with code 7
//   crashAtStart     exits with code 7 at once
//   hangOn           name of a tool, or any method, that is never answered (a tool is counted)
//   ignoreEof, ignoreSigterm
//   spawnChild       "plain" (or true) or "stubborn" (ignores SIGTERM): a child that stays, in this process
//                    group, with our stdout; its pid is in the tool `children` and in counterFile as `child <pid>`
//   slowStartMs      nothing is read before
//   splitWrites      bytes per write to stdout
//   crlf             lines end in CRLF
//   stderrFlood      bytes written to stderr at the start
//   stderrLines      lines written to stderr at the start
//   hugeOn           { tool, bytes }: that tool's answer has that many bytes, in one line
//   stopReadingOn    name of a tool after which stdin is no longer read
import { spawn } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";

const script = JSON.parse(process.argv[2] ?? "{}");
const tools = [...(script.tools ?? ["echo", "slow", "crash", "pid", "grow"])];
const children = [];
const cancelled = new Set();
const eol = script.crlf ? "\r\n" : "\n";

function record(line) {
  if (script.counterFile) appendFileSync(script.counterFile, `${line}\n`);
}

let writing = Promise.resolve();
function writeRaw(text) {
  if (!script.splitWrites) {
    process.stdout.write(text);
    return;
  }
  const bytes = Buffer.from(text);
  writing = writing.then(async () => {
    for (let at = 0; at < bytes.length; at += script.splitWrites) {
      await new Promise((resolve) =>
        process.stdout.write(bytes.subarray(at, at + script.splitWrites), resolve),
      );
    }
  });
}

function write(message) {
  if (script.noise) writeRaw(`${script.noise}${eol}`);
  writeRaw(JSON.stringify({ jsonrpc: "2.0", ...message }) + eol);
}

const text = (value) => ({ content: [{ type: "text", text: String(value) }] });

function crash() {
  process.stderr.write("about to crash\nfatal: told to crash\n", () => process.exit(7));
}

async function untilExists(file, id) {
  while (!existsSync(file)) {
    if (cancelled.has(id)) return false;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}

async function callTool(id, { name, arguments: args = {}, _meta }) {
  if (!tools.includes(name)) {
    write({ id, error: { code: -32602, message: `Unknown tool: ${name}` } });
    return;
  }
  record(args.key ?? name);
  if (script.stopReadingOn === name) {
    process.stdin.pause();
    // Nothing else would keep it alive.
    setInterval(() => {}, 60_000);
  }
  if (script.crashOn === name || name === "crash") return crash();
  if (script.hangOn === name) return;
  const token = _meta?.progressToken;
  if (token !== undefined) {
    write({
      method: "notifications/progress",
      params: { progressToken: token, progress: 1, total: 2 },
    });
  }
  if (name === "slow" && !(await untilExists(args.releaseFile, id))) return;
  if (token !== undefined) {
    write({
      method: "notifications/progress",
      params: { progressToken: token, progress: 2, total: 2 },
    });
  }
  if (script.hugeOn?.tool === name)
    return write({ id, result: text("x".repeat(script.hugeOn.bytes)) });
  if (name === "pid") return write({ id, result: text(process.pid) });
  if (name === "children") return write({ id, result: text(children.join(" ")) });
  if (name === "env") return write({ id, result: text(JSON.stringify(process.env)) });
  if (name === "cwd") return write({ id, result: text(process.cwd()) });
  if (name === "grow") {
    tools.push(args.name ?? `grown${tools.length}`);
    write({ method: "notifications/tools/list_changed" });
    return write({ id, result: text(tools.length) });
  }
  write({ id, result: text(args.text ?? name) });
}

function describeTool(name) {
  return {
    name,
    description: `The tool ${name}`,
    inputSchema: {
      type: "object",
      properties: { key: { type: "string" }, text: { type: "string" } },
    },
  };
}

function handle(message) {
  const { id, method, params = {} } = message;
  if (method === undefined) return;
  if (id === undefined) {
    if (method === "notifications/cancelled") {
      cancelled.add(params.requestId);
      record(`cancelled ${params.requestId}`);
    } else {
      record(`notified ${method}`);
    }
    return;
  }
  if (script.hangOn === method) return;
  switch (method) {
    case "initialize":
      record(`initialize ${params.protocolVersion}`);
      return write({
        id,
        result: {
          protocolVersion: script.protocolVersion ?? params.protocolVersion,
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: "stdio-server", version: "1.0.0" },
          instructions: script.instructions,
        },
      });
    case "ping":
      return write({ id, result: {} });
    case "tools/list":
      return write({ id, result: { tools: tools.map(describeTool) } });
    case "tools/call":
      return void callTool(id, params);
    default:
      return write({ id, error: { code: -32601, message: `Method not found: ${method}` } });
  }
}

function read() {
  let pending = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (chunk) => {
    pending += chunk;
    const lines = pending.split("\n");
    pending = lines.pop();
    for (const line of lines) if (line.trim() !== "") handle(JSON.parse(line));
  });
  process.stdin.on("end", () => {
    if (script.ignoreEof) setInterval(() => {}, 1000);
    else process.exit(0);
  });
}

record(`started ${process.pid}`);
if (script.crashAtStart) crash();
else {
  process.stdout.on("error", () => process.exit(1));
  if (script.ignoreSigterm) process.on("SIGTERM", () => {});
  if (script.spawnChild) {
    const stubborn = script.spawnChild === "stubborn" ? "process.on('SIGTERM', () => {});" : "";
    const child = spawn(
      process.execPath,
      [
        "-e",
        `${stubborn} setInterval(() => {}, 1000); process.send("ready"); process.disconnect();`,
      ],
      { stdio: ["ignore", "inherit", "inherit", "ipc"] },
    );
    children.push(child.pid);
    // Only now does it ignore SIGTERM; a test that kills before would prove nothing.
    await new Promise((resolve) => child.once("message", resolve));
    record(`child ${child.pid}`);
  }
  for (const line of script.stderrLines ?? []) process.stderr.write(`${line}\n`);
  if (script.stderrFlood) {
    const block = Buffer.alloc(65_536, "e");
    for (let left = script.stderrFlood; left > 0; left -= block.length) {
      process.stderr.write(left < block.length ? block.subarray(0, left) : block);
    }
    process.stderr.write("\nflood over\n");
  }
  if (script.banner) writeRaw(`${script.banner}${eol}`);
  if (script.bannerNoNewline) writeRaw(script.bannerNoNewline);
  if (script.slowStartMs) setTimeout(read, script.slowStartMs);
  else read();
}
