// The types of protocol.mjs, which is plain JavaScript because child processes start with it.

import type { Era } from "../fleet.ts";
import type { Fate } from "../plan.ts";

export interface Message {
  readonly jsonrpc?: string;
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: unknown;
}

export interface Order {
  readonly key: string;
  readonly fates: readonly Fate[];
  readonly delayMs: number;
}

export interface Self {
  readonly name: string;
  readonly era: Era;
  readonly version: number;
}

export const STATELESS: string;
export function orderOf(message: Message): Order | undefined;
export function isStateless(message: Message): boolean;
export function resultMessage(id: Message["id"], result: object): Message;
export function errorMessage(id: Message["id"], code: number, text: string, data?: object): Message;
export function supportedBy(era: Era): string[];
export function noSessions(message: Message): Message;
export function listChanged(subscriptionId?: string | number | null): Message;
export function acknowledged(message: Message): Message;
export function progress(message: Message, step: number): Message | undefined;
export function answerTo(message: Message, self: Self): Message;
