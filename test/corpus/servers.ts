// The servers of the corpus: packages of npm with their exact versions, how each is started, and what it is asked.

import { readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";

const FILE = path.join(import.meta.dirname, "servers.json");

/** In arguments, variables, files, calls and URLs: the folder that the server runs in, and the port it is to listen on. */
export const CWD = "{cwd}";
export const PORT = "{port}";

const SERVER = v.strictObject({
  /** Unique in the corpus: for `--only`, and the first column of the table. */
  name: v.pipe(v.string(), v.regex(/^[a-z\d]+(?:-[a-z\d]+)*$/)),
  package: v.string(),
  version: v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/, "not an exact version")),
  /** As in `bin` of its package.json. */
  bin: v.string(),
  args: v.optional(v.array(v.string()), []),
  env: v.optional(v.record(v.string(), v.string()), {}),
  /** Files that it finds in the folder it runs in. */
  files: v.optional(v.record(v.string(), v.string()), {}),
  /** Where it listens. A server without one speaks over stdio. */
  url: v.optional(v.pipe(v.string(), v.regex(/^http:\/\/(?:127\.0\.0\.1|localhost):\{port\}\//))),
  /**
   * One call that changes nothing outside of that folder and needs no network. `refusal`: the arguments are wrong on
   * purpose, because every tool of this server needs the network.
   */
  call: v.nullable(
    v.strictObject({
      tool: v.string(),
      arguments: v.record(v.string(), v.unknown()),
      expect: v.optional(v.picklist(["result", "refusal"]), "result"),
    }),
  ),
  /** Why nothing is called, why it does not work, or how the server is unusual. */
  note: v.optional(v.string()),
});

export type CorpusServer = v.InferOutput<typeof SERVER>;

export const transportOf = ({ url }: CorpusServer): "stdio" | "HTTP" | "HTTP+SSE" =>
  url === undefined ? "stdio" : url.endsWith("/sse") ? "HTTP+SSE" : "HTTP";

/** @throws {Error} if the file is not as described, or a name stands there twice. */
export function readServers(): readonly CorpusServer[] {
  const servers = v.parse(v.array(SERVER), JSON.parse(readFileSync(FILE, "utf8")));
  const names = new Set<string>();
  for (const { name } of servers) {
    if (names.has(name)) throw new Error(`${FILE}: ${name} stands there twice`);
    names.add(name);
  }
  return servers;
}
