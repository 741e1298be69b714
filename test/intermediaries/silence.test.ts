// Tools that are silent for longer than a real proxy waits.

import { expect, test } from "vitest";
import { SHORT_SILENCES, measureSilence, problemsOfSilence } from "./scenes/silence.ts";
import { describeEach } from "./support.ts";

describeEach("a silence that is too long (fault 10)", SHORT_SILENCES, (silences) => {
  test.each(silences.map((silence) => [silence.json ? "JSON" : "event stream", silence] as const))(
    "%s: the error says how long the call was silent, in words and not in HTML",
    async (_title, silence) => {
      const result = await measureSilence(silence);
      expect(problemsOfSilence(silence, result), JSON.stringify(result, null, 2)).toEqual([]);
    },
    60_000,
  );
});
