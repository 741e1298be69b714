import { beforeEach, describe, expect, test } from "vitest";
import type { QuirkCode } from "../../../src/jsonrpc/quirk-table.ts";
import { WarningPace } from "../../../src/pool/warning-pace.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let clock: ManualClock;
let told: string[];
let pace: WarningPace;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  pace = new WarningPace(clock, ({ message }) => void told.push(message));
});

function warn(message: string, server = "s", code?: QuirkCode): void {
  pace.add({ server, message, cause: undefined, code });
}

describe("warnings that come again", () => {
  test("the first ones are told at once, the others together and with their number", () => {
    for (let count = 1; count <= 1_000; count++) warn(`tool "t${count}" is odd`);
    expect(told).toEqual([1, 2, 3, 4, 5].map((count) => `tool "t${count}" is odd`));
    clock.advance(10_000);
    expect(told.slice(5)).toEqual(['tool "t1000" is odd (and 994 more like it)']);
    clock.advance(10_000);
    expect(told).toHaveLength(6);
  });

  test("a flood without an end is told once in ten seconds", () => {
    for (let second = 0; second < 100; second++) {
      for (let count = 0; count < 100; count++) warn(`number ${count}`);
      clock.advance(1_000);
    }
    expect(told).toHaveLength(5 + 10);
  });

  test("after a quiet time they are told at once again, and no timer is left", () => {
    for (let count = 0; count < 6; count++) warn("again");
    clock.advance(30_000);
    expect(clock.armedCount).toBe(0);
    expect(told).toHaveLength(6);
    warn("again");
    expect(told).toHaveLength(7);
  });

  test("one server's flood takes nothing from another, nor from another kind", () => {
    for (let count = 0; count < 100; count++) warn("loud");
    warn("loud", "other");
    warn("different");
    warn("loud", "s", "list-late");
    expect(told.slice(5)).toEqual(["loud", "different", "loud"]);
  });

  test("a server that invents kinds has so many, and what is told and kept stays bounded", () => {
    for (let count = 0; count < 100_000; count++) {
      warn(`${String.fromCodePoint(0x4e00 + (count % 20_000))} ${count}`);
    }
    expect(told.length).toBeLessThanOrEqual(65 * 5);
    clock.advance(10_000);
    expect(told.length).toBeLessThanOrEqual(65 * 6);
    warn("innocent", "other");
    expect(told.at(-1)).toBe("innocent");
  });

  test("at the end, what was counted is told, and nothing is armed", () => {
    for (let count = 0; count < 7; count++) warn("last");
    pace.close();
    expect(told.at(-1)).toBe("last (and 1 more like it)");
    expect(clock.armedCount).toBe(0);
  });
});
