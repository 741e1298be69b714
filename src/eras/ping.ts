// The outcome of a ping, in both eras: every answer is a sign of life.

import { McpAuthError, McpHttpError, McpProtocolError, McpResponseError } from "../core/errors.ts";
import type { PingAnswer } from "./era.ts";

/** @throws the failure, if nothing came back. */
export async function pingAnswerOf(answer: Promise<object>): Promise<PingAnswer> {
  try {
    await answer;
    return { kind: "alive" };
  } catch (error) {
    if (error instanceof McpHttpError || error instanceof McpAuthError) {
      return { kind: "refused", error };
    }
    if (error instanceof McpResponseError) {
      const isInOrder = (error.status ?? 200) < 300 && !error.isUnattributed;
      return { kind: isInOrder ? "odd" : "refused", error };
    }
    // No result, but something that the server sent: `null`, an empty body, a page.
    if (error instanceof McpProtocolError && error.sent === "yes") return { kind: "odd", error };
    throw error;
  }
}
