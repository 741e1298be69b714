// Every fault that the pool was made for has tests that name it: here their titles are held against the list.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { root } from "./run.ts";

/**
 * What must be seen, in a line, and the files that show it with real sockets, pipes and processes. Beside them units
 * may cite a number too. Authorization (63 - 68) is not here yet.
 */
const FAULTS: readonly (readonly [number, string, ...string[]])[] = [
  [1, "connection refused: backoff, retried, exec 0, server and address named", "http"],
  [2, "DNS failure: the same", "rows/connecting"],
  [3, "SYN black hole: an error within the connect timeout", "rows/connecting"],
  [4, "bad certificate, wrong host name: failed, no retry", "rows/connecting"],
  [5, "reset before the request was written: retried, exec 1", "http"],
  [6, "reset after execution, class U: OUTCOME_UNKNOWN, exec 1", "rows/answers"],
  [7, "the same, class R: one result, exec at most 2", "rows/answers"],
  [8, "keep-alive race: never runs U twice", "rows/load"],
  [9, "headers never come: timeout, cancelled on the wire", "rows/answers"],
  [10, "body truncated: as 6", "rows/answers"],
  [11, "HTML, an empty body, 204: McpProtocolError with a capped excerpt", "rows/answers"],
  [12, "response with a foreign id: ignored and told of, timeout", "rows/answers"],
  [13, "the response twice: the first wins", "rows/answers"],
  [14, "malformed JSON, 100,000 levels, a bare array, null: the connection lives", "rows/answers"],
  [15, "session 404 under 100 calls: one initialize, 100 results, exec 100", "http"],
  [16, "404 again after renewal: one renewal, then an error", "http"],
  [17, "stateless -32601 with 404: no renewal", "negotiation-initialize"],
  [18, "429 with Retry-After: never early, clamped or surfaced", "http-status", "rows/waiting"],
  [19, "503 storm: retries stay inside the budget", "rows/load"],
  [20, "307/308: followed with body; cross-origin refused, no credential sent", "rows/bodies"],
  [21, "413, 415, 406, 500 with a JSON-RPC body: that error with the status", "rows/bodies"],
  [22, "gzip and deflate; a bomb: limit error, memory flat", "rows/bodies"],
  [23, "a 50 MB result: limit error by default, passes when raised", "rows/bodies"],
  [24, "a proxy that buffers SSE until the end: still a result", "rows/bodies"],
  [25, "cut after an event id: resumed, exec 1", "sse"],
  [26, "cut without an id: replay table", "sse"],
  [27, "retry: 5000: waits at least that", "sse"],
  [28, "slices, CRLF, CR, BOM, split UTF-8, comments: the same result", "sse-streams"],
  [29, "only comments for ever: silence timeout", "rows/waiting"],
  [30, "progress for ever: the total cap fires", "rows/waiting"],
  [31, "an event without end: aborted, memory flat", "sse-streams"],
  [32, "priming events, unknown event names: no effect", "sse-streams"],
  [33, "stream left open after the response: closed by us", "sse-streams"],
  [34, "stateless stream cut, U: OUTCOME_UNKNOWN", "../integration/stateless-loss"],
  [
    35,
    "change stream dropped: re-opened, lists refetched",
    "rows/waiting",
    "stateless-changes-broken",
  ],
  [36, "list_changed × 1,000: at most two fetches", "sse-dispatch", "stateless-changes"],
  [37, "the response on another stream than its request: delivered", "sse-dispatch"],
  [38, "ENOENT, EACCES, bad cwd: failed, the command named", "rows/children"],
  [39, "exit in mid-call: pending calls settle by class, restarted", "stdio"],
  [40, "five crashes in three minutes: failed; the others unaffected", "stdio"],
  [
    41,
    "ignores EOF and SIGTERM; sh -c; npx; children: nothing left",
    "stdio-processes",
    "rows/children",
  ],
  [42, "noise on stdout: skipped with a warning", "stdio-output", "stdio-noise"],
  [43, "100 MB of stderr: drained, bounded", "rows/children"],
  [44, "stops reading stdin: backpressure, timeout, memory flat", "rows/children"],
  [45, "our process killed: children see EOF and exit", "stdio-processes"],
  [46, "a line beyond the limit: that connection restarts, memory flat", "stdio"],
  [47, "split UTF-8, CRLF, any chunks: the same result", "stdio-output"],
  [48, "EPIPE on write: settles by class, no crash", "stdio"],
  [49, "slow start of 20 s in either era: spawned once", "negotiation-slow"],
  [50, "one dead, one hanging, eight good: the eight usable at once", "pool"],
  [51, "one hung server of 20: the others unchanged", "rows/load"],
  [52, "queue full: McpOverloadedError at once", "rows/load"],
  [53, "10,000 cancelled calls: cancelled upstream, heap flat", "rows/load"],
  [54, "server removed with calls in flight: drained, then closed", "pool"],
  [55, "closeAll during anything: settles, the process exits by itself", "close"],
  [56, "names: deterministic, reversible", "names"],
  [57, "one bad tool in a list: the rest works, a warning", "lists"],
  [58, "endless pagination: limit error; an empty cursor is followed", "lists"],
  [59, "laptop sleep: timers sane, one reconnect per server", "rows/load"],
  [60, "a restart under 100 pools: jittered reconnects", "rows/load"],
  [61, "a listener or handler that throws: reported, nothing else breaks", "rows/load"],
  [62, "random faults: nothing lost, nothing doubled", "rows/load"],
];

/** Threats, by what the titles of their groups begin with. */
const THREATS: readonly (readonly [string, string])[] = [
  ["header injection", "rows/injection"],
  ["command injection", "rows/injection"],
  ["environment leak", "rows/injection"],
  ["hostile names and text", "rows/injection"],
  ["bombs: output schemas", "rows/bombs"],
  ["bombs: lists", "rows/bombs"],
  ["bombs: floods", "rows/bombs"],
  ["secrets: HTTP", "rows/secrets"],
  ["secrets: the configuration", "rows/secrets"],
  ["secrets: child processes", "rows/secrets"],
  ["secrets: stateless era", "rows/secrets"],
];

/** `fault 5`, `faults 1 and 15`, `faults 12, 13`. */
function faultsIn(title: string): number[] {
  const lists = title.matchAll(/\bfaults? (\d{1,2}(?!\d)(?:(?:,? and |, )\d{1,2}(?![\d.]))*)/gi);
  return [...lists].flatMap(([, list = ""]) => list.match(/\d+/g) ?? []).map(Number);
}

/** `test`, `describe.each(…)` and the like: what they begin with; nothing for what is skipped. */
function blockOf(callee: ts.Expression): string | undefined {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isCallExpression(callee)) return blockOf(callee.expression);
  if (!ts.isPropertyAccessExpression(callee)) return undefined;
  return ["skip", "todo", "skipIf", "runIf"].includes(callee.name.text)
    ? undefined
    : blockOf(callee.expression);
}

function isBlock(node: ts.Node, names: readonly string[]): node is ts.CallExpression {
  return ts.isCallExpression(node) && names.includes(blockOf(node.expression) ?? "");
}

function holdsTest(node: ts.Node): boolean {
  return (
    ts.forEachChild(node, (child) => isBlock(child, ["test", "it"]) || holdsTest(child)) ?? false
  );
}

/** The titles of tests, and of groups that have some; of a template the parts that are written. */
function titlesIn(code: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isBlock(node, ["test", "it"]) || (isBlock(node, ["describe"]) && holdsTest(node))) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
      if (title !== undefined && ts.isTemplateExpression(title)) titles.push(title.head.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("a.test.ts", code, ts.ScriptTarget.ESNext, true));
  return titles;
}

const faultFolder = join(root, "test/fault");

const known = new Map<string, string[]>();

function titlesOf(file: string): string[] {
  let titles = known.get(file);
  if (titles === undefined) {
    titles = titlesIn(readFileSync(join(faultFolder, `${file}.test.ts`), "utf8"));
    known.set(file, titles);
  }
  return titles;
}

describe("how titles are read", () => {
  test("one number, several, and none", () => {
    expect(faultsIn("fault 5: reset")).toEqual([5]);
    expect(faultsIn("settles (6.5, fault 39)")).toEqual([39]);
    expect(faultsIn("faults 1 and 15: both; faults 12, 13")).toEqual([1, 15, 12, 13]);
    expect(faultsIn("fault 35, 8.34, 8.35: again")).toEqual([35]);
    expect(faultsIn("by default 200 pages, no fault")).toEqual([]);
  });

  test("titles only: no comments, nothing that is skipped, no group without tests", () => {
    const code = [
      'test("fault 1", () => {}); // fault 2',
      'test.skip("fault 3", () => {}); test.each([])("fault 4 %s", () => { expect("fault 5"); });',
      'describe("fault 6", () => {}); describe.each([])("fault 7", () => { it(`fault 8 ${1}`, () => {}); });',
    ].join("\n");
    expect(titlesIn(code).flatMap(faultsIn)).toEqual([1, 4, 7, 8]);
  });
});

test("the list is whole: 1 to 62, each once, each with its outcome", () => {
  expect(FAULTS.map(([number]) => number)).toEqual(Array.from({ length: 62 }, (_, at) => at + 1));
  expect(FAULTS.filter(([, outcome, file]) => outcome === "" || file === undefined)).toEqual([]);
});

test("every file that a fault names has a test whose title names the fault", () => {
  const missing = FAULTS.flatMap(([number, outcome, ...files]) =>
    files
      .filter((file) => !titlesOf(file).flatMap(faultsIn).includes(number))
      .map((file) => `${number} ${file}: ${outcome}`),
  );
  expect(missing).toEqual([]);
});

test("every threat has tests in its file", () => {
  const missing = THREATS.filter(
    ([title, file]) => !titlesOf(file).some((one) => one.startsWith(title)),
  );
  expect(missing).toEqual([]);
});

test("no title names a fault that is not there", () => {
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules/"))
    .filter((file) => !file.startsWith("package/"));
  // Those of authorization are cited by units already.
  const strange = files.flatMap((file) =>
    titlesIn(readFileSync(join(root, "test", file), "utf8"))
      .flatMap(faultsIn)
      .filter((number) => number < 1 || number > 68)
      .map((number) => `${file}: ${number}`),
  );
  expect(strange).toEqual([]);
});
