// Faults × clients, each cell in a process of its own, a few at a time.

import { ABILITIES } from "./adapter.ts";
import type { Ability } from "./adapter.ts";
import { AdapterError, ClientProcess } from "./client-process.ts";
import type { ClientInfo, ClientSpec } from "./client-process.ts";
import type { Fault } from "./fault.ts";
import { inParallel, unlessAborted } from "./parallel.ts";
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
  /** `index`: its place in the plan, fault by fault. Called when it is done, which may be out of order. */
  readonly onCell?: (cell: Cell, fault: Fault, index: number) => void;
  /** Ends all that was begun, and then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Versions and gaps of a client, asked of its adapter.
 *
 * @throws {AdapterError} if there is no such adapter, or it is none.
 */
export async function introduce(spec: ClientSpec, signal?: AbortSignal): Promise<ClientInfo> {
  const client = new ClientProcess(spec);
  try {
    const info = await unlessAborted(client.ready(), signal);
    const unknown = info.cannot.filter((ability) => !ABILITIES.includes(ability));
    if (unknown.length > 0) {
      const what = `"cannot" has ${unknown.join(", ")}: it is of ${ABILITIES.join(", ")}`;
      throw new AdapterError(spec.adapter, what);
    }
    return info;
  } finally {
    await client.kill();
  }
}

export async function runCells(
  faults: readonly Fault[],
  clients: readonly { readonly spec: ClientSpec; readonly cannot: readonly Ability[] }[],
  { parallel = 2, onCell, signal }: RunOptions = {},
): Promise<Cell[]> {
  const plan = faults.flatMap((fault) => clients.map((client) => ({ fault, ...client })));
  return await inParallel(plan, parallel, async ({ fault, spec, cannot }, index) => {
    const cell = await runCell(fault, spec, cannot, signal);
    onCell?.(cell, fault, index);
    return cell;
  });
}

export async function runCell(
  fault: Fault,
  spec: ClientSpec,
  cannot: readonly Ability[] = [],
  signal?: AbortSignal,
): Promise<Cell> {
  signal?.throwIfAborted();
  const startedAt = performance.now();
  const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
  const base = { fault: fault.id, client: spec.id };
  if (fault.needs.some((ability) => cannot.includes(ability))) {
    return { ...base, outcome: undefined, findings: [], seconds: 0 };
  }
  const client = new ClientProcess(spec);
  const scene = new Scene(client);
  const perform = async (): Promise<Cell> => {
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
  };
  try {
    return await unlessAborted(perform(), signal);
  } catch (error) {
    signal?.throwIfAborted();
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
