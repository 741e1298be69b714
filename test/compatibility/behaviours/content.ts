// Results and schemas that do not keep to the specification's shapes.

import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { resultsOf, server } from "../servers/answers.ts";
import type { Message } from "../servers/answers.ts";
import type { RequestContext } from "../../support/http-server.ts";

function keyOf({ body }: RequestContext): string {
  const args = body?.params?.["arguments"] as Message | undefined;
  return String(args?.["key"]);
}

const RESULTS: readonly (readonly [
  string,
  string,
  (context: RequestContext, result: Message) => unknown,
  string?,
])[] = [
  [
    "content-unknown-type",
    'gives content of a type that nobody knows ("json")',
    (context) => ({ content: [{ type: "json", json: { key: keyOf(context) } }] }),
    "https://github.com/ElliotPadfield/unpaywall-mcp/issues/4",
  ],
  [
    "content-missing",
    "gives structured content only",
    (context) => ({ structuredContent: { key: keyOf(context) } }),
  ],
  [
    "content-null",
    "writes null for the content beside structured content",
    (context) => ({ content: null, structuredContent: { key: keyOf(context) } }),
  ],
  [
    "content-object",
    "gives one block of content instead of a list",
    (context) => ({ content: { type: "text", text: keyOf(context) } }),
  ],
  ["content-string", "gives its content as a string", (context) => ({ content: keyOf(context) })],
  [
    "structured-array",
    "gives structured content that is an array",
    (_context, result) => ({ ...result, structuredContent: [1, 2] }),
    "https://github.com/kenn-io/msgvault/issues/626",
  ],
  [
    "result-null-members",
    "writes null for what a result does not have",
    (context) => {
      const block = { type: "text", text: keyOf(context), annotations: null, _meta: null };
      return { content: [block], isError: null, structuredContent: null, _meta: null };
    },
  ],
];

const SCHEMAS: readonly (readonly [string, string, object, string?])[] = [
  [
    "schema-missing-type",
    "gives an input schema without a type",
    { inputSchema: { properties: {} } },
  ],
  [
    "schema-only-dialect",
    "gives an input schema that has nothing but its dialect",
    { inputSchema: { $schema: "http://json-schema.org/draft-07/schema#" } },
    "https://github.com/modelcontextprotocol/servers/issues/3051",
  ],
  [
    "schema-null",
    "writes null for the input schema of a tool without parameters",
    { inputSchema: null },
    "https://github.com/IvanMurzak/Unity-MCP/issues/440",
  ],
  [
    "schema-required-null",
    "writes required: null in an input schema",
    { inputSchema: { type: "object", properties: {}, required: null } },
    "https://github.com/anthropics/claude-code/issues/44364",
  ],
  [
    "output-schema-of-array",
    "gives an output schema whose type is no object",
    { outputSchema: { type: ["null", "array"], items: {} } },
    "https://github.com/kenn-io/msgvault/issues/626",
  ],
  [
    "output-schema-untyped",
    "gives an output schema without a type, and no structured content",
    { outputSchema: { properties: { a: {} } } },
  ],
];

export const content: readonly Behaviour[] = [
  ...RESULTS.map(([id, title, change, source]) =>
    behaviour(id, title, source, async (trial) =>
      trial.everyday(
        await server(
          trial,
          resultsOf("tools/call", (result, context) => change(context, result)),
        ),
      ),
    ),
  ),
  ...SCHEMAS.map(([id, title, members, source]) =>
    behaviour(id, `${title}; all its tools are listed`, source, async (trial) => {
      const one = await server(trial, {}, { echo: {}, odd: members });
      await trial.connect(one);
      await trial.lists("echo", "odd");
      await trial.calls("echo");
      await trial.calls("odd");
    }),
  ),
  {
    id: "output-schema-not-met",
    title: "gives a result that does not fit its own output schema",
    source: "https://github.com/Graylog2/graylog2-server/issues/27066",
    async run(trial) {
      const outputSchema = { type: "object", properties: { from: { type: "object" } } };
      const change = resultsOf("tools/call", (result) => {
        return { ...result, structuredContent: { from: null } };
      });
      await trial.everyday(await server(trial, change, { echo: { outputSchema } }));
    },
  },
];
