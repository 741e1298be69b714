// One server with one client: in a place of its own, the client in a process of its own, and what is left afterwards.

import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CALL_MS, CONNECT_MS, excerpt, messageOf } from "./client.ts";
import type { Finding } from "./client.ts";
import type { Assignment, ClientName } from "./host.ts";
import { PLACES, base, filled, withPlace } from "./place.ts";
import type { Place } from "./place.ts";
import { commandOf, marked, outputOf } from "./processes.ts";
import type { CorpusServer } from "./servers.ts";

/** Longest life of a client's process: to connect, to list, to call, to close, and as much again. */
const LIFE_MS = 2 * (CONNECT_MS + CALL_MS);
/** How long after the client's end a process may take to be gone, or a client to end after its last word. */
const GONE_MS = 5_000;
/** How much of a server's words is kept, characters. */
const EXCERPT_CHARS = 300;

export interface Measured extends Finding {
  /** Processes of the server that outlived the client, and whether the client's own process did not end by itself. */
  readonly leftBehind: readonly string[];
}

export async function measure(
  client: ClientName,
  server: CorpusServer,
  program: string,
  pool: string,
  signal: AbortSignal,
): Promise<Measured> {
  const found = await seenBy(client, server, program, pool, signal);
  return portable(found, program);
}

async function seenBy(
  client: ClientName,
  server: CorpusServer,
  program: string,
  pool: string,
  signal: AbortSignal,
): Promise<Measured> {
  try {
    return await withPlace(server, program, signal, async (place) => {
      const { target, call, mark } = place;
      const { finding, leftBehind } = await runClient(
        { client, pool, target, call },
        place,
        signal,
      );
      // A server over HTTP is not the client's to end.
      const processes = server.url === undefined ? await remaining(mark) : [];
      return { ...finding, leftBehind: [...leftBehind, ...processes] };
    });
  } catch (error) {
    return { ...nothing, error: messageOf(error), leftBehind: [] };
  }
}

/** Without the folders and the port of this run: the results are committed, and compared with others. */
function portable<T>(found: T, program: string): T {
  const bin = path.dirname(program);
  const modules = path.dirname(bin);
  const clean = (text: string): string =>
    [bin + path.sep, modules + path.sep, path.dirname(modules)]
      .reduce((rest, folder) => rest.replaceAll(folder, ""), text)
      .replaceAll(PLACES, "")
      .replaceAll(/(127\.0\.0\.1|localhost):\d{4,5}/g, "$1:PORT");
  return filled(found, (text) => excerpt(clean(text), EXCERPT_CHARS));
}

const nothing = { connectMs: 0, listed: {}, quirks: {}, warnings: [] } as const;

async function runClient(
  assignment: Assignment,
  { home }: Place,
  signal: AbortSignal,
): Promise<{ finding: Finding; leftBehind: string[] }> {
  const child = fork(new URL("host.ts", import.meta.url), [], {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: base(home),
  });
  const output = outputOf(child);
  let finding: Finding | undefined;
  let overdue: NodeJS.Timeout | undefined;
  const leftBehind: string[] = [];
  const endSoon = (): void => {
    overdue = setTimeout(() => {
      leftBehind.push("the client's process did not end by itself");
      child.kill("SIGKILL");
    }, GONE_MS);
  };
  child.on("message", (message) => (finding = message as Finding));
  child.once("disconnect", endSoon);
  const end = (): boolean => child.kill("SIGKILL");
  const life = setTimeout(end, LIFE_MS);
  signal.addEventListener("abort", end);
  child.send(assignment);
  await once(child, "close");
  signal.removeEventListener("abort", end);
  clearTimeout(life);
  clearTimeout(overdue);
  const died = { ...nothing, error: `the client died, or took too long: ${output()}` };
  return { finding: finding ?? died, leftBehind };
}

async function remaining(mark: string): Promise<string[]> {
  const deadline = performance.now() + GONE_MS;
  while (marked(mark).length > 0 && performance.now() < deadline) await sleep(50);
  return marked(mark).map(commandOf);
}
