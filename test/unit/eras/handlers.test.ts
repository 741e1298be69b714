import { expect, test } from "vitest";
import { clientCapabilities } from "../../../src/eras/handlers.ts";
import type { ClientHandlers } from "../../../src/eras/handlers.ts";
import { NO_HANDLERS } from "./harness.ts";

const elicit = () => ({ action: "cancel" as const });
const sample = () => ({
  role: "assistant" as const,
  model: "m",
  content: { type: "text" as const, text: "" },
});

test.each<[string, Partial<ClientHandlers>, object]>([
  ["nothing", {}, {}],
  ["flags without a handler", { sampling: { tools: true, context: true } }, {}],
  ["roots", { roots: () => [] }, { roots: { listChanged: true } }],
  ["sampling", { sample }, { sampling: {} }],
  [
    "sampling with tools",
    { sample, sampling: { tools: true, context: false } },
    { sampling: { tools: {} } },
  ],
  [
    "sampling with both",
    { sample, sampling: { tools: true, context: true } },
    { sampling: { tools: {}, context: {} } },
  ],
  ["forms: the spelling that every revision knows", { elicitForm: elicit }, { elicitation: {} }],
  ["URLs alone: not mistaken for forms", { elicitUrl: elicit }, { elicitation: { url: {} } }],
  [
    "forms and URLs",
    { elicitForm: elicit, elicitUrl: elicit },
    { elicitation: { form: {}, url: {} } },
  ],
])(
  "a capability is declared if, and only if, its handler is there: %s (7.2)",
  (_, given, declared) => {
    expect(clientCapabilities({ ...NO_HANDLERS, ...given }, { listChanged: true })).toEqual(
      declared,
    );
  },
);
