// The server of the family `http`.

import { startRawServer } from "../wire/raw-server.ts";

const url = startRawServer();

export function obey(): Promise<string> {
  return url;
}
