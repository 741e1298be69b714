// Runs one family: starts its process, and another one if that one crashes or hangs.

import { fork } from "node:child_process";
import path from "node:path";
import type { Figures, Problem, Progress, Task } from "./messages.ts";

export interface FamilyRun {
  readonly name: string;
  readonly module: URL;
  readonly seed: number;
  readonly forMs: number;
  /** That round alone. */
  readonly round?: number | undefined;
  readonly onProblem?: ((problem: Problem) => void) | undefined;
}

export interface FamilyResult {
  readonly name: string;
  readonly rounds: number;
  readonly inputs: number;
  readonly problems: readonly Problem[];
  readonly figures: Figures;
}

/** A process that crashes or hangs again and again says nothing new. */
const MAX_PROBLEMS = 20;
/** Time for the start of a process, and for closing all when its rounds are over, milliseconds. */
const EDGE_MS = 60_000;

export async function runFamily(run: FamilyRun): Promise<FamilyResult> {
  const problems: Problem[] = [];
  const add = (problem: Problem): void => {
    problems.push(problem);
    run.onProblem?.(problem);
  };
  const endsAt = performance.now() + run.forMs;
  let figures: Figures = { worstStallMs: 0, stallCount: 0, residentMb: 0, heapMb: 0 };
  let rounds = 0;
  let inputs = 0;
  let nextRound = run.round ?? 0;
  while (true) {
    const part = await runProcess(
      {
        module: run.module.href,
        name: run.name,
        seed: run.seed,
        firstRound: nextRound,
        forMs: Math.max(0, endsAt - performance.now()),
        onlyOne: run.round !== undefined,
      },
      add,
    );
    rounds += part.rounds;
    inputs += part.inputs;
    nextRound = part.lastRound + 1;
    if (part.figures !== undefined) figures = worst(figures, part.figures);
    const isOver = part.figures !== undefined || run.round !== undefined;
    if (isOver || performance.now() >= endsAt || problems.length >= MAX_PROBLEMS) break;
  }
  return { name: run.name, rounds, inputs, problems, figures };
}

interface Part {
  readonly rounds: number;
  readonly inputs: number;
  readonly lastRound: number;
  /** Absent: the process crashed or was ended. */
  readonly figures: Figures | undefined;
}

function runProcess(task: Task, onProblem: (problem: Problem) => void): Promise<Part> {
  const child = fork(path.join(import.meta.dirname, "worker.ts"), [JSON.stringify(task)], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    // 4 GiB of heap on a machine with much memory would hide what a small one dies of.
    execArgv: ["--import", "tsx", "--max-old-space-size=1024"],
  });
  let rounds = 0;
  let inputs = 0;
  let lastRound = task.firstRound - 1;
  let figures: Figures | undefined;
  let didHang = false;
  let stderr = "";
  let timer: NodeJS.Timeout | undefined;
  const expect = (what: string, withinMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      didHang = true;
      onProblem({
        kind: "hang",
        round: lastRound,
        detail: `${what} was not over after ${withinMs} ms`,
      });
      child.kill("SIGKILL");
    }, withinMs);
  };
  expect("the start", EDGE_MS);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4_000);
  });
  child.on("message", (progress: Progress) => {
    if (progress.kind === "problem") onProblem(progress.problem);
    if (progress.kind === "finished") figures = progress.figures;
    if (progress.kind === "begun") {
      lastRound = progress.round;
      expect("the round", progress.roundMs);
    }
    if (progress.kind === "ended") {
      rounds += 1;
      inputs += progress.inputs;
      expect("what follows a round", EDGE_MS);
    }
  });
  return new Promise((resolve) => {
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      if (figures === undefined && !didHang) {
        const detail = `the process ended (${signal ?? code}): ${stderr.trim().slice(-600)}`;
        onProblem({ kind: "crash", round: Math.max(lastRound, 0), detail });
      }
      resolve({ rounds, inputs, lastRound, figures });
    });
  });
}

function worst(one: Figures, other: Figures): Figures {
  return {
    worstStallMs: Math.max(one.worstStallMs, other.worstStallMs),
    stallCount: one.stallCount + other.stallCount,
    residentMb: Math.max(one.residentMb, other.residentMb),
    heapMb: Math.max(one.heapMb, other.heapMb),
  };
}
