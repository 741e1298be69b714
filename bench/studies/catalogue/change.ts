// One change of one server among many: timed, and checked.

import type { McpClientPool, PoolEvents, PoolTool } from "../../../src/index.ts";
import { CHANGED, TOOLS_PER_SERVER } from "./scripted.ts";
import type { ScriptedServer } from "./scripted.ts";

/** From the server's answer until a listener has read the new list of all tools, milliseconds. */
export async function change(
  pool: McpClientPool,
  servers: readonly ScriptedServer[],
  index: number,
): Promise<number> {
  const server = servers[index];
  if (server === undefined) throw new Error(`no server ${index}`);
  const before = pool.allTools;
  let after: readonly PoolTool[] = [];
  let took = Number.NaN;
  let off = (): void => {};
  const told = new Promise<PoolEvents["tools.changed"]>((resolve) => {
    off = pool.on("tools.changed", (event) => {
      after = pool.allTools;
      took = performance.now() - server.listedAt;
      resolve(event);
    });
  });
  server.change();
  const event = await told;
  off();
  checkDifference(event, server.name);
  checkTools(before, after, index * TOOLS_PER_SERVER, server.toolNames);
  return took;
}

function checkDifference(event: PoolEvents["tools.changed"], server: string): void {
  const { added, removed, changed } = event;
  const counts = [added.length, removed.length, changed.length];
  if (event.server !== server || counts.some((count) => count !== CHANGED)) {
    throw new Error(`${server} changed, but ${event.server} was told of: ${counts.join(", ")}`);
  }
}

/** What belongs to other servers is where it was; what belongs to this one is what it lists, in its order. */
function checkTools(
  before: readonly PoolTool[],
  after: readonly PoolTool[],
  first: number,
  names: readonly string[],
): void {
  const isRight = (tool: PoolTool, at: number): boolean => {
    const name = names[at - first];
    return name === undefined ? tool === before[at] : tool.name === name;
  };
  if (after === before || after.length !== before.length || !after.every(isRight)) {
    throw new Error(`the list of all tools is wrong after a change of the tools from ${first} on`);
  }
}
