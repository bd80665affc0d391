// "Explain": why a task ran at an instant, did not, or will: the cause, what is known of it, and what to do.

import { read, taskPath } from "../lib/api.js";
import { html, useState } from "../lib/html.js";
import { zone } from "../lib/preferences.js";
import { useResource } from "../lib/resource.js";
import { linkTo } from "../lib/router.js";
import { may } from "../lib/session.js";
import { fullOf, instantOf, isDuration } from "../lib/times.js";
import { t } from "../texts.js";
import { CopyAsCurl } from "./curl.js";
import { closeDialog, openDialog, Title } from "./dialog.js";
import { TextField } from "./fields.js";
import { Loaded } from "./states.js";
import { Mark } from "./status.js";
import { FactList } from "./task_facts.js";
import { Length, Time } from "./time.js";

/** @typedef {import("../lib/types.d.ts").Explanation} Explanation */
/** @typedef {{ at?: string, execution_id?: string }} Subject what is explained; the latest instant when empty */

/** The status whose shape and tone a cause has. Causes that are not here look as `missed` does. @type {Record<string, string>} */
const LOOKS = {
  due: "pending",
  ...each(["not_named", "clock_skipped", "clock_repeated", "ended", "not_created", "not_known"], "disabled"),
  ...each(["on_time", "caught_up"], "completed"),
  ...each(["running", "retrying"], "running"),
  ...each(["failed", "could_not_begin"], "failed"),
  ...each(["timed_out", "stale"], "timed_out"),
  ...each(["killed", "lost", "crashed", "worker_died"], "crashed"),
  ...each(["replaced", "worker_stopped", "cancelled"], "cancelled"),
  ...each(["starting", "waiting", "behind", "lock_held", "slots_full"], "waiting"),
  ...each(["overlap", "calendar", "start_date", "end_date", "run_limit", "in_prefect"], "skipped"),
  ...each(["paused", "pool_paused", "queue_paused"], "paused"),
  disabled: "disabled",
  schedule_changed: "superseded",
};
const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const OF_EXECUTIONS = ["execution_in_front", "replaced_by"];
const SHOWN_AS_LINKS = ["execution", "audit_entry"];

/** @param {string} taskId @param {Subject} [subject] */
export const openExplain = (taskId, subject = {}) => openDialog(() => html`<${Explain} taskId=${taskId} subject=${subject} />`);

/** @param {{ taskId: string, executionId?: string }} props */
export const ExplainButton = ({ taskId, executionId }) =>
  html`<button type="button" onClick=${() => openExplain(taskId, { execution_id: executionId })}>${t.explain.title}</button>`;

/** @param {{ taskId: string, subject: Subject }} props */
function Explain({ taskId, subject }) {
  const [asked, setAsked] = useState(subject);
  const [text, setText] = useState(subject.at ? fullOf(subject.at) : "");
  const path = `${taskPath(taskId)}/explain`;
  const found = useResource(JSON.stringify(asked), (signal) => read(path, asked, signal));
  const fault = found.error?.faults.find((one) => one.location === "query.at")?.message;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    const isSame = asked.at !== undefined && text === fullOf(asked.at); // a repeated time of the clock stays the one it was
    const at = isSame ? asked.at : instantOf(text) || undefined;
    if (asked.at === at && !asked.execution_id) found.reload();
    else setAsked({ at });
  };
  /** @param {MouseEvent} event */
  const leave = (event) => event.target instanceof Element && event.target.closest("a") && closeDialog();
  return html`<${Title}>${t.explain.title}${found.data && html` <bdi>“${found.data.task_name}”</bdi>`}<//>
    <div class="stack" aria-live="polite" aria-busy=${found.isLoading} onClick=${leave}>
      ${!fault && html`<${Loaded} of=${found.error ? { ...found, data: undefined } : found}>${(/** @type {Explanation} */ answer) => html`<${Answer} answer=${answer} />`}<//>`}
    </div>
    <form class="stack" onSubmit=${submit} noValidate>
      <${TextField} label=${t.explain.at} hint=${t.explain.atHint(zone.value)} value=${text} onInput=${setText} fault=${fault}
        placeholder=${found.data?.at && fullOf(found.data.at)} autocomplete="off" />
      <div class="buttons">
        <${CopyAsCurl} path=${path} options=${{ query: asked }} />
        <button type="button" onClick=${closeDialog}>${t.dialog.close}</button>
        <button class="main-action">${t.explain.ask}</button>
      </div>
    </form>`;
}

/** @param {{ answer: Explanation }} props */
function Answer({ answer }) {
  const { task_id: taskId, cause, at, facts, next_run: next } = answer;
  /** @param {string} name */
  const known = (name) => facts.find((fact) => fact.name === name)?.value;
  const execution = answer.execution_id ?? known("execution");
  const rows = facts.filter(({ name }) => !SHOWN_AS_LINKS.includes(name)).map(({ name, value }) => [nameOf(name), shown(name, value, cause)]);
  return html`<p><${Mark} status=${LOOKS[cause] ?? "missed"} text=${/** @type {Record<string, string>} */ (t.explain.causes)[cause] ?? cause} /></p>
    <p><strong>${answer.sentence}</strong></p>
    <${FactList} rows=${[
      ...(at ? [[t.explain.at, html`<${Time} at=${at} form="both" />`]] : []),
      ...rows,
      ...(next ? [[t.tasks.nextRun, html`<${Time} at=${next} form="both" />`]] : []),
      [t.explain.whatToDo, answer.what_to_do],
    ]} />
    <p class="entry">
      ${execution && html`<a href=${linkTo(["executions", execution])}>${t.explain.openExecution}</a>`}
      ${known("audit_entry") && may("manage") && html`<a href=${linkTo(["audit"], { task_id: taskId, action: known("change") })}>${t.explain.openAudit}</a>`}
      ${known("away") && html`<a href=${linkTo(["alerts"])}>${t.explain.openAlerts}</a>`}
    </p>`;
}

/** @param {string} name of a fact */
const nameOf = (name) => /** @type {Record<string, string>} */ (t.explain.facts)[name] ?? name.replaceAll("_", " ");

/** The value of a fact as people read it. @param {string} name @param {string} value @param {string} cause */
function shown(name, value, cause) {
  if (INSTANT.test(value)) return html`<${Time} at=${value} form="both" />`;
  if (isDuration(value)) return html`<${Length} of=${value} />`;
  if (name === "outcome") return html`<${Mark} status=${value} />`;
  if (name === "schedule") return html`<code>${value}</code>`;
  const isExecution = OF_EXECUTIONS.includes(name) || (name === "lock_holder" && cause === "overlap");
  return isExecution ? html`<a href=${linkTo(["executions", value])}><code>${value}</code></a>` : html`<bdi>${value}</bdi>`;
}

/** @param {string[]} causes @param {string} status */
function each(causes, status) {
  return Object.fromEntries(causes.map((cause) => [cause, status]));
}
