// A store of pinned tools in one JSON file, to be looked at and kept under version control.
//
//   new McpClientPool({ servers, pin: filePins("mcp-pins.json") });

import { readFile, rename, writeFile } from "node:fs/promises";
import type { PinStore } from "mcp-client-pool";

export function filePins(path: string): PinStore {
  const read = async (): Promise<Record<string, string>> => {
    try {
      return JSON.parse(await readFile(path, "utf8")) as Record<string, string>;
    } catch (error) {
      // No file: nothing was pinned yet. Anything else must be known, or all tools would be trusted anew.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
      throw error;
    }
  };
  return {
    get: async (key) => (await read())[key],
    // The pool writes once at a time. Renamed, so that a crash in the middle leaves the old file whole.
    async set(key, value) {
      const pins = { ...(await read()), [key]: value };
      await writeFile(`${path}.new`, `${JSON.stringify(pins, null, 2)}\n`);
      await rename(`${path}.new`, path);
    },
  };
}
