// What the contenders send, as the raw server saw it: a floor is one only if it sends what the pool sends.

import { contender, eraOf, kindOf } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";
import type { RecordedRequest } from "./processes.ts";

/** Of a header: the colon, the space and the end of the line. */
const HEADER_EXTRA = 4;

/** The headers and the body of a request. */
export function bytesOf({ rawHeaders, body }: RecordedRequest): number {
  const texts = rawHeaders.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return texts + (rawHeaders.length / 2) * HEADER_EXTRA + Buffer.byteLength(body);
}

/** A line for each era in which the pool and the floor do not send the same. */
export function differencesFromFloor(
  requests: ReadonlyMap<ContenderName, RecordedRequest>,
): string[] {
  return [...requests].flatMap(([name, own]) => {
    const floor = requests.get(contender("floor", eraOf(name)));
    if (kindOf(name) !== "pool" || floor === undefined) return [];
    const [mine, theirs] = [normal(own), normal(floor)];
    return mine === theirs
      ? []
      : [`the floor does not send what ${name} sends\n${mine}\n${theirs}`];
  });
}

/** Without what differs from call to call, and without the order of headers and keys. */
function normal({ rawHeaders, body }: RecordedRequest): string {
  const headers = rawHeaders
    .flatMap((text, index) =>
      index % 2 === 0 ? `${text.toLowerCase()}: ${rawHeaders[index + 1]}` : [],
    )
    .filter((line) => !line.startsWith("content-length:"))
    .toSorted();
  const message = JSON.stringify(JSON.parse(body, sorted)).replace(/"id":[^,]+/, '"id":0');
  return [...headers, message].join("\n");
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
