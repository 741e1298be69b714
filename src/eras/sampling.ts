// Sampling: the server's request is checked, the handler's answer is cut to what the revision knows.
// https://modelcontextprotocol.io/specification/2025-11-25/client/sampling

import { excerpt } from "../core/redact.ts";
import { INVALID_PARAMS } from "../jsonrpc/messages.ts";
import { RpcError } from "../jsonrpc/inbound.ts";
import type {
  CreateMessageParams,
  CreateMessageResult,
  SamplingContent,
  SamplingMessage,
} from "../spec/types.ts";
import type { ClientHandlers, HandlerContext } from "./handlers.ts";

/** Thrown by an `onSampling` handler when a person refused; the server is told so with code -1. */
export class SamplingRefusedError extends Error {
  constructor(message = "the user refused the sampling request") {
    super(message);
    this.name = "SamplingRefusedError";
  }
}

/** The code that says that a person refused (checklist 1.16). */
const USER_REJECTED = -1;

/**
 * @param contentArrays whether the revision allows several blocks in the result (from 2025-11-25 on)
 * @throws {RpcError} `-32602` for a malformed request or one that uses what was not declared, `-1` if refused.
 */
export async function sample(
  handlers: ClientHandlers,
  params: unknown,
  context: HandlerContext,
  contentArrays: boolean,
): Promise<CreateMessageResult> {
  return prepareSampling(handlers, params, contentArrays)(context);
}

/**
 * Checks the request; what comes of it asks the model.
 *
 * @throws {RpcError} `-32602`, as `sample`.
 */
export function prepareSampling(
  handlers: ClientHandlers,
  params: unknown,
  contentArrays: boolean,
): (context: HandlerContext) => Promise<CreateMessageResult> {
  const request = (params ?? {}) as CreateMessageParams;
  const { sample: handler } = handlers;
  if (handler === undefined) throw invalid("sampling was not declared");
  if (!Array.isArray(request.messages)) throw invalid("messages must be an array");
  if (typeof request.maxTokens !== "number") throw invalid("maxTokens must be a number");
  const usesTools = request.tools !== undefined || request.toolChoice !== undefined;
  if (usesTools && !handlers.sampling.tools) throw invalid("sampling.tools was not declared");
  const mode = request.toolChoice?.mode;
  if (mode !== undefined && !["auto", "required", "none"].includes(mode)) {
    throw invalid("toolChoice.mode must be auto, required or none");
  }
  if (!request.messages.every(isMessage)) {
    throw invalid("each message needs a role, and content with a type");
  }
  checkToolTurns(request.messages);
  return async (context) => {
    let result: CreateMessageResult;
    try {
      result = await handler(request, context);
    } catch (error) {
      if (error instanceof SamplingRefusedError) throw new RpcError(USER_REJECTED, error.message);
      throw error;
    }
    if (contentArrays || !Array.isArray(result.content)) return result;
    return { ...result, content: oneBlock(result.content) };
  };
}

/** Every `tool_use` is answered in the very next user message, which then holds nothing else (7.12). */
function checkToolTurns(messages: readonly SamplingMessage[]): void {
  let open = new Set<string>();
  for (const message of messages) {
    const blocks = blocksOf(message);
    const results = blocks.filter((block) => block.type === "tool_result");
    if (results.length > 0 && (message.role !== "user" || results.length !== blocks.length)) {
      throw invalid("a message with tool_result blocks may hold nothing else, and is the user's");
    }
    for (const { toolUseId } of results) {
      if (!open.delete(toolUseId))
        throw invalid(`tool_result for unknown tool_use "${excerpt(String(toolUseId), 60)}"`);
    }
    if (open.size > 0) throw invalid("a tool_use is not answered in the next message");
    open = new Set(blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])));
  }
  if (open.size > 0) throw invalid("a tool_use is not answered");
}

function isMessage(message: unknown): message is SamplingMessage {
  const { role, content } = (message ?? {}) as { role?: unknown; content?: unknown };
  const blocks: unknown[] = Array.isArray(content) ? content : [content];
  return (
    (role === "user" || role === "assistant") &&
    blocks.every((block) => typeof (block as { type?: unknown } | null)?.type === "string")
  );
}

function blocksOf(message: SamplingMessage): SamplingContent[] {
  return Array.isArray(message.content) ? message.content : [message.content];
}

/** Servers before 2025-11-25 know one block: the first text, or the first of all (7.14). */
function oneBlock(content: readonly SamplingContent[]): SamplingContent {
  const block = content.find((candidate) => candidate.type === "text") ?? content[0];
  return block ?? { type: "text", text: "" };
}

function invalid(message: string): RpcError {
  return new RpcError(INVALID_PARAMS, `sampling/createMessage: ${message}`);
}
