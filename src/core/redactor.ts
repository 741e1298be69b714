// Secrets of one server, masked in all that leaves the pool about it: errors, warnings, status, log messages.

import { McpError } from "./errors.ts";
import { isPrintable, printable } from "./printable.ts";
import { encodingsOf } from "./secret-forms.ts";
import { TextSearch } from "./text-search.ts";

/** Stands where a secret was. */
export const MASK = "[redacted]";

/** Secrets that come from the server, such as session ids: so many are known at once, the newest. */
const MAX_LEARNT = 16;

/** Longest message of an error or a warning, characters. */
const MAX_MESSAGE_CHARS = 8_192;

/** Values and objects looked at in one thing; those beyond are masked unseen. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 64;

/** The server's own words to its caller, as they came. They are not enumerable, so that no log shows them by itself. */
const AS_IT_CAME: ReadonlySet<string> = new Set(["data", "rpcMessage", "challenge", "result"]);

/** What is left to be looked at, and what was. */
interface Walk {
  nodes: number;
  readonly done: Map<object, unknown>;
}

export class Redactor {
  readonly #given: () => readonly string[];
  #learnt: string[] = [];
  /** Built when something is masked for the first time: most servers never fail. */
  #search: TextSearch | undefined;
  /** One error may be told to many, and stays one. */
  readonly #masked: WeakMap<object, object> = new WeakMap();

  /** @param given what the configuration holds; asked for once */
  constructor(given: () => readonly string[]) {
    this.#given = given;
  }

  /** A secret that was agreed on with the server. */
  learn(secret: string): void {
    if (this.#learnt.includes(secret)) return;
    this.#learnt = [...this.#learnt, secret].slice(-MAX_LEARNT);
    this.#search = undefined;
  }

  text(text: string): string {
    if (text.length < MIN_TEXT_CHARS) return text;
    const ranges = this.#compiled().find(text);
    if (ranges.length === 0) return text;
    let result = "";
    let at = 0;
    for (const [from, to] of ranges) {
      result += text.slice(at, from) + MASK;
      at = to;
    }
    return result + text.slice(at);
  }

  /** For a sentence that is shown: masked, printable and of bounded length. */
  message(text: string): string {
    const masked = this.text(text);
    return isPrintable(masked, MAX_MESSAGE_CHARS) ? masked : printable(masked, MAX_MESSAGE_CHARS);
  }

  /** The very same value if there is no secret in it, otherwise a copy. */
  value<T>(value: T): T {
    return this.#walk(value, { nodes: MAX_NODES, done: new Map() }, 0) as T;
  }

  /** For what is thrown or told: an error of the pool's own is masked with all its causes; anything else passes. */
  error<T>(error: T): T {
    return error instanceof McpError ? this.value(error) : error;
  }

  #compiled(): TextSearch {
    this.#search ??= new TextSearch([...this.#given(), ...this.#learnt].flatMap(encodingsOf));
    return this.#search;
  }

  #walk(value: unknown, walk: Walk, depth: number): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return value;
    const known = walk.done.get(value) ?? this.#masked.get(value);
    if (known !== undefined) return known;
    walk.nodes -= 1;
    if (walk.nodes < 0 || depth > MAX_DEPTH) return MASK;
    walk.done.set(value, value);
    const result = this.#copy(value, walk, depth + 1);
    walk.done.set(value, result);
    return result;
  }

  #copy(value: object, walk: Walk, depth: number): unknown {
    if (value instanceof Error) return this.#error(value, walk, depth);
    if (Array.isArray(value)) return this.#array(value, walk, depth);
    if (ArrayBuffer.isView(value)) {
      const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
      return this.text(text) === text ? value : MASK;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = prototype === Object.prototype || prototype === null;
    const changed = new Map<string, readonly [string, unknown]>();
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (!("value" in descriptor)) continue;
      const given: unknown = descriptor.value;
      const masked = this.#walk(given, walk, depth);
      const name = this.text(key);
      if (masked === given && name === key) continue;
      // What an object of a class is for is not known here: it cannot be copied in part.
      if (!isPlain) return MASK;
      changed.set(key, [name, masked]);
    }
    if (changed.size === 0) return value;
    // By definition, not by assignment: a key may be `__proto__`.
    const copy = Object.create(prototype as object | null) as object;
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      const [name, masked] = changed.get(key) ?? [key, descriptor.value as unknown];
      const isValue = "value" in descriptor;
      Object.defineProperty(copy, name, isValue ? { ...descriptor, value: masked } : descriptor);
    }
    return copy;
  }

  #array(items: readonly unknown[], walk: Walk, depth: number): readonly unknown[] {
    let copy: unknown[] | undefined;
    for (const [index, item] of items.entries()) {
      const masked = this.#walk(item, walk, depth);
      if (masked === item) continue;
      copy ??= [...items];
      copy[index] = masked;
    }
    return copy ?? items;
  }

  #error(error: Error, walk: Walk, depth: number): Error {
    const changes: PropertyDescriptorMap = {};
    const message = typeof error.message === "string" ? this.message(error.message) : undefined;
    const isOurs = error instanceof McpError;
    for (const key of Reflect.ownKeys(error)) {
      if (typeof key !== "string" || key === "message" || key === "stack") continue;
      if (isOurs && AS_IT_CAME.has(key)) continue;
      const descriptor = Object.getOwnPropertyDescriptor(error, key);
      if (descriptor === undefined || !("value" in descriptor)) continue;
      const masked = this.#walk(descriptor.value, walk, depth);
      if (masked !== descriptor.value) changes[key] = { ...descriptor, value: masked };
    }
    if (message !== undefined && message !== error.message) changes["message"] = hidden(message);
    const stack = this.#stack(error, message);
    if (stack !== undefined) changes["stack"] = hidden(stack);
    if (Object.keys(changes).length === 0) return error;
    // On newer V8 `stack` is an accessor that knows real errors only.
    changes["stack"] ??= hidden(error.stack);
    const copy = Object.create(Object.getPrototypeOf(error) as object, {
      ...Object.getOwnPropertyDescriptors(error),
      ...changes,
    }) as Error;
    this.#masked.set(error, copy);
    return copy;
  }

  /** Our own stacks hold our own message and our own files; to read one costs more than all the rest. */
  #stack(error: Error, message: string | undefined): string | undefined {
    if (error instanceof McpError && message === error.message) return undefined;
    const { stack } = error;
    if (typeof stack !== "string") return undefined;
    const reworded = message === undefined ? stack : stack.replace(error.message, () => message);
    const masked = this.text(reworded);
    return masked === stack ? undefined : masked;
  }
}

/** No shorter text can hold a secret. */
const MIN_TEXT_CHARS = 6;

function hidden(value: unknown): PropertyDescriptor {
  return { value, writable: true, enumerable: false, configurable: true };
}
