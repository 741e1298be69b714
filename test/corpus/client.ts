// What a client of the corpus is asked to do, and what it says of a server.

import { stripVTControlCharacters } from "node:util";
import type { CorpusServer } from "./servers.ts";

export type Target =
  | { readonly url: string }
  | {
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
    };

export interface Task {
  readonly target: Target;
  readonly call: CorpusServer["call"];
  /** Module of the pool that is measured. */
  readonly pool: string;
}

export const CONNECT_MS = 60_000;
export const CALL_MS = 30_000;

/** The first three are answers of the server; `text` is the beginning of it, or why there was none. */
export interface CallOutcome {
  readonly kind: "result" | "tool error" | "JSON-RPC error" | "failed";
  readonly text: string;
}

export interface Finding {
  /** Absent if the server was connected to. */
  readonly error?: string;
  readonly connectMs: number;
  readonly era?: string | undefined;
  readonly revision?: string | undefined;
  readonly serverInfo?: string | undefined;
  /** How many of each were listed; a text says why they could not be. */
  readonly listed: Readonly<Record<string, number | string>>;
  readonly call?: CallOutcome;
  /** Counts by code, of the pool's log of repairs. */
  readonly quirks: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

export type Client = (task: Task, report: (finding: Finding) => void) => Promise<void>;

/** More than the page shows: paths of this run are taken out before it is cut again. */
const WORDS_CHARS = 2_000;

/** One line of it, without colours. */
export function excerpt(text: string, chars: number = WORDS_CHARS): string {
  const line = stripVTControlCharacters(text).replaceAll(/\s+/g, " ").trim();
  return line.length <= chars ? line : `${line.slice(0, chars - 1)}…`;
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return excerpt(String(error));
  const { code } = error as { code?: string | number };
  return excerpt(code === undefined ? error.message : `${code}: ${error.message}`);
}

/** The first text of a result of `tools/call`. */
export function textOf(content: unknown): string {
  const items = Array.isArray(content) ? (content as { type?: string; text?: string }[]) : [];
  const [first] = items;
  return excerpt(first?.text ?? `(${first?.type ?? "no content"})`, 80);
}

/** A list's length, or why there is none. */
export async function countOf(list: Promise<readonly unknown[]>): Promise<number | string> {
  try {
    return (await list).length;
  } catch (error) {
    return messageOf(error);
  }
}
