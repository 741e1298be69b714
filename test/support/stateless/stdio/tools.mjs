// The tools of the scripted stateless stdio server; what each does is told in ../../stateless-stdio.mjs.

import { isDeepStrictEqual } from "node:util";
import { asked, LEVELS } from "./checks.mjs";
import { endSubscriptions, notify } from "./subscriptions.mjs";
import { createTask } from "./tasks.mjs";
import {
  inputRequest,
  metaOf,
  original,
  record,
  Refusal,
  script,
  text,
  untilExists,
  write,
} from "./wire.mjs";

const property = (type, header) => ({ type, "x-mcp-header": header });
const SCHEMAS = {
  mirrored: { region: property("string", "Region"), count: property("integer", "Count") },
  broken: { amount: property("number", "Amount") },
};

const HANDLERS = {
  echo: (args) => text(args.text ?? "echo"),
  pid: () => text(process.pid),
  ask(args, message) {
    const { inputResponses, requestState } = message.params;
    const rounds = args.rounds ?? 1;
    const done = asked.findLast(
      (one) => one.state === requestState && isDeepStrictEqual(one.params, original(message)),
    );
    const isRetry = inputResponses !== undefined || requestState !== undefined;
    const round = isRetry && done !== undefined ? done.round + 1 : 1;
    if (round > rounds) return text(JSON.stringify({ inputResponses, requestState }));
    const nextState = args.state === null ? undefined : `${args.state ?? "state "}${round}`;
    const inputRequests = args.onlyState ? undefined : { [`q${round}`]: inputRequest(args.method) };
    asked.push({
      state: nextState,
      round,
      params: original(message),
      keys: Object.keys(inputRequests ?? {}),
    });
    return { resultType: "input_required", inputRequests, requestState: nextState };
  },
  async slow(args, message, entry) {
    if (await untilExists(args.releaseFile, () => entry.isCancelled)) return text("slow");
    record(`aborted ${args.key ?? "slow"}`);
    return undefined;
  },
  crash() {
    process.stderr.write("about to crash\nfatal: told to crash\n", () => process.exit(7));
    return undefined;
  },
  progress(args, message) {
    const progressToken = message.params._meta?.progressToken;
    const total = args.steps ?? 2;
    const wanted = metaOf(message, "logLevel");
    const level = args.level ?? "info";
    if (wanted !== undefined && LEVELS.indexOf(level) >= LEVELS.indexOf(wanted)) {
      write({
        method: "notifications/message",
        params: { level, logger: "test", data: "working" },
      });
    }
    if (progressToken === undefined) return text("no token");
    for (let progress = 1; progress <= total; progress += 1) {
      write({ method: "notifications/progress", params: { progressToken, progress, total } });
    }
    return text("done");
  },
  task: createTask,
  change: (args) => text(notify(args)),
  grow(args) {
    tools.push(args.name ?? `grown${tools.length}`);
    return text(notify({}));
  },
  end: (args) => text(endSubscriptions(args.how ?? "result")),
};
HANDLERS.mirrored = HANDLERS.echo;
HANDLERS.broken = HANDLERS.echo;

const tools = [...(script.tools ?? Object.keys(HANDLERS))];

export function listTools() {
  const own = tools.map((name) => ({
    name,
    description: `The tool ${name}`,
    inputSchema: { type: "object", properties: { key: { type: "string" }, ...SCHEMAS[name] } },
  }));
  return [...own, ...(script.extraTools ?? [])];
}

export async function callTool(message, entry) {
  const { name, arguments: args = {} } = message.params;
  const extra = script.extraTools?.some((tool) => tool.name === name);
  if (!tools.includes(name) && !extra) throw new Refusal(-32602, `Unknown tool: ${name}`);
  record(args.key ?? name);
  if (extra) return text(JSON.stringify(args));
  return await (HANDLERS[name] ?? HANDLERS.echo)(args, message, entry);
}
