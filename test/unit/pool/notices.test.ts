import { beforeEach, describe, expect, test } from "vitest";
import { delay } from "../../../src/core/clock.ts";
import { Notices } from "../../../src/pool/notices.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";

let clock: ManualClock;
let refreshes: number;
let changed: string[];
let updated: string[];
/** How long a list of the tools takes, milliseconds. */
let takesMs: number;
let notices: Notices;

beforeEach(() => {
  clock = new ManualClock();
  refreshes = 0;
  changed = [];
  updated = [];
  takesMs = 0;
  notices = new Notices({
    clock,
    refreshTools: () => {
      refreshes += 1;
      return delay(clock, takesMs, { background: true });
    },
    onListChanged: (kind) => void changed.push(kind),
    onResourceUpdated: (uri) => void updated.push(uri),
  });
});

/** For so long, a notice every ten milliseconds. */
async function flood(ms: number, notice: () => void): Promise<void> {
  for (let count = 0; count < ms; count += 10) {
    notice();
    clock.advance(10);
    await settled();
  }
}

describe("the tools", () => {
  test("a change is looked at at once, and so are a few more", () => {
    for (let count = 1; count <= 5; count++) {
      notices.listChanged("tools");
      expect(refreshes).toBe(count);
    }
  });

  test("a server that changes without an end has two lists a second", async () => {
    await flood(60_000, () => notices.listChanged("tools"));
    expect(refreshes).toBeGreaterThan(100);
    expect(refreshes).toBeLessThan(130);
  });

  test("the last change is never lost", async () => {
    await flood(1_000, () => notices.listChanged("tools"));
    const before = refreshes;
    notices.listChanged("tools");
    clock.advance(3_000);
    expect(refreshes).toBeGreaterThan(before);
    const all = refreshes;
    clock.advance(60_000);
    expect(refreshes).toBe(all);
  });

  test("lists that take long are asked for less often", async () => {
    takesMs = 400;
    await flood(60_000, () => notices.listChanged("tools"));
    expect(refreshes).toBeLessThan(60);
    expect(refreshes).toBeGreaterThan(20);
  });

  test("nothing is asked after the end, and nothing is armed", async () => {
    await flood(200, () => notices.listChanged("tools"));
    const before = refreshes;
    notices.stop();
    expect(clock.armedCount).toBe(0);
    clock.advance(60_000);
    expect(refreshes).toBe(before);
  });
});

describe("events", () => {
  test("of other lists: ten a second at most, the last one included", async () => {
    await flood(10_000, () => notices.listChanged("prompts"));
    clock.advance(100);
    expect(changed.length).toBeGreaterThan(90);
    expect(changed.length).toBeLessThan(125);
    expect(new Set(changed)).toEqual(new Set(["prompts"]));
  });

  test("updates of resources are told one by one as long as they are few", async () => {
    for (let count = 0; count < 1_000; count++) {
      notices.resourceUpdated("a://x");
      clock.advance(10);
    }
    expect(updated).toHaveLength(1_000);
  });

  test("a flood of updates is told together, and every resource is told of after its last one", async () => {
    for (let count = 0; count < 100_000; count++) {
      notices.resourceUpdated(`a://${count % 50}`);
      if (count % 100 === 0) clock.advance(1);
    }
    expect(updated.length).toBeLessThan(2_000);
    updated = [];
    notices.resourceUpdated("a://last");
    clock.advance(100);
    expect(updated).toContain("a://last");
    expect(clock.armedCount).toBe(0);
  });

  test("what waits is bounded: beyond it, it is told at once", () => {
    for (let count = 0; count < 10_000; count++) notices.resourceUpdated(`a://${count}`);
    expect(updated.length).toBeGreaterThanOrEqual(9_000);
    clock.advance(100);
    expect(new Set(updated).size).toBe(10_000);
  });
});
