// Given to a child process by --import: writes the URL of every module that it loads, ES or CommonJS, to a file.

import { appendFileSync } from "node:fs";
import Module, { register } from "node:module";
import { isMainThread } from "node:worker_threads";

const file = process.env.LOADED_MODULES;

export async function load(url, context, nextLoad) {
  appendFileSync(file, `${url}\n`);
  return nextLoad(url, context);
}

if (isMainThread) {
  register(import.meta.url);
  process.once("exit", () => {
    for (const path of Object.keys(Module._cache)) appendFileSync(file, `${path}\n`);
  });
}
