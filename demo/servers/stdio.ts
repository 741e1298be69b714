// "notes" seen from outside: how to start it, how to hold it up, and what it wrote down. The server is stdio.mjs.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("./stdio.mjs", import.meta.url));

export class NotesFiles {
  readonly #folder: string = mkdtempSync(path.join(tmpdir(), "mcp-client-pool-demo-"));
  readonly #journal: string = path.join(this.#folder, "journal");
  readonly #hold: string = path.join(this.#folder, "hold");

  constructor() {
    writeFileSync(this.#journal, "");
  }

  get command(): { command: string; args: string[] } {
    return { command: process.execPath, args: [SERVER, this.#journal, this.#hold] };
  }

  /** Keys, one per execution that began, over all restarts. */
  get executions(): string[] {
    return this.#entries("ran");
  }

  /** Process ids, one per start. */
  get pids(): number[] {
    return this.#entries("started").map(Number);
  }

  /** From now on every call that has begun waits, so that a fault meets it in flight. */
  hold(): void {
    writeFileSync(this.#hold, "");
  }

  release(): void {
    rmSync(this.#hold, { force: true });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #entries(kind: string): string[] {
    const lines = readFileSync(this.#journal, "utf8").split("\n").slice(0, -1);
    return lines
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => line.slice(kind.length + 1));
  }
}
