// A server that offers everything of either era, over any wire: lists in pages, subscriptions, levels.

import { promptHandlers } from "./toolbox-prompts.ts";
import { RESOURCES, TEMPLATES, readResource } from "./toolbox-resources.ts";
import { TOOLS, callTool } from "./toolbox-tools.ts";
import type { Memory, Session } from "./toolbox-tools.ts";
import { RpcFailure } from "./wire.ts";
import type { Params, Record, Wire } from "./wire.ts";

/** Entries per page of a list. */
const PAGE = 4;

/**
 * The cursors of pages 2, 3, …: the first is the empty string, which is a cursor like any other, and the rest
 * look like nothing that a client could compute.
 */
const CURSORS = ["", " a/b+c==\t", "ü&?#%20", "null", "0", "page six"];

const LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
  "off",
];

export function createMemory(): Memory {
  return { tools: [...TOOLS], visited: new Set() };
}

/** Installs every handler. What happens is told to `record`. */
export function installToolbox(wire: Wire, record: Record, memory: Memory = createMemory()): void {
  let minimum = "warning";
  const session: Session = {
    wire,
    record,
    tools: memory.tools,
    visited: memory.visited,
    subscribed: new Set(),
    logs: (level, { logLevel }) => LEVELS.indexOf(level) >= LEVELS.indexOf(logLevel ?? minimum),
  };
  const serveList = (method: string, key: string, entries: () => readonly object[]): void =>
    wire.handle(method, (params) => {
      const { slice, nextCursor } = page(entries(), params["cursor"]);
      return { [key]: slice, ...(nextCursor === undefined ? {} : { nextCursor }) };
    });

  serveList("tools/list", "tools", () => session.tools);
  wire.handle("tools/call", (params, context) => callTool(session, params, context));

  serveList("resources/list", "resources", () => RESOURCES);
  serveList("resources/templates/list", "resourceTemplates", () => TEMPLATES);
  wire.handle("resources/read", (params) => readResource(String(params["uri"])));
  wire.handle("resources/subscribe", ({ uri }) => {
    record(`subscribe ${String(uri)}`);
    session.subscribed.add(String(uri));
    return {};
  });
  wire.handle("resources/unsubscribe", ({ uri }) => {
    record(`unsubscribe ${String(uri)}`);
    session.subscribed.delete(String(uri));
    return {};
  });

  serveList("prompts/list", "prompts", () => promptHandlers.list);
  wire.handle("prompts/get", (params) => promptHandlers.get(params));
  wire.handle("completion/complete", (params) => promptHandlers.complete(params));

  wire.handle("logging/setLevel", ({ level }) => {
    record(`level ${String(level)}`);
    minimum = String(level);
    return {};
  });

  wire.onNotification("notifications/initialized", () => record("initialized"));
  wire.onNotification("notifications/roots/list_changed", () => {
    record("roots changed");
    wire.ask("roots/list").then(
      (result: Params) => record(`roots ${JSON.stringify(result["roots"])}`),
      (error: unknown) => record(`roots refused ${String(error)}`),
    );
  });
}

function page(
  entries: readonly object[],
  cursor: unknown,
): { slice: readonly object[]; nextCursor: string | undefined } {
  const index = cursor === undefined ? 0 : CURSORS.indexOf(cursor as string) + 1;
  if (cursor !== undefined && index === 0) throw new RpcFailure(-32602, "no such cursor");
  const end = (index + 1) * PAGE;
  const nextCursor = end < entries.length ? CURSORS[index] : undefined;
  return { slice: entries.slice(index * PAGE, end), nextCursor };
}
