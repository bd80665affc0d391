// What can be done with one execution: only what the caller may do, and what would not fail.

import { executionPath, newKey, send } from "../lib/api.js";
import { html } from "../lib/html.js";
import { may } from "../lib/session.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { confirm } from "./dialog.js";
import { ExplainButton } from "./explain.js";
import { attempt } from "./notices.js";
import { notifyStarted, openRunNow } from "./run_now.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */
/** @typedef {import("../lib/types.d.ts").Task} Task */

/** @param {{ execution: Execution, task?: Task }} props */
export function ExecutionActions({ execution, task }) {
  const path = executionPath(execution.id);
  const name = task?.name ?? execution.task_name ?? execution.task_id;
  const canRun = Boolean(task?.enabled) && may("execute");
  const cancel = () =>
    confirm({
      title: t.execution.askCancel(name),
      hint: t.execution.cancelHint,
      verb: t.execution.cancel,
      dismiss: t.execution.leave,
      request: { path: `${path}/cancel` },
      action: () => attempt(() => send(`${path}/cancel`), (cancelled) => cancelled.message),
    });
  const repeat = () => {
    const key = newKey(); // the same for each press of the button
    confirm({
      title: t.execution.askRepeat(name),
      hint: t.execution.repeatHint,
      details: html`<${Given} metadata=${execution.metadata} />`,
      verb: t.actions.repeat,
      isDestructive: false,
      request: { path: `${path}/repeat` },
      action: async () => {
        const accepted = await attempt(() => send(`${path}/repeat`, undefined, { "Idempotency-Key": key }));
        if (accepted) notifyStarted(accepted);
      },
    });
  };
  return html`<div class="buttons">
    ${!execution.completed_at && may("control") && html`<button type="button" class="destructive" onClick=${cancel}>${t.actions.cancel}</button>`}
    ${canRun && html`<button type="button" onClick=${repeat}>${t.actions.repeat}</button>
      ${task && html`<button type="button" onClick=${() => openRunNow(task, execution.metadata.parameters)}>${t.execution.runChanged}</button>`}`}
    ${task && html`<${ExplainButton} taskId=${task.id} executionId=${execution.id} />`}
    <${CopyAsCurl} path=${path} />
  </div>`;
}

/** What an execution was given, which its repetition is given too. @param {{ metadata: Execution["metadata"] }} props */
function Given({ metadata: { parameters, priority } }) {
  const hasParameters = parameters && Object.keys(parameters).length > 0;
  return html`<div><strong>${t.fields.parameters}</strong>
      ${hasParameters ? html`<pre class="text" tabindex="0">${JSON.stringify(parameters, null, 2)}</pre>` : html`<p class="soft">${t.execution.noParameters}</p>`}</div>
    ${priority && html`<p><strong>${t.fields.priority}</strong> ${priority}</p>`}`;
}
