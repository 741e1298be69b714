// Change streams that are open, and the calls whose response may still come on one of them: servers are known that
// send every response there. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server

import { LinkedList, type ListItem } from "../../core/linked-list.ts";

/** A call whose own answer has ended without its response. */
export interface Stranded extends ListItem {
  /** No change stream is open any more. */
  onListeningEnd(): void;
}

export class Listening {
  #streamCount = 0;
  readonly #stranded = new LinkedList<Stranded>();

  get isOpen(): boolean {
    return this.#streamCount > 0;
  }

  onOpen(): void {
    this.#streamCount += 1;
  }

  onEnd(): void {
    this.#streamCount -= 1;
    if (this.#streamCount > 0) return;
    for (const call of this.#stranded.takeAll()) call.onListeningEnd();
  }

  /** Nobody is told any more. */
  clear(): void {
    this.#stranded.takeAll();
  }

  /** Until `onListeningEnd`, or until the call is taken out of its list. */
  wait(call: Stranded): void {
    this.#stranded.add(call);
  }
}
