// The process that a client under test lives in: does what the runner asks of it, and ends by itself when left alone.
// Arguments: the adapter's path. Talks over the channel of child_process.fork; plain JavaScript for any Node from 20 on.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";

const TEXT_KEPT = 400;
/** After that, a process that has nothing left to do but is still here says what holds it. */
const LINGERING_MS = 2_000;

const file = process.argv[2];
const EXPORTS = "needed are name, version, createClient; cannot and mayHaveRun are optional";
const aString = { called: "string", is: (value) => typeof value === "string" && value !== "" };
const aFunction = { called: "function", is: (value) => typeof value === "function" };
const TYPES = {
  name: aString,
  version: aString,
  createClient: aFunction,
  mayHaveRun: aFunction,
  cannot: { called: "array", is: Array.isArray },
};
const OPERATIONS = ["connect", "listTools", "callTool", "close"];
const { adapter, client: first } = await load().catch(refuse);
let client = first;
const cancels = new Map();

const operations = {
  connect({ servers, timeoutMs, listenerThrows }) {
    const onEvent = () => {
      if (listenerThrows) throw new Error("the listener throws");
    };
    return client.connect(servers, { timeoutMs, onEvent });
  },
  async list() {
    const tools = await client.listTools();
    return tools.map(({ name, description }) => ({ name, description }));
  },
  /** Undefined where the client cannot list them. */
  others: ({ kind }) => client.listOthers?.(kind),
  /** Without a name: of a tool that is not listed, by its server's own name. */
  async call({ key, name, server, tool, args, timeoutMs }) {
    const called = name ?? adapter.toolName?.(server, tool) ?? tool;
    const { signal, ...controller } = cancellable();
    cancels.set(key, controller);
    try {
      return digest(await client.callTool(called, args, { timeoutMs, signal }));
    } finally {
      cancels.delete(key);
    }
  },
  cancel: ({ key }) => cancels.get(key)?.abort(),
  close: () => client.close(),
  /** Another client, the last one having been closed. */
  renew() {
    client = adapter.createClient();
  },
  memory: () => Math.round(process.resourceUsage().maxRSS / 1024),
  leave() {
    setTimeout(() => {
      console.error("still there:", process.getActiveResourcesInfo().join(", "));
    }, LINGERING_MS).unref();
    // Once the answer is out.
    setImmediate(() => process.disconnect());
  },
};

/** What is wrong with it is thrown as words that go on from the file's name. */
async function load() {
  const loaded = await import(pathToFileURL(file)).catch((error) => {
    throw new Error(`cannot be loaded: ${oneLine(error)}${placeOf(error)}`);
  });
  const lacks = ["name", "version", "createClient"].filter((each) => loaded[each] === undefined);
  if (lacks.length > 0) throw new Error(`does not export ${lacks.join(", ")} (${EXPORTS})`);
  for (const [each, type] of Object.entries(TYPES)) {
    if (loaded[each] === undefined || type.is(loaded[each])) continue;
    throw new Error(`exports a ${each} that is no ${type.called} (${EXPORTS})`);
  }
  const made = make(loaded);
  const missing = OPERATIONS.filter((each) => typeof made?.[each] !== "function");
  if (missing.length === 0) return { adapter: loaded, client: made };
  throw new Error(`has a createClient() whose client has no ${missing.join(", ")}`);
}

function make(loaded) {
  try {
    return loaded.createClient();
  } catch (error) {
    throw new Error(`has a createClient() that throws: ${oneLine(error)}`, { cause: error });
  }
}

/** The engine does not say where a module is wrong when it is imported; it does when it is checked. */
function placeOf(error) {
  if (error?.name !== "SyntaxError") return "";
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8" });
  const line = /:(\d+)$/m.exec(stderr.split("\n", 1)[0])?.[1];
  return line === undefined ? "" : ` (${path.basename(file)}:${line})`;
}

function oneLine(error) {
  return `${error?.name ?? "Error"}: ${error?.message ?? error}`.replaceAll(/\s*\n\s*/g, " ");
}

/** Says why, and ends. */
function refuse(error) {
  return new Promise(() => {
    process.send({ failed: error.message }, () => process.exit(1));
  });
}

function cancellable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** A result of 50 MB is the client's business, not the channel's. */
function digest(output) {
  const text = textOf(output);
  return { text: text.slice(0, TEXT_KEPT), length: text.length, isError: output?.isError === true };
}

function textOf(output) {
  if (typeof output === "string") return output;
  const content = output?.content;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return JSON.stringify(output) ?? "";
  const structured = output.structuredContent;
  if (content.length === 0 && structured != null) return JSON.stringify(structured);
  return content.map((block) => block?.text ?? JSON.stringify(block)).join("");
}

/** The error with all that it came of: some clients wrap what their transport says. */
function messageOf(error) {
  const messages = [];
  for (let one = error, depth = 0; one != null && depth < 5; one = one.cause, depth += 1) {
    messages.push(String(one?.message ?? one));
  }
  return messages.join(" ← ");
}

function describe(error) {
  const message = messageOf(error);
  const code = typeof error?.code === "object" ? undefined : error?.code;
  const mayHaveRun = adapter.mayHaveRun?.(error);
  const says = mayHaveRun === undefined ? "nothing" : mayHaveRun ? "may have run" : "did not run";
  const isTimeout =
    /time(d[ -]?|[ -]?)out/i.test(`${error?.name} ${code} ${message}`) || code === -32001;
  return { name: String(error?.name ?? "Error"), code, message, says, isTimeout };
}

process.on("message", ({ id, op, args }) => {
  void Promise.resolve()
    .then(() => operations[op](args))
    .then(
      (value) => ({ id, value }),
      (error) => ({ id, error: describe(error) }),
    )
    .then((answer) => {
      if (process.connected) process.send(answer);
    });
});
process.send({
  ready: { name: adapter.name, version: adapter.version, cannot: adapter.cannot ?? [] },
});
