// The reference server that has everything, in its three modes, with every handler installed.

import { gunzipSync } from "node:zlib";
import { McpClientPool } from "mcp-client-pool";
import type {
  CallToolResult,
  ElicitFormParams,
  ElicitUrlParams,
  LogMessage,
  Progress,
} from "mcp-client-pool";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { once } from "./kinds.ts";
import { startEverything } from "./servers/everything.ts";
import type { Everything } from "./servers/everything.ts";

const textOf = ({ content }: { content: readonly object[] }): string =>
  content.map((block) => (block as { text?: string }).text ?? "").join("\n");

const MODES = ["stdio", "streamableHttp", "sse"] as const;

type Mode = (typeof MODES)[number];

interface Bench {
  readonly everything: Everything;
  readonly pool: McpClientPool;
  readonly forms: readonly ElicitFormParams[];
  readonly visits: readonly ElicitUrlParams[];
  readonly logs: LogMessage[];
  /** Takes its four stages of a second each while the other tests run. */
  readonly research: Promise<CallToolResult>;
}

async function startBench(mode: Mode): Promise<Bench> {
  const forms: ElicitFormParams[] = [];
  const visits: ElicitUrlParams[] = [];
  const logs: LogMessage[] = [];
  const everything = await startEverything(mode);
  const pool = new McpClientPool({
    servers: { all: everything.config },
    onElicitation: {
      form: (params) => {
        forms.push(params);
        return { action: "accept", content: formContent(params) };
      },
      url: (params) => {
        visits.push(params);
        return { action: "accept" };
      },
    },
    onSampling: ({ messages, maxTokens }) => {
      const text = `${messages.length} messages, ${maxTokens} tokens`;
      return { role: "assistant", model: "test", content: { type: "text", text } };
    },
    roots: [{ uri: "file:///home/user", name: "home" }],
    onLog: (message) => void logs.push(message),
  });
  await pool.connect();
  await until(
    () => pool.allTools.some(({ name }) => name === "all__simulate-research-query"),
    "the tools that depend on what the client can do",
  );
  const args = { topic: "python", ambiguous: true };
  const research = pool.callTool("all__simulate-research-query", args);
  // Looked at by its own test, which may come too late to be the first to hear of a failure.
  research.catch(() => {});
  return { everything, pool, forms, visits, logs, research };
}

let benches: Record<Mode, Bench>;

beforeAll(async () => {
  const [stdio, streamableHttp, sse] = await Promise.all([
    startBench("stdio"),
    startBench("streamableHttp"),
    startBench("sse"),
  ]);
  benches = { stdio, streamableHttp, sse };
});

afterAll(async () => {
  for (const { pool, everything } of Object.values(benches)) {
    await pool.closeAll();
    await everything.close();
  }
});

describe.each(MODES)("%s", (mode) => {
  let { everything, pool, forms, visits, logs, research } = {} as Bench;

  beforeAll(() => {
    ({ everything, pool, forms, visits, logs, research } = benches[mode]);
  });

  test("it is connected to, and shows what it shows to a client of these capabilities (7.2, 8.1)", () => {
    expect(pool.status()).toMatchObject([
      {
        state: "ready",
        protocolVersion: "2025-11-25",
        serverInfo: { name: "mcp-servers/everything" },
      },
    ]);
    const names = pool.allTools.map(({ tool }) => tool.name);
    expect(names).toEqual(
      expect.arrayContaining([
        "echo",
        "get-roots-list",
        "trigger-elicitation-request",
        "trigger-url-elicitation",
        "trigger-sampling-request",
      ]),
    );
    // Those are for clients that run tasks themselves, which this one did not declare (12.21).
    expect(names).not.toContain("trigger-sampling-request-async");
    expect(names).not.toContain("trigger-elicitation-request-async");
  });

  test("tools give text, structured content, images, links and resources (8.2, 8.3)", async () => {
    expect(textOf(await pool.callTool("all__echo", { message: "hi" }))).toBe("Echo: hi");
    expect(textOf(await pool.callTool("all__get-sum", { a: 2, b: 3 }))).toContain("5");
    const weather = await pool.callTool("all__get-structured-content", { location: "Chicago" });
    expect(weather.structuredContent).toEqual({
      temperature: 36,
      conditions: "Light rain / drizzle",
      humidity: 82,
    });
    const image = await pool.callTool("all__get-tiny-image");
    expect(image.content).toContainEqual(
      expect.objectContaining({ type: "image", mimeType: "image/png" }),
    );
    const links = await pool.callTool("all__get-resource-links", { count: 3 });
    expect(links.content.filter(({ type }) => type === "resource_link")).toHaveLength(3);
    const args = { resourceType: "Text", resourceId: 1 };
    const reference = await pool.callTool("all__get-resource-reference", args);
    expect(reference.content).toContainEqual(expect.objectContaining({ type: "resource" }));
  });

  test("bad arguments are the server's to refuse (8.5, 8.9)", async () => {
    const outcome = await pool
      .callTool("all__get-sum", { a: "x" })
      .catch((error: unknown) => error);
    expect(outcome).toSatisfy(
      (value: { isError?: boolean; rpcCode?: number }) =>
        value.isError === true || value.rpcCode === -32602,
    );
  });

  test("resources and templates are listed and read (8.11)", async () => {
    const resources = await pool.listResources("all");
    expect(resources.length).toBeGreaterThan(3);
    const read = await pool.readResource("all", resources[0]?.uri ?? "");
    expect(read.contents[0]?.text?.length).toBeGreaterThan(0);
    const templates = await pool.listResourceTemplates("all");
    expect(templates.map(({ uriTemplate }) => uriTemplate)).toContain(
      "demo://resource/dynamic/text/{resourceId}",
    );
    const blob = await pool.readResource("all", "demo://resource/dynamic/blob/7");
    const decoded = Buffer.from(blob.contents[0]?.blob ?? "", "base64").toString();
    expect(decoded).toContain("Resource 7");
    await expect(pool.readResource("all", "demo://resource/none")).rejects.toMatchObject({
      name: "McpResponseError",
    });
  });

  test("a resource that a tool made is announced, and can be read (8.2, 8.29)", async () => {
    const changed = once(pool, "resources.changed");
    const args = {
      name: "note.txt.gz",
      data: "data:text/plain;base64,aGVsbG8=",
      outputType: "resourceLink",
    };
    const { content } = await pool.callTool("all__gzip-file-as-resource", args);
    await changed;
    const [link] = content as { type: string; uri: string }[];
    expect(link?.type).toBe("resource_link");
    const { contents } = await pool.readResource("all", link?.uri ?? "");
    expect(gunzipSync(Buffer.from(contents[0]?.blob ?? "", "base64")).toString()).toBe("hello");
  });

  test("prompts are listed, got and completed (8.15, 8.16)", async () => {
    const prompts = await pool.listPrompts("all");
    expect(prompts.map(({ prompt }) => prompt.name)).toContain("args-prompt");
    const prompt = await pool.getPrompt("all__args-prompt", { city: "Pau", state: "Béarn" });
    expect(JSON.stringify(prompt.messages)).toContain("Pau, Béarn");
    const ref = { type: "ref/prompt", name: "completable-prompt" } as const;
    const completion = await pool.complete("all", ref, { name: "department", value: "E" });
    expect(completion.values).toEqual(["Engineering"]);
  });

  test("progress is reported in order (8.19)", async () => {
    const seen: Progress[] = [];
    const args = { duration: 0.1, steps: 4 };
    await pool.callTool("all__trigger-long-running-operation", args, {
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen).toEqual([1, 2, 3, 4].map((progress) => ({ progress, total: 4 })));
  });

  test("a form with every kind of field is filled with its defaults (7.17, 7.18)", async () => {
    const result = await pool.callTool("all__trigger-elicitation-request");
    expect(textOf(result)).toContain("- Name: Ada");
    const raw = JSON.parse(textOf(result).split("Raw result: ")[1] ?? "null") as object;
    expect(raw).toMatchObject({
      action: "accept",
      content: {
        name: "Ada",
        firstLine: "It was a dark and stormy night.",
        integer: 42,
        number: 3.14,
        untitledSingleSelectEnum: "Monica",
        untitledMultipleSelectEnum: ["Guitar"],
        titledSingleSelectEnum: "hero-1",
        titledMultipleSelectEnum: ["fish-1"],
        legacyTitledEnum: "pet-1",
      },
    });
  });

  test("a URL is visited on request (7.21)", async () => {
    const url = "https://example.com/visit";
    const args = { url, message: "Go there", elicitationId: "one" };
    const result = await pool.callTool("all__trigger-url-elicitation", args);
    expect(textOf(result)).toContain("User completed the URL elicitation flow");
    expect(visits.at(-1)).toMatchObject({ url, elicitationId: "one", message: "Go there" });
  });

  test("-32042 is got over, though the server never reports that the visit is over (7.22, 7.23)", async () => {
    const before = visits.length;
    const args = { url: "https://example.com/behind", message: "Go", errorPath: true };
    // How long to wait for a report that is optional follows from the call's own limit.
    const options = { timeoutMs: 500 };
    const result = await pool.callTool("all__trigger-url-elicitation", args, options);
    expect(textOf(result)).toContain("User completed the URL elicitation flow");
    expect(visits.slice(before).map(({ url }) => new URL(url).host)).toEqual([
      "modelcontextprotocol.io",
      "example.com",
    ]);
  });

  test("sampling is answered by the handler (7.10, 7.13)", async () => {
    const args = { prompt: "Say something", maxTokens: 12 };
    const result = await pool.callTool("all__trigger-sampling-request", args);
    expect(textOf(result)).toContain("1 messages, 12 tokens");
  });

  test("roots are seen, and seen again when they change (7.7, 7.8)", async () => {
    expect(textOf(await pool.callTool("all__get-roots-list"))).toContain("file:///home/user");
    await pool.setRoots([{ uri: "file:///srv/a", name: "a" }, { uri: "file:///srv/b" }]);
    await until(
      () => logs.some(({ data }) => String(data).includes("Roots updated: 2 root(s)")),
      "the server to have asked again",
    );
    const listed = textOf(await pool.callTool("all__get-roots-list"));
    expect(listed).toContain("file:///srv/b");
    expect(listed).not.toContain("file:///home/user");
  });

  test("updates of a resource reach its subscriber (8.12)", async () => {
    const uri = "demo://resource/dynamic/text/1";
    const heard: string[] = [];
    await using _subscription = await pool.subscribeResource("all", uri, (change) =>
      heard.push(change.uri),
    );
    await pool.callTool("all__toggle-subscriber-updates");
    await until(() => heard.length > 0, "an update");
    expect(heard[0]).toBe(uri);
    await pool.callTool("all__toggle-subscriber-updates");
  });

  test("its log is heard, at the level that was set (8.17)", async () => {
    await pool.setLogLevel("all", "debug");
    const simulated = (): boolean =>
      logs.some(({ data }) => /level.message|Level-message/i.test(String(data)));
    await pool.callTool("all__toggle-simulated-logging");
    await until(simulated, "a simulated message");
    await pool.callTool("all__toggle-simulated-logging");
  });

  test("research runs as a task, asks on the way, and gives its report (12.14 - 12.17)", async () => {
    const report = textOf(await research);
    expect(report).toContain("# Research Report: python (snake)");
    const asked = forms.find(({ message }) => message.includes("multiple interpretations"));
    expect(asked?.requestedSchema).toMatchObject({ required: ["interpretation"] });
  });

  if (mode !== "stdio") {
    test("after a restart of the process everything goes on (3.9, 3.10, 5.5)", async () => {
      const before = pool.allTools;
      await pool.setLogLevel("all", "info");
      logs.length = 0;
      await everything.restart?.();
      await pool.listTools("all");
      expect(textOf(await pool.callTool("all__echo", { message: "again" }))).toBe("Echo: again");
      await until(
        () => pool.allTools.length === before.length,
        "the tools that depend on what the client can do",
      );
      expect(pool.allTools.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
      // The new process asks for the roots by itself, and says so.
      await until(
        () => logs.some(({ data }) => String(data).includes("Roots updated: 2 root(s)")),
        "the roots to be asked for",
      );
    });
  }
});

function formContent({ requestedSchema }: ElicitFormParams): { [key: string]: string } {
  const properties = requestedSchema["properties"] as object;
  return "interpretation" in properties ? { interpretation: "snake" } : { name: "Ada" };
}
