// The process of a family's servers; its argument is their module.

import type { Order, Reply } from "./messages.ts";

interface ServerModule {
  readonly obey: (order: unknown) => unknown;
}

const { obey } = (await import(process.argv[2] ?? "")) as ServerModule;

process.on("message", ({ id, order }: Order) => {
  Promise.resolve()
    .then(() => obey(order))
    .then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, error: String(error) }),
    );
});
// However the other process ends, this one does too.
process.on("disconnect", () => process.exit());

function reply(message: Reply): void {
  if (process.connected) process.send?.(message);
}

reply({ id: -1 });
