// What is called, by whom, and how many at a time.

import { CONTENDERS } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";

/** One server, and who calls it in the same rounds. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly server: "http" | "http-sdk" | "stdio";
  /** Of the URL, over HTTP. */
  readonly path: string;
  readonly contenders: readonly ContenderName[];
  /** Each number of calls in flight is measured by itself. */
  readonly inFlight: readonly number[];
  /** The part of `inFlight` that `--quick` has time for. */
  readonly quick: readonly number[];
}

const BOTH_ERAS = [...CONTENDERS.session, ...CONTENDERS.stateless];

export const CASES: readonly Case[] = [
  {
    name: "http-json",
    title: "callTool over Streamable HTTP, JSON responses",
    server: "http",
    path: "/json",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 256],
    quick: [1, 32],
  },
  {
    name: "http-sse",
    title: "callTool over Streamable HTTP, SSE responses",
    server: "http",
    path: "/sse",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 256],
    quick: [32],
  },
  {
    name: "http-sdk",
    title: "callTool to the official SDK's own server over Streamable HTTP",
    server: "http-sdk",
    path: "/mcp",
    contenders: CONTENDERS.stateless,
    inFlight: [1, 32],
    quick: [32],
  },
  {
    name: "stdio",
    title: "callTool over stdio",
    server: "stdio",
    path: "",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 64, 256],
    quick: [64],
  },
];

export function pointOf(inFlight: number): string {
  return `${inFlight} in flight`;
}
