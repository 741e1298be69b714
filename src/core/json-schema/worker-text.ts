// The program of the worker thread in which ajv runs: generated code of a server's schema, expressions, errors,
// memory. It is a text, so that it starts from sources, from the package, and under any loader.

/** The same text in every program, started with `WorkerPaths` as its data. */
export const WORKER_TEXT = `"use strict";
const { parentPort, workerData } = require("node:worker_threads");
const formats = require(workerData.formats).default;
const MAX_KEPT = 100;
const MAX_KEPT_CHARS = 2_000_000;
const MAX_ERRORS = 5;
const MAX_REASON_CHARS = 400;
const OPTIONS = { unicodeRegExp: false, strict: false, allErrors: false, ownProperties: true, logger: false };
const judges = new Map();
const kept = new Map();
let keptChars = 0;

function judgeOf(dialect) {
  let judge = judges.get(dialect);
  if (judge === undefined) {
    const { default: Ajv } = require(workerData[dialect]);
    judges.set(dialect, (judge = { Ajv, meta: new Ajv(OPTIONS) }));
  }
  return judge;
}

// An instance of its own: ajv's scope keeps all that one instance has compiled.
function compile({ schema: text, dialect }) {
  const { Ajv, meta } = judgeOf(dialect);
  const schema = JSON.parse(text);
  if (!meta.validateSchema(schema)) throw new Error("the schema is invalid: " + meta.errorsText(meta.errors));
  const ajv = new Ajv({ ...OPTIONS, validateSchema: false, meta: /"\\$(?:dynamicR|r)ef":"http/.test(text) });
  formats(ajv);
  const check = ajv.compile(schema);
  if (check.$async) throw new Error("the schema is asynchronous ($async)");
  return { check, explain: (errors) => ajv.errorsText(errors) };
}

function checkerOf(job) {
  const found = kept.get(job.schema);
  if (found !== undefined) {
    kept.delete(job.schema);
    kept.set(job.schema, found);
    return found;
  }
  const checker = compile(job);
  kept.set(job.schema, checker);
  keptChars += job.schema.length;
  for (const oldest of kept.keys()) {
    if (oldest === job.schema || (kept.size <= MAX_KEPT && keptChars <= MAX_KEPT_CHARS)) break;
    kept.delete(oldest);
    keptChars -= oldest.length;
  }
  return checker;
}

function answerTo(job) {
  let checker;
  try {
    checker = checkerOf(job);
  } catch (error) {
    return { kind: "unusable", text: say(error) };
  }
  const { check, explain } = checker;
  try {
    const isValid = check(JSON.parse(job.value));
    if (isValid === true) return { kind: "fits", text: "" };
    if (isValid === false) return { kind: "misfit", text: cut(explain((check.errors ?? []).slice(0, MAX_ERRORS))) };
    Promise.resolve(isValid).catch(() => {});
    return { kind: "unusable", text: "its check gives no verdict" };
  } catch (error) {
    return error instanceof RangeError
      ? { kind: "too-deep", text: say(error) }
      : { kind: "unusable", text: say(error) };
  } finally {
    check.errors = null;
  }
}

function say(error) {
  return cut(error instanceof Error ? error.message : String(error));
}

function cut(text) {
  return text.slice(0, MAX_REASON_CHARS);
}

parentPort.on("message", (job) => parentPort.postMessage({ id: job.id, ...answerTo(job) }));
// ajv compiles the dialect's own schema on first use: no server's time is spent on it.
judgeOf("2020-12").meta.validateSchema({});
parentPort.postMessage({ id: 0, kind: "ready", text: "" });
`;
