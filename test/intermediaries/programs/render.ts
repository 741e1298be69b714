// Configuration templates: what stands between double braces is replaced.

export type Value = string | number | readonly string[];
export type Values = Readonly<Record<string, Value>>;

/**
 * A list becomes as many lines as it has members, each like the line that names it.
 *
 * @throws {Error} naming what has no value.
 */
export function render(template: string, values: Values): string {
  return template
    .split("\n")
    .flatMap((line) => renderLine(line, values))
    .join("\n");
}

function renderLine(line: string, values: Values): string[] {
  const names = Array.from(line.matchAll(/\{\{(\w+)\}\}/g), ([, name = ""]) => name);
  if (names.length === 0) return [line];
  const lists = names.map((name) => values[name]).filter((value) => Array.isArray(value));
  const length = lists.length === 0 ? 1 : Math.max(...lists.map((list) => list.length));
  return Array.from({ length }, (_, at) =>
    line.replaceAll(/\{\{(\w+)\}\}/g, (_match, name: string) => {
      const value = values[name];
      if (value === undefined) throw new Error(`the configuration needs a value for ${name}`);
      if (typeof value === "object") return value[at] ?? "";
      return String(value);
    }),
  );
}
