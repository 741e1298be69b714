// Behaviours × clients, each client in a process of its own, a few at a time.

import { ClientProcess } from "../fault/suite/client-process.ts";
import type { ClientSpec } from "../fault/suite/client-process.ts";
import { inParallel, unlessAborted } from "../fault/suite/parallel.ts";
import type { Behaviour } from "./behaviour.ts";
import { Stop, worstOf } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import { Trial } from "./trial.ts";

export interface Cell {
  readonly behaviour: string;
  readonly client: string;
  readonly outcome: Outcome;
  /** What falls short, where something does. */
  readonly what?: string;
}

export interface RunOptions {
  /** Cells at a time. Default 2. */
  readonly parallel?: number;
  /** `index`: its place in the plan, behaviour by behaviour. Called when it is done, in any order. */
  readonly onCell?: (cell: Cell, behaviour: Behaviour, index: number) => void;
  /** Ends all that was begun, and then rejects with its reason. */
  readonly signal?: AbortSignal;
}

const LATE_MS = 2_500;
const LATE_FACTOR = 20;

export async function runCells(
  behaviours: readonly Behaviour[],
  clients: readonly ClientSpec[],
  { parallel = 2, onCell, signal }: RunOptions = {},
): Promise<Cell[]> {
  const plan = behaviours.flatMap((behaviour) => clients.map((spec) => ({ behaviour, spec })));
  const processes = new Processes();
  try {
    return await inParallel(plan, parallel, async ({ behaviour, spec }, index) => {
      const cell = await runCell(behaviour, spec, processes, signal);
      onCell?.(cell, behaviour, index);
      return cell;
    });
  } finally {
    await processes.end();
  }
}

interface Warm {
  readonly id: string;
  readonly process: ClientProcess;
  /** How long it takes to connect to a server that is in order, milliseconds. */
  readonly normalMs: number;
}

/** Processes of clients that have nothing to do. Most of a cell's time would be the start of one. */
class Processes {
  readonly #idle: Warm[] = [];

  /** One that has connected before: nothing is loaded any more when the behaviour is tried. */
  async take(spec: ClientSpec): Promise<Warm> {
    const at = this.#idle.findIndex(({ id }) => id === spec.id);
    const [found] = at < 0 ? [] : this.#idle.splice(at, 1);
    if (found !== undefined) return found;
    const process = new ClientProcess(spec);
    try {
      await process.ready();
      await warmUp(process);
      return { id: spec.id, process, normalMs: await warmUp(process) };
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  giveBack(warm: Warm): void {
    this.#idle.push(warm);
  }

  async end(): Promise<void> {
    await Promise.all(this.#idle.map(({ process }) => process.kill()));
  }
}

/** An everyday exchange with a server that is in order: how long its connection took, milliseconds. */
async function warmUp(process: ClientProcess): Promise<number> {
  const trial = new Trial(process, Infinity);
  try {
    const startedAt = performance.now();
    await trial.connect(await trial.http({ echo: {} }));
    const ms = performance.now() - startedAt;
    await trial.lists("echo");
    await trial.calls("echo");
    const [worst] = trial.findings;
    if (worst !== undefined) throw new Error(`an ordinary server: ${worst.what}`);
    if (!(await trial.leave())) throw new Error("an ordinary server: the client does not close");
    return ms;
  } finally {
    await trial.end({ keepsProcess: true });
  }
}

async function runCell(
  behaviour: Behaviour,
  spec: ClientSpec,
  processes: Processes,
  signal: AbortSignal | undefined,
): Promise<Cell> {
  signal?.throwIfAborted();
  let warm: Warm | undefined;
  let keepsProcess = false;
  let trial: Trial | undefined;
  const perform = async (): Promise<Cell> => {
    warm = await processes.take(spec);
    trial = new Trial(warm.process, behaviour.lateMs ?? lateMsOf(warm));
    await runUntilStopped(behaviour, trial);
    const worst = worstOf(trial.findings);
    // One that met with trouble may hold something back: the next cell gets another process.
    keepsProcess = (await trial.leave()) && worst === undefined;
    return {
      behaviour: behaviour.id,
      client: spec.id,
      outcome: worst?.outcome ?? "works",
      ...(worst === undefined ? {} : { what: worst.what }),
    };
  };
  try {
    return await unlessAborted(perform(), signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`${behaviour.id}, ${spec.id}: the suite itself failed`, { cause: error });
  } finally {
    await trial?.end({ keepsProcess });
    if (keepsProcess && warm !== undefined) processes.giveBack(warm);
  }
}

/** A step that takes longer waits for something: it is compared with what is normal on this machine, now. */
function lateMsOf({ normalMs }: Warm): number {
  return LATE_MS + LATE_FACTOR * normalMs;
}

async function runUntilStopped(behaviour: Behaviour, trial: Trial): Promise<void> {
  try {
    await behaviour.run(trial);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
}
