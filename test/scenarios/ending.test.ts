// Scenarios: removal and closing, in use and in trouble.

import { test } from "vitest";
import { runScenario } from "./runner.ts";
import type { Scenario } from "./scenario.ts";

const UP = ["server.connecting", "server.connected", "tools.changed +echo +hold"];
const DOWN = ["tools.changed -echo -hold", "server.closed"];

const SCENARIOS: readonly Scenario[] = [
  {
    description: "removal: its tools go, then it is closed; the name is free again",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "remove", server: "a" },
      { do: "call", tool: "a__echo", rejects: "TOOL_NOT_FOUND" },
      { do: "add", server: "a" },
      { do: "call", tool: "a__echo" },
    ],
    events: { a: [...UP, ...DOWN, ...UP, ...DOWN] },
    executions: { a__echo: 1 },
  },
  {
    description: "removal while in use: the call ends in peace, new ones are refused (fault 54)",
    servers: { a: { kind: "http" }, b: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "begin", tool: "a__hold", as: "call" },
      { do: "arrived", tool: "a__hold", count: 1 },
      { do: "begin-remove", server: "a", as: "removal" },
      { do: "call", tool: "a__echo", rejects: "TOOL_NOT_FOUND" },
      { do: "call", tool: "b__echo" },
      { do: "release", server: "a" },
      { do: "end", as: "call" },
      { do: "end", as: "removal" },
    ],
    events: { a: [...UP, ...DOWN], b: [...UP, ...DOWN] },
    executions: { a__hold: 1, a__echo: 0, b__echo: 1 },
  },
  {
    description: "removal without patience: the call learns that it was cut off (fault 54)",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "begin", tool: "a__hold", as: "call" },
      { do: "arrived", tool: "a__hold", count: 1 },
      { do: "remove", server: "a", drainMs: 0 },
      { do: "end", as: "call", rejects: "CLOSED" },
    ],
    events: { a: [...UP, ...DOWN] },
    executions: { a__hold: 1 },
  },
  {
    description:
      "closed while it reconnects: the waiting call is told, no attempt follows (fault 55)",
    servers: { a: { kind: "http" } },
    operations: [
      { do: "connect" },
      { do: "stop", server: "a" },
      { do: "begin", tool: "a__echo", as: "call" },
      { do: "await", event: "server.disconnected", server: "a" },
      { do: "close" },
      { do: "end", as: "call", rejects: "CLOSED" },
    ],
    events: { a: [...UP, "server.disconnected CONNECTION_FAILED", ...DOWN] },
    executions: { a__echo: 0 },
  },
  {
    description: "closed while it connects: never connected, and over (fault 55)",
    servers: { a: { kind: "stdio", script: { hangOn: "initialize" }, options: { lazy: true } } },
    operations: [
      { do: "begin", tool: "a__echo", as: "call" },
      { do: "await", event: "server.connecting", server: "a" },
      { do: "close" },
      { do: "end", as: "call", rejects: "CLOSED" },
    ],
    events: { a: ["server.connecting", "server.closed"] },
    executions: { a__echo: 0 },
  },
  {
    description: "closed after failing: its end is told all the same",
    servers: { a: { kind: "no-such-command" }, b: { kind: "http", status: 401 } },
    operations: [{ do: "connect", failed: ["a", "b"] }, { do: "close" }],
    events: {
      a: ["server.connecting", "server.failed CONNECTION_FAILED", "server.closed"],
      b: ["server.connecting", "server.auth-required AUTH_REQUIRED", "server.closed"],
    },
  },
];

test.each(SCENARIOS.map((scenario) => [scenario.description, scenario] as const))(
  "%s",
  (_, scenario) => runScenario(scenario),
);
