// The generated parts of docs/SERVERS.md.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fill } from "../../bench/report/document.ts";
import type { CallOutcome } from "./client.ts";
import type { Result, Results } from "./results.ts";
import { transportOf } from "./servers.ts";
import type { CorpusServer } from "./servers.ts";
import { isAnswered } from "./verdict.ts";

const DOCUMENT: string = path.join(import.meta.dirname, "../../docs/SERVERS.md");

const HEAD = [
  "Server",
  "Version",
  "Transport",
  "Revision",
  "Tools",
  "Connect",
  "The call",
  "Repaired",
  "Left behind",
  "Official client",
];

/** The page as these results would have it; what people wrote in it stays. */
export async function generate(
  page: string,
  servers: readonly CorpusServer[],
  results: Results,
): Promise<string> {
  const pairs = servers.flatMap((server) => {
    const result = results.servers.find(({ name }) => name === server.name);
    return result === undefined ? [] : [{ server, result }];
  });
  const works = pairs.filter(({ result }) => result.pool.error === undefined);
  const others = pairs.filter(({ result }) => result.pool.error !== undefined);
  const parts = new Map([
    ["summary", summary(pairs, results)],
    ["servers", table(HEAD, works.map(rowOf))],
    ["notes", list(works.flatMap(noteOf))],
    [
      "failures",
      table(["Server", "Version", "It says", "Why", "Official client"], others.map(failureOf)),
    ],
  ]);
  return await fill(page, parts, "npm run corpus -- --write");
}

export async function updateDocument(
  servers: readonly CorpusServer[],
  results: Results,
): Promise<void> {
  writeFileSync(DOCUMENT, await generate(readDocument(), servers, results));
}

export function readDocument(): string {
  return readFileSync(DOCUMENT, "utf8");
}

interface Pair {
  readonly server: CorpusServer;
  readonly result: Result;
}

function summary(pairs: readonly Pair[], results: Results): string {
  const { at, node, platform, pool, sdk } = results;
  const count = (isOne: (pair: Pair) => boolean): number => pairs.filter(isOne).length;
  const packages = new Set(pairs.map(({ server }) => server.package)).size;
  const connected = count(({ result }) => result.pool.error === undefined);
  const answered = count(({ result }) => isAnswered(result));
  const official = count(({ result }) => result.sdk.error === undefined);
  const left = count(({ result }) => result.pool.leftBehind.length > 0);
  return [
    `**${pairs.length} servers from ${packages} packages: the pool connects to ${connected} and lists what they have, ${answered} answer a call, ${left === 0 ? "none" : left} ${left <= 1 ? "leaves" : "leave"} a process behind.** The official client connects to ${official}.`,
    `Run on ${at} on ${platform}, Node ${node}: mcp-client-pool ${pool}, @modelcontextprotocol/client ${sdk}.`,
  ].join("\n\n");
}

function rowOf({ server, result }: Pair): string[] {
  const { pool } = result;
  return [
    `\`${server.package}\``,
    result.version,
    transportOf(server),
    `${pool.era === "stateless" ? "stateless" : "sessions"}, ${pool.revision ?? "?"}`,
    cellOf(pool.listed["tools"]),
    `${roundMs(pool.connectMs)} s`,
    server.call === null ? "none" : callOf(server.call.tool, pool.call),
    quirksOf(pool.quirks),
    pool.leftBehind.length === 0 ? "nothing" : pool.leftBehind.map(code).join(", "),
    officialOf(result),
  ];
}

/** Indicative only: to a tenth of a second. */
function roundMs(ms: number): string {
  return Math.max(ms / 1_000, 0.1).toFixed(1);
}

function cellOf(count: number | string | undefined): string {
  return typeof count === "string" ? escape(count) : String(count ?? 0);
}

function callOf(tool: string, call: CallOutcome | undefined): string {
  const name = code(tool);
  switch (call?.kind) {
    case undefined:
      return `${name}: nothing`;
    case "result":
      return name;
    case "tool error":
    case "JSON-RPC error":
      return `${name}, refused: ${call.kind}`;
    case "failed":
      return `${name}: ${escape(call.text)}`;
  }
}

function quirksOf(quirks: Readonly<Record<string, number>>): string {
  const parts = Object.entries(quirks).map(([name, count]) => `${code(name)} ${count}`);
  return parts.join(", ") || "nothing";
}

function officialOf({ pool, sdk }: Result): string {
  if (sdk.error !== undefined) return `does not connect: ${escape(sdk.error)}`;
  const problems = Object.entries(sdk.listed).flatMap(([kind, count]) => {
    const isSame = count === pool.listed[kind];
    return isSame ? [] : [`${kind}: ${typeof count === "number" ? count : escape(count)}`];
  });
  const isCalled = pool.call === undefined || sdk.call?.kind === pool.call.kind;
  if (!isCalled) problems.push(`the call: ${sdk.call?.kind ?? "none"}`);
  return problems.length === 0 ? "the same" : problems.join(", ");
}

function noteOf({ server }: Pair): string[] {
  const { package: name, note } = server;
  return note === undefined ? [] : [`${code(name)} (${transportOf(server)}): ${note}`];
}

function failureOf({ server, result }: Pair): string[] {
  return [
    code(server.package),
    result.version,
    escape(result.pool.error ?? ""),
    server.note ?? (result.sdk.error === undefined ? "The pool falls short here." : ""),
    failureOfOfficial(result),
  ];
}

function failureOfOfficial({ sdk }: Result): string {
  if (sdk.error !== undefined) return "does not connect either";
  const failures = Object.values(sdk.listed).filter((count) => typeof count === "string");
  return ["connects", ...failures.map((text) => `and then: ${escape(text)}`)].join(", ");
}

function table(head: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return "None.";
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n") || "None.";
}

function code(text: string): string {
  return `\`${text.replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}

/** A server's words, in a cell of a table. */
function escape(text: string): string {
  return text.replaceAll(/[|<>`*_[\]\\]/g, (character) => `\\${character}`);
}
