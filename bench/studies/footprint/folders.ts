// Installed packages as folders: which there are, and what is in them.

import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";

export interface Footprint {
  readonly bytes: number;
  readonly packages: number;
  readonly files: number;
}

const MODULES = "node_modules";

export function footprintOf(packages: readonly string[]): Footprint {
  const files = packages.flatMap((folder) => filesOf(folder));
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  return { bytes, packages: packages.length, files: files.length };
}

/** The packages that are installed in a folder, and those that they have for themselves. */
export function installedIn(folder: string): string[] {
  const modules = path.join(folder, MODULES);
  return foldersIn(modules)
    .flatMap((entry) => (path.basename(entry).startsWith("@") ? foldersIn(entry) : [entry]))
    .flatMap((entry) => [entry, ...installedIn(entry)]);
}

/**
 * The packages that this one needs to run, where Node finds them. `npm ls --omit=dev` would name more: what is there
 * for development, and a dependency would take too if it were there.
 */
export function neededBy(root: string): string[] {
  const found = new Set<string>();
  const visit = (folder: string): void => {
    for (const name of demandsOf(folder)) {
      const at = resolve(name, folder);
      if (found.has(at)) continue;
      found.add(at);
      visit(at);
    }
  };
  visit(root);
  return [...found];
}

/** Not into packages of its own: those are counted by themselves. Links, as npm makes for commands, are no files. */
function filesOf(folder: string, isRoot = true): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) return isRoot && entry.name === MODULES ? [] : filesOf(at, false);
    return entry.isFile() ? [at] : [];
  });
}

/** Without those of npm itself: `.bin`, and its own record. */
function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => path.join(folder, name));
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

function demandsOf(folder: string): string[] {
  const text = readFileSync(path.join(folder, "package.json"), "utf8");
  const { dependencies = {}, peerDependencies = {}, ...rest } = JSON.parse(text) as Manifest;
  const peers = Object.keys(peerDependencies).filter(
    (name) => rest.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [...Object.keys(dependencies), ...peers];
}

/** In the nearest folder above that has it. */
function resolve(name: string, from: string): string {
  const at = path.join(from, MODULES, name);
  if (existsSync(at)) return at;
  const above = path.dirname(from);
  if (above === from) throw new Error(`${name} is not installed`);
  return resolve(name, above);
}
