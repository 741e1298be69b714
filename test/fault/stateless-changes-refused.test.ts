import { expect, test } from "vitest";
import { RpcError } from "../support/stateless-server.ts";
import { LISTEN } from "./stateless-bench.ts";
import { poolTo, serveStateless } from "./stateless-harness.ts";
import { collect } from "./support.ts";

test("a change stream that is refused after each health check is warned of once", async () => {
  const server = await serveStateless();
  server.reject(LISTEN, new RpcError(-32601, "Method not found", undefined, 404), 100);
  const pool = poolTo(server, { healthCheckIntervalMs: 10 });
  const warnings = collect(pool, "warning");
  expect(await pool.connect()).toMatchObject({ connected: ["s"] });
  await server.until(() => server.requestsOf(LISTEN).length > 4);
  expect(warnings.filter(({ message }) => message.includes("change stream"))).toHaveLength(1);
});
