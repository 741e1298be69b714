// From nothing to the first answer over HTTP, in a process of its own: imports a client, connects it, calls `echo` once,
// and prints what that took. What a client loads only when it is needed is paid for here. Arguments: whose, the
// server's URL, and for the pool the URL of its index.js.

const [, , contender, url, build] = process.argv;

const CLIENT_INFO = { name: "bench", version: "1.0.0" };
const ARGUMENTS = { text: "the quick brown fox jumps over the lazy dog", count: 7 };

/** Each gives the result, and a function that closes the client. */
const FIRST_CALLS = {
  async floor() {
    const { request } = await import("undici");
    const headers = { "content-type": "application/json" };
    const params = { name: "echo", arguments: ARGUMENTS };
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
    const body = JSON.stringify(message);
    const response = await request(url, { method: "POST", headers, body });
    const { result } = await response.body.json();
    return [result, () => {}];
  },
  async pool() {
    const { McpClientPool } = await import(build);
    const servers = { bench: { url } };
    const pool = new McpClientPool({ servers, clientInfo: CLIENT_INFO, protocol: "legacy" });
    await pool.connect();
    return [await pool.callTool("bench__echo", ARGUMENTS), () => pool.closeAll()];
  },
  async "sdk-v1"() {
    const [{ Client }, { StreamableHTTPClientTransport }] = await Promise.all([
      import("@modelcontextprotocol/sdk/client/index.js"),
      import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    ]);
    return throughSdk(new Client(CLIENT_INFO), new StreamableHTTPClientTransport(new URL(url)));
  },
  async "sdk-v2"() {
    const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
    return throughSdk(new Client(CLIENT_INFO), new StreamableHTTPClientTransport(new URL(url)));
  },
};

async function throughSdk(client, transport) {
  await client.connect(transport);
  const result = await client.callTool({ name: "echo", arguments: ARGUMENTS });
  return [result, () => client.close()];
}

const cpu = process.cpuUsage();
const startedAt = performance.now();
const [result, close] = await FIRST_CALLS[contender]();
const timeMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);
const { text } = result.content[0];
console.log(JSON.stringify({ timeMs, cpuMs: (user + system) / 1_000, text }));
await close();
// What keeps sockets open for others keeps nothing here.
process.exit();
