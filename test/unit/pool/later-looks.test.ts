import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  McpConfigError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../../src/core/errors.ts";
import { LaterLooks } from "../../../src/pool/later-looks.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";

let clock: ManualClock;
/** When the server was asked, milliseconds since the session began. */
let lookedAt: number[];
/** What the next lists are: a count, or why they failed. */
let answers: (number | Error)[];
const onFound = vi.fn<() => void>();
const onGivenUp = vi.fn<(cause: unknown, count: number) => void>();
let looks: LaterLooks;
let startedAt: number;

/** As the pool's member does it: one list, and what came of it. */
async function list(mayBeLate = true): Promise<void> {
  const asked = looks.onAsk();
  const answer = answers.shift() ?? 1;
  if (answer instanceof Error) {
    looks.onFailed(answer);
    throw answer;
  }
  looks.onListed(asked, answer, mayBeLate);
}

beforeEach(() => {
  clock = new ManualClock();
  startedAt = clock.now();
  lookedAt = [];
  answers = [];
  onFound.mockReset();
  onGivenUp.mockReset();
  looks = new LaterLooks({
    clock,
    look: () => {
      lookedAt.push(clock.now() - startedAt);
      return list();
    },
    onFound,
    onGivenUp,
  });
  looks.onSession();
});

const passing = (): McpResponseError =>
  new McpResponseError("x", { rpcCode: -32603, rpcMessage: "loading" });

describe("after a list that failed", () => {
  test.each<[string, Error]>([
    ["an internal error", passing()],
    ["a status", new McpHttpError("x", { status: 500 })],
    ["silence", new McpTimeoutError("x", { limit: "silence", timeoutMs: 1 })],
    ["a lost connection", new McpConnectionError("CONNECTION_LOST", "x")],
    ["something that is no list", new McpProtocolError("x")],
  ])("%s: looked at again, ever later, and given up with one warning", async (_, error) => {
    answers = [error, error, error, error, error];
    await list().catch(() => {});
    await clock.run(600_000);
    expect(lookedAt).toEqual([500, 2_500, 10_500]);
    expect(onGivenUp.mock.calls).toEqual([[error, 4]]);
    expect(onFound).not.toHaveBeenCalled();
    expect(clock.armedCount).toBe(0);
  });

  test.each<[string, Error]>([
    ["a method that is not known", new McpResponseError("x", { rpcCode: -32601, rpcMessage: "" })],
    ["a limit of ours", new McpProtocolError("x", { code: "LIMIT_EXCEEDED" })],
    ["a mistake of the user's", new McpConfigError("x")],
  ])("%s: left alone", async (_, error) => {
    answers = [error];
    await list().catch(() => {});
    await clock.run(600_000);
    expect(lookedAt).toEqual([]);
    expect(onGivenUp).not.toHaveBeenCalled();
  });

  test("found at a later look: told, and no look follows", async () => {
    answers = [passing(), passing(), 3];
    await list().catch(() => {});
    await clock.run(600_000);
    expect(lookedAt).toEqual([500, 2_500]);
    expect(onFound).toHaveBeenCalledTimes(1);
  });

  test("found by somebody else meanwhile: no look follows", async () => {
    answers = [passing(), 3];
    await list().catch(() => {});
    await clock.run(400);
    await list();
    await clock.run(600_000);
    expect(lookedAt).toEqual([]);
    expect(clock.armedCount).toBe(0);
  });

  test("the first look is soon enough to wait for, the later ones are not", async () => {
    expect(looks.soon).toBeUndefined();
    answers = [passing(), passing()];
    await list().catch(() => {});
    const soon = looks.soon;
    let isOver = false;
    void soon?.then(() => (isOver = true));
    await clock.run(499);
    expect([soon === undefined, isOver]).toEqual([false, false]);
    await clock.run(1);
    expect([isOver, looks.soon]).toEqual([true, undefined]);
  });

  test("the timers let the process end, and end with the server", async () => {
    answers = [passing()];
    await list().catch(() => {});
    expect([clock.armedCount, clock.holdingCount]).toEqual([1, 0]);
    looks.stop();
    expect(clock.armedCount).toBe(0);
  });
});

describe("after an empty list", () => {
  test("right after the handshake: looked at once more", async () => {
    answers = [0, 0, 0];
    await list();
    await clock.run(600_000);
    expect(lookedAt).toEqual([1_500]);
    expect(onFound).not.toHaveBeenCalled();
  });

  test("in every session", async () => {
    answers = [0, 2, 0, 2];
    for (let session = 1; session <= 2; session++) {
      looks.onSession();
      await list();
      await clock.run(600_000);
      expect(onFound).toHaveBeenCalledTimes(session);
    }
    expect(lookedAt).toHaveLength(2);
  });

  test("later, or of a server that did not declare tools: left alone", async () => {
    answers = [2, 0];
    await list();
    await list();
    looks.onSession();
    answers = [0];
    await list(false);
    await clock.run(600_000);
    expect(lookedAt).toEqual([]);
  });

  test("tools that the server tells of in good order are not late", async () => {
    answers = [0, 2];
    await list();
    looks.onChange();
    await list();
    expect(onFound).not.toHaveBeenCalled();
  });
});

describe("for a name that is missing", () => {
  test("asked for at once, also right after a list, then once in five seconds for all names together", async () => {
    answers = [2, 2, 2];
    await list();
    await Promise.all(Array.from({ length: 50 }, () => looks.lookNow()));
    for (let n = 0; n < 50; n++) await looks.lookNow();
    expect(lookedAt).toEqual([0]);
    await clock.run(4_999);
    await looks.lookNow();
    expect(lookedAt).toEqual([0]);
    await clock.run(1);
    await looks.lookNow();
    expect(lookedAt).toEqual([0, 5_000]);
  });

  test("an empty catalogue is looked at at once, and a second later again", async () => {
    answers = [0, 0, 0];
    await list(false);
    await looks.lookNow();
    await looks.lookNow();
    expect(lookedAt).toEqual([0]);
    await clock.run(1_000);
    await looks.lookNow();
    expect(lookedAt).toEqual([0, 1_000]);
  });

  test("a catalogue that is older than the last change is looked at at once", async () => {
    answers = [2, 3];
    await list();
    looks.onChange();
    await looks.lookNow();
    expect(lookedAt).toEqual([0]);
  });

  test("while a server may be loading its tools, the look that is due is waited for", async () => {
    answers = [0, passing(), 2];
    await list();
    let isOver = false;
    const looking = looks.lookNow().then(() => (isOver = true));
    await settled();
    // The look failed, and the next one is due in half a second.
    expect([lookedAt, isOver]).toEqual([[0], false]);
    await clock.run(500);
    await looking;
    expect(lookedAt).toEqual([0, 500]);
    expect(onFound).toHaveBeenCalledTimes(1);
  });

  test("nobody waits for a look that will not come", async () => {
    answers = [0, passing()];
    await list();
    const looking = looks.lookNow();
    await settled();
    looks.stop();
    await looking;
    expect(clock.armedCount).toBe(0);
  });
});
