// The reference server of the file system, on a folder of its own.

import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { McpClientPool } from "mcp-client-pool";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { PNG } from "./servers/toolbox-tools.ts";

const PROGRAM = fileURLToPath(
  new URL(
    "../../node_modules/@modelcontextprotocol/server-filesystem/dist/index.js",
    import.meta.url,
  ),
);

let folder: string;
let other: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
  other = realpathSync(mkdtempSync(join(tmpdir(), "other-")));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  rmSync(other, { recursive: true });
});

const server = (): object => ({ command: process.execPath, args: [PROGRAM, folder] });

const textOf = ({ content }: { content: readonly object[] }): string =>
  (content[0] as { text?: string }).text ?? "";

test("files are written, read, listed and moved; what fails is a result (8.3 - 8.6)", async () => {
  await using pool = new McpClientPool({ outputValidation: "error" });
  await pool.addClient("files", server() as { command: string });
  const path = join(folder, "ü a.txt");
  await pool.callTool("files__write_file", { path, content: "line\n" });
  expect(readFileSync(path, "utf8")).toBe("line\n");
  const read = await pool.callTool("files__read_text_file", { path });
  expect(read).toMatchObject({ structuredContent: { content: "line\n" } });
  expect(textOf(read)).toBe("line\n");
  const listed = await pool.callTool("files__list_directory", { path: folder });
  expect(textOf(listed)).toContain("[FILE] ü a.txt");
  const destination = join(folder, "b.txt");
  await pool.callTool("files__move_file", { source: path, destination });
  expect(readFileSync(destination, "utf8")).toBe("line\n");
  const outside = await pool.callTool("files__read_text_file", { path: join(other, "x") });
  expect(outside.isError).toBe(true);
  expect(textOf(outside)).toContain("Access denied");
  const tool = pool.allTools.find(({ name }) => name === "files__read_text_file");
  expect(tool?.tool.annotations?.readOnlyHint).toBe(true);
});

test("an image is read as one (8.2)", async () => {
  await using pool = new McpClientPool();
  await pool.addClient("files", server() as { command: string });
  const path = join(folder, "pixel.png");
  writeFileSync(path, Buffer.from(PNG, "base64"));
  const { content } = await pool.callTool("files__read_media_file", { path });
  expect(content).toEqual([{ type: "image", data: PNG, mimeType: "image/png" }]);
});

test("its folders are the client's roots, and follow them (7.7, 7.8)", async () => {
  const root = (path: string): { uri: string } => ({ uri: pathToFileURL(path).href });
  await using pool = new McpClientPool({ roots: [root(other)] });
  await pool.addClient("files", server() as { command: string });
  const allowed = async (): Promise<string> =>
    textOf(await pool.callTool("files__list_allowed_directories"));
  const becomes = async (path: string, not: string): Promise<void> => {
    let seen = await allowed();
    // The server asks when it likes, and tells nobody: it can only be looked at.
    await until(() => {
      allowed().then(
        (now) => (seen = now),
        () => {},
      );
      return seen.includes(path) && !seen.includes(not);
    }, `the folders to become ${path}`);
  };
  await becomes(other, folder);
  await pool.setRoots([root(folder)]);
  await becomes(folder, other);
});

test("two servers of the same kind keep their tools apart (8.8)", async () => {
  await using pool = new McpClientPool({
    servers: {
      one: { command: process.execPath, args: [PROGRAM, folder] },
      two: { command: process.execPath, args: [PROGRAM, other] },
    },
  });
  expect(await pool.connect()).toMatchObject({ connected: ["one", "two"] });
  await pool.callTool("one__write_file", { path: join(folder, "a"), content: "1" });
  const denied = await pool.callTool("two__read_text_file", { path: join(folder, "a") });
  expect(denied.isError).toBe(true);
  const names = pool.allTools.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name.startsWith("one__"))).toHaveLength(names.length / 2);
});
