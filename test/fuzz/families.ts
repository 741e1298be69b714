// The families of `npm run fuzz`: each is a module in families/, loaded by the process that runs it.

import { existsSync } from "node:fs";

/** By name; the sentence is printed by `--help`. */
export const FAMILIES: Readonly<Record<string, string>> = {
  http: "answers with random statuses, headers, lengths and bodies",
  sse: "event streams of random lines, cut at random",
  stdio: "noise and damaged messages on a child's stdout",
  "json-rpc": "random JSON in place of messages",
  floods: "floods of every kind beside a server that does no harm",
  transports: "users' transports that throw, close and deliver anything at any moment",
  races: "calls that race with restarts, aborts, closes, and servers that come and go",
  caches: "cached answers of many users and tenants in a store that may do anything",
  lists: "lists that are endless, huge, doubled, renamed for ever, or changed after each look",
  schemas: "random and hostile output schemas and forms of elicitation",
  secrets: "secrets of configurations, echoed by servers in all places and encodings",
  inputs: "odd inputs of callers to every public method and to the constructor",
};

export function moduleOf(family: string): URL {
  return new URL(`families/${family}.ts`, import.meta.url);
}

/** The module of the family's servers, if it has one. */
export function serverModuleOf(module: URL): URL | undefined {
  const url = new URL(module.href.replace(/\.ts$/, ".server.ts"));
  return existsSync(url) ? url : undefined;
}
