// Scenarios: restarts, forgotten sessions, crashes, and servers that change their mind.

import { test } from "vitest";
import { runScenario } from "./runner.ts";
import type { Operation, Scenario } from "./scenario.ts";

const UP = ["server.connecting", "server.connected", "tools.changed +echo +hold"];
const DOWN = ["tools.changed -echo -hold", "server.closed"];
const CRASH: readonly Operation[] = [
  { do: "call", tool: "a__crash", rejects: "OUTCOME_UNKNOWN" },
  { do: "reconnect" },
];

const SCENARIOS: readonly Scenario[] = [
  {
    description:
      "a session is lost to 404: renewed in place, the same call succeeds (3.9, fault 15)",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "forget-sessions", server: "a" },
      { do: "call", tool: "a__echo" },
      { do: "call", tool: "a__echo" },
    ],
    events: { a: [...UP, "server.reconnected session-lost", ...DOWN] },
    executions: { a__echo: 2 },
  },
  {
    description: "a session is lost and the tools are others: told once",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "stop", server: "a" },
      { do: "set-tools", server: "a", tools: ["echo"] },
      { do: "forget-sessions", server: "a" },
      { do: "listen", server: "a" },
      { do: "call", tool: "a__echo" },
      { do: "await", event: "tools.changed", server: "a", count: 2 },
    ],
    events: {
      a: [
        ...UP,
        "server.reconnected session-lost",
        "tools.changed -hold",
        "tools.changed -echo",
        "server.closed",
      ],
    },
    executions: { a__echo: 1 },
  },
  {
    description: "the server is away when it is called, and comes back with another session",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "stop", server: "a" },
      { do: "forget-sessions", server: "a" },
      { do: "begin", tool: "a__echo", as: "call" },
      { do: "await", event: "server.disconnected", server: "a" },
      { do: "reconnect" },
      { do: "attempt-due" },
      { do: "listen", server: "a" },
      { do: "reconnect" },
      { do: "end", as: "call" },
    ],
    events: {
      a: [
        ...UP,
        "server.disconnected CONNECTION_FAILED",
        "server.connecting",
        "server.connecting",
        "server.reconnected connection-lost",
        ...DOWN,
      ],
    },
    executions: { a__echo: 1 },
  },
  {
    description: "a call's answer is lost: OUTCOME_UNKNOWN, the server is not given up (fault 6)",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "begin", tool: "a__hold", as: "call" },
      { do: "arrived", tool: "a__hold", count: 1 },
      { do: "stop", server: "a" },
      { do: "end", as: "call", rejects: "OUTCOME_UNKNOWN" },
      { do: "listen", server: "a" },
      { do: "call", tool: "a__echo" },
    ],
    events: { a: [...UP, ...DOWN] },
    executions: { a__hold: 1, a__echo: 1 },
  },
  {
    description: "401 in mid-life: the call fails, and so does every other",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "answer", server: "a", status: 401 },
      { do: "call", tool: "a__echo", rejects: "AUTH_REQUIRED" },
      { do: "answer", server: "a", status: undefined },
      { do: "connect" },
      { do: "call", tool: "a__echo" },
    ],
    events: {
      a: [
        ...UP,
        "tools.changed -echo -hold",
        "server.auth-required AUTH_REQUIRED",
        "server.connecting",
        "server.reconnected connection-lost",
        "tools.changed +echo +hold",
        ...DOWN,
      ],
    },
    executions: { a__echo: 1 },
  },
  {
    description: "a child crashes: its call is settled, another process serves the next (fault 39)",
    servers: { a: { kind: "stdio" } },
    operations: [{ do: "connect" }, ...CRASH, { do: "call", tool: "a__echo" }],
    events: {
      a: [
        "server.connecting",
        "server.connected",
        "tools.changed +echo +crash",
        "server.disconnected CONNECTION_LOST",
        "server.connecting",
        "server.reconnected connection-lost",
        "tools.changed -echo -crash",
        "server.closed",
      ],
    },
    executions: { a__echo: 1, a__crash: 1 },
  },
  {
    description:
      "a crash loop: failed with the fifth, its neighbour unmoved; connect() tries again (fault 40)",
    servers: { a: { kind: "stdio" }, b: { kind: "http" } },
    operations: [
      { do: "connect" },
      ...Array.from({ length: 4 }, () => CRASH).flat(),
      { do: "call", tool: "a__crash", rejects: "OUTCOME_UNKNOWN" },
      { do: "call", tool: "b__echo" },
      { do: "connect" },
      { do: "call", tool: "a__echo" },
    ],
    events: {
      a: [
        "server.connecting",
        "server.connected",
        "tools.changed +echo +crash",
        ...Array.from({ length: 4 }, () => [
          "server.disconnected CONNECTION_LOST",
          "server.connecting",
          "server.reconnected connection-lost",
        ]).flat(),
        "tools.changed -echo -crash",
        "server.failed CONNECTION_FAILED",
        "server.connecting",
        "server.reconnected connection-lost",
        "tools.changed +echo +crash",
        "tools.changed -echo -crash",
        "server.closed",
      ],
      b: [...UP, ...DOWN],
    },
    executions: { a__echo: 1, a__crash: 5, b__echo: 1 },
  },
  {
    description: "a child that dies in its start, every time: failed with the fifth (fault 40)",
    servers: { a: { kind: "stdio", script: { crashAtStart: true } } },
    operations: [
      // The first attempt starts it twice: it might have been the probe that it died of.
      { do: "connect", failed: ["a"] },
      ...Array.from({ length: 3 }, (): Operation => ({ do: "reconnect" })),
      { do: "await", event: "server.failed", server: "a" },
      { do: "call", tool: "a__echo", rejects: "CONNECTION_FAILED" },
    ],
    events: {
      a: [
        ...Array.from({ length: 4 }, () => "server.connecting"),
        "server.failed CONNECTION_FAILED",
        "server.closed",
      ],
    },
    executions: { a__echo: 0 },
  },
  {
    description:
      "the server changes its tools: told as a difference, once for each change (fault 36)",
    servers: { a: { kind: "http", tools: ["one", "two"] } },
    operations: [
      { do: "connect" },
      { do: "set-tools", server: "a", tools: ["two", "three"] },
      { do: "await", event: "tools.changed", server: "a", count: 2 },
      { do: "call", tool: "a__three" },
      { do: "call", tool: "a__one", rejects: "TOOL_NOT_FOUND" },
      { do: "set-tools", server: "a", tools: ["three", "two"] },
      { do: "await", event: "tools.changed", server: "a", count: 3 },
    ],
    events: {
      a: [
        "server.connecting",
        "server.connected",
        "tools.changed +one +two",
        "tools.changed +three -one",
        // Another order is another list, and nothing else.
        "tools.changed",
        "tools.changed -three -two",
        "server.closed",
      ],
    },
    executions: { a__three: 1, a__one: 0 },
  },
];

test.each(SCENARIOS.map((scenario) => [scenario.description, scenario] as const))(
  "%s",
  (_, scenario) => runScenario(scenario),
);
