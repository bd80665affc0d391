// The screens by the first part of the address.

import { may } from "../lib/session.js";
import { AlertsScreen } from "./alerts.js";
import { AuditScreen } from "./audit.js";
import { CalendarScreen } from "./calendar.js";
import { EditScreen } from "./edit.js";
import { ExecutionScreen } from "./execution.js";
import { ExecutionsScreen } from "./executions.js";
import { NowScreen } from "./now.js";
import { SettingsScreen } from "./settings.js";
import { TaskScreen } from "./task.js";
import { TasksScreen } from "./tasks.js";
import { WorkersScreen } from "./workers.js";

/** @typedef {(props: { path: string[] }) => any} ScreenComponent */

/** What stands in the navigation, in this order. @type {(keyof typeof import("../texts.js").t.nav)[]} */
const NAVIGATION = ["now", "tasks", "calendar", "executions", "alerts", "audit", "workers", "settings"];

/** The screens that the caller may see. */
export const navigation = () => NAVIGATION.filter((name) => name !== "settings" || may("manage"));

/** @param {string[]} path @returns {ScreenComponent | undefined} */
export function screenOf(path) {
  const [name, id, verb] = path;
  const plain = { now: NowScreen, calendar: CalendarScreen, alerts: AlertsScreen, audit: AuditScreen, workers: WorkersScreen, settings: SettingsScreen }[name ?? ""];
  if (plain) return plain;
  if (name === "new") return EditScreen;
  if (name === "tasks") return id === undefined ? TasksScreen : verb === "edit" ? EditScreen : TaskScreen;
  if (name === "executions") return id === undefined ? ExecutionsScreen : ExecutionScreen;
  return undefined;
}
