// DELETE of a session: asked once, any outcome is good. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management

import type { Timer } from "../../core/clock.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "./context.ts";
import { HttpRequest } from "./request.ts";

export class SessionEnd extends HttpRequest {
  protected readonly rpcMethod = undefined;
  protected readonly headers: string[];
  readonly #done: (status: number | undefined) => void;
  readonly #timer: Timer;

  constructor(
    context: HttpContext,
    headers: HeaderList,
    timeoutMs: number,
    done: (status: number | undefined) => void,
  ) {
    super(context, context.url);
    this.headers = context.headers.delete(headers);
    this.#done = done;
    this.#timer = context.clock.setTimer(() => this.close(), timeoutMs, true);
    this.run();
  }

  override close(): void {
    super.close();
    this.#finish();
  }

  protected get httpMethod(): "DELETE" {
    return "DELETE";
  }

  protected onAnswer(): void {
    this.drain();
    this.#finish(this.status);
  }

  protected onBody(): void {}

  protected openEvents(): undefined {}

  protected onStreamEnd(): void {}

  protected onFailure(): void {
    this.#finish();
  }

  #finish(status?: number): void {
    this.context.clock.clearTimer(this.#timer);
    this.#done(status);
  }
}
