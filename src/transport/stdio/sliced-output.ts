// A child's stdout, read in slices so that other servers have their turns. See core/fair-share.ts.

import type { Readable } from "node:stream";
import type { FairShare, Source } from "../../core/fair-share.ts";
import type { LineSplitter } from "./framing.ts";

export class SlicedOutput implements Source {
  readonly #stdout: Readable;
  readonly #splitter: LineSplitter;
  readonly #share: FairShare;

  constructor(stdout: Readable, splitter: LineSplitter, share: FairShare) {
    this.#stdout = stdout;
    this.#splitter = splitter;
    this.#share = share;
  }

  take(chunk: Buffer): void {
    if (this.#share.begin()) {
      this.#splitter.push(chunk);
      this.#share.hasMore();
      if (this.#share.end() && !this.#splitter.isHeld) return;
    } else this.#splitter.hold(chunk);
    this.#stdout.pause();
    this.#share.wait(this);
  }

  /** The server's turn has come again. */
  resume(): void {
    if (this.#splitter.isHeld) {
      if (!this.#share.begin()) return this.#share.wait(this);
      this.#splitter.resume();
      const hasTurn = this.#share.end();
      if (!hasTurn || this.#splitter.isHeld) return this.#share.wait(this);
    }
    this.#stdout.resume();
  }
}
