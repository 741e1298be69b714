// The replicas as configurations name them.

import type { Values } from "../programs/render.ts";
import type { Replicas } from "../servers/replicas.ts";

export function valuesOf({ all }: Replicas): Values {
  const addresses = all.map(({ port }) => `127.0.0.1:${port}`);
  return {
    names: all.map(({ name }) => name),
    hosts: all.map(() => "127.0.0.1"),
    ports: all.map(({ port }) => String(port)),
    addresses,
    allAddresses: addresses.join(" "),
    // Debian's folder; the configuration of another system names its own.
    modules: "/usr/lib/apache2/modules",
  };
}
