// The soak's checker itself: it finds each breach of the promise, and nothing where there is none.

import { describe, expect, test } from "vitest";
import { checkHistory } from "../../soak/history.ts";
import type { CallRecord, ServerSide } from "../../soak/history.ts";

const U: CallRecord = {
  key: "k",
  server: "s",
  callClass: "U",
  kind: "act",
  replay: "safe",
  fates: [],
  startedAt: 0,
  tookMs: 10,
  outcome: "success",
};

const R: CallRecord = { ...U, callClass: "R", kind: "look" };

function failed(call: CallRecord, code: string, sent: string): CallRecord {
  return { ...call, outcome: "error", isTyped: true, code, sent, message: "it failed" };
}

/** What was broken, by a call that ran so often; seen by its server at least as often. */
function broken(call: CallRecord, ran: number, seen = ran): string[] {
  const servers = new Map<string, ServerSide>([[call.key, { seen, ran }]]);
  return checkHistory([call], servers).map(({ promise }) => promise);
}

describe("what is in order", () => {
  test.each([
    ["a success of U, once", U, 1],
    ["a success of R, once", R, 1],
    ["a success of R, repeated", R, 3],
    ["a success of U that its caller let repeat", { ...U, replay: "always" }, 2],
    ["a success of S that its caller let run once", { ...R, callClass: "S", replay: "never" }, 1],
    ["outcome unknown, not run", failed(U, "OUTCOME_UNKNOWN", "unknown"), 0],
    ["outcome unknown, run", failed(U, "OUTCOME_UNKNOWN", "unknown"), 1],
    ["not sent, not run", failed(U, "CONNECTION_FAILED", "no"), 0],
    ["a tool's own error", failed(U, "RESPONSE_ERROR", "yes"), 1],
    ["aborted before", { ...U, outcome: "aborted" }, 0],
    ["aborted after", { ...U, outcome: "aborted" }, 1],
  ] as [string, CallRecord, number][])("%s", (_name, call, ran) => {
    expect(broken(call, ran)).toEqual([]);
  });

  test("turned away, and told so", () => {
    expect(broken(failed(U, "HTTP_ERROR", "yes"), 0, 1)).toEqual([]);
  });

  test("a call that no server ever saw", () => {
    expect(checkHistory([failed(U, "OVERLOADED", "no")], new Map())).toEqual([]);
  });
});

describe("a doubled U is found", () => {
  test.each([
    ["under success", U],
    ["under an unknown outcome", failed(U, "OUTCOME_UNKNOWN", "unknown")],
    ["under an abort", { ...U, outcome: "aborted" }],
    ["under a timeout", failed(U, "TIMEOUT", "unknown")],
  ] as [string, CallRecord][])("%s", (_name, call) => {
    expect(broken(call, 2)).toEqual(["class U ran at most once"]);
  });

  test("and so is any call that its caller forbade to repeat", () => {
    const never = 'replay: "never" ran at most once';
    expect(broken({ ...R, replay: "never" }, 2)).toEqual([never]);
    expect(broken({ ...U, replay: "never" }, 2)).toEqual([never]);
  });

  test("and so is what may be repeated, and was without end", () => {
    expect(broken(R, 4)).toEqual(["what may be repeated ran three times at most"]);
  });
});

describe("a lost call is found", () => {
  test.each([
    ["U", U],
    ["R", R],
  ])("a success of %s that never ran", (_name, call) => {
    expect(broken(call, 0)).toEqual(["every success ran"]);
  });

  test("one that never settled", () => {
    expect(broken({ ...U, outcome: "hung" }, 1)).toEqual(["every call settled"]);
  });

  test("one that got another's answer", () => {
    expect(broken({ ...U, outcome: "foreign-answer" }, 1)).toEqual([
      "every answer is the call's own",
    ]);
  });

  test("an execution that nobody was told of", () => {
    const servers = new Map([["other", { seen: 1, ran: 1 }]]);
    const [violation, ...more] = checkHistory([], servers);
    expect(violation).toMatchObject({ promise: "every execution belongs to a call", key: "other" });
    expect(more).toEqual([]);
  });
});

describe("an untruthful error is found", () => {
  test('"no", and it ran', () => {
    expect(broken(failed(U, "CONNECTION_FAILED", "no"), 1)).toEqual(['sent "no" did not run']);
    expect(broken(failed(R, "CONNECTION_FAILED", "no"), 1)).toEqual(['sent "no" did not run']);
  });

  test('"yes", and no server saw it', () => {
    expect(broken(failed(U, "HTTP_ERROR", "yes"), 0)).toEqual([
      'sent "yes" was seen by the server',
    ]);
  });

  test("outcome unknown, and not sent", () => {
    expect(broken(failed(U, "OUTCOME_UNKNOWN", "no"), 0)).toEqual([
      "the outcome is not unknown where it is known",
    ]);
  });

  test.each([
    ["no McpError", { ...failed(U, "X", "unknown"), isTyped: false }],
    ["no word on whether it was sent", failed(U, "TIMEOUT", "perhaps")],
    ["no code", { ...U, outcome: "error", isTyped: true, sent: "unknown" }],
  ] as [string, CallRecord][])("%s", (_name, call) => {
    expect(broken(call, 0)).toEqual(["every error is typed"]);
  });
});

test("each violation names its call and says what was told", () => {
  const servers = new Map([["k", { seen: 2, ran: 2 }]]);
  expect(checkHistory([failed(U, "TIMEOUT", "unknown")], servers)).toEqual([
    {
      promise: "class U ran at most once",
      key: "k",
      what: 'ran 2 times (error TIMEOUT, sent "unknown")',
    },
  ]);
});
