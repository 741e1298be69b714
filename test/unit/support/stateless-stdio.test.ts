// The scripted stateless stdio server itself: its eras, its tools, and the breaches that it records.

import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

type Json = Record<string, unknown>;

const PROGRAM = fileURLToPath(new URL("../../support/stateless-stdio.mjs", import.meta.url));
const ENVELOPE = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {
    extensions: { "io.modelcontextprotocol/tasks": {} },
  },
};

class Child {
  readonly #counterFile: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #lastId = 0;

  constructor(counterFile: string, script: Json) {
    this.#counterFile = counterFile;
    this.#process = spawn(process.execPath, [PROGRAM, JSON.stringify({ counterFile, ...script })]);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  get records(): string[] {
    return readFileSync(this.#counterFile, "utf8").trimEnd().split("\n");
  }

  get violations(): string[] {
    return this.records.filter((line) => line.startsWith("violation "));
  }

  write(...messages: unknown[]): void {
    for (const message of messages) this.#process.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** The next message; undefined at the end. */
  async next(): Promise<Json | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : (JSON.parse(value) as Json);
  }

  /** Sends a request that is right but for `change`; its id. */
  send(method: string, params: Json = {}, change: Json = {}): unknown {
    const id = (this.#lastId += 1);
    const request = { jsonrpc: "2.0", id, method, params: { ...params, _meta: ENVELOPE } };
    const message: Json = { ...request, ...change };
    this.write(message);
    return message["id"];
  }

  async ask(method: string, params: Json = {}, change: Json = {}): Promise<Json | undefined> {
    this.send(method, params, change);
    return await this.next();
  }

  call(name: string, args: Json = {}): Promise<Json | undefined> {
    return this.ask("tools/call", { name, arguments: args });
  }

  async end(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    const exit = new Promise<number | null>((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin.end();
    return await exit;
  }
}

async function start(script: Json = {}): Promise<Child> {
  const folder = await mkdtemp(join(tmpdir(), "stateless-stdio-"));
  const child = new Child(join(folder, "counter"), script);
  onTestFinished(async () => {
    await child.end();
    rmSync(folder, { recursive: true });
  });
  return child;
}

const text = (value: unknown): Json => ({ result: { content: [{ text: value }] } });
const legacy = { params: { protocolVersion: "2025-11-25" } };

test("discovers, lists, calls, asks for input, and finds no fault in it", async () => {
  const child = await start();
  expect(await child.ask("server/discover")).toMatchObject({
    result: { resultType: "complete", supportedVersions: ["2026-07-28"], ttlMs: 0 },
  });
  await child.ask("tools/list");
  expect(await child.call("echo", { text: "hi", key: "k1" })).toMatchObject(text("hi"));
  const asked = { name: "ask", arguments: { state: "ä " } };
  expect(await child.ask("tools/call", asked)).toMatchObject({
    result: { resultType: "input_required", inputRequests: { q1: {} }, requestState: "ä 1" },
  });
  const inputResponses = { q1: { action: "decline" } };
  expect(
    await child.ask("tools/call", { ...asked, inputResponses, requestState: "ä 1" }),
  ).toMatchObject(text(JSON.stringify({ inputResponses, requestState: "ä 1" })));
  expect(await child.ask("resources/read", { uri: "test://one" })).toMatchObject({
    result: { contents: [{ text: "test://one read 1" }], cacheScope: "private" },
  });
  expect(child.records).toEqual([
    expect.stringMatching(/^started \d+$/),
    "received server/discover",
    "received tools/list",
    "received tools/call",
    "k1",
    "received tools/call",
    "ask",
    "received tools/call",
    "ask",
    "received resources/read",
  ]);
  expect(await child.end()).toBe(0);
});

test("records every breach, and refuses as the revision says", async () => {
  const child = await start();
  const refused = (code: number): Json => ({ error: { code } });
  expect(await child.ask("tools/list", {}, { params: {} })).toMatchObject(refused(-32602));
  const older = { _meta: { ...ENVELOPE, "io.modelcontextprotocol/protocolVersion": "2025-11-25" } };
  expect(await child.ask("tools/list", {}, { params: older })).toMatchObject({
    error: { code: -32022, data: { supported: ["2026-07-28"], requested: "2025-11-25" } },
  });
  expect(await child.ask("ping")).toMatchObject(refused(-32601));
  expect(await child.ask("initialize", {}, legacy)).toMatchObject(refused(-32022));
  await child.ask("tools/list", {}, { id: 1 });
  const retry = { name: "ask", arguments: {}, requestState: "state 1" };
  await child.ask("tools/call", { ...retry, inputResponses: { q1: { result: {} } } });
  child.write([], { jsonrpc: "2.0", id: 9, result: {} });
  child.write({ jsonrpc: "2.0", method: "notifications/initialized" });
  child.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 99 } });
  await child.ask("tools/list");
  expect(child.violations.map((line) => line.replace("violation ", ""))).toEqual([
    "tools/list 1: _meta is missing",
    "tools/list 2: _meta names 2025-11-25",
    "ping 3: is no method of this revision",
    "tools/list 1: the id was used before",
    "tools/call 6: is no retry of what was asked",
    "tools/call 6: inputResponses.q1 is no bare result",
    "? undefined: no JSON-RPC object",
    "? 9: a response was sent",
    "notifications/initialized undefined: is no notification of this revision",
    "notifications/cancelled undefined: cancels 99, which was never sent",
  ]);
});

test("a slow call ends with its cancellation, unanswered (6.6)", async () => {
  const child = await start();
  const requestId = child.send("tools/call", { name: "slow", arguments: { key: "k" } });
  child.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });
  expect(await child.call("echo")).toMatchObject({ id: 2, ...text("echo") });
  expect(child.records).toContain("cancelled 1");
  await child.end();
  expect(child.violations).toEqual([]);
});

describe("subscriptions", () => {
  const notifications = { toolsListChanged: true, resourceSubscriptions: ["test://one"] };

  test("are acknowledged, tagged and ended (8.31, 8.32, 8.34)", async () => {
    const child = await start();
    const tag = { "io.modelcontextprotocol/subscriptionId": "s" };
    const listen = (): Promise<Json | undefined> =>
      child.ask("subscriptions/listen", { notifications }, { id: "s" });
    expect(await listen()).toMatchObject({
      method: "notifications/subscriptions/acknowledged",
      params: { notifications, _meta: tag },
    });
    const uri = "test://one";
    expect(
      await child.call("change", { method: "notifications/resources/updated", params: { uri } }),
    ).toMatchObject({ method: "notifications/resources/updated", params: { uri, _meta: tag } });
    expect(await child.next()).toMatchObject(text("1"));
    expect(await child.call("end", { how: "both" })).toMatchObject({
      method: "notifications/cancelled",
      params: { requestId: "s", _meta: tag },
    });
    expect(await child.next()).toMatchObject({
      id: "s",
      result: { resultType: "complete", _meta: tag },
    });
    expect(await child.next()).toMatchObject(text("1"));
    expect(await child.call("change")).toMatchObject(text("0"));
    expect(child.violations).toEqual([]);
  });
});

test("a task is polled to its end, with a question on the way (12.4, 12.5)", async () => {
  const child = await start();
  const made = await child.call("task", { ask: true, polls: 1, key: "k" });
  expect(made).toMatchObject({ result: { resultType: "task", taskId: "task 1" } });
  const ask = (method: string, params: Json = {}): Promise<Json | undefined> =>
    child.ask(method, { taskId: "task 1", ...params });
  expect(await ask("tasks/get")).toMatchObject({ result: { status: "input_required" } });
  await ask("tasks/update", { inputResponses: { q: { action: "cancel" } } });
  expect(await ask("tasks/get")).toMatchObject({
    result: { status: "completed", result: { content: [{ text: "k" }] } },
  });
  expect(child.violations).toEqual([]);
});

describe("eras", () => {
  test("sessions: the probe is an unknown method, or never answered, or answered late", async () => {
    const plain = await start({ era: "sessions" });
    expect(await plain.ask("server/discover")).toMatchObject({ error: { code: -32601 } });
    const silent = await start({ era: "sessions", silentOnProbe: true });
    silent.send("server/discover");
    expect(await silent.ask("initialize", {}, legacy)).toMatchObject({
      id: 2,
      result: { protocolVersion: "2025-11-25" },
    });
    const late = await start({ era: "sessions", lateProbe: true, probe: { result: {} } });
    late.send("server/discover");
    expect(await late.ask("initialize", {}, legacy)).toMatchObject({ id: 2 });
    expect(await late.next()).toMatchObject({ id: 1, result: {} });
  });

  test("both: the envelope decides, with one counter", async () => {
    const child = await start({ era: "both" });
    expect(await child.ask("initialize", {}, legacy)).toMatchObject({ id: 1, result: {} });
    child.write({ jsonrpc: "2.0", method: "notifications/initialized" });
    const inSession = { params: { name: "echo", arguments: { key: "s" } } };
    const answer = await child.ask("tools/call", {}, inSession);
    expect(answer).toMatchObject(text("echo"));
    expect(answer).not.toMatchObject({ result: { resultType: "complete" } });
    expect(await child.call("echo", { key: "m" })).toMatchObject({
      result: { resultType: "complete" },
    });
    expect(child.records.filter((line) => line === "s" || line === "m")).toEqual(["s", "m"]);
    expect(child.violations).toEqual([]);
  });

  test("dies on a first message that is not initialize", async () => {
    const child = await start({ era: "sessions", dieOnProbe: true });
    expect(await child.ask("server/discover")).toBeUndefined();
    expect(await child.end()).toBe(7);
  });
});
