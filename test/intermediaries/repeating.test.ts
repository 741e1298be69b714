// Real proxies that repeat POSTs.

import { expect, test } from "vitest";
import {
  NOT_REPEATED,
  REPETITIONS,
  measureRepetition,
  problemsOfRepetition,
} from "./scenes/repeating.ts";
import { describeEach } from "./support.ts";

describeEach("a POST that the proxy repeats (fault 16)", REPETITIONS, (repetitions) => {
  test.each(repetitions.map((one) => [`${one.fault}, replay ${one.replay}`, one] as const))(
    "%s: a refusal that comes late is no proof that nothing ran",
    async (_title, repetition) => {
      const result = await measureRepetition(repetition);
      expect(problemsOfRepetition(result), JSON.stringify(result, null, 2)).toEqual([]);
    },
    60_000,
  );
});

describeEach("a POST that the proxy does not repeat (fault 6)", NOT_REPEATED, (repetitions) => {
  test.each(repetitions.map((one) => [one.config, one] as const))(
    "%s: a call whose connection breaks runs once",
    async (_title, repetition) => {
      const result = await measureRepetition(repetition);
      expect(problemsOfRepetition(result), JSON.stringify(result, null, 2)).toEqual([]);
    },
    60_000,
  );
});
