// Ids of requests that were given up: their answers may still come, and must meet no other call.
// https://modelcontextprotocol.io/specification/2025-11-25/basic#requests

import type { RequestId } from "./messages.ts";

/** So many are remembered, the last ones: an answer would have to be later than 10,000 others that never came. */
const MAX_REMEMBERED = 10_000;

export class UnansweredIds {
  /** In the order in which they were given up. */
  readonly #ids: Set<RequestId> = new Set();

  add(id: RequestId): void {
    this.#ids.add(id);
    if (this.#ids.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  has(id: RequestId): boolean {
    return this.#ids.has(id);
  }

  /** Its answer came after all. */
  delete(id: unknown): void {
    this.#ids.delete(id as RequestId);
  }
}
