// What can be done with tasks, and which of it is offered to whom.

import { ask, send, taskPath } from "./api.js";
import { may } from "./session.js";

/** @typedef {import("./types.d.ts").Task} Task */
/** @typedef {"pause" | "resume" | "enable" | "disable" | "delete"} Operation */
/** @typedef {{ success: string[], failed: { task_id: string, code: string, error: string }[] }} BulkResult */

export const STATUSES = ["pending", "running", "completed", "failed", "paused", "disabled"];
export const PRIORITIES = ["low", "normal", "high", "critical"];
export const AT_ONCE = 100;
export const BULK_PATH = "/tasks/bulk";

/** Whether a task's schedule is held. A task that runs meanwhile shows as paused all the same. @param {Task} task */
export const isPaused = (task) => task.status === "paused";
/** @param {Task} task */
export const canBeChanged = (task) => !task.metadata.is_system && task.metadata.source !== "import";

/** @param {string} id @param {"pause" | "resume" | "enable" | "disable" | "stop"} verb */
export const switchTask = (id, verb) => send(`${taskPath(id)}/${verb}`);
/** @param {string} id */
export const deleteTask = (id) => ask(taskPath(id), { method: "DELETE" });

/**
 * Do one thing with many tasks, a hundred at a time.
 * @param {string[]} ids @param {Operation} operation
 * @returns {Promise<BulkResult>}
 */
export async function bulk(ids, operation) {
  /** @type {BulkResult} */
  const whole = { success: [], failed: [] };
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const part = await send(BULK_PATH, { task_ids: ids.slice(start, start + AT_ONCE), operation });
    whole.success.push(...part.success);
    whole.failed.push(...part.failed);
  }
  return whole;
}

/** The operations that the caller may do with many tasks. @returns {Operation[]} */
export function bulkOperations() {
  /** @type {Operation[]} */
  const operations = may("control") ? ["pause", "resume", "enable", "disable"] : [];
  if (may("control") && may("delete")) operations.push("delete");
  return operations;
}
