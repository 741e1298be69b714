// Imports what its arguments name, in a process of its own, and prints what that took. Plain JavaScript, because a
// loader that compiles types would be measured too.

const [, , ...modules] = process.argv;

const cpu = process.cpuUsage();
const startedAt = performance.now();
await Promise.all(modules.map((module) => import(module)));
const timeMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);

// Only now: with --expose-gc from the start, Node's own code would not fit its snapshot and be compiled anew.
const { setFlagsFromString } = await import("node:v8");
const { runInNewContext } = await import("node:vm");
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
// Twice: what the first collection finds to be weak is free only after the second.
collect();
collect();
const { heapUsed } = process.memoryUsage();
console.log(JSON.stringify({ timeMs, cpuMs: (user + system) / 1_000, heapBytes: heapUsed }));
