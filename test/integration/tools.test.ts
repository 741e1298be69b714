// Tools, over every transport: lists, calls, every kind of content, errors and failures.

import { McpResponseError, McpToolNotFoundError } from "mcp-client-pool";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonOf, KINDS, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";
import { PNG, TOOLS } from "./servers/toolbox-tools.ts";

describe.each(KINDS)("$name", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind);
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("the handshake tells who the server is (2.10, 2.11)", () => {
    const [status] = bench.pool.status();
    expect(status).toMatchObject({
      state: "ready",
      era: "session",
      protocolVersion: "2025-11-25",
      serverInfo: { name: "toolbox", version: "1.0.0" },
      instructions: "Ask for anything.",
    });
    expect(bench.count("initialized")).toBe(1);
  });

  test("all pages of tools are fetched, the one behind an empty cursor too (8.1, 8.27)", async () => {
    const listed = await bench.pool.listTools("s");
    expect(listed.map(({ tool }) => tool.name)).toEqual(
      TOOLS.map((tool) => (tool as { name: string }).name),
    );
    expect(bench.pool.allTools).toEqual(listed);
  });

  test("a tool is shown as its server defines it (1.23, 8.2)", () => {
    const echo = bench.pool.allTools.find(({ name }) => name === "s__echo");
    expect(echo?.tool).toMatchObject({ ...TOOLS[0], inputSchema: { type: "object" } });
    expect(JSON.stringify(echo?.parameters)).toBe(
      JSON.stringify((TOOLS[0] as { inputSchema: object }).inputSchema),
    );
  });

  test("arguments arrive as they were given (8.9)", async () => {
    const args = { key: "a", null: null, nested: [{ "ü\u2028": "\n" }], big: 2 ** 53, empty: "" };
    expect(jsonOf(await bench.pool.callTool("s__echo", args))).toEqual(args);
    expect(bench.count("echo a")).toBe(1);
  });

  test("structured content comes with the text (8.3, 8.4)", async () => {
    const result = await bench.pool.callTool("s__sum", { a: 1, b: 2 });
    expect(result.structuredContent).toEqual({ sum: 3 });
    expect(jsonOf(result)).toEqual({ sum: 3 });
  });

  test("isError is a result, not an exception (8.5)", async () => {
    const result = await bench.pool.callTool("s__fail");
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "it did not work" }],
    });
  });

  test("a JSON-RPC error keeps its code and data (1.16, 8.5)", async () => {
    const error = await bench.pool.callTool("s__refuse").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      rpcCode: -32602,
      data: { why: "because" },
      server: "s",
      sent: "yes",
    });
  });

  test("a tool that is not there is not asked for", async () => {
    const before = bench.running.lines().length;
    const error = await bench.pool.callTool("s__ecko").catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpToolNotFoundError);
    expect(error).toMatchObject({ nearMatches: expect.arrayContaining(["s__echo"]) as unknown });
    expect(bench.running.lines()).toHaveLength(before);
  });

  test("an image, a link and an embedded resource come through (8.2)", async () => {
    const picture = await bench.pool.callTool("s__picture");
    expect(picture.content).toEqual([{ type: "image", data: PNG, mimeType: "image/png" }]);
    const links = await bench.pool.callTool("s__links");
    expect(links.content).toEqual([
      { type: "resource_link", uri: "test:///note.txt", name: "note" },
      { type: "resource", resource: { uri: "test:///note.txt", text: "a note" } },
    ]);
  });

  test("a tool with a name that no model may be given is routed all the same", async () => {
    const tool = bench.pool.allTools.find(({ tool: { name } }) => name === "mis.named tool/ü");
    expect(tool?.name).toMatch(/^s__[A-Za-z0-9_-]+_[0-9a-f]{8}$/);
    const result = await bench.pool.callTool(tool?.name ?? "");
    expect(result.content).toEqual([{ type: "text", text: "found" }]);
  });

  test("fifty calls at once each get their own answer, and run once (1.3, 1.7)", async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `many-${index}`);
    const results = await Promise.all(keys.map((key) => bench.pool.callTool("s__echo", { key })));
    expect(results.map((result) => jsonOf(result))).toEqual(keys.map((key) => ({ key })));
    expect(keys.map((key) => bench.count(`echo ${key}`))).toEqual(keys.map(() => 1));
  });

  test("any method can be called, and one that the server lacks is its error (1.16)", async () => {
    await expect(bench.pool.call("s", "ping")).resolves.toEqual({});
    await expect(bench.pool.call("s", "test/unknown")).rejects.toMatchObject({ rpcCode: -32601 });
  });
});
