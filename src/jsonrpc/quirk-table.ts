// The deviations that are repaired or reported: their codes, and a sentence each on the server and on the pool.

/** A deviation: one sentence on the server, one on the pool. Both stand in warnings and in docs/COMPATIBILITY.md. */
export interface Quirk {
  /** Follows the server's name: "answers requests with …". */
  readonly server: string;
  /** Follows "the pool": "takes …". */
  readonly pool: string;
  /** The first version of this package that does so; absent for 0.1.0. */
  readonly since?: string;
}

/** The stable codes, in the order of the table below. */
export type QuirkCode =
  | "id-as-string"
  | "id-unread"
  | "unknown-id"
  | "id-too-long"
  | "too-many-requests"
  | "null-id"
  | "jsonrpc-member"
  | "null-beside-answer"
  | "method-beside-answer"
  | "error-shape"
  | "empty-result"
  | "unusable-answer"
  | "empty-params"
  | "byte-order-mark"
  | "nested-batch"
  | "stdout-noise"
  | "noise-around-message"
  | "control-characters"
  | "joined-messages"
  | "multi-line-message"
  | "foreign-framing"
  | "ping-refused"
  | "replicas-without-affinity"
  | "session-refused-in-other-words"
  | "probe-refused"
  | "probe-unanswered"
  | "version-unknown"
  | "version-refused"
  | "initialize-incomplete"
  | "session-id-spaces"
  | "initialized-refused"
  | "initialized-params"
  | "wrong-content-type"
  | "content-coding"
  | "repeated-header"
  | "event-without-end"
  | "bad-event"
  | "flood"
  | "answer-on-change-stream"
  | "answer-in-post-body"
  | "foreign-answer"
  | "loopback-name"
  | "empty-cursor"
  | "cursor-not-string"
  | "cursor-repeated"
  | "list-not-array"
  | "item-on-two-pages"
  | "tool-listed-twice"
  | "tool-without-name"
  | "tool-without-schema"
  | "name-too-long"
  | "list-too-long"
  | "resource-incomplete"
  | "template-incomplete"
  | "prompt-incomplete"
  | "list-not-found"
  | "undeclared-capability"
  | "list-late"
  | "stream-refused"
  | "stream-ends-at-once"
  | "stream-held-back"
  | "rate-limited";

/** Every deviation that the pool repairs or reports. */
export const QUIRKS: { readonly [code in QuirkCode]: Quirk } = {
  "id-as-string": {
    server: 'gives ids or progress tokens back as strings ("1" for 1)',
    pool: "takes the string for the number, unless a caller has chosen that very string as an id",
  },
  "id-unread": {
    server:
      "answers a request that it could not read with an error whose id is null or 0 instead of the request's",
    pool: "ends the call with that error if it is the only one under way, and otherwise ignores the error",
  },
  "unknown-id": {
    server: "sends answers to requests that were never made",
    pool: "ignores them",
  },
  "id-too-long": {
    server: "gives its requests ids of more than 256 characters",
    pool: "does not answer these requests: an id goes back as it came",
  },
  "too-many-requests": {
    server: "asks for more at once than handlers may run",
    pool: "refuses what is beyond 256 with an error, requests counted that were taken back and whose handlers still run",
  },
  "null-id": {
    server: "writes id: null in notifications",
    pool: "takes them as notifications",
  },
  "jsonrpc-member": {
    server: 'answers without "jsonrpc": "2.0"',
    pool: "takes the answer if a call waits for its id",
  },
  "null-beside-answer": {
    server: "writes error: null beside a result, or result: null beside an error",
    pool: "leaves the null out",
  },
  "method-beside-answer": {
    server: "writes a method or params beside a result or an error",
    pool: "takes the message for the answer if a call waits for its id, and leaves the rest out",
  },
  "error-shape": {
    server: "sends errors as plain texts, or with a code that is a string or absent",
    pool: "takes the digits of a string as the code, and -32603 (internal error) where there are none",
  },
  "empty-result": {
    server: "answers null, or nothing, where an empty object is due (ping)",
    pool: "takes it as an empty object",
  },
  "unusable-answer": {
    server: "answers a request with something that is neither a result nor an error",
    pool: "ends that call at once with PROTOCOL_ERROR instead of waiting for its timeout",
  },
  "empty-params": {
    server: 'writes params: [], null or "" where there are none',
    pool: "takes them as no parameters",
  },
  "byte-order-mark": {
    server: "begins a message with a byte order mark",
    pool: "leaves the mark out",
  },
  "nested-batch": {
    server: "sends arrays of messages inside arrays",
    pool: "takes them apart",
  },
  "stdout-noise": {
    server: "writes lines to stdout that are no messages",
    pool: "skips them, and ends the process only after a flood of them",
  },
  "noise-around-message": {
    server: "writes text before or behind a message on the same line",
    pool: "takes the message, unless it is a request, which may be an echo",
  },
  "control-characters": {
    server: "writes NUL bytes or terminal colours around its messages",
    pool: "leaves them out",
  },
  "joined-messages": {
    server: "writes several messages on one line",
    pool: "takes them apart",
  },
  "multi-line-message": {
    server: "spreads a message over several lines",
    pool: "puts the lines together",
  },
  "foreign-framing": {
    server: "frames its messages with Content-Length headers, or encodes them in UTF-16",
    pool: "ends the process and says that MCP over stdio is one JSON message per line, in UTF-8",
  },
  "ping-refused": {
    server: "refuses ping, which every server must answer, with an HTTP status",
    pool: "takes the answer for the sign of life that it is",
  },
  "replicas-without-affinity": {
    server:
      "is several replicas behind one address that do not share their sessions: each session is known to one of them only",
    pool: "sends refused requests again until they meet that one; configure session affinity at the load balancer, by cookie or by the header Mcp-Session-Id",
  },
  "session-refused-in-other-words": {
    server: "refuses a session that it has forgotten with another answer than HTTP 404",
    pool: "asks once with ping, begins a new session if that is refused too, and sends the refused requests again",
  },
  "probe-refused": {
    server:
      "takes initialize, and answers server/discover, which it does not know, with a status or a body that is no answer of MCP",
    pool: "sends initialize in the same attempt, and asks again after some minutes",
  },
  "probe-unanswered": {
    server: "takes initialize, and never answers server/discover, which it does not know",
    pool: "sends initialize beside it after 5 s, or a third of timeouts.handshakeMs if that is less",
  },
  "version-unknown": {
    server: "answers initialize with a protocol revision that is not known here",
    pool: "goes by the rules of the nearest session revision, and sends the server's own name for it",
  },
  "version-refused": {
    server: "refuses the offered protocol revision without naming those that it speaks",
    pool: "offers 2025-03-26 and then 2024-11-05",
  },
  "initialize-incomplete": {
    server: "leaves out parts of the InitializeResult, or gives them another type",
    pool: "takes the revision that it offered, no capabilities and an unknown name for what is missing",
  },
  "session-id-spaces": {
    server: "assigns a session id with spaces in it",
    pool: "sends the id back as it came",
  },
  "initialized-refused": {
    server: "refuses notifications/initialized, or does not answer it",
    pool: "goes on: the session has begun with the answer to initialize",
  },
  "initialized-params": {
    server: "refuses notifications/initialized without params",
    pool: "sends it once more with empty params",
  },
  "wrong-content-type": {
    server: "labels a message or an event stream with no content type or a wrong one",
    pool: "looks at the first bytes of the body and reads it as the kind that they show",
  },
  "content-coding": {
    server: "compresses its answers although the pool asks for none (accept-encoding: identity)",
    pool: "decodes gzip, deflate, br and zstd, and reads any other coding as it is",
  },
  "repeated-header": {
    server: "sends the same header twice with the same value",
    pool: "counts it once",
  },
  "event-without-end": {
    server: "ends an event with its data, without the blank line that closes it",
    pool: "takes the data if they are a whole message, when the stream ends or 250 ms later",
  },
  "bad-event": {
    server: "sends events that are no messages",
    pool: "ignores them, and names the first",
  },
  flood: {
    server: "sends more unasked than the process has time for beside other servers",
    pool: "reads it in slices, with pauses in between",
  },
  "answer-on-change-stream": {
    server: "ends the answer to a request without the response",
    pool: "waits for the response on the change stream while one is open",
  },
  "answer-in-post-body": {
    server: "answers in the body of the POST, where HTTP+SSE has only the stream for answers",
    pool: "takes the answer from there",
  },
  "foreign-answer": {
    server: "answers a request with a body that holds only messages for others",
    pool: "ends that call at once with PROTOCOL_ERROR instead of waiting for its timeout",
  },
  "loopback-name": {
    server: "names itself by another of localhost, 127.0.0.1 and ::1 than the URL in use",
    pool: "takes them for one origin and keeps to the address in use, also for a redirect to another of them",
  },
  "empty-cursor": {
    server: "gives an empty nextCursor with the last page of a list",
    pool: "asks for one more page, and ends the list if that brings nothing new",
  },
  "cursor-not-string": {
    server: "gives a nextCursor that is not a string",
    pool: "sends a number back as it came, and takes anything else for the end of the list",
  },
  "cursor-repeated": {
    server: "gives a page of a list the cursor of that very page, and nothing new behind it",
    pool: "ends the list there",
  },
  "list-not-array": {
    server: "answers a list request without an array of items",
    pool: "takes null or nothing for an empty list, and an object for the items in it",
  },
  "item-on-two-pages": {
    server: "lists the same item on several pages",
    pool: "takes it once",
  },
  "tool-listed-twice": {
    server: "lists a tool again that it has listed",
    pool: "shows the first of a tool that is listed twice",
  },
  "tool-without-name": {
    server: "lists a tool without a name",
    pool: "leaves it out and shows the others",
  },
  "tool-without-schema": {
    server: "lists a tool whose input it does not describe",
    pool: "shows a tool without a schema as taking any object",
  },
  "name-too-long": {
    server:
      "lists items with names of more than a thousand characters, or longer URIs than anything takes",
    pool: "leaves them out and shows the others",
  },
  "list-too-long": {
    server: "lists more than anybody can use",
    pool: "takes as much as its limits allow, and leaves out the rest",
  },
  "resource-incomplete": {
    server: "lists resources without a URI or a name",
    pool: "shows the others: these are left out",
  },
  "template-incomplete": {
    server: "lists resource templates without a URI template or a name",
    pool: "shows the others: these are left out",
  },
  "prompt-incomplete": {
    server: "lists prompts without a name",
    pool: "shows the others: these are left out",
  },
  "list-not-found": {
    server: "declares a capability and does not know the method that lists it",
    pool: "takes the list for empty, and calls tools by their names all the same",
  },
  "undeclared-capability": {
    server: "offers a capability that it did not declare",
    pool: "asks for it all the same",
  },
  "list-late": {
    server: "does not list its tools until some time after the handshake",
    pool: "looks again a few times",
  },
  "stream-refused": {
    server: "refuses the GET of the change stream with another status than 405",
    pool: "tries a few times and then does without: changes are seen after a reconnect",
  },
  "stream-ends-at-once": {
    server: "ends the change stream as soon as it is open, without an event",
    pool: "opens it ever more rarely, and fetches lists once instead of every time",
  },
  "stream-held-back": {
    server:
      "does not let the head of the change stream through: a proxy in between buffers it (nginx needs proxy_buffering off, or the header X-Accel-Buffering: no from the server), or the server sends its headers with its first event",
    pool: "connects without waiting for the stream, and hears of changes late or never",
  },
  "rate-limited": {
    server: "refuses calls as too many",
    pool: "sends fewer at once, waits between them, and sends what was refused again when its turn comes",
  },
};
