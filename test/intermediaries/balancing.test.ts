// Replicas without shared sessions behind real balancers.

import { expect, test } from "vitest";
import { BALANCERS, measureBalancer, problemsOfBalancer } from "./scenes/balancing.ts";
import { describeEach } from "./support.ts";

describeEach("replicas without shared sessions (fault 16)", BALANCERS, (balancers) => {
  test.each(balancers.map((balancer) => [titleOf(balancer), balancer] as const))(
    "%s: 200 of 200 calls succeed, none runs twice, few handshakes",
    async (_title, balancer) => {
      const result = await measureBalancer(balancer);
      expect(problemsOfBalancer(balancer, result), JSON.stringify(result, null, 2)).toEqual([]);
    },
    120_000,
  );
});

function titleOf({ title, config }: (typeof BALANCERS)[number]): string {
  return `${title} (${config})`;
}
