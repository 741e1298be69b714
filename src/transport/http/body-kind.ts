// The kind of a body, told by its first bytes, because labels can be wrong.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
// Hot path: the first byte of most bodies decides.

/** `json`: an object or an array · `events`: an event stream · `other`: anything else */
export type BodyKind = "json" | "events" | "other";

const FIELDS: readonly Buffer[] = ["data:", "event:", "id:", "retry:"].map((field) =>
  Buffer.from(field),
);
const BOM: Buffer = Buffer.from("\u{feff}");
const COLON = 0x3a;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** So much blank space at the beginning is no message's any more, bytes. */
const MAX_BLANK_BYTES = 1_024;

/** Undefined: these bytes are too few to tell. */
export function bodyKind(head: Buffer): BodyKind | undefined {
  let at = 0;
  if (head[0] === BOM[0]) {
    if (head.length < BOM.length)
      return BOM.subarray(0, head.length).equals(head) ? undefined : "other";
    if (head.subarray(0, BOM.length).equals(BOM)) at = BOM.length;
  }
  while (at < head.length && isBlank(head[at])) at += 1;
  if (at === head.length) return head.length > MAX_BLANK_BYTES ? "other" : undefined;
  const first = head[at];
  if (first === BRACE || first === BRACKET) return "json";
  if (first === COLON) return "events";
  for (const field of FIELDS) {
    const piece = head.subarray(at, at + field.length);
    if (
      piece.length === field.length
        ? piece.equals(field)
        : field.subarray(0, piece.length).equals(piece)
    ) {
      return piece.length === field.length ? "events" : undefined;
    }
  }
  return "other";
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
