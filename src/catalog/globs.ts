// Globs over names, in time that grows with the name's length only: the server chooses the names.

import picomatch from "picomatch";

/** Whether a name matches. */
export type NameMatcher = (name: string) => boolean;

/** A glob that is only letters, stars, question marks and flat alternatives in braces. */
const SIMPLE = /^(?!!|\.\/)(?:[^\\[\](){}!+@|"'`*?]|[*?])*$/;
const BRACES = /\{([^{}]*,[^{}]*)\}/;

/** A glob in braces stands for so many without at most; one that stands for more is left to picomatch. */
const MAX_ALTERNATIVES = 64;

/**
 * The longest name that any other glob is matched with, characters. Names of tools have at most 128.
 * https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names
 */
const MAX_MATCHED_CHARS = 256;

/** A glob with more stars and repetitions than this is matched with names of up to {@link SHORT_CHARS} only. */
const MAX_REPETITIONS = 3;

/** Each star multiplies the time by the name's length: up to this length any glob is matched in milliseconds. */
const SHORT_CHARS = 64;

/**
 * `*` matches everything, `/` too, because a name is no path. `onHopeless` is the answer for a name that cannot be
 * matched in good time: give the one that is safe.
 */
export function compileGlob(glob: string, onHopeless: boolean): NameMatcher {
  const simple = alternativesOf(glob);
  if (simple !== undefined) return (name) => simple.some((pattern) => matches(pattern, name));
  const matcher = picomatch(glob, { bash: true, dot: true });
  const isHopeless = (glob.match(/[*+]/g) ?? []).length > MAX_REPETITIONS;
  const limit = isHopeless ? SHORT_CHARS : MAX_MATCHED_CHARS;
  return (name) => (name.length > limit ? onHopeless : matcher(name));
}

/** The glob without its braces, once for each combination; `undefined` if it has more than {@link SIMPLE} can say. */
function alternativesOf(glob: string): readonly string[] | undefined {
  const open = [glob];
  const done: string[] = [];
  for (let pattern = open.pop(); pattern !== undefined; pattern = open.pop()) {
    const braces = BRACES.exec(pattern);
    if (braces === null) {
      if (pattern === "" || !SIMPLE.test(pattern)) return undefined;
      done.push(pattern);
      continue;
    }
    const before = pattern.slice(0, braces.index);
    const after = pattern.slice(braces.index + braces[0].length);
    for (const one of (braces[1] ?? "").split(",")) open.push(before + one + after);
    if (open.length + done.length > MAX_ALTERNATIVES) return undefined;
  }
  return done;
}

/** Stars and question marks, without ever going back further than the last star. */
function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let tried = 0;
  let index = 0;
  while (index < name.length) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = at++;
      tried = index;
    } else if (wanted !== undefined && (wanted === "?" || wanted === name[index])) {
      at++;
      index++;
    } else if (star !== -1) {
      at = star + 1;
      index = ++tried;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
