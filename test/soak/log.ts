// What happened, on disk: written at once, so that it outlives a crash and costs the process under test no memory.

import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly event: string;
  /** Of the call that it is about; empty if it is about none. */
  readonly key: string;
  readonly detail: string;
}

export type Log = (event: string, key?: string, detail?: string) => void;

export interface LogFile {
  readonly log: Log;
  readonly file: string;
  close(): void;
}

export function openLog(file: string): LogFile {
  const descriptor = openSync(file, "a");
  return {
    file,
    log: (event, key = "", detail = "") => {
      const clean = detail.replaceAll(/[\t\r\n]+/g, " ");
      writeSync(descriptor, `${Date.now()}\t${event}\t${key}\t${clean}\n`);
    },
    close: () => closeSync(descriptor),
  };
}

/** Empty if the file is not there: a process that never ran has logged nothing. */
export function readLog(file: string): LogLine[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [at, event = "", key = "", detail = ""] = line.split("\t");
      return { at: Number(at), event, key, detail };
    });
}
