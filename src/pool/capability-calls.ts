// Requests that a server must have declared, or offer all the same: asked only then (checklist 2.12), and their answers
// checked.

import { askCached } from "../catalog/pages.ts";
import type { CachedCallOptions } from "../catalog/pages.ts";
import type { CallOptions } from "../connection/call.ts";
import { McpProtocolError } from "../core/errors.ts";
import type {
  Completion,
  CompletionArgument,
  CompletionContext,
  CompletionReference,
  GetPromptResult,
  ReadResourceResult,
  ServerCapabilities,
} from "../spec/types.ts";
import { checkCompletion } from "./call-options.ts";
import type { Listings } from "./listings.ts";
import type { Members } from "./members.ts";

export class CapabilityCalls {
  readonly #members: Members;
  readonly #listings: Listings;

  constructor(members: Members, listings: Listings) {
    this.#members = members;
    this.#listings = listings;
  }

  async readResource(
    name: string,
    uri: string,
    options: CachedCallOptions,
  ): Promise<ReadResourceResult> {
    const member = this.#members.get(name);
    const { connection, lists } = member;
    const isListed =
      lists.isOffered("resources/list") || lists.isOffered("resources/templates/list");
    const has = (capabilities: ServerCapabilities): boolean =>
      isListed || capabilities.resources != null;
    await connection.requireCapability("resources", has, options);
    const result = await askCached(member, "resources/read", uri, { uri }, options);
    return result as ReadResourceResult;
  }

  async getPrompt(
    name: string,
    args: { readonly [key: string]: string } | undefined,
    options: CallOptions,
  ): Promise<GetPromptResult> {
    const { member, prompt } = await this.#listings.resolvePrompt(name, options);
    const { connection, lists } = member;
    const has = (capabilities: ServerCapabilities): boolean =>
      lists.isOffered("prompts/list") || capabilities.prompts != null;
    await connection.requireCapability("prompts", has, options);
    const params = args === undefined ? { name: prompt } : { name: prompt, arguments: args };
    return (await connection.request("prompts/get", params, options)) as GetPromptResult;
  }

  async complete(
    name: string,
    asked: {
      ref: CompletionReference;
      argument: CompletionArgument;
      context: CompletionContext | undefined;
    },
    options: CallOptions,
  ): Promise<Completion> {
    const { ref, argument, context } = asked;
    const params = context === undefined ? { ref, argument } : { ref, argument, context };
    checkCompletion(params);
    const { connection } = this.#members.get(name);
    // The capability exists from 2025-03-26 on; older servers offer the method without it (8.16).
    await connection.requireCapability(
      "completions",
      (has, version) => has.completions != null || version === "2024-11-05",
      options,
    );
    const result = await connection.request("completion/complete", params, options);
    const { completion } = result as { completion?: Partial<Completion> };
    if (Array.isArray(completion?.values)) return completion as Completion;
    throw new McpProtocolError(
      `server "${name}" answered completion/complete without completion.values`,
      { server: name, method: "completion/complete", sent: "yes" },
    );
  }
}
