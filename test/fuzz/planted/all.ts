// A family in which each kind of fault that the framework itself must see happens once, by the number of the round.

import { setTimeout as sleep } from "node:timers/promises";
import type { Family } from "../family.ts";

const kept: Uint8Array[] = [];
const STALL_MS = 600;

export const family: Family = {
  roundMs: 2_000,
  async round({ number, servers, tried, problem, own }) {
    tried();
    if (number === 0) void Promise.reject(new Error("planted rejection"));
    if (number === 1) {
      setImmediate(() => {
        throw new Error("planted throw");
      });
    }
    if (number === 2) burn();
    if (number === 3) own(burn);
    if (number === 4) await new Promise(() => setInterval(() => {}, 1_000));
    if (number === 5) process.exit(3);
    if (number === 6) {
      const echoed = await servers.ask<string>("echo");
      problem("wrong answer", `${echoed} came from the servers`);
    }
    // After the fifth round of the process that began with the sixth.
    if (number >= 12 && number < 16) kept.push(new Uint8Array(12 * 1024 * 1024).fill(1));
    await sleep(20);
  },
};

function burn(): void {
  const endsAt = performance.now() + STALL_MS;
  while (performance.now() < endsAt);
}
