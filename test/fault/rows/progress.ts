// What a scripted server needs to report progress.

import type { RequestContext } from "../../support/http-server.ts";

/** Under which the client asked for reports of this call. */
export function progressTokenOf({ body }: RequestContext): unknown {
  const meta = body?.params?.["_meta"] as { progressToken?: unknown } | undefined;
  return meta?.progressToken;
}
