// The subscriptions of the scripted stateless stdio server: tagged notifications on the one channel.

import { demandTasks, isObject, PREFIX, Refusal, state, violation, write } from "./wire.mjs";

/** Id to granted filter. */
export const subscriptions = new Map();

function wants(filter, method, params) {
  const [, kind, what] = method.split("/");
  if (what === "list_changed") return filter[`${kind}ListChanged`] === true;
  if (method === "notifications/resources/updated") {
    return filter.resourceSubscriptions?.includes(params.uri) === true;
  }
  return method === "notifications/tasks" && filter.taskIds?.includes(params.taskId) === true;
}

/** To the subscriptions that were granted it, and to a session; to how many subscriptions. */
export function notify({
  method = "notifications/tools/list_changed",
  params = {},
  untagged = false,
}) {
  if (untagged || state.hasSession) write({ method, params });
  if (untagged) return 1;
  let count = 0;
  for (const [id, filter] of subscriptions) {
    if (!wants(filter, method, params)) continue;
    write({ method, params: { ...params, _meta: { [`${PREFIX}subscriptionId`]: id } } });
    count += 1;
  }
  return count;
}

export function listen(message) {
  const { id, params } = message;
  const filter = params.notifications;
  if (!isObject(filter)) {
    violation(message, "params.notifications is no object");
    throw new Refusal(-32602, "params.notifications is required");
  }
  if (filter.taskIds !== undefined) demandTasks(message);
  const { promptsListChanged: _none, ...granted } = filter;
  subscriptions.set(id, granted);
  write({
    method: "notifications/subscriptions/acknowledged",
    params: { notifications: granted, _meta: { [`${PREFIX}subscriptionId`]: id } },
  });
}

/** By a result, by `notifications/cancelled`, or by both. */
function endSubscription(id, how) {
  subscriptions.delete(id);
  const _meta = { [`${PREFIX}subscriptionId`]: id };
  if (how !== "result") {
    write({ method: "notifications/cancelled", params: { requestId: id, _meta } });
  }
  if (how !== "cancelled") write({ id, result: { resultType: "complete", _meta } });
}

/** How many there were. */
export function endSubscriptions(how) {
  const ids = [...subscriptions.keys()];
  for (const id of ids) endSubscription(id, how);
  return ids.length;
}
