// Many tasks at once, with a result for each.

import { html } from "../lib/html.js";
import { AT_ONCE, bulk, BULK_PATH } from "../lib/tasks.js";
import { t } from "../texts.js";
import { ActionsAsCurl } from "./curl_list.js";
import { closeDialog, confirm, openDialog, Title } from "./dialog.js";
import { attempt } from "./notices.js";
import { Mark } from "./status.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/tasks.js").Operation} Operation */

/** @param {{ selected: Map<string, Task>, clear: () => void, operations: Operation[], children?: any }} props `children`: what selects more */
export function BulkBar({ selected, clear, operations, children }) {
  /** @param {Operation} operation */
  const run = async (operation) => {
    const result = await attempt(() => bulk([...selected.keys()], operation));
    if (!result) return;
    openDialog(() => html`<${Result} result=${result} tasks=${selected} />`);
    clear();
  };
  /** @param {Operation} operation */
  const start = (operation) => {
    if (operation !== "delete") return void run(operation);
    confirm({
      title: t.tasks.bulkAsk(t.actions.delete, selected.size),
      hint: `${namesOf(selected)} ${t.tasks.bulkDeleteHint}`,
      verb: t.actions.delete,
      action: () => run(operation),
    });
  };
  return html`<div class="head" role="group" aria-label=${t.tasks.selected(selected.size)}>
    <strong role="status">${t.tasks.selected(selected.size)}</strong>
    <div class="buttons">
      ${operations.map(
        (each) => html`<button key=${each} type="button" class=${each === "delete" ? "destructive" : ""} onClick=${() => start(each)}>
          ${t.actions[each]}
        </button>`,
      )}
      <${ActionsAsCurl} requests=${operations.map((operation) => ({ name: t.actions[operation], path: BULK_PATH, body: { task_ids: [...selected.keys()].slice(0, AT_ONCE), operation } }))} />
      ${children}
      <button type="button" class="plain" onClick=${clear}>${t.tasks.selectNone}</button>
    </div>
  </div>`;
}

/** The first names, and how many more there are. @param {Map<string, Task>} tasks */
function namesOf(tasks) {
  const names = [...tasks.values()].map((each) => `“${each.name}”`);
  return `${names.slice(0, 5).join(", ")}${names.length > 5 ? ` + ${names.length - 5}` : ""}.`;
}

/** @param {{ result: import("../lib/tasks.js").BulkResult, tasks: Map<string, Task> }} props */
function Result({ result, tasks }) {
  /** @param {string} id */
  const nameOf = (id) => tasks.get(id)?.name ?? id;
  return html`<${Title}>${t.tasks.bulkTitle}<//>
    <div class="rows" tabindex="0" role="region" aria-label=${t.tasks.bulkTitle}>
      <table>
        <thead><tr><th scope="col">${t.fields.name}</th><th scope="col">${t.tasks.bulkTitle}</th></tr></thead>
        <tbody>
          ${result.failed.map(
            (each) => html`<tr key=${each.task_id}><td><bdi>${nameOf(each.task_id)}</bdi></td>
              <td style=${{ whiteSpace: "normal" }}><${Mark} status="failed" /> ${each.error}</td></tr>`,
          )}
          ${result.success.map(
            (id) => html`<tr key=${id}><td><bdi>${nameOf(id)}</bdi></td><td><${Mark} status="completed" text=${t.tasks.bulkDone} /></td></tr>`,
          )}
        </tbody>
      </table>
    </div>
    <div class="buttons"><button type="button" onClick=${closeDialog}>${t.dialog.close}</button></div>`;
}
