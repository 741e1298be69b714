// What a study is: one question, its measurements as medians with their spread, its ratios, its targets. Every study
// of studies/ gives its findings in this shape; main.ts prints and writes them, report/ draws them.

/** What the command line leaves to all studies. */
export interface Settings {
  /** Fewer points and shorter rounds: all studies together in about two minutes. */
  readonly quick: boolean;
  /** As the user asked; otherwise the study knows best. */
  readonly rounds: number | undefined;
  /** Folder of the build of the pool that is measured. */
  readonly build: string;
  /** Folder of a second build, measured in the same rounds as `other`. */
  readonly against: string | undefined;
  /** Only those; empty means all. */
  readonly contenders: readonly string[];
  /** Prints a line at once: what is going on. */
  readonly log: (line: string) => void;
}

export interface Study {
  /** Of its file in results/, and for `--only`. */
  readonly name: string;
  readonly title: string;
  /** What is measured, how, and what the floor is: a paragraph or two of Markdown for docs/PERFORMANCE.md. */
  readonly method: string;
  run(settings: Settings): Promise<Findings>;
}

export interface Metric {
  readonly name: string;
  /** As it is printed behind a number; empty for a number of things. */
  readonly unit: string;
  readonly better: "less" | "more";
  /** Decimals shown. */
  readonly digits: number;
}

export interface Findings {
  /** In the order in which they are shown. */
  readonly metrics: readonly Metric[];
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  /** Lines of Markdown that belong to the numbers. */
  readonly notes: readonly string[];
}

/** One contender at one point of a study. */
export interface Row {
  /** For example `http-json, 32 in flight`. */
  readonly point: string;
  readonly contender: string;
  readonly values: Values;
  /** Of this contender to each other one at the same point, each taken within one round. */
  readonly ratios: { readonly [other: string]: Values };
}

/** By the metric's name; one that does not apply is absent. */
export interface Values {
  readonly [metric: string]: Spread;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What one round gave for one contender, by the metric's name. */
export interface Sample {
  readonly [metric: string]: number;
}

/** By contender, one sample per round: the same index is the same round. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

/** Everybody once, beginning with another one in each round. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = round % Math.max(1, all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

/** The rows of one point. A ratio is taken within a round, so that the machine's mood cancels out. */
export function summarise(point: string, samples: Samples): Row[] {
  return Array.from(samples, ([contender, own]) => {
    const others = [...samples].filter(([other]) => other !== contender);
    const ratios = others.map(([other, theirs]) => {
      if (own.length !== theirs.length) throw new Error(`${point}: a round without ${other}`);
      return [other, spreads(own.map((sample, round) => ratio(sample, theirs[round] ?? {})))];
    });
    return { point, contender, values: spreads(own), ratios: Object.fromEntries(ratios) };
  });
}

/** What both have, and what the other has more than none of. */
function ratio(own: Sample, other: Sample): Sample {
  return Object.fromEntries(
    Object.entries(own).flatMap(([metric, value]) => {
      const base = other[metric];
      return base === undefined || base === 0 ? [] : [[metric, value / base]];
    }),
  );
}

function spreads(samples: readonly Sample[]): Values {
  const metrics = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return Object.fromEntries(
    Array.from(metrics, (metric) => [metric, spread(samples.flatMap((one) => one[metric] ?? []))]),
  );
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  const low = sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? Number.NaN;
  return {
    median: (low + high) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

/** What is meant to be reached: in ratios wherever it can be, so that it does not depend on the machine. */
export interface Target {
  readonly point: string;
  readonly of: string;
  readonly metric: string;
  /** The contender at the same point that the median of the ratios is taken to; without, the value itself counts. */
  readonly against?: string | undefined;
  readonly limit: "at most" | "at least";
  readonly value: number;
}

export interface Verdict {
  readonly target: Target;
  readonly measured: Spread;
  readonly isMet: boolean;
  /** What one has to know to judge it. */
  readonly note?: string | undefined;
}

/** A verdict for every target that these rows can be judged by. */
export function judge(targets: readonly Target[], rows: readonly Row[]): Verdict[] {
  return targets.flatMap((target) => {
    const { point, of, metric, against, limit, value } = target;
    const row = rows.find((one) => one.point === point && one.contender === of);
    const measured = (against === undefined ? row?.values : row?.ratios[against])?.[metric];
    if (measured === undefined) return [];
    const { median } = measured;
    return [{ target, measured, isMet: limit === "at most" ? median <= value : median >= value }];
  });
}

/** Verdicts of what may not happen in any round: its most counts, not its median. */
export function judgeNever(
  targets: readonly Omit<Target, "limit" | "value">[],
  rows: readonly Row[],
): Verdict[] {
  const never = targets.map((target): Target => ({ ...target, limit: "at most", value: 0 }));
  return judge(never, rows).map((verdict) => ({ ...verdict, isMet: verdict.measured.max === 0 }));
}

/** What is written to results/, and read by report/. */
export interface Written {
  readonly study: string;
  readonly title: string;
  readonly method: string;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly findings: Findings;
}

export interface Machine {
  readonly node: string;
  readonly v8: string;
  readonly cpu: string | undefined;
  readonly cores: number;
}
