// Walks over JSON values without recursion: no nesting exhausts the stack, and no size costs more than it is allowed to.

/** Roughly what V8 takes for an object or an array, for one of its entries, and for a string, bytes. */
const OBJECT_BYTES = 32;
const ENTRY_BYTES = 8;
const STRING_BYTES = 16;

/** Roughly the bytes of memory that a JSON value takes. The walk ends as soon as there are more than `most`. */
export function weigh(value: unknown, most: number = Infinity): number {
  let weight = typeof value === "string" ? STRING_BYTES + value.length : ENTRY_BYTES;
  if (typeof value !== "object" || value === null) return weight;
  const open: object[] = [value];
  for (let at = open.pop(); at !== undefined && weight <= most; at = open.pop()) {
    weight += OBJECT_BYTES;
    if (Array.isArray(at)) {
      for (const item of at as unknown[]) {
        weight += ENTRY_BYTES;
        if (typeof item === "string") weight += STRING_BYTES + item.length;
        else if (typeof item === "object" && item !== null) open.push(item);
        if (weight > most) break;
      }
      continue;
    }
    for (const key of Object.keys(at)) {
      const item = (at as { readonly [key: string]: unknown })[key];
      weight += ENTRY_BYTES + key.length;
      if (typeof item === "string") weight += STRING_BYTES + item.length;
      else if (typeof item === "object" && item !== null) open.push(item);
      if (weight > most) break;
    }
  }
  return weight;
}

/** Whether two JSON values have the same text, the order of keys included. Ends at the first difference. */
export function isSameJson(a: unknown, b: unknown): boolean {
  const open: [unknown, unknown][] = [[a, b]];
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const [one, other] = pair;
    if (one === other) continue;
    if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
      return false;
    }
    if (Array.isArray(one) !== Array.isArray(other)) return false;
    const keys = Object.keys(one);
    const otherKeys = Object.keys(other);
    if (keys.length !== otherKeys.length) return false;
    for (const [index, key] of keys.entries()) {
      if (otherKeys[index] !== key) return false;
      const mine = (one as { readonly [key: string]: unknown })[key];
      const theirs = (other as { readonly [key: string]: unknown })[key];
      if (mine === theirs) continue;
      if (typeof mine !== "object" || typeof theirs !== "object") return false;
      open.push([mine, theirs]);
    }
  }
  return true;
}
