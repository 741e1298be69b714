// Roots: the folders a person lets servers see. https://modelcontextprotocol.io/specification/2025-11-25/client/roots

import type { Root } from "../spec/types.ts";
import { McpConfigError } from "../core/errors.ts";

/** A segment `..`, with dots and separators escaped or not. */
const CLIMBS = /(^|[/\\]|%2f|%5c)(\.|%2e){2}([/\\?#]|%2f|%5c|$)/i;

/**
 * Checks that every root is a `file://` URI without `..` (checklist 7.7, 13.14).
 *
 * @throws {McpConfigError} naming the root.
 */
export function checkRoots(roots: readonly Root[]): Root[] {
  if (!Array.isArray(roots)) {
    throw new McpConfigError("roots must be an array of { uri, name? }", { path: "roots" });
  }
  return (roots as readonly Root[]).map((root, index) => {
    const path = `roots[${index}].uri`;
    if (typeof root?.uri !== "string" || !root.uri.startsWith("file://")) {
      throw new McpConfigError(`${path} must be a file:// URI; use pathToFileURL(folder).href`, {
        path,
      });
    }
    if (CLIMBS.test(root.uri)) {
      throw new McpConfigError(`${path} must not contain ".."`, { path });
    }
    return root;
  });
}
