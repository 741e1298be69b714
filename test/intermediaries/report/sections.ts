// All that `npm run intermediaries` measures: a section is one table, a trial is one of its rows.

import type { ProgramName } from "../programs/programs.ts";
import { BALANCERS, measureBalancer, problemsOfBalancer } from "../scenes/balancing.ts";
import { STREAMINGS, measureStreaming, problemsOfStreaming } from "../scenes/buffering.ts";
import { CACHINGS, measureCaching } from "../scenes/caching.ts";
import { FORWARDS, measureForward, problemsOfForward } from "../scenes/forwarding.ts";
import { LIMITS, measureLimit, problemsOfLimit } from "../scenes/limiting.ts";
import {
  NOT_REPEATED,
  REPETITIONS,
  UNKNOWABLE,
  measureRepetition,
  problemsOfRepetition,
} from "../scenes/repeating.ts";
import type { Repetition } from "../scenes/repeating.ts";
import { RESTARTS, measureRestart, problemsOfRestart } from "../scenes/restarting.ts";
import {
  LONG_SILENCES,
  SHORT_SILENCES,
  measureSilence,
  problemsOfSilence,
} from "../scenes/silence.ts";

/** Words of one row, in the order of the section's columns. */
export interface Row {
  readonly cells: readonly string[];
  readonly problems: readonly string[];
}

export interface Trial {
  readonly program: ProgramName;
  readonly title: string;
  measure(): Promise<Row>;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly trials: readonly Trial[];
}

/** Seconds of outage that are permitted; two of them the server is down. */
const LONGEST_OUTAGE = 4;
/** Seconds within which a refusal that is final is told of. */
const AT_ONCE = 2.5;

const seconds = (value: number): string => `${value.toFixed(1)} s`;
const yesNo = (value: boolean): string => (value ? "yes" : "no");

const balancing: Section = {
  id: "balancing",
  title: "Replicas without shared sessions",
  columns: [
    "balancer",
    "program",
    "replicas",
    "calls",
    "handshakes",
    "refused",
    "ran twice",
    "time",
  ],
  trials: BALANCERS.map((balancer) => ({
    program: balancer.program,
    title: `${balancer.title}, ${balancer.config}`,
    async measure() {
      const result = await measureBalancer(balancer);
      const { ok, calls, handshakes, refusals, doubled } = result;
      const { title, program, replicas } = balancer;
      return {
        cells: [
          title.replace(/, \d replicas$/, ""),
          program,
          String(replicas),
          `${ok} of ${calls}`,
          String(handshakes),
          String(refusals),
          String(doubled),
          seconds(result.seconds),
        ],
        problems: problemsOfBalancer(balancer, result),
      };
    },
  })),
};

const restarting: Section = {
  id: "restarting",
  title: "A server that is away for two seconds",
  columns: ["program", "outage", "failed, never sent", "may have run", "ran twice", "handshakes"],
  trials: RESTARTS.map((restart) => ({
    program: restart.program,
    title: restart.config,
    async measure() {
      const result = await measureRestart(restart);
      const { outage, unsent, unknown, doubled, handshakes } = result;
      return {
        cells: [
          restart.program,
          seconds(outage),
          String(unsent),
          String(unknown),
          String(doubled),
          String(handshakes),
        ],
        problems: problemsOfRestart(result, LONGEST_OUTAGE),
      };
    },
  })),
};

const repetitionColumns = [
  "program",
  "the replica",
  "after",
  "replay",
  "ran",
  "repeated by the proxy",
  "by the pool",
];

function trialOfRepetition(repetition: Repetition, isRequired: boolean): Trial {
  const { program, config, fault, replay } = repetition;
  const [shortest, longest] = repetition.ms;
  return {
    program,
    title: `${config}, ${fault}, replay ${replay}, after ${shortest} ms`,
    async measure() {
      const result = await measureRepetition(repetition);
      const { ran, byProxy, byPool, calls } = result;
      const does = { reset: "resets", close: "closes", hang: "hangs", exit: "crashes" }[fault];
      return {
        cells: [
          program,
          does,
          `${shortest} to ${longest} ms`,
          replay,
          `${ran} of ${calls}`,
          String(byProxy),
          String(byPool),
        ],
        problems: isRequired ? problemsOfRepetition(result) : [],
      };
    },
  };
}

const repeating: Section = {
  id: "repeating",
  title: "Proxies that repeat POSTs",
  columns: repetitionColumns,
  trials: [
    ...REPETITIONS.map((one) => trialOfRepetition(one, true)),
    ...UNKNOWABLE.map((one) => trialOfRepetition(one, false)),
  ],
};

const notRepeating: Section = {
  id: "not-repeating",
  title: "Proxies that do not, configured as on this page",
  columns: repetitionColumns,
  trials: NOT_REPEATED.map((one) => trialOfRepetition(one, true)),
};

const limiting: Section = {
  id: "limiting",
  title: "Limits",
  columns: ["limit", "program", "calls", "ran twice", "time"],
  trials: LIMITS.map((limit) => ({
    program: limit.program,
    title: limit.title,
    async measure() {
      const result = await measureLimit(limit);
      const { ok, calls, doubled } = result;
      return {
        cells: [
          limit.title,
          limit.program,
          `${ok} of ${calls}`,
          String(doubled),
          seconds(result.seconds),
        ],
        problems: problemsOfLimit(result),
      };
    },
  })),
};

const streaming: Section = {
  id: "streaming",
  title: "Event streams",
  columns: [
    "program",
    "configuration",
    "result",
    "progress in time",
    "changes",
    "warns of buffering",
  ],
  trials: STREAMINGS.map((one) => ({
    program: one.program,
    title: one.config,
    async measure() {
      const result = await measureStreaming(one);
      const { text, early, progress, changed, warnings } = result;
      return {
        cells: [
          one.program,
          one.passes ? "of this page" : "as packaged",
          yesNo(text === "counted"),
          `${early} of ${progress}`,
          yesNo(changed),
          yesNo(warnings.some((warning) => /buffer/i.test(warning))),
        ],
        problems: problemsOfStreaming(one, result),
      };
    },
  })),
};

const silence: Section = {
  id: "silence",
  title: "A tool that is silent",
  columns: ["program", "configuration", "silent for", "answer", "after"],
  trials: [...LONG_SILENCES, ...SHORT_SILENCES].map((one) => ({
    program: one.program,
    title: `${one.config}, ${one.json ? "JSON" : "event stream"}`,
    async measure() {
      const result = await measureSilence(one);
      const limit =
        one.cutAfter === undefined ? "of this page" : `gives up after ${one.cutAfter} s`;
      return {
        cells: [
          one.program,
          limit,
          seconds(one.ms / 1_000),
          result.ok ? "result" : "error",
          seconds(result.seconds),
        ],
        problems: problemsOfSilence(one, result),
      };
    },
  })),
};

const caching: Section = {
  id: "caching",
  title: "The stream for changes after somebody else's 404",
  columns: ["program", "configuration", "status"],
  trials: CACHINGS.map((one) => ({
    program: one.program,
    title: one.config,
    async measure() {
      const status = await measureCaching(one);
      return {
        cells: [one.program, one.status === 200 ? "of this page" : "as packaged", String(status)],
        problems: status === one.status ? [] : [`${status}, not ${one.status}`],
      };
    },
  })),
};

const forwarding: Section = {
  id: "forwarding",
  title: "Forward proxies",
  columns: ["what", "code", "after"],
  trials: FORWARDS.map((forward) => ({
    program: "Squid",
    title: forward.title,
    async measure() {
      const result = await measureForward(forward);
      return {
        cells: [forward.title, result.error?.code ?? "result", seconds(result.seconds)],
        problems: problemsOfForward(forward, result, AT_ONCE),
      };
    },
  })),
};

export const SECTIONS: readonly Section[] = [
  balancing,
  restarting,
  repeating,
  notRepeating,
  limiting,
  streaming,
  silence,
  caching,
  forwarding,
];
