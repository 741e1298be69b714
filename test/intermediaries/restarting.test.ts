// A server that is restarted behind a real proxy.

import { expect, test } from "vitest";
import { RESTARTS, measureRestart, problemsOfRestart } from "./scenes/restarting.ts";
import { describeEach } from "./support.ts";

/** Seconds: two of them the server is down. A machine under load gets more than the four of an idle one. */
const LONGEST_OUTAGE = 8;

describeEach("a server that is restarted (fault 19)", RESTARTS, (restarts) => {
  test.each(restarts.map((restart) => [restart.config, restart] as const))(
    "%s: callers wait unsent, and their calls succeed soon after its return",
    async (_config, restart) => {
      const result = await measureRestart(restart);
      const problems = problemsOfRestart(result, LONGEST_OUTAGE);
      expect(problems, JSON.stringify(result, null, 2)).toEqual([]);
    },
    120_000,
  );
});
