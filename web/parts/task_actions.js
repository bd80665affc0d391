// What can be done with one task: only what the caller may do, and what would not fail.

import { taskPath } from "../lib/api.js";
import { html } from "../lib/html.js";
import { goTo, linkTo } from "../lib/router.js";
import { may } from "../lib/session.js";
import { canBeChanged, deleteTask, isPaused, switchTask } from "../lib/tasks.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { ActionsAsCurl } from "./curl_list.js";
import { confirm } from "./dialog.js";
import { ExplainButton } from "./explain.js";
import { attempt } from "./notices.js";
import { openRunNow } from "./run_now.js";

/** @param {{ task: import("../lib/types.d.ts").Task }} props */
export function TaskActions({ task }) {
  const path = taskPath(task.id);
  /** @param {"pause" | "resume" | "enable" | "disable"} verb */
  const button = (verb) =>
    html`<button key=${verb} type="button" onClick=${() => attempt(() => switchTask(task.id, verb))}>${t.actions[verb]}</button>`;
  const stop = () =>
    confirm({
      title: t.task.askStop(task.name),
      hint: t.task.stopHint,
      verb: t.actions.stop,
      request: { path: `${path}/stop` },
      action: () => attempt(() => switchTask(task.id, "stop"), (stopped) => stopped.message),
    });
  const remove = () =>
    confirm({
      title: t.task.askDelete(task.name),
      hint: t.task.deleteHint,
      verb: t.actions.delete,
      request: { path, method: "DELETE" },
      action: async () => {
        if (await attempt(() => deleteTask(task.id), (deleted) => deleted.message)) goTo(["tasks"]);
      },
    });
  const canChange = canBeChanged(task);
  /** @type {("pause" | "resume" | "enable" | "disable" | "stop")[]} */
  const switches = task.enabled ? [isPaused(task) ? "resume" : "pause", "disable", "stop"] : ["enable", "stop"];
  const requests = [
    ...(may("execute") && task.enabled ? [{ name: t.actions.runNow, path: `${path}/execute`, body: {} }] : []),
    ...(may("control") ? switches.map((verb) => ({ name: t.actions[verb], path: `${path}/${verb}` })) : []),
    ...(may("delete") && canChange ? [{ name: t.actions.delete, path, method: "DELETE" }] : []),
  ];
  return html`<div class="buttons">
    ${may("execute") && task.enabled && html`<button type="button" class="main-action" onClick=${() => openRunNow(task)}>${t.actions.runNow}</button>`}
    <${ExplainButton} taskId=${task.id} />
    ${may("control") && html`
      ${task.enabled && button(isPaused(task) ? "resume" : "pause")}
      ${button(task.enabled ? "disable" : "enable")}
      <button type="button" onClick=${stop}>${t.actions.stop}</button>`}
    ${may("update") && canChange && html`<a class="button" href=${linkTo(["tasks", task.id, "edit"])}>${t.actions.edit}</a>`}
    <${CopyAsCurl} path=${path} />
    <${ActionsAsCurl} requests=${requests} />
    ${may("delete") && canChange && html`<button type="button" class="destructive" onClick=${remove}>${t.actions.delete}</button>`}
  </div>`;
}
