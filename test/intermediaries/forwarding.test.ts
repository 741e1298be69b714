// A real forward proxy that the environment names.

import { expect, test } from "vitest";
import { FORWARDS, measureForward, problemsOfForward } from "./scenes/forwarding.ts";
import { describeEach } from "./support.ts";

/** Seconds. A caller waits for 30 by default before a server that cannot be reached is given up. */
const AT_ONCE = 2.5;

const SQUID = FORWARDS.map((forward) => ({ program: "Squid" as const, forward }));

describeEach("forward proxies (fault 19)", SQUID, (forwards) => {
  test.each(forwards.map(({ forward }) => [forward.title, forward] as const))(
    "%s",
    async (_title, forward) => {
      const result = await measureForward(forward);
      const problems = problemsOfForward(forward, result, AT_ONCE);
      expect(problems, JSON.stringify(result, null, 2)).toEqual([]);
    },
    60_000,
  );
});
