// A server with tools that run as tasks, on the SDK's experimental API of 2025-11-25.

import {
  InMemoryTaskMessageQueue,
  InMemoryTaskStore,
} from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { GetTaskRequestSchema, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Task } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Record } from "./wire.ts";

const POLL_MS = 50;

/** The SDK's store answers a task that was cancelled by its status alone: so that is what is recorded. */
class RecordingStore extends InMemoryTaskStore {
  readonly #record: Record;

  constructor(record: Record) {
    super();
    this.#record = record;
  }

  override async updateTaskStatus(
    ...args: Parameters<InMemoryTaskStore["updateTaskStatus"]>
  ): Promise<void> {
    await super.updateTaskStatus(...args);
    this.#record(`task ${args[1]}`);
  }
}

/** `research` meets its `fate` at the second poll: it "completes", "asks", "fails" or "hangs". */
export function createTaskServer(record: Record): McpServer {
  const store = new RecordingStore(record);
  const server = new McpServer(
    { name: "tasks", version: "1.0.0" },
    {
      capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
      taskStore: store,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  const running = new Map<string, { polls: number; advance: () => Promise<void> }>();

  // In place of the SDK's own handler: a poll is what moves a task on.
  server.server.setRequestHandler(GetTaskRequestSchema, async ({ params: { taskId } }, extra) => {
    await running.get(taskId)?.advance();
    return (await store.getTask(taskId, extra.sessionId)) as Task;
  });

  server.experimental.tasks.registerToolTask(
    "research",
    {
      inputSchema: { fate: z.string(), key: z.string().optional() },
      execution: { taskSupport: "required" },
    },
    {
      async createTask({ fate, key }, extra) {
        const { taskStore, taskRequestedTtl, sendRequest } = extra;
        const task = await taskStore.createTask({
          ttl: taskRequestedTtl ?? null,
          pollInterval: POLL_MS,
        });
        const { taskId } = task;
        record(`research ${key}`);
        record(`ttl ${typeof taskRequestedTtl}`);
        const token = extra._meta?.progressToken;
        const finish = (status: "completed" | "failed", text: string): Promise<void> => {
          running.delete(taskId);
          const isError = status === "failed" ? { isError: true } : {};
          return taskStore.storeTaskResult(taskId, status, {
            content: [{ type: "text", text }],
            ...isError,
          });
        };
        const ask = async (): Promise<void> => {
          await taskStore.updateTaskStatus(taskId, "input_required");
          const params = {
            message: "Which one?",
            requestedSchema: { type: "object" as const, properties: {} },
          };
          // Known to the SDK's code, not to its types.
          const options = { relatedTask: { taskId } } as object;
          const request = { method: "elicitation/create" as const, params };
          const answer = await sendRequest(request, ResultSchema, options);
          await finish("completed", JSON.stringify(answer));
        };
        const state = {
          polls: 0,
          async advance() {
            state.polls += 1;
            record(`poll ${key}`);
            if (token !== undefined && state.polls <= 2) {
              const params = { progressToken: token, progress: state.polls };
              await server.server.notification({ method: "notifications/progress", params });
            }
            if (state.polls !== 2 || fate === "hangs") return;
            if (fate === "completes") await finish("completed", "found");
            if (fate === "fails") await finish("failed", "nothing found");
            if (fate === "asks") ask().catch((error: unknown) => record(`failed ${String(error)}`));
          },
        };
        running.set(taskId, state);
        return { task };
      },
      async getTask(_args, { taskId, taskStore }) {
        return (await taskStore.getTask(taskId)) as Task;
      },
      async getTaskResult(_args, { taskId, taskStore }) {
        return (await taskStore.getTaskResult(taskId)) as { content: [] };
      },
    },
  );

  server.registerTool("plain", { inputSchema: {} }, () => ({
    content: [{ type: "text", text: "at once" }],
  }));
  return server;
}
