// The screens by the first part of the address.

import { EditScreen } from "./edit.js";
import { ExecutionScreen } from "./execution.js";
import { ExecutionsScreen } from "./executions.js";
import { TaskScreen } from "./task.js";
import { TasksScreen } from "./tasks.js";

/** @typedef {(props: { path: string[] }) => any} ScreenComponent */

/** What stands in the navigation, in this order. @type {(keyof typeof import("../texts.js").t.nav)[]} */
export const NAVIGATION = ["tasks", "executions"];

/** @param {string[]} path @returns {ScreenComponent | undefined} */
export function screenOf(path) {
  const [name, id, verb] = path;
  if (name === "new") return EditScreen;
  if (name === "tasks") return id === undefined ? TasksScreen : verb === "edit" ? EditScreen : TaskScreen;
  if (name === "executions") return id === undefined ? ExecutionsScreen : ExecutionScreen;
  return undefined;
}
