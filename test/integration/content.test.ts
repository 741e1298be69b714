// Resources, prompts and completion, over every transport.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KINDS, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";
import { BLOB, RESOURCES, TEMPLATES } from "./servers/toolbox-resources.ts";

describe.each(KINDS)("$name", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind);
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("all pages of resources and of templates are fetched (8.11, 8.27)", async () => {
    const resources = await bench.pool.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(RESOURCES.map(({ uri }) => uri));
    expect(resources[0]).toMatchObject({ server: "s", name: "note", resource: RESOURCES[0] });
    const templates = await bench.pool.listResourceTemplates("s");
    expect(templates.map(({ uriTemplate }) => uriTemplate)).toEqual(
      TEMPLATES.map(({ uriTemplate }) => uriTemplate),
    );
  });

  test("text, a blob, and several contents are read (8.11)", async () => {
    await expect(bench.pool.readResource("s", "test:///note.txt")).resolves.toMatchObject({
      contents: [{ uri: "test:///note.txt", mimeType: "text/plain", text: "a note" }],
    });
    await expect(bench.pool.readResource("s", "test:///blob.bin")).resolves.toMatchObject({
      contents: [{ uri: "test:///blob.bin", blob: BLOB }],
    });
    const folder = await bench.pool.readResource("s", "test:///folder");
    expect(folder.contents.map(({ text }) => text)).toEqual(["one", "two"]);
  });

  test("a resource that is not there is the server's error, with its code and data (8.14)", async () => {
    await expect(bench.pool.readResource("s", "test:///none")).rejects.toMatchObject({
      rpcCode: expect.toSatisfy((code) => code === -32002 || code === -32602) as unknown,
      data: { uri: "test:///none" },
    });
  });

  test("all pages of prompts are fetched (8.27)", async () => {
    const prompts = await bench.pool.listPrompts();
    expect(prompts).toHaveLength(9);
    expect(prompts[0]).toMatchObject({ name: "s__travel", server: "s" });
    expect(prompts[0]?.prompt).toMatchObject({ name: "travel", title: "Plan a journey" });
  });

  test("a prompt is got by its name in the pool (8.15)", async () => {
    const prompt = await bench.pool.getPrompt("s__travel", { city: "Pau" });
    expect(prompt).toMatchObject({
      description: "a journey",
      messages: [
        { role: "user", content: { type: "text", text: "Plan a journey to Pau" } },
        { role: "assistant", content: { type: "resource", resource: { text: "Pau" } } },
      ],
    });
  });

  test("completes for a prompt and for a template, with the context of other arguments (8.16)", async () => {
    const { pool } = bench;
    const prompt = { type: "ref/prompt", name: "travel" } as const;
    const template = { type: "ref/resource", uri: "test:///city/{city}" } as const;
    const city = { name: "city", value: "Pa" };
    await expect(pool.complete("s", prompt, city)).resolves.toMatchObject({
      values: ["Paris", "Pau", "Parma", "Pavia"],
      total: 4,
      hasMore: false,
    });
    const context = { arguments: { country: "Italy" } };
    await expect(pool.complete("s", template, city, context)).resolves.toMatchObject({
      values: ["Parma", "Pavia"],
    });
  });
});
