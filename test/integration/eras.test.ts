// The same assertions in both eras: whatever a server speaks, the pool's user sees no difference.

import { McpClosedError, McpError, McpResponseError, McpTimeoutError } from "mcp-client-pool";
import type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitResult,
  ElicitUrlParams,
  LogMessage,
  Progress,
  ServerStatus,
} from "mcp-client-pool";
import { Agent } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until, untilProcessGone } from "../support/processes.ts";
import { ERA_KINDS, eraOf, jsonOf, once, SESSIONLESS, startBench } from "./kinds.ts";
import type { Bench, EraKind } from "./kinds.ts";
import type { Seen } from "./servers/http.ts";
import { promptHandlers } from "./servers/toolbox-prompts.ts";
import { BLOB, RESOURCES, TEMPLATES } from "./servers/toolbox-resources.ts";
import { TOOLS } from "./servers/toolbox-tools.ts";

type Protocol = "auto" | "legacy";

interface Case {
  readonly name: string;
  readonly kind: EraKind;
  readonly protocol: Protocol;
}

const caseOf = (kind: EraKind, protocol: Protocol): Case => ({
  name: `${kind.name}, ${protocol}`,
  kind,
  protocol,
});

const CASES: readonly Case[] = [
  ...ERA_KINDS.map((kind) => caseOf(kind, "auto")),
  ...ERA_KINDS.filter(({ serving }) => serving === "both").map((kind) => caseOf(kind, "legacy")),
];

const isHttp = ({ name }: { readonly name: string }): boolean => name.includes("HTTP");

const WORK = { uri: "file:///home/user/work", name: "work" };
const NOTE = "test:///note.txt";

const REVISION = { stateless: "2026-07-28", session: "2025-11-25" } as const;

/** What the handlers of a test do. */
interface Script {
  form: () => ElicitResult;
  url: (params: ElicitUrlParams) => ElicitResult;
  sample: (params: CreateMessageParams) => CreateMessageResult;
}

const say = (text: string): CreateMessageResult => ({
  role: "assistant",
  model: "test",
  content: { type: "text", text },
  stopReason: "endTurn",
});

describe.each(CASES)("$name", ({ kind, protocol }) => {
  const logged: LogMessage[] = [];
  let script: Script;
  let bench: Bench;
  const ask = async (tool: string, args: Record<string, unknown> = {}): Promise<unknown> =>
    jsonOf(await bench.pool.callTool(`s__${tool}`, args));

  beforeAll(async () => {
    bench = await startBench(kind, {
      protocol,
      onElicitation: { form: () => script.form(), url: (params) => script.url(params) },
      onSampling: (params) => script.sample(params),
      roots: [WORK],
      onLog: (message) => void logged.push(message),
    });
  });

  beforeEach(() => {
    const unexpected = (): never => expect.fail("was not to be asked");
    script = { form: unexpected, url: unexpected, sample: unexpected };
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("the era is found, and who the server is (2.8, 2.10, 2.15, tables 2b and 2c)", () => {
    const era = eraOf(kind, protocol, bench.running.lines());
    expect(bench.pool.status()).toMatchObject([
      {
        state: "ready",
        era,
        protocolVersion: REVISION[era],
        serverInfo: { name: "toolbox", version: "1.0.0" },
        instructions: "Ask for anything.",
      } satisfies Partial<ServerStatus>,
    ]);
    expect(bench.count("initialized")).toBe(era === "session" ? 1 : 0);
  });

  test("all pages of every list are fetched (8.1, 8.11, 8.15, 8.27)", async () => {
    const { pool } = bench;
    const tools = await pool.listTools("s");
    expect(tools.map(({ tool }) => tool)).toMatchObject(TOOLS);
    expect(pool.allTools).toEqual(tools);
    const resources = await pool.listResources("s");
    expect(resources.map(({ resource }) => resource)).toMatchObject(RESOURCES);
    const templates = await pool.listResourceTemplates("s");
    expect(templates.map(({ uriTemplate }) => uriTemplate)).toEqual(
      TEMPLATES.map(({ uriTemplate }) => uriTemplate),
    );
    const prompts = await pool.listPrompts("s");
    expect(prompts.map(({ prompt }) => prompt)).toMatchObject(promptHandlers.list);
  });

  test("arguments and text come through as they are (8.9)", async () => {
    const args = { key: "text", null: null, nested: [{ "ü\u2028": "\n" }], empty: "" };
    expect(await ask("echo", args)).toEqual(args);
    const mine = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await bench.pool.callTool("s__echo", { key: "meta" }, { meta: mine });
    expect(bench.count(`meta of meta ${mine.traceparent}`)).toBe(1);
  });

  test("a result is what the server gave, and nothing of the era's own shows (8.3, 8.5)", async () => {
    const { pool } = bench;
    expect(await pool.callTool("s__sum", { a: 1, b: 2 })).toMatchObject({
      structuredContent: { sum: 3 },
      content: [{ type: "text", text: '{"sum":3}' }],
    });
    expect(await pool.callTool("s__fail")).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "it did not work" }],
    });
  });

  test("a JSON-RPC error keeps its code and data (1.16, 8.5)", async () => {
    const error = await bench.pool.callTool("s__refuse").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({ rpcCode: -32602, data: { why: "because" }, sent: "yes" });
    await expect(bench.pool.call("s", "test/unknown")).rejects.toMatchObject({ rpcCode: -32601 });
    // Unknown methods are no evidence of another era (fault 17).
    expect(bench.pool.status()).toMatchObject([{ state: "ready" }]);
  });

  test("a tool with a name that fits in no header is called all the same (4.3, 10.9)", async () => {
    const tool = bench.pool.allTools.find(({ tool: { name } }) => name === "mis.named tool/ü");
    const { content } = await bench.pool.callTool(tool?.name ?? "");
    expect(content).toEqual([{ type: "text", text: "found" }]);
  });

  test("progress arrives in order, each call's at its own (8.19)", async () => {
    const run = async (steps: number): Promise<Progress[]> => {
      const reports: Progress[] = [];
      const onProgress = (progress: Progress): void => void reports.push(progress);
      await bench.pool.callTool("s__progress", { steps }, { onProgress });
      return reports;
    };
    const expected = (total: number): Progress[] =>
      Array.from({ length: total }, (_, index) => ({
        progress: index + 1,
        total,
        message: `step ${index + 1}`,
      }));
    expect(await Promise.all([run(3), run(5)])).toEqual([expected(3), expected(5)]);
  });

  test("a form is answered by the handler, its defaults filled in (7.15, 7.18, 7.27)", async () => {
    const given = { name: "Ada", age: 36, verified: false };
    script.form = () => ({ action: "accept", content: given });
    expect(await ask("elicit")).toEqual({
      result: { action: "accept", content: { score: 95.5, status: "active", ...given } },
    });
  });

  test.each(["decline", "cancel"] as const)("%s is an answer too (7.15, 7.30)", async (action) => {
    script.form = () => ({ action, content: { name: "not to be seen" } });
    expect(await ask("elicit")).toEqual({ result: { action } });
  });

  test("a visit to a URL is the handler's to consent to (7.21)", async () => {
    const url = "https://example.com/in?state=a%20b";
    const asked: string[] = [];
    script.url = (params) => {
      asked.push(params.url);
      return { action: "accept" };
    };
    expect(await ask("visit", { url })).toEqual({ result: { action: "accept" } });
    expect(asked).toEqual([url]);
  });

  test("sampling is answered by the handler (7.10, 7.13, 7.27)", async () => {
    const asked: CreateMessageParams[] = [];
    script.sample = (params) => {
      asked.push(params);
      return say("Paris");
    };
    expect(await ask("sample", { systemPrompt: "Be brief", temperature: 0 })).toEqual({
      result: say("Paris"),
    });
    expect(asked).toMatchObject([{ maxTokens: 10, systemPrompt: "Be brief", temperature: 0 }]);
  });

  test("roots are given (7.7, 7.27)", async () => {
    expect(await ask("roots")).toEqual({ result: { roots: [WORK] } });
    const other = { uri: "file:///srv/other" };
    await bench.pool.setRoots([WORK, other]);
    expect(await ask("roots")).toEqual({ result: { roots: [WORK, other] } });
    await bench.pool.setRoots([WORK]);
  });

  test("rounds of questions, in calls at the same time, are not mixed up (7.26 - 7.28)", async () => {
    let people = 0;
    script.form = () => ({ action: "accept", content: { name: `person ${(people += 1)}` } });
    script.sample = ({ messages }) => {
      const content = messages[0]?.content as { text: string } | undefined;
      return say(`${content?.text}: hello`);
    };
    const interviews = await Promise.all([1, 2, 3, 4, 5].map(() => ask("interview")));
    const names = interviews.map((interview) => (interview as { name: string }).name);
    expect(new Set(names).size).toBe(5);
    expect(interviews).toEqual(
      names.map((name) => ({
        name,
        greeting: { type: "text", text: `Greet ${name}: hello` },
        roots: [WORK],
      })),
    );
  });

  test("resources are read: text, a blob, and one that is not there (8.11, 8.14)", async () => {
    const { pool } = bench;
    await expect(pool.readResource("s", NOTE)).resolves.toMatchObject({
      contents: [{ uri: NOTE, mimeType: "text/plain", text: "a note" }],
    });
    await expect(pool.readResource("s", "test:///blob.bin")).resolves.toMatchObject({
      contents: [{ uri: "test:///blob.bin", blob: BLOB }],
    });
    await expect(pool.readResource("s", "test:///none")).rejects.toMatchObject({
      rpcCode: expect.toSatisfy((code) => code === -32002 || code === -32602) as unknown,
      data: { uri: "test:///none" },
    });
  });

  test("a prompt is got, and its argument completed (8.15, 8.16)", async () => {
    const { pool } = bench;
    await expect(pool.getPrompt("s__travel", { city: "Pau" })).resolves.toMatchObject({
      description: "a journey",
      messages: [{ content: { text: "Plan a journey to Pau" } }, { role: "assistant" }],
    });
    const ref = { type: "ref/prompt", name: "travel" } as const;
    const context = { arguments: { country: "Italy" } };
    await expect(
      pool.complete("s", ref, { name: "city", value: "Pa" }, context),
    ).resolves.toMatchObject({ values: ["Parma", "Pavia"], total: 2, hasMore: false });
  });

  test("the log is heard from the level that was set (8.17, 8.18)", async () => {
    const { pool } = bench;
    const events: object[] = [];
    const off = pool.on("log", (event) => events.push(event));
    await pool.callTool("s__log", { level: "info", data: "too early" });
    await pool.setLogLevel("s", "info");
    await pool.callTool("s__log", { level: "debug", data: "too little" });
    await pool.callTool("s__log", { level: "info", data: { answer: 42 } });
    await until(() => logged.length > 0, "the message");
    off();
    const message = { level: "info", logger: "toolbox", data: { answer: 42 } };
    expect(logged).toEqual([message]);
    expect(events).toEqual([{ server: "s", ...message }]);
  });

  test("a change of the lists is heard without asking (8.29, 8.30, 8.32)", async () => {
    const { pool } = bench;
    const before = pool.allTools;
    const added = once(pool, "tools.changed");
    const prompts = once(pool, "prompts.changed");
    const resources = once(pool, "resources.changed");
    await pool.callTool("s__grow", { name: "grown" });
    await expect(added).resolves.toMatchObject({ server: "s", added: [{ name: "s__grown" }] });
    await expect(prompts).resolves.toEqual({ server: "s" });
    await expect(resources).resolves.toEqual({ server: "s" });
    await expect(pool.callTool("s__grown")).resolves.toMatchObject({
      content: [{ text: "grown" }],
    });
    const removed = once(pool, "tools.changed");
    await pool.callTool("s__shrink");
    await expect(removed).resolves.toMatchObject({ added: [], removed: [{ name: "s__grown" }] });
    expect(pool.allTools).toEqual(before);
  });

  test("updates of a resource reach who subscribed, until it has enough (8.12, 8.30)", async () => {
    const { pool } = bench;
    const heard: string[] = [];
    const note = await pool.subscribeResource("s", NOTE, () => heard.push("note 1"));
    const again = await pool.subscribeResource("s", NOTE, () => heard.push("note 2"));
    const blob = await pool.subscribeResource("s", "test:///blob.bin", () => heard.push("blob"));
    await pool.callTool("s__touch", { uri: NOTE });
    await until(() => heard.length === 2, "both listeners");
    expect(heard).toEqual(["note 1", "note 2"]);
    await note.close();
    await pool.callTool("s__touch", { uri: NOTE });
    await until(() => heard.length === 3, "the second listener");
    await again.close();
    await pool.callTool("s__touch", { uri: NOTE });
    await pool.callTool("s__touch", { uri: "test:///blob.bin" });
    await until(() => heard.length === 4, "the other resource");
    expect(heard).toEqual(["note 1", "note 2", "note 2", "blob"]);
    await blob.close();
  });

  test("a cancelled call ends on the server too, and is not repeated (3.26, 4.10, 8.22, 8.23)", async () => {
    const { pool } = bench;
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const call = pool.callTool("s__wait", { key: "abort" }, { signal: abort.signal });
    const outcome = call.catch((cause: unknown) => cause);
    await bench.untilRecorded("waiting abort");
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    await bench.untilRecorded("aborted abort");

    const slow = pool.callTool("s__wait", { key: "slow" }, { timeoutMs: 50 });
    await expect(slow).rejects.toBeInstanceOf(McpTimeoutError);
    await bench.untilRecorded("aborted slow");
    expect([bench.count("wait abort"), bench.count("wait slow")]).toEqual([1, 1]);
  });

  test("fifty calls at once each get their own answer, and run once (1.3, 1.7)", async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `many-${index}`);
    expect(await Promise.all(keys.map((key) => ask("echo", { key })))).toEqual(
      keys.map((key) => ({ key })),
    );
    expect(keys.map((key) => bench.count(`echo ${key}`))).toEqual(keys.map(() => 1));
  });

  test("nothing went wrong on the way", () => {
    const [status] = bench.pool.status();
    expect(status).toMatchObject({ state: "ready", lastError: undefined });
    expect(status?.counts).toMatchObject({ reconnects: 0 });
  });
});

test.each(CASES)(
  "$name: nothing is left when the pool has closed (3.11, 6.1)",
  async ({ kind, protocol }) => {
    await using bench = await startBench(kind, { protocol });
    const { pool, running } = bench;
    await pool.subscribeResource("s", NOTE, () => {});
    await pool.callTool("s__echo", { key: "last" });

    await pool.closeAll();

    await expect(pool.callTool("s__echo")).rejects.toBeInstanceOf(McpClosedError);
    if (running.host === undefined) {
      for (const pid of childrenOf(bench)) await untilProcessGone(pid);
    } else {
      const { host } = running;
      await until(() => host.socketCount === 0, "the last socket to close");
      expect(host.sessionCount).toBe(0);
    }
    expect(bench.count("echo last")).toBe(1);
  },
);

describe.each(CASES.filter(isHttp))("$name", ({ kind, protocol }) => {
  test("each request says over HTTP what its era wants it to say (3.5, 3.8, 4.2, 4.3, 4.7)", async () => {
    await using bench = await startBench(kind, { protocol }, { headers: { "X-Tenant": "a" } });
    const { pool } = bench;
    await pool.readResource("s", NOTE);
    await pool.callTool("s__echo");
    const era = eraOf(kind, protocol, bench.running.lines());
    const requests = requestsOf(bench);
    for (const { headers } of requests) expect(headers["x-tenant"]).toBe("a");
    const [first] = requests;
    const probes = requests.filter(({ headers }) => headers["mcp-method"] === "server/discover");
    expect(probes).toHaveLength(protocol === "auto" ? 1 : 0);
    if (protocol === "auto") expect(first).toBe(probes[0]);
    const rest = requests.filter((seen) => !probes.includes(seen));
    for (const { method, headers } of rest) {
      if (era === "stateless") {
        expect(method).toBe("POST");
        expect(headers).toMatchObject({
          "mcp-protocol-version": REVISION.stateless,
          "mcp-method": expect.any(String) as unknown,
        });
        expect(headers).not.toHaveProperty("mcp-session-id");
      } else expect(headers).not.toHaveProperty("mcp-method");
    }
    if (era === "stateless") {
      const named = rest.filter(({ headers }) => headers["mcp-name"] !== undefined);
      expect(named.map(({ headers }) => [headers["mcp-method"], headers["mcp-name"]])).toEqual([
        ["resources/read", NOTE],
        ["tools/call", "echo"],
      ]);
    } else {
      const sessions = rest.map(({ headers }) => headers["mcp-session-id"]);
      expect(sessions[0]).toBeUndefined();
      expect(new Set(sessions.slice(1)).size).toBe(1);
    }
  });
});

const STATELESS_HTTP = CASES.filter(
  ({ name, kind, protocol }) =>
    isHttp({ name }) && protocol === "auto" && kind.serving !== "sessions",
);

describe.each(STATELESS_HTTP)("$name", ({ kind }) => {
  test("one stream asks for the changes that somebody wants to hear of, and ends with the pool (8.30, 8.35)", async () => {
    const agent = new Agent();
    await using bench = await startBench(kind, {}, { dispatcher: agent });
    const { pool } = bench;
    const lists = ["promptsListChanged", "resourcesListChanged", "toolsListChanged"];
    const open = (): string[] => openListens(bench);
    await until(() => open().length === 1, "the stream of the lists");
    expect(open()).toEqual([lists.join(" ")]);
    const note = await pool.subscribeResource("s", NOTE, () => {});
    const again = await pool.subscribeResource("s", NOTE, () => {});
    const withNote = [...lists, NOTE].toSorted().join(" ");
    await until(() => open().join() === withNote, "the stream with the resource");
    await note.close();
    expect(open()).toEqual([withNote]);
    await again.close();
    await until(() => open().join() === lists.join(" "), "the stream without the resource");
    // The dispatcher is the user's: what ends the stream is not the end of its sockets.
    await pool.closeAll();
    await until(() => open().length === 0, "the last stream to end");
    expect(agent.closed).toBe(false);
    await agent.destroy();
  });

  test("neither a cancellation nor other roots are notified of (4.10, 7.8)", async () => {
    await using bench = await startBench(kind, { roots: [WORK] });
    await bench.pool.setRoots([]);
    const abort = new AbortController();
    const call = bench.pool.callTool("s__wait", { key: "a" }, { signal: abort.signal });
    await bench.untilRecorded("waiting a");
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await bench.untilRecorded("aborted a");
    await bench.pool.callTool("s__echo");
    await bench.pool.closeAll();
    expect(bench.running.lines().filter((line) => line.startsWith("notified of"))).toEqual([]);
  });
});

describe.each(ERA_KINDS)("$name, one era asked for", (kind) => {
  test("2026-07-28 is spoken from the first message on, or not at all (2.6, 2.7)", async () => {
    const start = startBench(kind, { protocol: "2026-07-28" });
    if (kind.serving === "sessions") {
      return expectRefusal(start);
    }
    await using bench = await start;
    expect(jsonOf(await bench.pool.callTool("s__echo", { key: "a" }))).toEqual({ key: "a" });
    expect(bench.pool.status()).toMatchObject([
      { era: "stateless", protocolVersion: "2026-07-28", state: "ready" },
    ]);
    for (const { headers } of requestsOf(bench))
      expect(headers["mcp-protocol-version"]).toBe("2026-07-28");
    expect(bench.count("initialized")).toBe(0);
    expect(bench.count("serving legacy")).toBe(0);
  });

  test.each(["legacy", "2025-06-18"] as const)(
    "%s is spoken without a probe, or not at all (2.6, 2.10)",
    async (protocol) => {
      const start = startBench(kind, { protocol });
      if (kind.serving === "stateless") {
        return expectRefusal(start);
      }
      await using bench = await start;
      expect(jsonOf(await bench.pool.callTool("s__echo", { key: "a" }))).toEqual({ key: "a" });
      const protocolVersion = protocol === "legacy" ? REVISION.session : protocol;
      expect(bench.pool.status()).toMatchObject([
        { era: "session", protocolVersion, state: "ready" },
      ]);
      for (const { headers } of requestsOf(bench)) expect(headers).not.toHaveProperty("mcp-method");
      expect(bench.count("initialized")).toBe(1);
      expect(bench.count("serving modern")).toBe(0);
    },
  );
});

test.each([
  ["auto", "stateless"],
  ["legacy", "session"],
] as const)(
  "without sessions in either era, and protocol %s: %s, and calls run (2.5, 3.8)",
  async (protocol, era) => {
    await using bench = await startBench(SESSIONLESS, { protocol });
    expect(jsonOf(await bench.pool.callTool("s__echo", { key: "a" }))).toEqual({ key: "a" });
    expect(bench.count("echo a")).toBe(1);
    expect(bench.pool.status()).toMatchObject([
      { era, protocolVersion: REVISION[era], state: "ready" },
    ]);
    for (const { headers } of requestsOf(bench))
      expect(headers).not.toHaveProperty("mcp-session-id");
  },
);

async function expectRefusal(start: Promise<Bench>): Promise<void> {
  const outcome = await start.then(
    async (bench) => {
      await bench[Symbol.asyncDispose]();
      return "connected";
    },
    (cause: unknown) => cause,
  );
  expect(outcome).toBeInstanceOf(McpError);
  expect(outcome).toMatchObject({ server: "s" });
}

function requestsOf(bench: Bench): readonly Seen[] {
  return bench.running.host?.requests ?? [];
}

/** What the change streams that are open now have asked for. */
function openListens(bench: Bench): string[] {
  const open: string[] = [];
  for (const line of bench.running.lines()) {
    const [, word, asked = ""] = /^(listen|listened) for (.*)$/.exec(line) ?? [];
    if (word === "listen") open.push(asked);
    if (word === "listened") open.splice(open.indexOf(asked), 1);
  }
  return open;
}

function childrenOf(bench: Bench): number[] {
  return bench.running
    .lines()
    .filter((line) => line.startsWith("started "))
    .map((line) => Number(line.slice("started ".length)));
}
