// The origin that requests may go to, credentials and all. https://www.rfc-editor.org/rfc/rfc6454

import type { Quirks } from "../../jsonrpc/quirks.ts";

/** Names of this machine. Servers give themselves one of them, whichever is in the URL. */
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a server at `base` may send requests on to `target`: they stay on the sockets to `base` then. */
export function isSameOrigin(target: URL, base: URL, quirks: Quirks): boolean {
  if (target.origin === base.origin) return true;
  return (
    target.protocol === base.protocol &&
    target.port === base.port &&
    LOOPBACK_NAMES.has(target.hostname) &&
    LOOPBACK_NAMES.has(base.hostname) &&
    quirks.repair("loopback-name", target.hostname)
  );
}
