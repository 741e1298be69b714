// Real proxies that refuse what is beyond a limit.

import { expect, test } from "vitest";
import { LIMITS, measureLimit, problemsOfLimit } from "./scenes/limiting.ts";
import { describeEach } from "./support.ts";

describeEach("a limit (fault 19)", LIMITS, (limits) => {
  test.each(limits.map((limit) => [limit.title, limit] as const))(
    "%s: 200 of 200 calls succeed",
    async (_title, limit) => {
      const result = await measureLimit(limit);
      expect(problemsOfLimit(result), JSON.stringify(result, null, 2)).toEqual([]);
    },
    120_000,
  );
});
