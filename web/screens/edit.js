// A new task, or a change of one: a form by the type's schema, and the same as JSON.

import { ApiError, ask, read, taskPath } from "../lib/api.js";
import { changesOf, draftOf, newDraft } from "../lib/draft.js";
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { keepDraft, takeDraft } from "../lib/kept_drafts.js";
import { goTo, linkTo, route, setQuery } from "../lib/router.js";
import { may, session } from "../lib/session.js";
import { withInstants } from "../lib/task_settings.js";
import { canBeChanged } from "../lib/tasks.js";
import { CopyAsCurl } from "../parts/curl.js";
import { DraftForm } from "../parts/draft_form.js";
import { forgetFaults, notify, sentenceOf } from "../parts/notices.js";
import { JsonField } from "../parts/schema_form.js";
import { Empty, Loaded } from "../parts/states.js";
import { t } from "../texts.js";

/** @typedef {import("../lib/types.d.ts").Task} Task */
/** @typedef {import("../lib/types.d.ts").Executor} Executor */
/** @typedef {import("../lib/draft.js").Draft} Draft */

/** @param {{ path: string[] }} props `new`, or `tasks/ID/edit` */
export function EditScreen({ path: [, id] }) {
  if (!may(id ? "update" : "create")) return html`<${Refused} id=${id} text=${t.edit.forbidden} />`;
  return html`<${Known} id=${id} />`;
}

/** @param {{ id?: string, text: string }} props */
const Refused = ({ id, text }) => html`<div class="head"><h1>${id ? t.actions.edit : t.actions.newTask}</h1></div><${Empty} text=${text} />`;

/** @param {{ id?: string }} props */
function Known({ id }) {
  const executors = useResource("executors", (signal) => read("/executors", {}, signal));
  const task = useResource(id ?? "new", async (signal) => (id ? read(taskPath(id), {}, signal) : null), (change) => change.id === id);
  return html`<${Loaded} of=${executors}>${(/** @type {{ executors: Executor[] }} */ found) => html`
    <${Loaded} of=${task}>${(/** @type {Task | null} */ known) =>
      known && !canBeChanged(known)
        ? html`<${Refused} id=${id} text=${t.task.fixed} />`
        : html`<${Editor} key=${id} task=${known} executors=${found.executors} />`}<//>`}<//>`;
}

/** @param {{ task: Task | null, executors: Executor[] }} props */
function Editor({ task, executors }) {
  const form = task?.id ?? "new";
  const [{ draft: first, before, version }] = useState(() => {
    const stored = task ? draftOf(task) : newDraft(session.value?.default_timezone ?? "UTC");
    return takeDraft(form) ?? { draft: stored, before: stored, version: task?.metadata.version };
  });
  const [draft, setDraft] = useState(first);
  const [jsonFault, setJsonFault] = useState("");
  const [faults, setFaults] = useState(/** @type {Record<string, string>} */ ({}));
  const [isJson, setJson] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const changed = task ? changesOf(draft, before) : draft;
  const isChanged = task ? Object.keys(changed).length > 0 : draft !== before;
  const isDone = useRef(false);
  useUnsavedWarning(isChanged && !isBusy);
  useKeptDraft(form, { draft, before, version }, () => isChanged && !isDone.current);
  const zone = String(draft.metadata.timezone ?? "");
  const body = { ...changed, ...(changed.metadata ? { metadata: withInstants(/** @type {Draft["metadata"]} */ (changed.metadata), zone) } : {}) };
  const request = { method: task ? "PUT" : "POST", body };
  const path = task ? taskPath(task.id) : "/tasks";
  /** @param {Event} event */
  const save = async (event) => {
    event.preventDefault();
    if (jsonFault) return notify(jsonFault, { isFault: true });
    setBusy(true);
    setFaults({});
    forgetFaults();
    try {
      const saved = await ask(path, request);
      isDone.current = true;
      goTo(["tasks", saved.id]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFaults(Object.fromEntries(error.faults.map((each) => [each.location, each.message])));
      notify(error.faults.length ? t.edit.faults(error.faults.length) : sentenceOf(error), { isFault: true });
      setBusy(false);
    }
  };
  const switchView = () => (jsonFault ? notify(jsonFault, { isFault: true }) : setJson(!isJson));
  /** @param {unknown} value */
  const takeJson = (value) => {
    const fault = faultOf(value);
    setJsonFault(fault);
    if (!fault) setDraft(/** @type {Draft} */ (value));
  };
  return html`<form onSubmit=${save} novalidate>
    <div class="head">
      <h1>${task ? html`${t.actions.edit} <bdi>${task.name}</bdi>` : t.actions.newTask}</h1>
      <div class="buttons push">
        <button type="button" onClick=${switchView}>${isJson ? t.form.formView : t.form.jsonView}</button>
        <${CopyAsCurl} path=${path} options=${request} />
        <a class="button" href=${linkTo(task ? ["tasks", task.id] : ["tasks"])} onClick=${() => (isDone.current = true)}>${t.actions.cancel}</a>
        <button class="main-action" disabled=${isBusy}>${t.actions.save}</button>
      </div>
    </div>
    ${task && task.metadata.version !== version && html`<p class="banner" role="alert">${t.edit.changedMeanwhile(task.updated_by)}</p>`}
    <${Unplaced} faults=${faults} />
    ${isJson
      ? html`<section class="card"><${JsonField} schema=${{}} root=${{}} label=${t.edit.whole} value=${draft} path="" faults=${{ ...faults, "": jsonFault }} rows=${28}
          onChange=${takeJson} /></section>`
      : html`<${DraftForm} draft=${draft} setDraft=${setDraft} executors=${executors} faults=${faults} taskId=${task?.id} />`}
  </form>`;
}

/** Why a text is no task that the form could show; empty when it is one. @param {unknown} value */
function faultOf(value) {
  if (typeof value !== "object" || value === null) return t.form.notJson;
  const given = /** @type {Record<string, unknown>} */ (value);
  const metadata = given.metadata;
  const isObject = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  const wrong = [...["name", "type", "schedule"].filter((name) => typeof given[name] !== "string"), ...(Array.isArray(given.tags) ? [] : ["tags"]), ...(isObject ? [] : ["metadata"])];
  return wrong.length ? t.edit.notTask(wrong.join(", ")) : "";
}

/** Faults in a list, for those that have no field of their own and for who reads by ear. @param {{ faults: Record<string, string> }} props */
function Unplaced({ faults }) {
  const all = Object.entries(faults);
  if (!all.length) return null;
  return html`<div class="card" role="alert" style=${{ marginBottom: "1rem" }}><h2>${t.edit.faults(all.length)}</h2>
    <ul>${all.map(([place, text]) => html`<li key=${place}><code>${place}</code> ${text}</li>`)}</ul></div>`;
}

/** Keep what was typed when the form goes away unsaved, and lead back to it. @param {string} form @param {import("../lib/kept_drafts.js").Typed} typed @param {() => boolean} isUnsaved */
function useKeptDraft(form, typed, isUnsaved) {
  const latest = useRef({ typed, isUnsaved });
  latest.current = { typed, isUnsaved };
  useEffect(() => {
    const { query, path } = route.value;
    const user = session.value?.user_id;
    if (query.kept) setQuery({ kept: undefined });
    return () => {
      forgetFaults(); // they are about the fields of this form
      if (!latest.current.isUnsaved()) return;
      keepDraft(form, latest.current.typed, user);
      if (session.value) notify(t.edit.left, { link: { href: linkTo(path, { kept: "yes" }), text: t.edit.goOn } });
    };
  }, []);
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
