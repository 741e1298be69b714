// For a dispatcher of the user's, which may be of any undici from 7 on: the handler as it is documented there.
// https://undici.nodejs.org/#/docs/api/Dispatcher?id=parameter-dispatchhandler

import type { Dispatcher } from "undici";
import type { IncomingHttpHeaders } from "undici/types/header.js";
import type { HeaderSource } from "./answer-headers.ts";

/**
 * The form of handler that undici 7 has inside. It wraps every handler of the documented form, at two more objects and a
 * reading of all headers for each request: a tenth of all that a call costs (measured on Node 20). undici 8 knows the
 * documented form only.
 */
export interface DirectHandler {
  /** The request is about to be written; what this throws drops it unwritten. */
  onConnect(abort: (reason: Error) => void): void;
  /** Also for each 1xx. True: the body is not to wait. */
  onHeaders(status: number, headers: HeaderSource): boolean;
  /** True: more is not to wait. */
  onData(chunk: Buffer): boolean;
  onComplete(): void;
  onError(reason: unknown): void;
}

export class DocumentedHandler implements Dispatcher.DispatchHandler {
  readonly #direct: DirectHandler;

  constructor(direct: DirectHandler) {
    this.#direct = direct;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#direct.onConnect((reason) => controller.abort(reason));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#direct.onHeaders(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#direct.onData(chunk);
  }

  onResponseEnd(): void {
    this.#direct.onComplete();
  }

  onResponseError(_controller: Dispatcher.DispatchController, reason: Error): void {
    this.#direct.onError(reason);
  }
}
