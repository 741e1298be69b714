// Event streams through real proxies, with and without their buffering.

import { expect, test } from "vitest";
import { STREAMINGS, measureStreaming, problemsOfStreaming } from "./scenes/buffering.ts";
import { describeEach } from "./support.ts";

describeEach("event streams (fault 24)", STREAMINGS, (streamings) => {
  test.each(streamings.map((streaming) => [streaming.config, streaming] as const))(
    "%s: the result arrives, and a proxy that holds events back is named",
    async (_config, streaming) => {
      const result = await measureStreaming(streaming);
      const problems = problemsOfStreaming(streaming, result);
      expect(problems, JSON.stringify(result, null, 2)).toEqual([]);
    },
    60_000,
  );
});
