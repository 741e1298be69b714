// The process of all HTTP servers of the soak, so that what is measured in the other is the pool's.

import path from "node:path";
import { FLEET } from "../fleet.ts";
import { openLog } from "../log.ts";
import type { HostOrder, HostReply } from "./host-process.ts";
import { SoakHttpServer } from "./http-server.ts";
import { SoakLegacyServer } from "./legacy-server.ts";
import type { SoakServer } from "./soak-server.ts";

const servers = new Map<string, SoakServer>();

async function start(folder: string): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  for (const spec of FLEET) {
    if (spec.kind !== "http" && spec.kind !== "legacy") continue;
    const { log } = openLog(path.join(folder, `${spec.name}.log`));
    const server =
      spec.kind === "http" ? new SoakHttpServer(spec, log) : new SoakLegacyServer(spec, log);
    await server.listener.listen();
    servers.set(spec.name, server);
    urls[spec.name] = `http://127.0.0.1:${server.listener.port}${server.path}`;
  }
  return urls;
}

async function obey(order: HostOrder): Promise<HostReply["value"]> {
  if (order.name === "sockets") {
    return Object.fromEntries([...servers].map(([name, one]) => [name, one.listener.openSockets]));
  }
  const chosen = [...servers].filter(([name]) => (order.server ?? name) === name);
  await Promise.all(chosen.map(([, one]) => one.order(order.name, order.detail)));
  return {};
}

process.on("message", (order: HostOrder) => {
  obey(order).then(
    (value) => reply({ id: order.id, value }),
    (error: unknown) => reply({ id: order.id, value: {}, error: String(error) }),
  );
});
// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());

function reply(message: HostReply): void {
  process.send?.(message);
}

reply({ id: -1, value: await start(process.argv[2] ?? ".") });
