// Faults × clients, each cell in a process of its own, a few at a time.

import { ABILITIES } from "./adapter.ts";
import type { Ability } from "./adapter.ts";
import { ClientProcess } from "./client-process.ts";
import type { ClientInfo, ClientSpec } from "./client-process.ts";
import type { Fault } from "./fault.ts";
import { Scene } from "./scene.ts";
import { Stop, isWorse, worstOf } from "./verdict.ts";
import type { Finding, Outcome } from "./verdict.ts";

export interface Cell {
  readonly fault: string;
  readonly client: string;
  /** Undefined: the client lacks what it needs. */
  readonly outcome: Outcome | undefined;
  readonly findings: readonly Finding[];
  /** Peak beyond what it began with, MB. Only where the fault looks at it. */
  readonly memoryMb?: number;
  /** What the client's process wrote last, where there is something to explain. */
  readonly output?: string;
  readonly seconds: number;
}

export interface RunOptions {
  /** Cells at a time. Default 2. */
  readonly parallel?: number;
  readonly onCell?: (cell: Cell, fault: Fault) => void;
}

/** Versions and gaps of a client, asked of its adapter. */
export async function introduce(spec: ClientSpec): Promise<ClientInfo> {
  const client = new ClientProcess(spec);
  try {
    const info = await client.ready();
    const unknown = info.cannot.filter((ability) => !ABILITIES.includes(ability));
    if (unknown.length > 0) {
      throw new Error(
        `${spec.adapter}: cannot: ${unknown.join(", ")}: it is one of ${ABILITIES.join(", ")}`,
      );
    }
    return info;
  } finally {
    await client.kill();
  }
}

export async function runCells(
  faults: readonly Fault[],
  clients: readonly { readonly spec: ClientSpec; readonly cannot: readonly Ability[] }[],
  { parallel = 2, onCell }: RunOptions = {},
): Promise<Cell[]> {
  const plan = faults.flatMap((fault) => clients.map((client) => ({ fault, ...client })));
  const cells: Cell[] = [];
  const queue = plan.entries();
  const worker = async (): Promise<void> => {
    for (const [index, { fault, spec, cannot }] of queue) {
      const cell = await runCell(fault, spec, cannot);
      cells[index] = cell;
      onCell?.(cell, fault);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return cells;
}

export async function runCell(
  fault: Fault,
  spec: ClientSpec,
  cannot: readonly Ability[] = [],
): Promise<Cell> {
  const startedAt = performance.now();
  const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
  const base = { fault: fault.id, client: spec.id };
  if (fault.needs.some((ability) => cannot.includes(ability))) {
    return { ...base, outcome: undefined, findings: [], seconds: 0 };
  }
  const client = new ClientProcess(spec);
  const scene = new Scene(client);
  try {
    await client.ready();
    const memoryBefore = fault.memoryMb === undefined ? 0 : await scene.memoryMb();
    await runUntilStopped(fault, scene);
    const memoryMb = fault.memoryMb === undefined ? 0 : (await scene.memoryMb()) - memoryBefore;
    await scene.leave();
    const { findings } = scene;
    return {
      ...base,
      outcome: worstOf(findings),
      findings,
      ...(fault.memoryMb === undefined ? {} : { memoryMb }),
      ...(findings.length === 0 || client.output === "" ? {} : { output: client.output }),
      seconds: seconds(),
    };
  } catch (error) {
    throw new Error(`fault ${fault.id}, ${spec.id}: the suite itself failed`, { cause: error });
  } finally {
    await scene.end();
  }
}

/** Why our own client does not pass this fault, if it does not. */
export function problemsOf(cell: Cell, fault: Fault): string[] {
  const problems = cell.findings
    .filter(({ outcome }) => isWorse(outcome, fault.permits))
    .map(({ outcome, what }) => `${outcome}: ${what}`);
  for (const { outcome, says, what } of cell.findings) {
    if (outcome === "error" && says === "nothing")
      problems.push(`does not say whether it ran: ${what}`);
  }
  if (fault.memoryMb !== undefined && (cell.memoryMb ?? 0) > fault.memoryMb) {
    problems.push(`took ${cell.memoryMb} MB of memory, more than ${fault.memoryMb}`);
  }
  return problems;
}

async function runUntilStopped(fault: Fault, scene: Scene): Promise<void> {
  try {
    await fault.run(scene);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    scene.found(error.outcome, error.message);
  }
}
