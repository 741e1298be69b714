// Lists and names: odd, clashing, doubled, broken, endless.

import { json, rpcResult } from "../../../support/http-server.ts";
import type { Fault } from "../fault.ts";
import { whatOf } from "../verdict.ts";
import { countsOf } from "./http-connection.ts";

/** What every provider takes. */
const PROVIDER_SAFE = /^[\w-]{1,64}$/;

export const lists: readonly Fault[] = [
  {
    id: "56a",
    title: "names: odd characters, 200 of them, separators",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const names = ["weather.get/now today", "long".repeat(50), "x__y", "größe", "plain"];
      const server = await scene.http(Object.fromEntries(names.map((name) => [name, {}])));
      await scene.connected({ s: server });
      for (const tool of names) {
        const name = scene.nameOf(tool);
        if (name === undefined) {
          scene.found("lost", `${tool.slice(0, 30)} is not listed`);
          continue;
        }
        if (!PROVIDER_SAFE.test(name)) {
          scene.found("error", `${name.slice(0, 30)} is a name that providers refuse`);
        }
        await scene.call(tool, countsOf(server, tool), { text: "key" });
      }
    },
  },
  {
    id: "56b",
    title: "names that clash: a + b_c, a_b + c",
    class: "U",
    needs: ["http", "several", "names"],
    permits: "recovered",
    async run(scene) {
      const first = await scene.http({ b_c: { description: "The tool first" } });
      const second = await scene.http({ c: { description: "The tool second" } });
      await scene.connected({ a: first, a_b: second });
      const names = (await scene.listed()).map(({ name }) => name);
      if (new Set(names).size < 2) scene.found("lost", `listed: ${names.join(", ")}`);
      await scene.call("first", countsOf(first, "b_c"), { text: "key" });
      await scene.call("second", countsOf(second, "c"), { text: "key" });
    },
  },
  {
    id: "57",
    title: "a tool twice, one without schema, one whose schema is none",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const schema = { type: "object" };
      const odd = [
        { name: "good", description: "The tool good", inputSchema: schema },
        { name: "twice", description: "The tool twice", inputSchema: schema },
        { name: "twice", description: "again", inputSchema: schema },
        { name: "bare", description: "no schema" },
        {
          name: "broken",
          description: "broken",
          inputSchema: {
            type: "object",
            properties: { a: { type: "no such type", pattern: "(" } },
          },
        },
      ];
      const server = await scene.http(
        { good: {} },
        {
          onRequest: ({ body, res }) => {
            if (body?.method !== "tools/list") return false;
            json(res, 200, rpcResult(body.id ?? null, { tools: odd }));
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      await scene.call("good", countsOf(server, "good"), { text: "good" });
    },
  },
  {
    id: "58a",
    title: "a list that never ends",
    class: "U",
    needs: ["http"],
    permits: "error",
    async run(scene) {
      let pages = 0;
      const server = await scene.http(
        { work: {} },
        {
          onRequest: ({ body, res }) => {
            if (body?.method !== "tools/list") return false;
            const tool = {
              name: `t${++pages}`,
              description: "one of many",
              inputSchema: { type: "object" },
            };
            json(
              res,
              200,
              rpcResult(body.id ?? null, { tools: [tool], nextCursor: `page ${pages}` }),
            );
            return true;
          },
        },
      );
      const connected = await scene.connect({ s: server });
      const listed = await scene.list();
      for (const [what, settled] of [
        ["connect", connected],
        ["the list", listed],
      ] as const) {
        if (settled.status === "hung")
          scene.found("hung", `${what}: ${whatOf(settled)}, ${pages} pages`);
        if (settled.status === "died") scene.found("lost", `${what}: ${whatOf(settled)}`);
        if (settled.status === "error") {
          scene.findings.push({
            outcome: "error",
            what: `${what}: ${whatOf(settled)}`,
            says: "did not run",
          });
        }
      }
    },
  },
  {
    id: "58b",
    title: "a list of two pages",
    class: "U",
    needs: ["http"],
    permits: "recovered",
    async run(scene) {
      const toolOf = (name: string): object => ({
        name,
        description: `The tool ${name}`,
        inputSchema: { type: "object" },
      });
      const server = await scene.http(
        { one: {}, two: {} },
        {
          onRequest: ({ body, res }) => {
            if (body?.method !== "tools/list") return false;
            const isSecond = body.params?.["cursor"] !== undefined;
            const page = isSecond
              ? { tools: [toolOf("two")] }
              : { tools: [toolOf("one")], nextCursor: "2" };
            json(res, 200, rpcResult(body.id ?? null, page));
            return true;
          },
        },
      );
      await scene.connected({ s: server });
      for (const tool of ["one", "two"]) {
        if (scene.nameOf(tool) === undefined) scene.found("lost", `the tool ${tool} is not listed`);
        else await scene.call(tool, countsOf(server, tool), { text: tool });
      }
    },
  },
];
