// What is listened for, what the server agrees to report of it, and what a failure of the stream means.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions#notification-filter

import { McpConnectionError, McpHttpError } from "../../core/errors.ts";
import type { ServerCapabilities } from "../../spec/types.ts";

/** What is listened for (8.30); what is absent is not. */
export interface ChangeFilter {
  toolsListChanged?: boolean;
  promptsListChanged?: boolean;
  resourcesListChanged?: boolean;
  resourceSubscriptions?: string[];
}

/** The longest `Retry-After` that is obeyed, milliseconds. */
const MAX_WAIT_MS = 300_000;

/** What to listen for: lists that the server says it reports on, or all (`listen: true`), and resources. */
export function filterFor(
  { tools, prompts, resources }: ServerCapabilities,
  listen: boolean | "auto",
  uris: ReadonlySet<string>,
): ChangeFilter {
  const wants = (list: { listChanged?: boolean } | undefined): boolean =>
    listen === true ? list != null : listen === "auto" && list?.listChanged === true;
  return {
    ...(wants(tools) ? { toolsListChanged: true } : {}),
    ...(wants(prompts) ? { promptsListChanged: true } : {}),
    ...(wants(resources) ? { resourcesListChanged: true } : {}),
    ...(uris.size > 0 ? { resourceSubscriptions: [...uris] } : {}),
  };
}

export function isEmpty(filter: ChangeFilter): boolean {
  return Object.keys(filter).length === 0;
}

/** Resources whose changes the server has agreed to report. */
export function grantedOf({ resourceSubscriptions }: ChangeFilter): readonly string[] {
  return Array.isArray(resourceSubscriptions) ? resourceSubscriptions : [];
}

/** What was asked for and will not be reported: lists in words, resources by URI. */
export function leftOut(asked: ChangeFilter, honoured: ChangeFilter): string[] {
  const granted = grantedOf(honoured);
  const left = (asked.resourceSubscriptions ?? []).filter((uri) => !granted.includes(uri));
  if (asked.toolsListChanged && !honoured.toolsListChanged) left.push("its list of tools");
  if (asked.promptsListChanged && !honoured.promptsListChanged) left.push("its list of prompts");
  if (asked.resourcesListChanged && !honoured.resourcesListChanged) {
    left.push("its list of resources");
  }
  return left;
}

/** Whether the same may succeed later: the way was at fault, not what was asked. */
export function isPassing(error: unknown): boolean {
  if (error instanceof McpHttpError) return error.retryable || error.status >= 500;
  return error instanceof McpConnectionError;
}

/** How long the server wants to be left alone, milliseconds; never longer than {@link MAX_WAIT_MS}. */
export function retryAfterOf(error: unknown): number {
  const { retryAfterMs = 0 } = error instanceof McpHttpError ? error : {};
  return Math.min(retryAfterMs, MAX_WAIT_MS);
}
