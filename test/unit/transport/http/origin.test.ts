import { expect, test } from "vitest";
import { isSameOrigin } from "../../../../src/transport/http/origin.ts";
import { json, rpcResult, startHttpServer } from "../../../support/http-server.ts";
import { repairLog } from "../../fakes.ts";
import { call, failure, scripted, summary } from "./harness.ts";

test.each([
  ["http://localhost:1/a", "http://127.0.0.1:1/b", true],
  ["http://[::1]:1/a", "http://localhost:1/b", true],
  ["http://127.0.0.1/", "http://localhost:80/", true],
  ["https://[::1]/", "https://localhost:443/", true],
  ["http://localhost:1/", "http://localhost:2/", false],
  ["http://localhost:1/", "https://127.0.0.1:1/", false],
  ["http://127.0.0.1:1/", "http://127.0.0.2:1/", false],
  ["http://localhost.example:1/", "http://localhost:1/", false],
  ["http://a.example:1/", "http://localhost:1/", false],
])("%s from %s: %s", (target, base, expected) => {
  const quirks = repairLog();
  expect(isSameOrigin(new URL(target), new URL(base), quirks)).toBe(expected);
  expect(quirks.counts).toEqual(expected ? { "loopback-name": 1 } : {});
  const strict = repairLog({ strict: true });
  expect(isSameOrigin(new URL(target), new URL(base), strict)).toBe(false);
});

test("the very same origin is no deviation", () => {
  const quirks = repairLog();
  expect(isSameOrigin(new URL("http://a.example/x"), new URL("http://a.example/"), quirks)).toBe(
    true,
  );
  expect(quirks.counts).toEqual({});
});

test.each(["localhost", "[::1]"])(
  "a redirect to %s stays on its address, under the name asked for",
  async (host) => {
    const { link, server } = await scripted(
      ({ res, path, server: { url } }) => {
        if (path === "/there?a=1") json(res, 200, rpcResult(1, {}));
        else res.writeHead(307, { location: `http://${host}:${url.port}/there?a=1` }).end();
      },
      { headers: { authorization: "Bearer t" } },
    );
    expect(await summary(link.send(call(1)).outcome)).toBe("response");
    expect(server.requests[1]?.headers).toMatchObject({
      authorization: "Bearer t",
      host: `${host}:${server.url.port}`,
    });
  },
);

test("a redirect by the name alone, on one path: followed", async () => {
  const { link, server } = await scripted(({ req, res, path, server: { url } }) => {
    if (req.headers.host?.startsWith("localhost:") === true) json(res, 200, rpcResult(1, {}));
    else res.writeHead(308, { location: `http://localhost:${url.port}${path}` }).end();
  });
  expect(await summary(link.send(call(1)).outcome)).toBe("response");
  expect(server.requests).toHaveLength(2);
});

test("strict, or another port: it is not followed", async () => {
  const other = await startHttpServer();
  for (const strict of [true, false]) {
    const { link } = await scripted(
      ({ res, server: { url } }) => {
        const { port } = strict ? url : other.url;
        res.writeHead(307, { location: `http://localhost:${port}/there` }).end();
      },
      { strict },
    );
    expect(await failure(link.send(call(1)).outcome)).toMatchObject({ status: 307 });
  }
  expect(other.connectionCount).toBe(0);
  await other.close();
});
