// One execution: what it logs, what it said, and where its time went.

import { executionPath, read, taskPath } from "../lib/api.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { labelOf } from "../lib/schema.js";
import { lengthOf } from "../lib/times.js";
import { ExecutionActions } from "../parts/execution_actions.js";
import { Took, triggerOf } from "../parts/execution_table.js";
import { Log } from "../parts/log.js";
import { Loaded } from "../parts/states.js";
import { lookOf, Mark } from "../parts/status.js";
import { FactList, shown } from "../parts/task_facts.js";
import { Time } from "../parts/time.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Execution} Execution */

const OWN_PLACES = ["trigger", "worker_id", "retry_count", "queued_at", "scheduled_for", "parameters"];

/** @param {{ path: string[] }} props */
export function ExecutionScreen({ path: [, id = ""] }) {
  const execution = useResource(id, (signal) => read(executionPath(id), {}, signal), (change) => change.id === id);
  return html`<${Loaded} of=${execution}>${(/** @type {Execution} */ known) => html`<${Known} execution=${known} />`}<//>`;
}

/** @param {{ execution: Execution }} props */
function Known({ execution }) {
  const { metadata } = execution;
  const task = useResource(execution.task_id, (signal) => read(taskPath(execution.task_id), {}, signal));
  const details = Object.entries(metadata).filter(([name]) => !OWN_PLACES.includes(name));
  return html`
    <div class="head">
      <h1>${t.execution.title} <a href=${linkTo(["tasks", execution.task_id])}><bdi>${execution.task_name ?? execution.task_id}</bdi></a></h1>
      <${Mark} status=${lookOf(execution)} />
      <span class="push"></span>
      <${ExecutionActions} execution=${execution} task=${task.data} />
    </div>
    <div class="columns">
      <div class="stack">
        ${execution.skip && html`<${Skip} skip=${execution.skip} />`}
        ${execution.error && !execution.skip && html`<section class="card"><h2>${t.execution.error}</h2><pre class="text" tabindex="0">${execution.error}</pre></section>`}
        <${Log} key=${execution.id} executionId=${execution.id} />
        <section class="card"><h2>${t.execution.output}</h2>
          ${execution.output ? html`<pre class="text" tabindex="0">${execution.output}</pre>` : html`<p class="soft">${t.execution.noOutput}</p>`}
        </section>
      </div>
      <div class="stack">
        <${Timings} execution=${execution} />
        <${Attempts} attempts=${execution.attempts ?? []} />
        ${metadata.parameters && html`<section class="card"><h2>${t.execution.parameters}</h2>
          <pre class="text" tabindex="0">${JSON.stringify(metadata.parameters, null, 2)}</pre></section>`}
        <section class="card"><h2>${t.execution.details}</h2>
          <${FactList} rows=${[["ID", html`<code>${execution.id}</code>`], ...details.map(([name, value]) => [labelOf(name), shown(value)])]} />
        </section>
      </div>
    </div>`;
}

/** @param {{ attempts: import("../lib/types.d.ts").Attempt[] }} props */
function Attempts({ attempts }) {
  if (attempts.length < 2) return null;
  return html`<section class="card"><h2>${t.execution.attempts}</h2>
    <ol>${attempts.map(
      (each) => html`<li key=${each.number}>
        <${Mark} status=${each.outcome ?? "running"} />
        <span class="soft"> <${Time} at=${each.started_at} />${each.ended_at && ` · ${lengthOf(Date.parse(each.ended_at) - Date.parse(each.started_at))}`}${each.status_code && ` · HTTP ${each.status_code}`}</span>
        ${each.error && html`<div>${each.error}</div>`}</li>`,
    )}</ol></section>`;
}

/** Why it never began. @param {{ skip: { reason: string, held_by?: string } }} props */
function Skip({ skip }) {
  return html`<section class="card"><h2>${t.execution.skip}</h2>
    <p>${/** @type {Record<string, string>} */ (t.execution.skips)[skip.reason] ?? skip.reason}.
      ${skip.held_by && html` <a href=${linkTo(["executions", skip.held_by])}>${t.execution.heldBy}</a>`}</p></section>`;
}

/** @param {{ execution: Execution }} props */
function Timings({ execution }) {
  const { metadata, started_at: started, completed_at: ended } = execution;
  const asked = metadata.queued_at ?? metadata.scheduled_for;
  const waited = asked && execution.status !== "pending" ? Date.parse(started) - Date.parse(asked) : null;
  return html`<section class="card">
    <h2>${t.execution.timings}</h2>
    <${FactList} rows=${[
      [t.execution.due, html`<${Time} at=${metadata.scheduled_for} form="both" />`],
      [t.execution.queued, html`<${Time} at=${metadata.queued_at} form="both" />`],
      [t.execution.started, html`<${Time} at=${execution.status === "pending" ? undefined : started} form="both" />`],
      [t.execution.ended, html`<${Time} at=${ended} form="both" />`],
      [t.execution.waited, waited === null ? "–" : html`<span class="number">${lengthOf(Math.max(waited, 0))}</span>`],
      [t.execution.took, html`<${Took} of=${execution} />`],
      [t.execution.attempts, execution.retry_count + (execution.status === "pending" ? 0 : 1)],
      ...(execution.outcome && execution.outcome !== execution.status ? [[t.execution.outcome, html`<${Mark} status=${execution.outcome} />`]] : []),
      [t.execution.trigger, triggerOf(execution)],
      [t.execution.worker, execution.worker_id || "–"],
    ]} />
  </section>`;
}
