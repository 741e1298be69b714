// A process that trusts the certificate (NODE_EXTRA_CA_CERTS), which is another host's: calls the URL again and again,
// and says what came of each.

import { call, connect, failure } from "../../unit/transport/http/harness.ts";

const connected = await connect(new URL(String(process.argv[2])));
const messages: string[] = [];
for (let id = 1; id <= 5; id++)
  messages.push((await failure(connected.send(call(id)).outcome)).message);
await connected.transport.close();
console.log(JSON.stringify(messages));
