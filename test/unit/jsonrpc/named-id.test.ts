import { expect, test } from "vitest";
import { namedId } from "../../../src/jsonrpc/named-id.ts";

test.each<[text: string, id: string | number | undefined]>([
  ['{"jsonrpc":"2.0","id":7,"result":{"content":[{"te', 7],
  ['{"jsonrpc": "2.0", "id" : 7 , "error": {', 7],
  ['{"jsonrpc":"2.0","id":"seven","result":{', "seven"],
  ['{"jsonrpc":"2.0","id":"a\\"b","result":{', 'a"b'],
  ['{"jsonrpc":"2.0","id":-7,', -7],
  ['{"id":7,"result":{"content":[', 7],
  ['{"result":{"id":9},"id":7}{', 7],
  ['{"jsonrpc":"2.0","id":7,"result":{"value":NaN}}', 7],
  ['{"jsonrpc":"2.0","result":{"method":"x","id":3},"id":7,', 7],
  ['{"jsonrpc":"2.0","result":"} \\" {","id":7,', 7],
  // Cut off inside of the id: it may be another one.
  ['{"jsonrpc":"2.0","id":7', undefined],
  ['{"jsonrpc":"2.0","id":"7', undefined],
  // Ids of something else.
  ['{"jsonrpc":"2.0","result":{"id":7,', undefined],
  ['{"jsonrpc":"2.0","result":"\\"id\\":7,', undefined],
  ['{"jsonrpc":"2.0","result":[{"id":7},', undefined],
  // Requests.
  ['{"jsonrpc":"2.0","id":7,"method":"ping","params":{', undefined],
  ['{"jsonrpc":"2.0","method":"ping","id":7,', undefined],
  // Log lines, and what is no object.
  ['{"level":"info","id":7,"msg":"a', undefined],
  ['{"level":"info","id":7,"error":"a', undefined],
  ['{"id":7,', undefined],
  ['[{"jsonrpc":"2.0","id":7,"result":{}}', undefined],
  ['INFO {"jsonrpc":"2.0","id":7,"result":{', undefined],
  ['{"jsonrpc":"2.0","id":7.5,"result":{', undefined],
  ['{"jsonrpc":"2.0","id":null,"error":{', undefined],
  ["", undefined],
])("%s names %j", (text, id) => {
  expect(namedId(text)).toBe(id);
});
