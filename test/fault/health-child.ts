// A process that uses a pool with health checks and then has nothing else to do: it must end by itself, with code 0.

import { McpClientPool } from "mcp-client-pool";

const pool = new McpClientPool({
  servers: {
    s: {
      url: String(process.argv[2]),
      protocol: "legacy",
      listen: false,
      healthCheckIntervalMs: 20,
    },
  },
});
await pool.connect();
await pool.callTool("s__echo");
