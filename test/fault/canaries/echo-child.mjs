// A server over stdio that shows its environment and its arguments wherever it can. The first argument says where.

import { createInterface } from "node:readline";

const [where = "stderr"] = process.argv.slice(2);
const all = JSON.stringify({ env: process.env, args: process.argv.slice(3) });
const base64 = Buffer.from(all).toString("base64");

const write = (message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);

if (where === "stderr") {
  for (const [name, value] of Object.entries(process.env)) console.error(`${name}=${value}`);
  console.error(`usage: ${process.argv.slice(3).join(" ")}`);
  process.exit(1);
}
if (where === "stderr-encoded") {
  console.error(base64);
  console.error(encodeURIComponent(all));
  console.error(all);
  process.exit(1);
}
if (where === "stdout") {
  for (const [name, value] of Object.entries(process.env))
    process.stdout.write(`${name}=${value}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (where === "refuse") {
    write({ id, error: { code: -32000, message: `no: ${all}`, data: { env: process.env } } });
    return;
  }
  if (method === "initialize") {
    const { protocolVersion } = params;
    const serverInfo = { name: `echo ${all}`, version: "1" };
    const capabilities = { tools: {}, logging: {}, experimental: { env: { ...process.env } } };
    write({ id, result: { protocolVersion, capabilities, serverInfo, instructions: all } });
  } else if (method === "tools/list") {
    write({
      method: "notifications/message",
      params: { level: "info", data: { env: process.env } },
    });
    write({ method: "notifications/message", params: { level: "info", data: all } });
    const tools = ["fail", "die", "bad"].map((name) => ({ name, inputSchema: { type: "object" } }));
    tools.push({ name: `odd ${all}`, inputSchema: { type: "object" } });
    write({ id, result: { tools } });
  } else if (method === "tools/call" && params.name === "fail") {
    write({ id, error: { code: -32001, message: `failed with ${all} ${base64}`, data: { all } } });
  } else if (method === "tools/call" && params.name === "bad") {
    write({ id, result: all });
    process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":${all}, oops ${all}\n`);
  } else if (method === "tools/call") {
    console.error(`fatal: ${all}`);
    process.exit(3);
  } else {
    write({ id, error: { code: -32601, message: `no ${method}: ${all}` } });
  }
});
