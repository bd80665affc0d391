// A new task, or a change of one: a form by the type's schema, and the same as JSON.

import { ApiError, ask, read, taskPath } from "../lib/api.js";
import { changesOf, draftOf, newDraft } from "../lib/draft.js";
import { html, useEffect, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { goTo, linkTo } from "../lib/router.js";
import { session } from "../lib/session.js";
import { withInstants } from "../lib/task_settings.js";
import { CopyAsCurl } from "../parts/curl.js";
import { DraftForm } from "../parts/draft_form.js";
import { forgetFaults, notify, sentenceOf } from "../parts/notices.js";
import { JsonField } from "../parts/schema_form.js";
import { Loaded } from "../parts/states.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/types.d.ts").Executor} Executor */
/** @typedef {import("../lib/draft.js").Draft} Draft */

/** @param {{ path: string[] }} props `new`, or `tasks/ID/edit` */
export function EditScreen({ path: [, id] }) {
  const executors = useResource("executors", (signal) => read("/executors", {}, signal));
  const task = useResource(id ?? "new", async (signal) => (id ? read(taskPath(id), {}, signal) : null), (change) => change.id === id);
  return html`<${Loaded} of=${executors}>${(/** @type {{ executors: Executor[] }} */ found) => html`
    <${Loaded} of=${task}>${(/** @type {Task | null} */ known) =>
      html`<${Editor} key=${id} task=${known} executors=${found.executors} />`}<//>`}<//>`;
}

/** @param {{ task: Task | null, executors: Executor[] }} props */
function Editor({ task, executors }) {
  const [{ before, version }] = useState(() => ({
    before: task ? draftOf(task) : newDraft(session.value?.default_timezone ?? "UTC"),
    version: task?.metadata.version,
  }));
  const [draft, setDraft] = useState(before);
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const [isJson, setJson] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const changed = task ? changesOf(draft, before) : draft;
  const isChanged = task ? Object.keys(changed).length > 0 : draft !== before;
  useUnsavedWarning(isChanged && !isBusy);
  const zone = String(draft.metadata.timezone ?? "");
  const body = { ...changed, ...(changed.metadata ? { metadata: withInstants(/** @type {Draft["metadata"]} */ (changed.metadata), zone) } : {}) };
  const request = { method: task ? "PUT" : "POST", body };
  const path = task ? taskPath(task.id) : "/tasks";
  /** @param {Event} event */
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    setFaults({});
    forgetFaults();
    try {
      const saved = await ask(path, request);
      goTo(["tasks", saved.id]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFaults(Object.fromEntries(error.faults.map((each) => [each.location, each.message])));
      notify(error.faults.length ? t.edit.faults(error.faults.length) : sentenceOf(error), { isFault: true });
      setBusy(false);
    }
  };
  return html`<form onSubmit=${save} novalidate>
    <div class="head">
      <h1>${task ? html`${t.actions.edit} <bdi>${task.name}</bdi>` : t.actions.newTask}</h1>
      <div class="buttons push">
        <button type="button" onClick=${() => setJson(!isJson)}>${isJson ? t.form.formView : t.form.jsonView}</button>
        <${CopyAsCurl} path=${path} options=${request} />
        <a class="button" href=${linkTo(task ? ["tasks", task.id] : ["tasks"])}>${t.actions.cancel}</a>
        <button class="main-action" disabled=${isBusy}>${t.actions.save}</button>
      </div>
    </div>
    ${task && task.metadata.version !== version && html`<p class="banner" role="alert">${t.edit.changedMeanwhile(task.updated_by)}</p>`}
    <${Unplaced} faults=${faults} />
    ${isJson
      ? html`<section class="card"><${JsonField} schema=${{}} root=${{}} label=${t.edit.whole} value=${draft} path="" faults=${faults} rows=${28}
          onChange=${(/** @type {unknown} */ value) => isDraft(value) && setDraft(value)} /></section>`
      : html`<${DraftForm} draft=${draft} setDraft=${setDraft} executors=${executors} faults=${faults} taskId=${task?.id} />`}
  </form>`;
}

/** @param {unknown} value @returns {value is Draft} */
const isDraft = (value) => typeof value === "object" && value !== null && "name" in value && "metadata" in value;

/** Faults in a list, for those that have no field of their own and for who reads by ear. @param {{ faults: Record<string, string> }} props */
function Unplaced({ faults }) {
  const all = Object.entries(faults);
  if (!all.length) return null;
  return html`<div class="card" role="alert" style=${{ marginBottom: "1rem" }}><h2>${t.edit.faults(all.length)}</h2>
    <ul>${all.map(([place, text]) => html`<li key=${place}><code>${place}</code> ${text}</li>`)}</ul></div>`;
}

/** The browser asks before it leaves what was not saved. @param {boolean} isUnsaved */
function useUnsavedWarning(isUnsaved) {
  useEffect(() => {
    if (!isUnsaved) return undefined;
    /** @param {BeforeUnloadEvent} event */
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isUnsaved]);
}
