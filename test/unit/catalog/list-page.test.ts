import { expect, test } from "vitest";
import { readItems, stepAfter } from "../../../src/catalog/list-page.ts";
import type { PageFacts } from "../../../src/catalog/list-page.ts";

const facts = (given: Partial<PageFacts>): PageFacts => ({
  next: undefined,
  cursor: undefined,
  wasFollowed: false,
  askedInRow: 0,
  newCount: 1,
  page: 1,
  isStateless: false,
  strict: false,
  ...given,
});

const own = { next: "a", cursor: "a", wasFollowed: true, askedInRow: 1, page: 2 } as const;

test.each<[string, Partial<PageFacts>, string, string?]>([
  ["no cursor", {}, "end"],
  ["null", { next: null }, "end"],
  ["a cursor", { next: "a" }, "follow"],
  ["a cursor, strict", { next: "a", strict: true }, "follow"],
  ["an empty string", { next: "" }, "try"],
  ["an empty string, stateless", { next: "", isStateless: true }, "follow"],
  ["an empty string, strict", { next: "", strict: true }, "follow"],
  ["an empty string again", { next: "", wasFollowed: true }, "end", "empty-cursor"],
  [
    "an empty string again, stateless",
    { next: "", wasFollowed: true, isStateless: true },
    "endless",
  ],
  ["zero", { next: 0 }, "try"],
  ["zero, stateless", { next: 0, isStateless: true }, "try"],
  ["a number", { next: 7 }, "follow", "cursor-not-string"],
  ["a number, strict", { next: 7, strict: true }, "endless"],
  ["false", { next: false }, "end", "cursor-not-string"],
  ["an object", { next: {} }, "end", "cursor-not-string"],
  ["another that was followed", { next: "a", cursor: "b", wasFollowed: true, page: 3 }, "endless"],
  ["its own, with news", own, "follow"],
  ["its own, with news, strict", { ...own, strict: true }, "endless"],
  ["its own again, with news", { ...own, askedInRow: 2, page: 3 }, "endless"],
  ["its own, the first page again", { ...own, newCount: 0 }, "end", "cursor-repeated"],
  [
    "its own, nothing new on a later page",
    { ...own, newCount: 0, page: 3 },
    "end",
    "cursor-repeated",
  ],
  ["its own, an empty page", { ...own, newCount: 0, askedInRow: 2 }, "end", "cursor-repeated"],
])("after a page with %s", (_, given, step, quirk) => {
  expect(stepAfter(facts(given))).toEqual(quirk === undefined ? { step } : { step, quirk });
});

test("an array is taken as it is, gaps and all", () => {
  const tools = [null, { name: "a" }, 5];
  const found = readItems({ tools }, "tools");
  expect(found?.items).toBe(tools);
  expect(found?.odd).toBeUndefined();
});
