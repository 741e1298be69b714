// Scenarios: how a server comes to be connected, or does not.

import { test } from "vitest";
import { runScenario } from "./runner.ts";
import type { Scenario } from "./scenario.ts";

const UP = ["server.connecting", "server.connected", "tools.changed +echo +hold"];
const DOWN = ["tools.changed -echo -hold", "server.closed"];

const SCENARIOS: readonly Scenario[] = [
  {
    description: "connect: each server connects and shows its tools; closeAll takes them away",
    servers: { a: { kind: "http" }, b: { kind: "stdio" } },
    operations: [{ do: "connect" }, { do: "call", tool: "a__echo" }],
    events: {
      a: [...UP, ...DOWN],
      b: [
        "server.connecting",
        "server.connected",
        "tools.changed +echo +crash",
        "tools.changed -echo -crash",
        "server.closed",
      ],
    },
    executions: { a__echo: 1, b__echo: 0 },
  },
  {
    description: "connect twice: the second finds nothing to do",
    servers: { a: { kind: "http" } },
    operations: [{ do: "connect" }, { do: "connect" }],
    events: { a: [...UP, ...DOWN] },
  },
  {
    description: "lazy: connect() passes it over, the first call connects it",
    servers: { a: { kind: "http", options: { lazy: true } } },
    operations: [{ do: "connect" }, { do: "call", tool: "a__echo" }],
    events: { a: [...UP, ...DOWN] },
    executions: { a__echo: 1 },
  },
  {
    description: "lazy and never used: nothing but its end",
    servers: { a: { kind: "stdio", options: { lazy: true } } },
    operations: [{ do: "connect" }],
    events: { a: ["server.closed"] },
  },
  {
    description: "addClient: as connect, for one server more",
    servers: { a: { kind: "http" }, b: { kind: "http", tools: ["other"] } },
    later: ["b"],
    operations: [{ do: "connect" }, { do: "add", server: "b" }, { do: "call", tool: "b__other" }],
    events: {
      a: [...UP, ...DOWN],
      b: [
        "server.connecting",
        "server.connected",
        "tools.changed +other",
        "tools.changed -other",
        "server.closed",
      ],
    },
    executions: { b__other: 1 },
  },
  {
    description: "addClient that fails: the server is gone again",
    servers: { a: { kind: "no-such-command" } },
    later: ["a"],
    operations: [
      { do: "add", server: "a", rejects: "CONNECTION_FAILED" },
      { do: "add", server: "a", rejects: "CONNECTION_FAILED" },
    ],
    events: {
      a: [
        "server.connecting",
        "server.failed CONNECTION_FAILED",
        "server.closed",
        "server.connecting",
        "server.failed CONNECTION_FAILED",
        "server.closed",
      ],
    },
  },
  {
    description: "a required server fails: connect() rejects, the others stay (fault 38)",
    servers: { a: { kind: "no-such-command", options: { required: true } }, b: { kind: "http" } },
    operations: [
      { do: "connect", rejects: "CONNECTION_FAILED" },
      { do: "call", tool: "b__echo" },
    ],
    events: {
      a: ["server.connecting", "server.failed CONNECTION_FAILED", "server.closed"],
      b: [...UP, ...DOWN],
    },
    executions: { b__echo: 1 },
  },
  {
    description: "a dead server beside a good one: reported, and the good one is used (fault 50)",
    servers: { a: { kind: "no-such-command" }, b: { kind: "http" } },
    operations: [
      { do: "connect", failed: ["a"] },
      { do: "call", tool: "b__echo" },
      { do: "connect", failed: ["a"] },
    ],
    events: {
      a: [
        "server.connecting",
        "server.failed CONNECTION_FAILED",
        "server.connecting",
        "server.failed CONNECTION_FAILED",
        "server.closed",
      ],
      b: [...UP, ...DOWN],
    },
    executions: { b__echo: 1 },
  },
  {
    description:
      "refused at first: attempts go on until it is there, and it is connected then (fault 1)",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "stop", server: "a" },
      { do: "connect", failed: ["a"] },
      { do: "listen", server: "a" },
      { do: "begin", tool: "a__echo", as: "call" },
      { do: "reconnect" },
      { do: "end", as: "call" },
    ],
    events: { a: ["server.connecting", ...UP, ...DOWN] },
    executions: { a__echo: 1 },
  },
  {
    description: "401: auth-required, no attempt by itself; connect() tries again",
    servers: { a: { kind: "http", status: 401 } },
    operations: [
      { do: "connect", failed: ["a"] },
      { do: "call", tool: "a__echo", rejects: "AUTH_REQUIRED" },
      { do: "answer", server: "a", status: undefined },
      { do: "call", tool: "a__echo", rejects: "AUTH_REQUIRED" },
      { do: "connect" },
      { do: "call", tool: "a__echo" },
    ],
    events: {
      a: ["server.connecting", "server.auth-required AUTH_REQUIRED", ...UP, ...DOWN],
    },
    executions: { a__echo: 1 },
  },
];

test.each(SCENARIOS.map((scenario) => [scenario.description, scenario] as const))(
  "%s",
  (_, scenario) => runScenario(scenario),
);
