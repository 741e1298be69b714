// A client of the official SDK, of whichever version: one client has one server.

const LISTS = {
  resources: ["listResources", "resources"],
  resourceTemplates: ["listResourceTemplates", "resourceTemplates"],
  prompts: ["listPrompts", "prompts"],
};

/**
 * `client`: makes the SDK's client for a server that is reached over HTTP or not.
 * `http`, `stdio`: make its transports. `call`: calls a tool with options.
 */
export function officialClient({ client: create, http, stdio, call }) {
  let client;

  async function all(method, key) {
    const items = [];
    let cursor;
    do {
      const page = await client[method](cursor === undefined ? undefined : { cursor });
      items.push(...page[key]);
      cursor = page.nextCursor;
    } while (cursor);
    return items;
  }

  return {
    async connect(servers, { timeoutMs, onEvent }) {
      const [{ url, headers, command, args }] = Object.values(servers);
      client = create(url !== undefined, onEvent);
      client.onerror = () => {};
      const transport =
        url === undefined
          ? stdio({ command, args, stderr: "ignore" })
          : http(new URL(url), { requestInit: { headers } });
      await client.connect(transport, { timeout: timeoutMs });
    },
    listTools: () => all("listTools", "tools"),
    async listOthers(kind) {
      return (await all(...LISTS[kind])).map(({ name }) => name);
    },
    callTool: (name, args, { timeoutMs, signal }) =>
      call(
        client,
        { name, arguments: args },
        { timeout: timeoutMs, maxTotalTimeout: 2 * timeoutMs, signal },
      ),
    close: () => client.close(),
  };
}
