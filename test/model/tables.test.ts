// The tables of the model, docs/design/connection.pml, against those of the code: the model proves nothing about another.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { decideLost, decideReplay, MAX_RETRY_AFTER_MS } from "../../src/connection/replay.ts";
import type { Moment, ReplayClass, ReplayOption } from "../../src/connection/replay.ts";
import { TRANSITIONS } from "../../src/connection/state.ts";

const model = readFileSync(
  fileURLToPath(new URL("../../docs/design/connection.pml", import.meta.url)),
  "utf8",
);

/** The lines `  NAME(a, b) \`, with the code's - for the model's _. */
function rowsOf(name: string): string[][] {
  const lines = [...model.matchAll(new RegExp(`^  ${name}\\(([^)]*)\\)`, "gm"))];
  return lines.map(([, row = ""]) => row.replaceAll("_", "-").split(", "));
}

test("the model's moves are those of the code", () => {
  const moves = Object.entries(TRANSITIONS).flatMap(([from, to]) =>
    to.map((name) => `${from} ${name}`),
  );
  expect(rowsOf("MOVE").map((row) => row.join(" "))).toEqual(moves);
});

const CLASSES: readonly ReplayClass[] = ["safe", "repeatable", "unsafe"];
const OPTIONS: readonly ReplayOption[] = ["safe", "always", "never"];
const REPLAYS = ["zero", "one", "two"];

/** As the model has it: a time that is short, long, or of no matter. */
const TIMES: readonly { readonly time: string; readonly isLate: boolean }[] = [
  { time: "in-time", isLate: false },
  { time: "too-late", isLate: true },
];

/** Every moment, and its time. `throttled` and `gateway`: at the limit, with no time named, and beyond. */
function momentsOf(isLate: boolean): Moment[] {
  const waits = isLate ? [MAX_RETRY_AFTER_MS + 1] : [undefined, 0, MAX_RETRY_AFTER_MS];
  const flags = [true, false];
  return [
    { name: "final" },
    { name: "not-sent" },
    { name: "lost" },
    { name: "session-lost", isLate },
    { name: "era-lost", isLate },
    ...flags.flatMap((isProof) =>
      flags.map((isBroken): Moment => ({ name: "session-suspect", isLate, isProof, isBroken })),
    ),
    ...waits.flatMap((retryAfterMs): Moment[] => [
      { name: "throttled", retryAfterMs },
      { name: "gateway", retryAfterMs },
    ]),
  ];
}

function leaveOf(replayClass: ReplayClass, option: ReplayOption): string {
  if (option === "never") return "never";
  return option === "always" || replayClass !== "unsafe" ? "may" : "once";
}

interface Input {
  readonly moment: Moment;
  readonly time: string;
  readonly replayClass: ReplayClass;
  readonly option: ReplayOption;
  readonly replays: number;
  readonly isSpent: boolean;
}

const INPUTS: readonly Input[] = TIMES.flatMap(({ time, isLate }) =>
  momentsOf(isLate).flatMap((moment) =>
    CLASSES.flatMap((replayClass) =>
      OPTIONS.flatMap((option) =>
        [0, 1, 2].flatMap((replays) =>
          [false, true].map((isSpent) => ({
            moment,
            time,
            replayClass,
            option,
            replays,
            isSpent,
          })),
        ),
      ),
    ),
  ),
);

const REPLAY_ROWS = rowsOf("REPLAY");

/** The model's rows that hold for an input. */
function rowsFor({ moment, time, replayClass, option, replays, isSpent }: Input): string[][] {
  const wanted = [
    moment.name,
    time,
    leaveOf(replayClass, option),
    REPLAYS[isSpent ? 2 : replays] ?? "",
  ];
  return REPLAY_ROWS.filter((row) =>
    wanted.every((value, index) => row[index] === "any" || row[index] === value),
  );
}

test("for each input of the replay policy the model has one row, and it says what the code does", () => {
  const wrong = INPUTS.flatMap((input) => {
    const rows = rowsFor(input);
    const { action } = decideReplay(input);
    const isRight = rows.length === 1 && rows[0]?.at(-1) === action;
    return isRight ? [] : [{ ...input, action, rows }];
  });
  expect(wrong).toEqual([]);
  expect(INPUTS.length).toBeGreaterThan(1_000);
});

test("no row of the model is one that no input meets", () => {
  const met = new Set(INPUTS.flatMap((input) => rowsFor(input).map((row) => row.join(" "))));
  expect(REPLAY_ROWS.filter((row) => !met.has(row.join(" ")))).toEqual([]);
});

test("once a ping has shown that the session is lost, a suspect refusal decides as the model has it", () => {
  // The model's IS_PROOF: no status of 500 or more, and no error of the call's own that says that something broke, unless
  // it may run again. Then it is as if the server had said that the session is lost.
  for (const input of INPUTS) {
    const { moment, replayClass, option } = input;
    if (moment.name !== "session-suspect") continue;
    const isHarmless = leaveOf(replayClass, option) === "may" || option === "never";
    const isProof = moment.isProof && (!moment.isBroken || isHarmless);
    const lost = decideReplay({ ...input, moment: { ...moment, name: "session-lost" } });
    expect(decideLost(input).action).toBe(isProof ? lost.action : "fail");
  }
});
