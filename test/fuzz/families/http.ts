// Answers over HTTP with random statuses, headers, lengths and bodies, cut and damaged at random.

import { McpClientPool } from "../../../src/index.ts";
import type { Random } from "../../support/random.ts";
import type { Family } from "../family.ts";
import { judge, several, tokenOf } from "../wire/judge.ts";
import { cut, damage, junk } from "../wire/random-bytes.ts";
import type { Script } from "../wire/raw-server.ts";

const CALLS = 60;
const STATUSES = [
  200, 200, 200, 200, 201, 202, 204, 206, 301, 307, 400, 404, 405, 406, 409,
] as const;
const MORE_STATUSES = [
  100, 101, 103, 410, 413, 415, 418, 429, 500, 502, 503, 504, 599, 999,
] as const;
const TYPES = ["application/json", "text/event-stream", "text/html", "", "a/b; c=\u00ff"] as const;

export const family: Family = {
  async round(round) {
    const { random, servers } = round;
    const url = await servers.ask<string>("url");
    const pool = new McpClientPool({ servers: { s: { url } } });
    await pool.connect();
    await several(CALLS, 8, async (number) => {
      const token = tokenOf(number);
      const isGood = random.chance(0.2);
      const script = isGood ? goodScript(random, token) : scriptOf(random, token);
      // After some refusals the server may be avoided for a while: a good answer may not be asked for then.
      await judge(round, { pool, tool: "s__t", token, args: { script }, isGood: false });
    });
    await pool.closeAll({ drainMs: 0 });
    const fresh = new McpClientPool({ servers: { s: { url } } });
    await fresh.connect();
    for (let number = 0; number < 10; number++) {
      const token = tokenOf(number);
      const script = goodScript(random, token);
      await judge(round, { pool: fresh, tool: "s__t", token, args: { script }, isGood: true });
    }
    await fresh.closeAll({ drainMs: 0 });
  },
};

function bodyOf(token: string): string {
  return `{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"${token}"}]}}`;
}

/** However it is cut, it is an answer. `$ID` has three characters, as the ids of these calls may have. */
function goodScript(random: Random, token: string): Script {
  const body = bodyOf(token);
  const isStream = random.chance(0.5);
  const text = isStream ? `data: ${body}\n\n` : body;
  const type = isStream ? "text/event-stream" : "application/json";
  return {
    parts: [head(200, [`content-type: ${type}`, "connection: close"]), ...safely(text)],
    end: "end",
  };
}

function safely(text: string): string[] {
  const at = text.indexOf("$ID");
  return [text.slice(0, at), text.slice(at, at + 3), text.slice(at + 3)];
}

function head(status: number, lines: readonly string[]): string {
  return `HTTP/1.1 ${status} X\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
}

function scriptOf(random: Random, token: string): Script {
  const status = random.pick(random.chance(0.7) ? STATUSES : MORE_STATUSES);
  const body = random.draw({ answer: 3, error: 2, junk: 2, none: 1, html: 1 });
  const text = {
    answer: bodyOf(token),
    error: `{"jsonrpc":"2.0","id":$ID,"error":{"code":${random.int(-33_000, 10)},"message":"no"}}`,
    junk: junk(random, 300),
    none: "",
    html: "<html><title>x</title>",
  }[body];
  const isChunked = random.chance(0.4);
  const lines = [`content-type: ${random.pick(TYPES)}`];
  if (isChunked) lines.push("transfer-encoding: chunked");
  else if (random.chance(0.8))
    lines.push(`content-length: ${text.length + random.pick([0, 0, 0, 1, -1, 1e9])}`);
  if (random.chance(0.2))
    lines.push(`retry-after: ${random.pick(["0", "1", "9".repeat(400), "soon", "-1"])}`);
  if (random.chance(0.2)) lines.push(`set-cookie: ${junk(random, 40).replaceAll(/[\r\n]/g, "")}`);
  if (random.chance(0.1))
    lines.push(`content-encoding: ${random.pick(["gzip", "br", "zstd", "x", "deflate"])}`);
  if (random.chance(0.1))
    lines.push(
      "content-type: text/plain",
      `mcp-session-id: ${junk(random, 20).replaceAll(/[\r\n]/g, "")}`,
    );
  const whole = head(status, lines) + (isChunked ? chunked(random, text) : text);
  const bytes = random.chance(0.5) ? damage(random, whole) : whole;
  return { parts: cut(random, bytes), end: random.pick(["keep", "end", "end", "reset"]) };
}

function chunked(random: Random, text: string): string {
  const pieces = cut(random, text).map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${pieces.join("")}0\r\n\r\n`;
}
