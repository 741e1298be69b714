// Elicitation: what is asked is checked, what is answered is completed and checked.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation

import { excerpt } from "../core/redact.ts";
import { INVALID_PARAMS } from "../jsonrpc/messages.ts";
import { RpcError } from "../jsonrpc/inbound.ts";
import type { ElicitFormParams, ElicitResult, ElicitUrlParams } from "../spec/types.ts";
import { ElicitationForm } from "./elicitation-form.ts";
import { problemOfUrl } from "./elicitation-url.ts";
import type { ClientHandlers, HandlerContext } from "./handlers.ts";

/**
 * Asks the installed handler.
 *
 * @throws {RpcError} `-32602` if the mode was not declared (7.16) or the parameters are malformed.
 * @throws {Error} if the handler's answer does not fit the schema that the server asked for (7.19).
 */
export async function elicit(
  handlers: ClientHandlers,
  params: unknown,
  context: HandlerContext,
): Promise<ElicitResult> {
  const ask = await prepareElicitation(handlers, params);
  return ask(context);
}

/**
 * Checks the question; what comes of it asks the person. Whoever has several asks none before all are in order.
 *
 * @throws {RpcError} `-32602`, as `elicit`.
 */
export async function prepareElicitation(
  handlers: ClientHandlers,
  params: unknown,
): Promise<(context: HandlerContext) => Promise<ElicitResult>> {
  const request = (params ?? {}) as ElicitFormParams | ElicitUrlParams;
  if (typeof request.message !== "string") throw invalid("message must be a string");
  if (request.mode === "url") {
    const { elicitUrl } = handlers;
    if (elicitUrl === undefined) throw invalid("mode url was not declared");
    const problem = problemOfUrl(request.url);
    if (problem !== undefined) throw invalid(problem);
    return async (context) => {
      const { action } = checkAction(await elicitUrl(request, context));
      return { action };
    };
  }
  if (request.mode !== undefined && request.mode !== "form") {
    throw invalid(`mode ${excerpt(JSON.stringify(request.mode), 60)} was not declared`);
  }
  const { elicitForm } = handlers;
  if (elicitForm === undefined) throw invalid("mode form was not declared");
  // Before anybody is asked: a person who has answered must not learn that the question was wrong.
  const form = await ElicitationForm.read(request.requestedSchema).catch((cause: unknown) => {
    throw invalid((cause as Error).message);
  });
  return async (context) => {
    const result = checkAction(await elicitForm(request, context));
    if (result.action !== "accept") return { action: result.action };
    const content = form.complete(result.content ?? {});
    const problem = form.problemOf(content);
    if (problem !== undefined) {
      throw new Error(
        `the answer to an elicitation of server "${context.server}" does not fit its schema: ${problem}`,
      );
    }
    return { action: "accept", content };
  };
}

function checkAction(result: ElicitResult): ElicitResult {
  if (!["accept", "decline", "cancel"].includes(result?.action)) {
    throw new Error(
      'an elicitation handler must return { action: "accept" | "decline" | "cancel" }',
    );
  }
  return result;
}

function invalid(message: string): RpcError {
  return new RpcError(INVALID_PARAMS, `elicitation/create: ${message}`);
}
