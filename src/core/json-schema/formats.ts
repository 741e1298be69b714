// The formats of plain schemas, as ajv understands them; loaded with the first schema that names one.
// https://ajv.js.org/packages/ajv-formats.html

import type { Formats } from "./plain-check.ts";
import { LINEAR_FORMATS } from "./vocabulary.ts";

let loading: Promise<Formats> | undefined;

export const NO_FORMATS: Formats = new Map();

export function loadFormats(): Promise<Formats> {
  return (loading ??= load());
}

async function load(): Promise<Formats> {
  const { fullFormats } = await import("ajv-formats/dist/formats.js");
  const entries = [...LINEAR_FORMATS].map((name) => {
    const format: unknown = fullFormats[name as keyof typeof fullFormats];
    return [name, matcherOf(format)] as const;
  });
  return new Map(entries);
}

/** ajv's definitions are expressions, functions, or objects that hold one. */
function matcherOf(format: unknown): (text: string) => boolean {
  if (format instanceof RegExp) return (text) => format.test(text);
  if (typeof format === "function") return format as (text: string) => boolean;
  return matcherOf((format as { validate: unknown }).validate);
}
