// A server as a child process, messages over its stdin and stdout. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio

import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../../core/clock.ts";
import {
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpProtocolError,
} from "../../core/errors.ts";
import type { McpError } from "../../core/errors.ts";
import { FairShare } from "../../core/fair-share.ts";
import { excerpt } from "../../core/redact.ts";
import { StateMachine } from "../../core/state-machine.ts";
import type { TransitionTable } from "../../core/state-machine.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import type { JsonRpcMessage } from "../../jsonrpc/messages.ts";
import type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  TransportSink,
} from "../../jsonrpc/transport.ts";
import type { Noise } from "./decode-line.ts";
import { LineSplitter } from "./framing.ts";
import { NoiseGauge } from "./noise-gauge.ts";
import { ProcessGroup } from "./process-group.ts";
import type { ProcessExit } from "./process-group.ts";
import { isNotFound, spawnError, spawnServer, untilSpawned } from "./spawn.ts";
import type { SpawnedChild, SpawnOptions } from "./spawn.ts";
import { SlicedOutput } from "./sliced-output.ts";
import { StderrTail } from "./stderr-tail.ts";
import { failLater, StdinWriter, unsentError } from "./stdin-writer.ts";
import { foreignFraming, StdoutReader } from "./stdout-reader.ts";

/** Pieces of noise of one process that are reported one by one; all others are only counted. */
const REPORTED_NOISE = 5;

export interface StdioTransportOptions extends SpawnOptions {
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  readonly limits: {
    /** Longest line on stdout, bytes. Beyond it the connection is lost with `LIMIT_EXCEEDED`. */
    readonly messageBytes: number;
    /** How much of the end of stderr is kept, bytes; what is older is dropped. */
    readonly stderrBytes: number;
  };
  readonly timeouts: {
    /** Longest wait after each step of closing: end of stdin, SIGTERM, SIGKILL. */
    readonly closeStepMs: number;
  };
  /** What the server writes to stderr, as it comes. It is no sign of an error. */
  readonly onStderr?: ((chunk: string) => void) | undefined;
}

export interface StdioTransport extends DuplexTransport {
  /** Absent before the start. */
  readonly pid: number | undefined;
  /** The last `stderrBytes` of stderr, also after the end. */
  stderrTail(): string;
}

/**
 * How long the last output is waited for once the process exited, and the exit once its output ended.
 * A grandchild that holds the pipe would make it endless.
 */
const DRAIN_GRACE_MS = 250;

/** How often it is waited for again while its output is read in slices: a grandchild may write for ever. */
const MAX_GRACES = 20;

/** Lines of stderr quoted in the error of a lost connection. */
const QUOTED_STDERR_LINES = 5;

interface Link {
  readonly sink: TransportSink;
  readonly splitter: LineSplitter;
  readonly reader: StdoutReader;
  readonly writer: StdinWriter;
  readonly group: ProcessGroup;
}

type StdioState =
  | { readonly name: "idle" | "starting" | "closed"; readonly dispose?: undefined }
  | { readonly name: "open"; readonly link: Link; readonly dispose?: undefined }
  /** Lost; what is still in the pipes is read until both they and the process are gone, or the grace is over. */
  | { readonly name: "draining"; readonly link: Link; readonly dispose: () => void };

const TRANSITIONS: TransitionTable<StdioState["name"]> = {
  idle: ["starting", "closed"],
  starting: ["open", "closed"],
  open: ["draining", "closed"],
  draining: ["closed"],
  closed: [],
};

/** One process, one connection: after its end a new transport is made. */
export function createStdioTransport(options: StdioTransportOptions): StdioTransport {
  return new ChildTransport(options);
}

class ChildTransport implements StdioTransport {
  readonly channel = "duplex";
  readonly kind: string = "stdio";
  readonly address: string;
  readonly #options: StdioTransportOptions;
  readonly #stderr: StderrTail;
  readonly #state: StateMachine<StdioState> = new StateMachine<StdioState>({
    initial: { name: "idle" },
    table: TRANSITIONS,
  });
  #pid: number | undefined;
  #group: ProcessGroup | undefined;
  /** Shared by everyone who waits for the end. */
  #teardown: Promise<void> | undefined;

  constructor(options: StdioTransportOptions) {
    this.#options = options;
    this.address = options.command;
    this.#stderr = new StderrTail(options.limits.stderrBytes);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  stderrTail(): string {
    return this.#stderr.text();
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state.current.name === "closed") throw this.#closedError();
    this.#state.moveTo({ name: "starting" });
    try {
      const spawned = spawnServer(this.#options);
      this.#pid = spawned.child.pid;
      this.#group = new ProcessGroup(spawned.child, this.#options.clock);
      // EPIPE on stdin and the like: the loss is seen where the state is known, see #open.
      for (const stream of [spawned.stdin, spawned.stdout, spawned.stderr]) {
        stream.on("error", () => {});
      }
      await untilSpawned(spawned.child, this.#options, signal);
      this.#open(sink, spawned, this.#group);
    } catch (error) {
      if (this.#state.canMoveTo("closed")) this.#state.moveTo({ name: "closed" });
      this.#teardown ??= this.#terminate({ endInput: false });
      throw error;
    }
  }

  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle {
    const state = this.#state.current;
    const { server } = this.#options;
    if (state.name !== "open") return failLater(exchange, unsentError(server));
    try {
      return state.link.writer.send(message, exchange);
    } catch (cause) {
      return failLater(
        exchange,
        new McpConfigError(`server "${server}": the message cannot be written as JSON`, {
          server,
          cause,
        }),
      );
    }
  }

  close(): Promise<void> {
    const state = this.#state.current;
    // Before its pipe is closed.
    if (state.name === "open" || state.name === "draining") state.link.writer.discard();
    this.#teardown ??= this.#terminate({ endInput: true });
    if (state.name === "open" || state.name === "draining") {
      this.#finish(state.link, this.#closedError());
    } else if (state.name !== "closed") {
      this.#state.moveTo({ name: "closed" });
    }
    return this.#teardown;
  }

  #open(sink: TransportSink, spawned: SpawnedChild, group: ProcessGroup): void {
    if (this.#state.current.name !== "starting") throw this.#closedError();
    const { child, stdin, stdout, stderr } = spawned;
    const { server, limits, clock, quirks, onStderr } = this.#options;
    const share = new FairShare({
      clock,
      answeredCount: () => sink.answeredCount ?? 0,
      onFlood: () => quirks.note("flood"),
    });
    const gauge = new NoiseGauge(() => clock.now(), quirks.strict);
    let reportCount = 0;
    const link: Link = {
      sink,
      group,
      writer: new StdinWriter(stdin, server),
      splitter: new LineSplitter({
        maxLineBytes: limits.messageBytes,
        onLine: (line) => link.reader.read(line),
        onOverflow: () => this.#onOverflow(link),
        mayGoOn: () => share.hasMore(),
      }),
      reader: new StdoutReader({
        repairs: sink.repairs,
        maxChars: limits.messageBytes,
        onMessage: (message) => {
          gauge.onMessage();
          // The sink may have closed us in `onInvalid`.
          if (this.#state.current.name !== "closed") sink.onMessage(message);
        },
        onNoise: (noise, lines) => {
          const isLost = noise.message === undefined && this.#judge(link, gauge, noise, lines);
          if (isLost || sink.onBroken?.(noise.text) !== undefined) return;
          reportCount += 1;
          if (noise.message === undefined) {
            quirks.note("stdout-noise", reportCount === 1 ? excerpt(noise.text, 100) : undefined);
          }
          if (reportCount <= REPORTED_NOISE) sink.onInvalid(noise.error(server));
        },
      }),
    };
    this.#state.moveTo({ name: "open", link });

    const output = new SlicedOutput(stdout, link.splitter, share);
    stdout.on("data", (chunk: Buffer) => output.take(chunk));
    stdout.on("close", () => this.#drain(link));
    stdin.on("error", () => this.#drain(link));
    child.on("exit", () => this.#drain(link));
    child.on("close", () => this.#lose(link));
    child.on("error", (error) => {
      if (isNotFound(error)) this.#finish(link, spawnError(this.#options, error));
    });

    const decoder = new StringDecoder("utf8");
    stderr.on("data", (chunk: Buffer) => {
      const isInTurn = share.begin();
      this.#stderr.push(chunk);
      const text = onStderr === undefined ? "" : decoder.write(chunk);
      if (text !== "") onStderr?.(text);
      if (isInTurn && (share.hasMore(), share.end())) return;
      stderr.pause();
      share.wait(stderr);
    });
  }

  #drain(link: Link): void {
    if (this.#state.current.name !== "open") return;
    const { clock } = this.#options;
    let graces = 0;
    const onGrace = (): void => {
      graces += 1;
      // What it wrote before its end waits for its turns.
      if (!link.splitter.isHeld || graces >= MAX_GRACES) return this.#lose(link);
      timer = clock.setTimer(onGrace, DRAIN_GRACE_MS);
    };
    let timer = clock.setTimer(onGrace, DRAIN_GRACE_MS);
    this.#state.moveTo({ name: "draining", link, dispose: () => clock.clearTimer(timer) });
  }

  /** Ends a child that does not speak MCP, or whose noise keeps everybody else waiting. True if it did. */
  #judge(link: Link, gauge: NoiseGauge, noise: Noise, lines: number): boolean {
    if (this.#state.current.name === "closed") return true;
    const foreign = gauge.hasSpoken ? undefined : foreignFraming(noise.text);
    const flood = gauge.onNoise(lines);
    if (foreign === undefined && flood === undefined) return false;
    const { server, quirks } = this.#options;
    let reason = foreign;
    let cause: McpError | undefined;
    if (reason === undefined) {
      cause = noise.error(server);
      reason = `${flood} (the last: ${cause.message}). A server must log to stderr`;
    } else {
      quirks.note("foreign-framing");
    }
    this.#teardown ??= this.#terminate({ endInput: false });
    this.#finish(
      link,
      new McpProtocolError(
        `server "${server}": its stdout is not MCP, and the process was ended: ${reason}`,
        { server, sent: "unknown", cause },
      ),
    );
    return true;
  }

  #lose(link: Link): void {
    if (this.#state.current.name === "closed") return;
    link.splitter.end();
    link.reader.end();
    this.#finish(link, this.#lostError(link.group.exit));
  }

  #onOverflow(link: Link): void {
    const { server, limits } = this.#options;
    this.#teardown ??= this.#terminate({ endInput: false });
    this.#finish(
      link,
      new McpProtocolError(
        `server "${server}": it wrote a line of more than ${limits.messageBytes} bytes; the process was ended`,
        { server, code: "LIMIT_EXCEEDED", retryable: true, sent: "unknown" },
      ),
    );
  }

  /** The one end of an open channel. */
  #finish(link: Link, reason: McpError): void {
    // The last line delivered may have closed us.
    if (this.#state.current.name === "closed") return;
    this.#state.moveTo({ name: "closed" });
    this.#teardown ??= this.#terminate({ endInput: true });
    link.splitter.stop();
    link.writer.fail();
    link.sink.onClose(reason);
  }

  async #terminate(options: { endInput: boolean }): Promise<void> {
    await this.#group?.terminate({
      stepMs: this.#options.timeouts.closeStepMs,
      endInput: options.endInput,
    });
  }

  #closedError(): McpClosedError {
    const { server } = this.#options;
    return new McpClosedError(`server "${server}": the connection was closed`, { server });
  }

  #lostError(exit: ProcessExit | undefined): McpConnectionError {
    const { server, command } = this.#options;
    const lines = this.#stderr.lastLines(QUOTED_STDERR_LINES);
    const quoted = lines.length === 0 ? "" : `; its last words on stderr: ${lines.join(" | ")}`;
    return new McpConnectionError(
      "CONNECTION_LOST",
      `server "${server}": the process "${command}" ${describeExit(exit)}${quoted}`,
      { server, retryable: true, sent: "unknown" },
    );
  }
}

function describeExit(exit: ProcessExit | undefined): string {
  if (exit === undefined) return "closed its input or output and was ended";
  if (exit.signal !== undefined) return `was ended by ${exit.signal}`;
  return exit.code === undefined ? "exited" : `exited with code ${exit.code}`;
}
