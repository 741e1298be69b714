// Imports what its arguments name and prints the URL of every file that was loaded for it, ES module or CommonJS. Apart
// from import.mjs, because looking at each import slows it down.

import Module, { register } from "node:module";
import { pathToFileURL } from "node:url";
import { isMainThread, MessageChannel, receiveMessageOnPort } from "node:worker_threads";

/** In the thread of the hooks: to the thread that imports. */
let port;

export function initialize(given) {
  port = given;
}

export async function load(url, context, nextLoad) {
  port.postMessage(url);
  return nextLoad(url, context);
}

async function main([, , ...modules]) {
  const { port1, port2 } = new MessageChannel();
  register(import.meta.url, { data: port2, transferList: [port2] });
  await Promise.all(modules.map((module) => import(module)));
  const loaded = new Set(Object.keys(Module._cache).map((file) => pathToFileURL(file).href));
  for (let next = receiveMessageOnPort(port1); next; next = receiveMessageOnPort(port1)) {
    loaded.add(next.message);
  }
  port1.close();
  console.log(JSON.stringify([...loaded].filter((url) => url.startsWith("file:"))));
}

if (isMainThread) await main(process.argv);
