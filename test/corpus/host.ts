// The process of one client: does what it is told, tells what it found, and is expected to end by itself.

import type { Client, Finding, Task } from "./client.ts";

export interface Assignment extends Task {
  readonly client: ClientName;
}

export type ClientName = "pool" | "sdk";

process.once("message", (assignment: Assignment) => {
  void run(assignment);
});

async function run(assignment: Assignment): Promise<void> {
  const { measure } = (await import(`./with-${assignment.client}.ts`)) as { measure: Client };
  const report = (finding: Finding): void => void process.send?.(finding);
  // The channel must not be what keeps this process alive.
  await measure(assignment, report).finally(() => process.disconnect());
}
