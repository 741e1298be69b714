// The toolbox's resources: text, a blob, a folder, and enough of them for three pages.

import { RpcFailure } from "./wire.ts";

export const BLOB = Buffer.from([0, 255, 1, 254]).toString("base64");

const FILLERS = Array.from({ length: 7 }, (_, index) => ({
  uri: `test:///filler/${index}`,
  name: `filler ${index}`,
}));

export const RESOURCES = [
  { uri: "test:///note.txt", name: "note", title: "A note", mimeType: "text/plain" },
  { uri: "test:///blob.bin", name: "blob", mimeType: "application/octet-stream" },
  { uri: "test:///folder", name: "folder" },
  ...FILLERS,
];

export const TEMPLATES = [
  { uriTemplate: "test:///city/{city}", name: "city", mimeType: "text/plain" },
  ...FILLERS.map(({ name }) => ({ uriTemplate: `test:///${name}/{id}`, name })),
];

export function readResource(uri: string): object {
  const text = (value: string): object => ({ uri, mimeType: "text/plain", text: value });
  if (uri === "test:///note.txt") return { contents: [text("a note")] };
  if (uri === "test:///blob.bin") return { contents: [{ uri, blob: BLOB }] };
  if (uri === "test:///folder")
    return { contents: [text("one"), { ...text("two"), uri: `${uri}/2` }] };
  if (uri.startsWith("test:///city/"))
    return { contents: [text(uri.slice("test:///city/".length))] };
  throw new RpcFailure(-32002, "Resource not found", { uri });
}
