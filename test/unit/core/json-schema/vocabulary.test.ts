import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { default as addFormats } from "ajv-formats";
import { fullFormats } from "ajv-formats/dist/formats.js";
import { describe, expect, test } from "vitest";
import { PLAIN_KEYWORDS } from "../../../../src/core/json-schema/read-schema.ts";
import {
  ANNOTATIONS,
  FOR_THE_WORKER,
  FORMATS_FOR_THE_WORKER,
  LINEAR_FORMATS,
} from "../../../../src/core/json-schema/vocabulary.ts";

describe("nothing that ajv checks is taken for an annotation", () => {
  test.each([
    ["2020-12", new Ajv2020({ strict: false })],
    ["draft-07", new Ajv({ strict: false })],
  ])("keywords of %s", (_, ajv) => {
    addFormats.default(ajv);
    const known = new Set([...PLAIN_KEYWORDS, ...FOR_THE_WORKER, ...ANNOTATIONS]);
    const keywords = Object.keys({ ...ajv.RULES.all, ...ajv.RULES.keywords });
    expect(keywords.length).toBeGreaterThan(30);
    expect(keywords.filter((word) => !word.startsWith("$") && !known.has(word))).toEqual([]);
  });

  test("formats", () => {
    const known = [...LINEAR_FORMATS, ...FORMATS_FOR_THE_WORKER];
    expect(known.toSorted()).toEqual(Object.keys(fullFormats).toSorted());
  });
});
