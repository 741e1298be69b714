// Roots: the folders a person lets servers see. https://modelcontextprotocol.io/specification/2025-11-25/client/roots

import type { Root } from "../spec/types.ts";
import { McpConfigError } from "../core/errors.ts";

/**
 * Checks that every root is a `file://` URI without `..` (checklist 7.7, 13.14).
 *
 * @throws {McpConfigError} naming the root.
 */
export function checkRoots(roots: readonly Root[]): Root[] {
  return roots.map((root, index) => {
    const path = `roots[${index}].uri`;
    if (typeof root?.uri !== "string" || !root.uri.startsWith("file://")) {
      throw new McpConfigError(`${path} must be a file:// URI; use pathToFileURL(folder).href`, {
        path,
      });
    }
    if (/(^|[/\\])(\.|%2e){2}([/\\]|$)/i.test(root.uri)) {
      throw new McpConfigError(`${path} must not contain ".."`, { path });
    }
    return root;
  });
}
