// What the fault tests with peers in this process share: a server at the end of a memory pair, and a user's own transport.

import { createMemoryPair } from "mcp-client-pool";
import { settled } from "../support/manual-clock.ts";

export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly [key: string]: unknown };
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

type Answers = (message: Message) => object | undefined;

/** A server's answer: what `answers` gives, otherwise that of a server with `capabilities` and a tool `t`. */
function answerOf(message: Message, answers: Answers, capabilities: object): object {
  const given = answers(message);
  if (given !== undefined) return given;
  if (message.method === "initialize") {
    const serverInfo = { name: "scripted", version: "1" };
    return { protocolVersion: "2025-11-25", capabilities, serverInfo };
  }
  if (message.method !== "tools/list") return {};
  return { tools: [{ name: "t", inputSchema: { type: "object" } }] };
}

/** `seen`: every message of the client's, requests and answers alike. */
export interface InProcess extends ReturnType<typeof createMemoryPair> {
  readonly seen: Message[];
}

export function inProcess(
  capabilities: object = { tools: {} },
  answers: Answers = () => undefined,
): InProcess {
  const pair = createMemoryPair();
  const seen: Message[] = [];
  pair.server.onMessage((received) => {
    const message = received as unknown as Message;
    seen.push(message);
    if (message.method === undefined || message.id === undefined) return;
    const result = answerOf(message, answers, capabilities);
    pair.server.send({ jsonrpc: "2.0", id: message.id, result });
  });
  return { ...pair, seen };
}

/** A transport in the shape of the official SDK's, which does with answers and with `close` as the test says. */
export class OwnTransport {
  onmessage?: (message: unknown) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly answers: Message[] = [];
  /** When an answer to the server's own request counts as taken. */
  taken: () => Promise<void> = () => Promise.resolve();
  closing: () => Promise<void> = () => Promise.resolve();
  startCount = 0;

  async start(): Promise<void> {
    this.startCount += 1;
  }

  async send(message: unknown): Promise<void> {
    const sent = message as Message;
    if (sent.method === undefined) {
      this.answers.push(sent);
      return this.taken();
    }
    if (sent.id === undefined) return;
    const result = answerOf(sent, () => undefined, { tools: {} });
    queueMicrotask(() => this.onmessage?.({ jsonrpc: "2.0", id: sent.id, result }));
  }

  close(): Promise<void> {
    return this.closing();
  }
}

/** Resolves when `condition` holds, asked once in every turn of the event loop. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await settled();
}
