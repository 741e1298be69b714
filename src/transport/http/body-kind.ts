// The kind of a body, told by its first bytes, because labels can be wrong.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
// Hot path: the first byte of most bodies decides.

/** `json`: an object or an array · `events`: an event stream · `other`: anything else */
export type BodyKind = "json" | "events" | "other";

const FIELDS: readonly string[] = ["data:", "event:", "id:", "retry:"];
const BOM: readonly number[] = [0xef, 0xbb, 0xbf];
const COLON = 0x3a;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** So much blank space at the beginning is no message's any more, bytes. */
const MAX_BLANK_BYTES = 1_024;

/** Undefined: these bytes are too few to tell. */
export function bodyKind(head: Buffer): BodyKind | undefined {
  let at = 0;
  if (head[0] === BOM[0]) {
    while (at < BOM.length && head[at] === BOM[at]) at += 1;
    if (at < BOM.length) return at === head.length ? undefined : "other";
  }
  while (at < head.length && isBlank(head[at])) at += 1;
  if (at === head.length) return head.length > MAX_BLANK_BYTES ? "other" : undefined;
  const first = head[at];
  if (first === BRACE || first === BRACKET) return "json";
  if (first === COLON) return "events";
  for (const field of FIELDS) {
    if (first === field.charCodeAt(0)) return fieldAt(head, at, field);
  }
  return "other";
}

/** No two fields have the same first letter. */
function fieldAt(head: Buffer, start: number, field: string): BodyKind | undefined {
  for (let index = 1; index < field.length; index++) {
    if (start + index === head.length) return undefined;
    if (head[start + index] !== field.charCodeAt(index)) return "other";
  }
  return "events";
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
